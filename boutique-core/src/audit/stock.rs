//! Levels against holds, and holds against the orders that own them.

use super::{Auditor, Invariant, PAGE, onward};
use crate::checkout::{Saga, SagaState};
use crate::fault::Fault;
use crate::ids::OrderId;
use crate::stock::{Hold, HoldState, StockSystem};

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
                after = onward(after, last.id.clone())?;
                for hold in &page {
                    self.owner_of(system, hold).await?;
                }
            }
        }
        Ok(())
    }

    /// A hold that is open or sold needs an order that is on its way or sold.
    async fn owner_of(&mut self, system: StockSystem, hold: &Hold) -> Result<(), Fault> {
        if !hold.state.is_open() && !hold.state.is_sold() {
            return Ok(());
        }
        let saga = match order_of(hold.id.as_str()) {
            Some((order_id, _)) => self.ports.checkout.saga(&order_id).await?,
            None => None,
        };
        let intended = |saga: &Saga| saga.intent.holds.iter().any(|it| it.hold_id == hold.id);
        let owner = saga.as_ref().filter(|it| intended(it));
        // Goods are held while the intent is still being written, by a request that dies then,
        // and by one that finds its key taken: no attempt owns them, and they lapse. Nothing is
        // pinned or sold before its intent is durable.
        let wrong = match owner.map(|it| &it.state) {
            None => hold.state != HoldState::Held,
            Some(SagaState::Refused { .. } | SagaState::Failed { .. }) => true,
            Some(SagaState::Confirmed { .. }) => !hold.state.is_sold(),
            Some(SagaState::Review { .. }) => hold.state.is_sold() && self.at_rest(),
            Some(SagaState::Started | SagaState::Approved { .. }) => self.at_rest(),
        };
        // What was read before the order was decided is read again before it is called wrong.
        if wrong && self.still(system, hold).await? {
            let detail = match &saga {
                None => format!("{}, but no order owns it", hold.state),
                Some(saga) if owner.is_none() => {
                    format!(
                        "{}, but no part of the order, which is {}",
                        hold.state, saga.state
                    )
                }
                Some(saga) => format!("{}, but the order is {}", hold.state, saga.state),
            };
            self.say(Invariant::UnsoldLeavesNothing, &hold.id, detail);
        }
        Ok(())
    }

    /// Whether a hold is what it was, now that its order has been read.
    async fn still(&self, system: StockSystem, hold: &Hold) -> Result<bool, Fault> {
        let now = self.ports.ledger(system).hold(&hold.id).await?;
        Ok(now.is_some_and(|it| it.state == hold.state))
    }
}

/// The order and the attempt that a hold's id names.
fn order_of(hold_id: &str) -> Option<(OrderId, u32)> {
    let mut parts = hold_id.rsplitn(3, '.');
    let attempt = parts.next()?.parse().ok()?;
    let _system = parts.next()?;
    Some((OrderId::new(parts.next()?).ok()?, attempt))
}
