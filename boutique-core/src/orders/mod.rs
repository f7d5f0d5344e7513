//! Order management: takes confirmed orders in, drives accounting and warehouse, and undoes.
//!
//! An order is what was placed, which never changes, and its [`Progress`]. What has happened
//! is a [`Fact`]; what is to be done follows from the facts alone ([`Progress::actions`]), so
//! a failing step is retried without repeating another, whoever drives it and after any crash.

mod desk;
mod drive;
mod facts;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod interrupted;
mod memory;
mod park;
mod parts;
mod progress;
mod receive;
mod refund;
#[cfg(test)]
mod service;
mod take_in;
#[cfg(test)]
mod transcripts;

use async_trait::async_trait;

pub use desk::{CancelOrder, Desk, DeskError, DeskRejection, ReturnGoods, ReturnLine, StuckOrder};
pub use drive::{DriveOrder, Drove};
pub use facts::{Contradiction, LineRefusal};
pub use memory::MemoryOrders;
pub use park::{DeadLetter, DeadLetterSource};
pub use parts::{Part, Unfit, check_fit};
pub use progress::{
    Action, Cancellation, Fact, OrderState, PartProgress, Progress, ReturnProgress, ReturnedLine,
};
pub use receive::{NotTaken, ReceiveDeadLetters, ReceiveOrders, ReceiveReports};
pub use refund::Refundable;
pub use take_in::TakeIn;

use crate::clock::Timestamp;
use crate::event::ConfirmedOrder;
use crate::fault::{Fault, PortError};
use crate::ids::{EventId, OrderId, UserId};

/// An order as order management knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What was placed. Never changes.
    pub placed: std::sync::Arc<ConfirmedOrder>,
    /// What has happened since.
    pub progress: Progress,
}

impl Order {
    /// Whether `event` is what this order was taken in with: same id, same content. Only the
    /// date, which older publishers do not send, and the trace may differ.
    pub fn is_of(&self, event: &ConfirmedOrder) -> bool {
        let placed = &*self.placed;
        placed.event_id == event.event_id
            && placed.holds == event.holds
            && placed.total == event.total
            && placed.discount == event.discount
            && placed.tax == event.tax
            && placed.order == event.order
    }

    /// The progress after all of `facts`.
    ///
    /// # Errors
    ///
    /// [`OrderRejection::Impossible`] if one of them contradicts what has happened.
    pub fn with(&self, facts: Vec<Fact>, now: Timestamp) -> Result<Progress, OrderRejection> {
        let mut next = self.progress.clone();
        for fact in facts {
            let applied = next.apply(&self.placed, fact, now);
            applied.map_err(|why| OrderRejection::Impossible {
                order_id: self.placed.order.order_id.clone(),
                why: why.to_string(),
            })?;
        }
        Ok(next)
    }
}

/// An answer of the order store that is not yes. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderRejection {
    /// There is no such order.
    #[error("there is no order {0}")]
    UnknownOrder(OrderId),
    /// The order id arrived before, in an event with another id or other content.
    #[error("order {0} arrived before with other content")]
    Conflict(OrderId),
    /// The fact contradicts what has happened.
    #[error("order {order_id} cannot take that: {why}")]
    Impossible {
        /// The order.
        order_id: OrderId,
        /// Which rule forbids it.
        why: String,
    },
}

/// Why the order store does not do what it is asked.
pub type OrderError = PortError<OrderRejection>;

/// Keeps orders, the inbox that makes an event's effect happen once, and dead letters.
#[async_trait]
pub trait OrderStore: Send + Sync + 'static {
    /// Takes an order in: the inbox row and the order in one transaction. `true` if the event
    /// had been taken in before ([`Order::is_of`]), in which case nothing changes.
    ///
    /// # Errors
    ///
    /// [`OrderRejection::Conflict`] if the order is known by another event or with other
    /// content, or the event's id was taken in with another order.
    async fn accept(&self, order: ConfirmedOrder, now: Timestamp) -> Result<bool, OrderError>;

    /// Applies facts by the rules of [`Progress::apply`], all or none, in one transaction, and
    /// answers with the order as it then stands. With `event`, that id enters the inbox in the
    /// same transaction, and nothing changes if it is there already.
    async fn record(
        &self,
        order_id: &OrderId,
        facts: Vec<Fact>,
        event: Option<EventId>,
        now: Timestamp,
    ) -> Result<Order, OrderError>;

    /// One order.
    async fn order(&self, order_id: &OrderId) -> Result<Option<Order>, Fault>;

    /// Orders by id, after `after`, at most `limit`.
    async fn orders(&self, after: Option<&OrderId>, limit: usize) -> Result<Vec<Order>, Fault>;

    /// Orders as they were taken in, the newest first, after the one with the id `after`, at most
    /// `limit`. After an order that is not known there is nothing.
    async fn newest(&self, after: Option<&OrderId>, limit: usize) -> Result<Vec<Order>, Fault>;

    /// Orders of one buyer by id, after `after`, at most `limit`. `after` need not be an order
    /// of theirs.
    async fn orders_of(
        &self,
        user: &UserId,
        after: Option<&OrderId>,
        limit: usize,
    ) -> Result<Vec<Order>, Fault>;

    /// Orders with something left to do whose last fact is not after `idle_since`, by id, after
    /// `after`, at most `limit`.
    async fn unfinished(
        &self,
        idle_since: Timestamp,
        after: Option<&OrderId>,
        limit: usize,
    ) -> Result<Vec<OrderId>, Fault>;

    /// Parks a message that could not be taken in; the same letter again is one letter.
    async fn park(&self, letter: DeadLetter) -> Result<(), Fault>;

    /// Letters by id, after `after`, at most `limit`.
    async fn dead_letters(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, Fault>;

    /// One letter.
    async fn dead_letter(&self, letter_id: &str) -> Result<Option<DeadLetter>, Fault> {
        // Correct for every store, if slow for one with many letters.
        let mut after: Option<String> = None;
        loop {
            let page = self.dead_letters(after.as_deref(), 100).await?;
            let Some(last) = page.last() else {
                return Ok(None);
            };
            after = Some(last.id.clone());
            if let Some(letter) = page.into_iter().find(|it| it.id == letter_id) {
                return Ok(Some(letter));
            }
        }
    }

    /// Removes a letter that was replayed or given up; says whether it was there.
    async fn discard(&self, letter_id: &str) -> Result<bool, Fault>;
}
