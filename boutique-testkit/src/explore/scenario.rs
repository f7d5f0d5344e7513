//! What a process is doing when fate strikes.

use std::time::Duration;

use boutique_core::checkout::{CheckoutError, Outcome, ReviewDecision};
use boutique_core::clock::Timestamp;
use boutique_core::stock::StockSystem;

use super::bench::{Bench, fine};
use super::probe::{Call, Plan};
use super::{Fate, Told};

/// Something a process does with an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Sells goods of one stock system.
    Sell,
    /// Sells goods of both.
    SellFromBoth,
    /// Refuses an order over both systems, because fraud denies it: all of it is compensation.
    Refuse,
    /// Parks an order over both systems until a person decides.
    Park,
    /// Carries out a person's yes.
    Approve,
    /// Recovers an attempt over both systems whose process died before it was sold.
    RecoverUnsold,
    /// Recovers one whose process died when it had just been sold.
    RecoverSold,
    /// Tells everybody of a sold order: publishes, books, ships, takes one unit back.
    Follow,
}

impl Scenario {
    /// Every scenario.
    pub const ALL: [Self; 8] = [
        Self::Sell,
        Self::SellFromBoth,
        Self::Refuse,
        Self::Park,
        Self::Approve,
        Self::RecoverUnsold,
        Self::RecoverSold,
        Self::Follow,
    ];

    /// What happens, as a heading.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Sell => "An order from one stock system is sold",
            Self::SellFromBoth => "An order from both stock systems is sold",
            Self::Refuse => "An order from both stock systems is refused for fraud",
            Self::Park => "An order from both stock systems is parked",
            Self::Approve => "A person approves a parked order",
            Self::RecoverUnsold => "Recovery finds an attempt that was not sold",
            Self::RecoverSold => "Recovery finds an attempt that was sold",
            Self::Follow => "A sold order is published, booked, shipped and partly returned",
        }
    }

    pub(super) const fn systems(self) -> &'static [StockSystem] {
        match self {
            Self::Sell => &[StockSystem::Inventory],
            _ => &[StockSystem::Inventory, StockSystem::Furniture],
        }
    }

    pub(super) const fn is_doubtful(self) -> bool {
        matches!(self, Self::Park | Self::Approve)
    }

    /// What the client is told when nothing goes wrong.
    pub(super) const fn expected(self) -> Told {
        match self {
            Self::Sell | Self::SellFromBoth | Self::Approve => Told::Sold,
            Self::Refuse => Told::Refused,
            Self::Park => Told::Parked,
            Self::RecoverUnsold | Self::RecoverSold | Self::Follow => Told::Nothing,
        }
    }

    /// Fates that belong to the scenario itself.
    pub(super) fn plan(self) -> Plan {
        match self {
            Self::Refuse => Plan::from([(ASSESS, Fate::Refused)]),
            _ => Plan::new(),
        }
    }

    /// Brings the shop to where the scenario begins.
    pub(super) async fn prepare(self, bench: &Bench) {
        let died_at = match self {
            Self::Approve | Self::Follow => {
                let placed = bench.healthy.place(bench.request("shop", 2)).await;
                fine(placed);
                if self == Self::Follow {
                    bench.publish_nonsense().await;
                }
                // Persons take longer than an attempt's holds last.
                let ttl = bench.settings.checkout.hold_ttl;
                bench.clock.advance(ttl + Duration::from_secs(1));
                return;
            }
            Self::RecoverUnsold => ASSESS,
            Self::RecoverSold => CONFIRM,
            Self::Sell | Self::SellFromBoth | Self::Refuse | Self::Park => return,
        };
        let doomed = bench.doomed(Plan::from([(died_at, Fate::CrashAfter)]));
        let place = doomed.place(bench.request("shop", 2));
        assert!(
            until_crash(bench, place).await.is_none(),
            "{died_at} was not reached"
        );
    }

    /// Does it, unless the process dies; what the client is told, if there is one.
    pub(super) async fn act(
        self,
        bench: &Bench,
        plan: Plan,
    ) -> Option<Result<Outcome, CheckoutError>> {
        match self {
            Self::Sell | Self::SellFromBoth | Self::Refuse | Self::Park => {
                let doomed = bench.doomed(plan);
                until_crash(bench, doomed.place(bench.request("shop", 2))).await
            }
            Self::Approve => {
                let doomed = bench.doomed(plan);
                let yes = ReviewDecision {
                    order_id: bench.order_id(),
                    approve: true,
                    remark: "known to us".into(),
                };
                until_crash(bench, doomed.decide_review(yes)).await
            }
            Self::RecoverUnsold | Self::RecoverSold => {
                let doomed = bench.doomed(plan);
                drop(until_crash(bench, doomed.recover(Timestamp::MAX)).await);
                None
            }
            Self::Follow => {
                let doomed = bench.doomed_boutique(plan);
                let order_id = bench.order_id();
                until_crash(bench, super::follow::follow(&doomed, &order_id)).await;
                None
            }
        }
    }
}

const ASSESS: Call = Call {
    port: "fraud",
    verb: "assess",
    nth: 1,
};
const CONFIRM: Call = Call {
    port: "inventory",
    verb: "confirm",
    nth: 1,
};

/// What `work` comes to, unless its process dies before.
async fn until_crash<T>(bench: &Bench, work: impl Future<Output = T>) -> Option<T> {
    use futures_util::future::{Either, select};
    let (work, crash) = (std::pin::pin!(work), std::pin::pin!(bench.probe.crash()));
    match select(work, crash).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}
