//! Orders of other publishers: order management takes in events that no checkout of ours sold.
//!
//! Such an order has no record and holds no stock here. What it leaves is checked against what
//! was taken in.

use super::{Auditor, Invariant, PAGE, onward};
use crate::checkout::SagaState;
use crate::fault::Fault;
use crate::ids::{EventId, OrderId};
use crate::orders::Order;

impl Auditor<'_> {
    pub(super) async fn foreign_orders(&mut self) -> Result<(), Fault> {
        let mut after = None;
        loop {
            let page = self.ports.orders.orders(after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = onward(after, last.placed.order.order_id.clone())?;
            for order in &page {
                // A record is older than its event: what has none by now never had one.
                let order_id = &order.placed.order.order_id;
                if self.ports.checkout.saga(order_id).await?.is_none() {
                    self.foreign(order).await?;
                }
            }
        }
    }

    async fn foreign(&mut self, order: &Order) -> Result<(), Fault> {
        let order_id = &order.placed.order.order_id;
        if !order.placed.holds.is_empty() {
            let detail = "its event names holds, but checkout has no record of it";
            self.say(Invariant::UnsoldLeavesNothing, order_id, detail);
        }
        self.report.seen.foreign += 1;
        self.receipt(order.placed.total);
        self.steps_of(order);
        self.sale_of(order_id, order.placed.total).await?;
        let shipments = self.ports.shipments.of_order(order_id).await?.len();
        let parts = order.progress.parts.len();
        if shipments > parts || (self.at_rest() && shipments < parts) {
            let detail = format!("{shipments} shipments of {parts}");
            self.say(Invariant::ConfirmedIsComplete, order_id, detail);
        }
        Ok(())
    }

    /// Whether an order may have entries and shipments: it was sold here, or taken in from
    /// another publisher.
    pub(super) async fn is_confirmed(&self, order_id: &OrderId) -> Result<bool, Fault> {
        Ok(match self.ports.checkout.saga(order_id).await? {
            Some(saga) => matches!(saga.state, SagaState::Confirmed { .. }),
            None => self.ports.orders.order(order_id).await?.is_some(),
        })
    }

    /// Whether `event_id` is the event of an order as [`Auditor::is_confirmed`] means it.
    pub(super) async fn is_event_of(
        &self,
        event_id: &EventId,
        order_id: &OrderId,
    ) -> Result<bool, Fault> {
        Ok(match self.ports.checkout.saga(order_id).await? {
            Some(saga) => {
                matches!(saga.state, SagaState::Confirmed { .. })
                    && *event_id == order_id.confirmed_event()
            }
            None => {
                let order = self.ports.orders.order(order_id).await?;
                order.is_some_and(|it| it.placed.event_id == *event_id)
            }
        })
    }
}
