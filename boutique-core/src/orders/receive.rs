//! Taking in what the broker pushes: confirmed orders, shipment reports, and dead letters.
//!
//! A push is acknowledged once what it says is durable, whatever accounting and the warehouse
//! do then; what they could not do is left to whoever drives unfinished orders. A message that
//! delivering again would not help is parked and acknowledged.

use std::sync::Arc;

use super::check_fit;
use super::{DeadLetter, DeadLetterSource, Drove, Fact, OrderError, OrderRejection, OrderStore};
use crate::broker::{Message, Push, SOURCE_ATTEMPTS, SOURCE_SUBSCRIPTION};
use crate::clock::{Clock, Timestamp};
use crate::event::ConfirmedOrder;
use crate::fault::{Fault, PortError};
use crate::flow::{Ask, Step};
use crate::ids::{EventId, OrderId};
use crate::warehouse::{ShipmentReport, ShipmentStatus};

/// Why a message was not taken in.
#[derive(Debug)]
pub enum NotTaken {
    /// It cannot be read, or is refused: delivering it again would not help.
    Refused(String),
    /// Taking it in failed; it may be delivered again.
    Fault(Fault),
}

impl From<Fault> for NotTaken {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Takes in confirmed orders, then drives them.
#[derive(Clone)]
pub struct ReceiveOrders<D> {
    /// Where orders are kept.
    pub orders: Arc<dyn OrderStore>,
    /// Drives an order that was taken in; see [`super::DriveOrder`].
    pub drive: D,
    /// Stamps orders and letters.
    pub clock: Arc<dyn Clock>,
}

/// Takes in shipment reports, then drives their orders.
#[derive(Clone)]
pub struct ReceiveReports<D> {
    /// Where orders are kept.
    pub orders: Arc<dyn OrderStore>,
    /// Drives an order that was reported on; see [`super::DriveOrder`].
    pub drive: D,
    /// Stamps facts and letters.
    pub clock: Arc<dyn Clock>,
}

/// Parks what the broker gave up on; for the subscription of the dead-letter topic.
#[derive(Clone)]
pub struct ReceiveDeadLetters {
    /// Where letters are kept.
    pub orders: Arc<dyn OrderStore>,
    /// Stamps letters.
    pub clock: Arc<dyn Clock>,
}

impl<D> ReceiveOrders<D>
where
    D: Ask<OrderId, Response = Drove, Error = OrderError>,
{
    /// Makes the order of `message` durable, then drives it as far as it goes.
    ///
    /// # Errors
    ///
    /// [`NotTaken`]; the order is not there, or, after an ambiguous fault, may be.
    pub async fn take_in(
        &self,
        message: &Message,
        published_at: Timestamp,
    ) -> Result<(), NotTaken> {
        let refuse = |why: &dyn std::error::Error| NotTaken::Refused(why.to_string());
        let order = ConfirmedOrder::decode(message, published_at).map_err(|it| refuse(&it))?;
        check_fit(&order).map_err(|it| refuse(&it))?;
        let order_id = order.order.order_id.clone();
        match self.orders.accept(order, self.clock.now()).await {
            Ok(_) => {}
            Err(PortError::Rejected(why)) => return Err(refuse(&why)),
            Err(PortError::Fault(_)) if planted!(AckBeforeDurable) => return Ok(()),
            Err(PortError::Fault(fault)) => return Err(fault.into()),
        }
        // A repeat is driven as well: the first delivery may have died before it came to that.
        let _ = self.drive.ask(order_id).await;
        Ok(())
    }
}

impl<D> ReceiveReports<D>
where
    D: Ask<OrderId, Response = Drove, Error = OrderError>,
{
    /// Makes the report of `message` durable, then drives its order as far as it goes.
    ///
    /// An order that is not known yet is a fault, not a refusal: its own message may be late.
    ///
    /// # Errors
    ///
    /// [`NotTaken`]; the report is not there, or, after an ambiguous fault, may be.
    pub async fn take_in(&self, message: &Message) -> Result<(), NotTaken> {
        let report =
            ShipmentReport::decode(message).map_err(|why| NotTaken::Refused(why.to_string()))?;
        let (order_id, event) = (report.order_id.clone(), report.event_id.clone());
        let (facts, now) = (facts_of(&report), self.clock.now());
        match self.orders.record(&order_id, facts, Some(event), now).await {
            Ok(_) => {}
            Err(PortError::Rejected(why @ OrderRejection::UnknownOrder(_))) => {
                let context = "a shipment report came before its order";
                return Err(Fault::unavailable(context).because(why).into());
            }
            Err(PortError::Rejected(why)) => return Err(NotTaken::Refused(why.to_string())),
            Err(PortError::Fault(fault)) => return Err(fault.into()),
        }
        let _ = self.drive.ask(order_id).await;
        Ok(())
    }
}

/// A report may have overtaken the one that the goods have left, so it tells that as well.
fn facts_of(report: &ShipmentReport) -> Vec<Fact> {
    let (system, status) = (report.system, report.status);
    let left = report.shipped_at.map(|at| Fact::Reported {
        system,
        status: ShipmentStatus::Shipped,
        at,
    });
    let now = Fact::Reported {
        system,
        status,
        at: report.at,
    };
    left.into_iter().chain([now]).collect()
}

impl<D> Step<Push> for ReceiveOrders<D>
where
    D: Ask<OrderId, Response = Drove, Error = OrderError>,
{
    type Response = ();
    type Error = Fault;

    async fn run(&self, push: Push) -> Result<(), Fault> {
        let delivery = &push.delivery;
        match self.take_in(&delivery.message, delivery.published_at).await {
            Ok(()) => Ok(()),
            Err(NotTaken::Fault(fault)) => Err(fault),
            Err(NotTaken::Refused(_)) if planted!(RefusedMessageDropped) => Ok(()),
            Err(NotTaken::Refused(reason)) => {
                let now = self.clock.now();
                let letter = letter(&push, DeadLetterSource::Refused, reason, now);
                self.orders.park(letter).await
            }
        }
    }
}

impl<D> Step<Push> for ReceiveReports<D>
where
    D: Ask<OrderId, Response = Drove, Error = OrderError>,
{
    type Response = ();
    type Error = Fault;

    async fn run(&self, push: Push) -> Result<(), Fault> {
        match self.take_in(&push.delivery.message).await {
            Ok(()) => Ok(()),
            Err(NotTaken::Fault(fault)) => Err(fault),
            Err(NotTaken::Refused(_)) if planted!(RefusedMessageDropped) => Ok(()),
            Err(NotTaken::Refused(reason)) => {
                let now = self.clock.now();
                let letter = letter(&push, DeadLetterSource::Refused, reason, now);
                self.orders.park(letter).await
            }
        }
    }
}

impl Step<Push> for ReceiveDeadLetters {
    type Response = ();
    type Error = Fault;

    async fn run(&self, push: Push) -> Result<(), Fault> {
        let said = |name| push.delivery.message.attributes.get(name);
        let unknown = "unknown".to_owned();
        let reason = format!(
            "subscription {}: not acknowledged after {} deliveries",
            said(SOURCE_SUBSCRIPTION).unwrap_or(&unknown),
            said(SOURCE_ATTEMPTS).unwrap_or(&unknown),
        );
        let now = self.clock.now();
        let letter = letter(&push, DeadLetterSource::Undelivered, reason, now);
        self.orders.park(letter).await
    }
}

fn letter(
    push: &Push,
    source: DeadLetterSource,
    reason: String,
    parked_at: Timestamp,
) -> DeadLetter {
    let message = &push.delivery.message;
    let event = message.attributes.get("ce-id");
    let event = event.and_then(|it| EventId::new(it.as_str()).ok());
    DeadLetter {
        id: event.map_or_else(
            || format!("{}.{}", push.subscription, push.delivery.message_id),
            |it| it.to_string(),
        ),
        source,
        reason,
        parked_at,
        message: Message::clone(message),
    }
}
