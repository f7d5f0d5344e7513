//! Levels against holds, and holds against the orders that own them.

use super::{Auditor, Invariant, PAGE};
use crate::checkout::{Saga, SagaState};
use crate::fault::Fault;
use crate::ids::OrderId;
use crate::stock::{Hold, StockSystem};

impl Auditor<'_> {
    pub(super) async fn stock(&mut self) -> Result<(), Fault> {
        for system in StockSystem::ALL {
            let ledger = self.ports.ledger(system).clone();
            let audit = ledger.audit().await?;
            self.report.seen.products += audit.products;
            self.report.seen.holds += audit.holds;
            for it in audit.violations {
                self.say(
                    Invariant::StockAddsUp,
                    format!("{system} {}", it.subject),
                    it.detail,
                );
            }
            let mut after = None;
            loop {
                let page = ledger.holds(after.as_ref(), PAGE).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.id.clone());
                for hold in &page {
                    self.owner_of(hold).await?;
                }
            }
        }
        Ok(())
    }

    /// A hold that is open or sold needs an order that is on its way or sold.
    async fn owner_of(&mut self, hold: &Hold) -> Result<(), Fault> {
        if !hold.state.is_open() && !hold.state.is_sold() {
            return Ok(());
        }
        let saga = match order_of(hold.id.as_str()) {
            Some((order_id, _)) => self.ports.checkout.saga(&order_id).await?,
            None => None,
        };
        let Some(saga) = saga else {
            // An intent and its holds are written at the same time: the hold may come first.
            if hold.state.is_sold() || self.at_rest() {
                let detail = format!("{}, but no order owns it", hold.state);
                self.say(Invariant::UnsoldLeavesNothing, &hold.id, detail);
            }
            return Ok(());
        };
        let owned = saga.intent.holds.iter().any(|it| it.hold_id == hold.id);
        let unsold = matches!(
            saga.state,
            SagaState::Refused { .. } | SagaState::Failed { .. }
        );
        let sold = matches!(saga.state, SagaState::Confirmed { .. });
        // What was read before the order was decided is read again before it is called wrong.
        let wrong = if hold.state.is_sold() {
            !owned || unsold || (self.at_rest() && !sold)
        } else {
            let parked = matches!(saga.state, SagaState::Review { .. });
            unsold || sold || (self.at_rest() && !parked)
        };
        if wrong && self.still(&saga, hold).await? {
            let detail = format!("{}, but the order is {}", hold.state, saga.state);
            self.say(Invariant::UnsoldLeavesNothing, &hold.id, detail);
        }
        Ok(())
    }

    /// Whether a hold is what it was, now that its order has been read.
    async fn still(&self, saga: &Saga, hold: &Hold) -> Result<bool, Fault> {
        let system = StockSystem::ALL
            .into_iter()
            .find(|it| saga.intent.order_id.hold(it.as_str(), saga.intent.attempt) == hold.id);
        match system {
            None => Ok(true),
            Some(system) => {
                let now = self.ports.ledger(system).hold(&hold.id).await?;
                Ok(now.is_some_and(|it| it.state == hold.state))
            }
        }
    }
}

/// The order and the attempt that a hold's id names.
fn order_of(hold_id: &str) -> Option<(OrderId, u32)> {
    let mut parts = hold_id.rsplitn(3, '.');
    let attempt = parts.next()?.parse().ok()?;
    let _system = parts.next()?;
    Some((OrderId::new(parts.next()?).ok()?, attempt))
}
