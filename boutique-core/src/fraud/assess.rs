//! Scoring an order: count it in its windows, then apply the rules.

use std::sync::Arc;

use super::{Assess, Features, Observation, RiskAssessment, RuleSet, SignalStore, Signals};
use crate::clock::Timestamp;
use crate::fault::Fault;
use crate::flow::Step;

/// Scores orders by rules over their signals and their velocity.
///
/// An order is counted once however often it is asked about, and a dry run is not counted at
/// all. Rules that do not look at velocity never touch the store.
#[derive(Clone)]
pub struct AssessRisk {
    /// Keeps what the velocity windows count.
    pub store: Arc<dyn SignalStore>,
    /// The rules.
    pub rules: Arc<RuleSet>,
}

impl Step<Assess> for AssessRisk {
    type Response = RiskAssessment;
    type Error = Fault;

    async fn run(&self, request: Assess) -> Result<RiskAssessment, Fault> {
        let Assess {
            signals,
            at,
            dry_run,
        } = request;
        let features = if !self.rules.looks_at_velocity() {
            Features::default()
        } else if dry_run {
            self.store.peek(signals.observed(at)).await?
        } else {
            self.store.observe(signals.observed(at)).await?
        };
        Ok(self.rules.assess(&signals, &features))
    }
}

impl Signals {
    /// The order as the velocity windows count it.
    pub fn observed(&self, at: Timestamp) -> Observation {
        Observation {
            order_id: self.order_id.clone(),
            user: self.user.clone(),
            email: self.email.clone(),
            address: self.address.clone(),
            amount: self.amount,
            at,
        }
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::super::{Decision, MemorySignals};
    use super::*;
    use crate::customer::Tier;
    use crate::ids::{OrderId, Pseudonym};
    use crate::money::{Currency, Money};

    fn ask(order: u32, dry_run: bool) -> Assess {
        let name = |text: &str| Pseudonym::new(text).expect("a pseudonym");
        Assess {
            signals: Signals {
                order_id: OrderId::new(format!("o{order}")).expect("an id"),
                user: name("u"),
                email: name("e"),
                address: name("a"),
                country: "US".to_owned(),
                amount: Money::new(Currency::USD, 20, 0).expect("in range"),
                lines: 1,
                units: 1,
                known_customer: false,
                tier: Tier::Standard,
                customer_age: None,
                prior_orders: 0,
            },
            at: Timestamp::from_millis(order.into()),
            dry_run,
        }
    }

    #[tokio::test]
    async fn a_burst_is_reviewed_and_asking_again_changes_nothing() {
        let risk = AssessRisk {
            store: Arc::new(MemorySignals::default()),
            rules: Arc::new(RuleSet::standard()),
        };
        let mut last = risk.run(ask(0, false)).await.expect("in memory");
        assert_eq!(last.decision, Decision::Allow);
        for order in 1..20 {
            last = risk.run(ask(order, false)).await.expect("in memory");
        }
        assert_eq!(last.decision, Decision::Review, "{:?}", last.reasons);
        assert_eq!(risk.run(ask(19, false)).await.expect("in memory"), last);
        let dry = risk.run(ask(20, true)).await.expect("in memory");
        assert_eq!(risk.run(ask(20, true)).await.expect("in memory"), dry);
        assert_eq!(risk.run(ask(20, false)).await.expect("in memory"), dry);
    }

    struct Down;

    #[async_trait]
    impl SignalStore for Down {
        async fn observe(&self, _: Observation) -> Result<Features, Fault> {
            Err(Fault::unavailable("the signal store is down"))
        }
        async fn peek(&self, _: Observation) -> Result<Features, Fault> {
            Err(Fault::unavailable("the signal store is down"))
        }
        async fn forget(&self, _: Timestamp) -> Result<u64, Fault> {
            Err(Fault::unavailable("the signal store is down"))
        }
    }

    #[tokio::test]
    async fn without_rules_nothing_is_asked_of_the_store() {
        let assess = |rules| AssessRisk {
            store: Arc::new(Down),
            rules: Arc::new(rules),
        };
        let risk = assess(RuleSet::none()).run(ask(1, false)).await;
        let risk = risk.expect("the store is not asked");
        assert_eq!((risk.score, risk.decision), (0, Decision::Allow));
        let fault = assess(RuleSet::standard()).run(ask(1, false)).await;
        assert!(fault.expect_err("needs the store").kind().is_transient());
    }
}
