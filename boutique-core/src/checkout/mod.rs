//! Checkout: the saga that turns a cart into a confirmed order or leaves nothing behind.
//!
//! One attempt is recorded as an [`Intent`] before anything can be sold. The confirm of the
//! *deciding hold* in its stock ledger is the commit point; the [`Verdicts`] ride with it as
//! the hold's note, so that the answer is a function of two durable records and is the same
//! whoever gives it, before or after a crash. Recovery asks that ledger and never takes a
//! timeout for a failure.
//!
//! ```text
//! Started ──confirm──▶ Confirmed            Failed ──same key again──▶ Started (attempt + 1)
//!    ├────refuse─────▶ Refused
//!    ├────fail───────▶ Failed
//!    └────park───────▶ Review ──approve──▶ Approved ──confirm──▶ Confirmed
//!                         ├──deny, lapse──▶ Refused ◀──refuse──┤
//!                         └──fail─────────▶ Failed ◀───fail────┘
//! ```

mod error;
mod examine;
mod memory;
mod place;
mod policy;
mod receipt;
mod recover;
mod rehearse;
mod relay;
mod review;
mod saga;
mod state;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use error::{CheckoutError, CheckoutRejection};
pub use memory::MemoryCheckout;
pub use place::{Checkout, CheckoutSettings, Dependencies, Finish, Foundations, Spawn};
pub use policy::{DependencyPolicy, Policies};
pub use receipt::{Check, Outcome, Receipt, ReceiptOrder, Refusal, Verdict};
pub use recover::{Recovered, Recovery};
pub use relay::{Relay, Relayed};
pub use review::{DecideReview, REMARK_BYTES_MAX, ReviewDecision};
pub use state::{Decide, SagaState, Transition};

use crate::broker::Message;
use crate::carts::{CartLine, CartRef};
use crate::catalog::PricedLine;
use crate::clock::Timestamp;
use crate::customer::{Address, Email, Tier};
use crate::fault::{Fault, PortError};
use crate::fraud::Risk;
use crate::ids::{HoldId, IdempotencyKey, OrderId, TenantId, UserId};
use crate::money::Currency;
use crate::pii::Pii;
use crate::pricing::Totals;
use crate::shipping::ShippingQuote;
use crate::stock::StockSystem;

/// Asks to sell a cart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceOrder {
    /// Whose shop.
    pub tenant: TenantId,
    /// The client's name for this order: the same key is the same order.
    pub key: IdempotencyKey,
    /// What the key stands for: the same key with another body is refused.
    pub body: OrderBody,
    /// Give the verdicts and leave nothing behind.
    pub dry_run: bool,
    /// No effect begins after this moment.
    pub deadline: Timestamp,
    /// W3C trace context, passed on with the event.
    pub traceparent: Option<String>,
}

/// What a client asks to buy; the part of the request that an idempotency key stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderBody {
    /// The buyer.
    pub user_id: UserId,
    /// The currency they pay in.
    pub currency: Currency,
    /// Their e-mail.
    pub email: Pii<Email>,
    /// Where the goods go.
    pub address: Pii<Address>,
    /// What they buy; their stored cart if `None`.
    pub lines: Option<Arc<[CartLine]>>,
    /// The date the books count it for, if it is not the present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered_at: Option<Timestamp>,
}

/// One attempt to sell, written before anything can be sold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The order; a function of tenant and key.
    pub order_id: OrderId,
    /// Whose shop.
    pub tenant: TenantId,
    /// The client's name for it.
    pub key: IdempotencyKey,
    /// What the client asked for.
    pub body: OrderBody,
    /// 1 for the first attempt; a key whose attempt failed may be tried again.
    pub attempt: u32,
    /// What is sold at which price, lines of one stock system together, the deciding one first.
    pub lines: Arc<[PricedLine]>,
    /// What shipping costs.
    pub shipping: ShippingQuote,
    /// The holds, the deciding one first.
    pub holds: Vec<IntendedHold>,
    /// The cart it was made of, emptied when the order is confirmed.
    pub cart: Option<CartRef>,
    /// W3C trace context, passed on with the event.
    pub traceparent: Option<String>,
    /// When the attempt began.
    pub started_at: Timestamp,
    /// When recovery may take over.
    pub deadline: Timestamp,
}

/// A hold an attempt will ask for, and how many of the lines, in their order, are in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntendedHold {
    /// The stock system.
    pub system: StockSystem,
    /// The hold.
    pub hold_id: HoldId,
    /// How many lines, after those of the hold before.
    pub lines: usize,
}

/// All that was found out about an attempt before it was decided: with the intent it makes the
/// answer and the event. It is the note of the deciding hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdicts {
    /// The buyer's loyalty, which made the discount.
    pub tier: Tier,
    /// What the order comes to.
    pub totals: Totals,
    /// Every check, in the order they were made.
    pub checks: Vec<Check>,
    /// How risky the fraud engine found it, if it was asked and answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
}

/// The record of one order: the latest attempt and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saga {
    /// The attempt.
    pub intent: Arc<Intent>,
    /// Where it stands.
    pub state: SagaState,
    /// When it got there.
    pub since: Timestamp,
    /// Earlier states of this order, all attempts, oldest first: name and moment.
    pub timeline: Vec<(Cow<'static, str>, Timestamp)>,
}

/// What became of an attempt to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// The intent is durable and the attempt is ours.
    New,
    /// The key is in use: the record as it stands. If the body differs nothing else is said.
    Taken(Box<Saga>),
}

/// What an event in the outbox tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// An order was confirmed.
    Confirmed,
    /// An order was refused.
    Refused,
}

/// An event waiting to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRecord {
    /// Its place in the outbox.
    pub seq: u64,
    /// The order.
    pub order_id: OrderId,
    /// What to publish.
    pub message: Message,
}

/// What waits in the outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxStatus {
    /// Records not published yet.
    pub waiting: u64,
    /// When the oldest was written.
    pub oldest: Option<Timestamp>,
}

/// An answer of the checkout store that is not yes. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreRejection {
    /// There is no such order.
    #[error("there is no order {0}")]
    UnknownOrder(OrderId),
    /// The attempt is not the latest one, or the state forbids it: the record as it stands.
    #[error("the order has been decided otherwise")]
    Superseded(Box<Saga>),
}

/// Why the checkout store does not do what it is asked.
pub type StoreError = PortError<StoreRejection>;

/// Keeps saga records and the outbox, changed together.
#[async_trait]
pub trait CheckoutStore: Send + Sync + 'static {
    /// The record of an order.
    async fn saga(&self, order_id: &OrderId) -> Result<Option<Saga>, Fault>;

    /// Makes an intent durable as the order's attempt: if there is no record, or if the record
    /// is `Failed`, has an equal body, and the intent's attempt is the next. Otherwise answers
    /// with the record, unchanged.
    async fn begin(&self, intent: Arc<Intent>) -> Result<Begun, Fault>;

    /// Moves the attempt by the rules of [`SagaState::apply`]. A confirm also puts the event
    /// into the outbox and empties the cart if it still has the version of the intent, and a
    /// refusal puts its [`OrderRefusedEvent`](crate::event::OrderRefusedEvent) there, all in one
    /// transaction. A decision that was made before in the same sense is answered with the
    /// record, unchanged.
    async fn decide(
        &self,
        order_id: &OrderId,
        attempt: u32,
        decision: Decide,
        now: Timestamp,
    ) -> Result<Saga, StoreError>;

    /// Records that recovery has to look at: `Started` or `Approved` whose deadline, or `Review`
    /// whose end, is not after `due`; by order id, after `after`, at most `limit`.
    async fn unfinished(
        &self,
        due: Timestamp,
        after: Option<&OrderId>,
        limit: usize,
    ) -> Result<Vec<Saga>, Fault>;

    /// Records by order id, after `after`, at most `limit`.
    async fn sagas(&self, after: Option<&OrderId>, limit: usize) -> Result<Vec<Saga>, Fault>;

    /// Leases the oldest records of the outbox that tell `what` and that nobody has leased past
    /// `now`.
    async fn lease_outbox(
        &self,
        what: Told,
        max: usize,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<OutboxRecord>, Fault>;

    /// Ends records that the broker has acknowledged.
    async fn published(&self, seqs: Vec<u64>) -> Result<(), Fault>;

    /// Gives leases back.
    async fn return_leases(&self, seqs: Vec<u64>) -> Result<(), Fault>;

    /// What waits in the outbox.
    async fn outbox(&self) -> Result<OutboxStatus, Fault>;
}
