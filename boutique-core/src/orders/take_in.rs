//! Order management's one entrance for deliveries.

use std::sync::Arc;

use super::{Drove, OrderError, OrderStore, ReceiveDeadLetters, ReceiveOrders, ReceiveReports};
use crate::broker::{Push, SOURCE_SUBSCRIPTION};
use crate::clock::Clock;
use crate::fault::Fault;
use crate::flow::{Ask, Step};
use crate::ids::OrderId;
use crate::warehouse::REPORT_TYPE;

/// Takes any delivery in and gives it to whoever it is for, which the message itself tells: a
/// broker that pushes to one address is enough, whatever it calls its subscriptions.
///
/// What the broker gave up on is parked, a shipment's report goes to its order, everything else
/// is a confirmed order, or parked because it is none.
#[derive(Clone)]
pub struct TakeIn<D> {
    orders: ReceiveOrders<D>,
    reports: ReceiveReports<D>,
    dead: ReceiveDeadLetters,
}

impl<D: Clone> TakeIn<D> {
    /// Takes in into `orders`; `drive` drives what was taken in, `clock` stamps it.
    pub fn new(orders: Arc<dyn OrderStore>, drive: D, clock: Arc<dyn Clock>) -> Self {
        Self {
            orders: ReceiveOrders {
                orders: Arc::clone(&orders),
                drive: drive.clone(),
                clock: Arc::clone(&clock),
            },
            reports: ReceiveReports {
                orders: Arc::clone(&orders),
                drive,
                clock: Arc::clone(&clock),
            },
            dead: ReceiveDeadLetters { orders, clock },
        }
    }
}

impl<D> Step<Push> for TakeIn<D>
where
    D: Ask<OrderId, Response = Drove, Error = OrderError>,
{
    type Response = ();
    type Error = Fault;

    async fn run(&self, push: Push) -> Result<(), Fault> {
        let attributes = &push.delivery.message.attributes;
        if attributes.contains_key(SOURCE_SUBSCRIPTION) {
            return self.dead.run(push).await;
        }
        match attributes.get("ce-type") {
            Some(kind) if kind == REPORT_TYPE => self.reports.run(push).await,
            _ => self.orders.run(push).await,
        }
    }
}
