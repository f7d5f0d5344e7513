//! Stock: what is on hand, what is promised, and to whom.
//!
//! Per product `on_hand = available + held + committed`, none of them ever negative. A *hold*
//! promises units to one order for a while; its id is chosen by the caller, so every move can
//! be repeated without harm, and it leaves `Held` exactly once:
//!
//! | state | reserve | pin | confirm | void | clock | ship | release |
//! |---|---|---|---|---|---|---|---|
//! | none | Held, or short | unknown | unknown | Voided (tombstone) | - | unknown | unknown |
//! | Held | Held | Pinned | Confirmed, or Expired if late | Voided | Expired | refused | refused |
//! | Pinned | Pinned | Pinned | Confirmed | Voided | never | refused | refused |
//! | Confirmed | same | same | same | **Confirmed** (refuses) | never | Shipped when all is | Released |
//! | Voided, Expired, Shipped, Released | same | same | same | same | - | same, or refused | same, or refused |
//!
//! The rules are [`StockBook`], a plain value; every [`StockLedger`] wraps it or feeds it rows.

mod book;
mod lines;
mod memory;
mod rejection;
mod router;
#[cfg(test)]
mod table;
mod tally;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use book::{StockBook, Touched};
pub use memory::MemoryLedger;
pub use rejection::{Rejection, Shortage};
pub use router::{Decided, Leg, StockRouter};
pub use tally::{StockAudit, StockTally, StockViolation};

use crate::clock::Timestamp;
use crate::fault::{Fault, PortError};
use crate::ids::{HoldId, ProductId, ReceiptId, ShipmentId};
use crate::limits::Units;
use crate::schema::text_cells;

/// Which of the two stock systems keeps a product. Their order is the order in which an order's
/// deciding hold is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StockSystem {
    /// Parcels.
    Inventory,
    /// Bulky goods.
    Furniture,
}

text_cells!(StockSystem);

impl StockSystem {
    /// Both systems, the deciding one first.
    pub const ALL: [Self; 2] = [Self::Inventory, Self::Furniture];

    /// The name used in ids, tables and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inventory => "inventory",
            Self::Furniture => "furniture",
        }
    }
}

impl fmt::Display for StockSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Units of one product that are asked for or moved.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StockLine {
    /// The product.
    pub product_id: ProductId,
    /// How many. Several lines of one product are summed.
    pub quantity: Units,
}

/// Asks a ledger to promise goods: all lines or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserve {
    /// Chosen by the caller; the same id with the same lines is the same hold.
    pub hold_id: HoldId,
    /// What to promise; at least one line.
    pub lines: Vec<StockLine>,
    /// How long the promise lasts, counted from the ledger's own present.
    pub ttl: Duration,
    /// After this moment the request is too late and is refused.
    pub valid_until: Timestamp,
}

/// Where a hold stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldState {
    /// Promised until it expires.
    Held,
    /// Promised until somebody decides: it depends on another hold of the same order.
    Pinned,
    /// Sold; the goods are committed.
    Confirmed,
    /// All of it has left the shelf.
    Shipped,
    /// Given up before it was sold.
    Voided,
    /// Lapsed before it was sold.
    Expired,
    /// Sold, then cancelled: what had not left the shelf is available again.
    Released,
}

impl HoldState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Held,
        Self::Pinned,
        Self::Confirmed,
        Self::Shipped,
        Self::Voided,
        Self::Expired,
        Self::Released,
    ];

    /// Whether the hold was sold, whatever became of the goods since.
    pub const fn is_sold(self) -> bool {
        matches!(self, Self::Confirmed | Self::Shipped | Self::Released)
    }

    /// Whether the hold still waits for its one decision.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Held | Self::Pinned)
    }

    /// The name used in tables and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Pinned => "pinned",
            Self::Confirmed => "confirmed",
            Self::Shipped => "shipped",
            Self::Voided => "voided",
            Self::Expired => "expired",
            Self::Released => "released",
        }
    }
}

impl fmt::Display for HoldState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A promise of goods to one order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// What was asked for, summed per product and sorted by it; empty for a tombstone.
    pub lines: Vec<HeldLine>,
    /// Where it stands.
    pub state: HoldState,
    /// When it lapses if it is still `Held`.
    pub expires_at: Timestamp,
    /// What whoever confirmed it wrote beside the decision; the first confirm's note stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The shipments that took goods out of it, so that a repeat takes nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shipments: BTreeMap<ShipmentId, Vec<(ProductId, u64)>>,
}

/// One product of a hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldLine {
    /// The product.
    pub product_id: ProductId,
    /// Units promised; the sum of an order's lines, so it may exceed one line's ceiling.
    pub quantity: u64,
    /// Units of it that have left the shelf.
    #[serde(default)]
    pub shipped: u64,
}

/// Asks a ledger to take goods of a confirmed hold off the shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settle {
    /// The confirmed hold.
    pub hold_id: HoldId,
    /// Chosen by the caller; the same shipment again takes nothing more.
    pub shipment_id: ShipmentId,
    /// What leaves; everything that is left if `None`.
    pub lines: Option<Vec<StockLine>>,
}

/// Tells a ledger that goods arrived. A product it has not seen is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receive {
    /// Chosen by the caller; the same receipt again adds nothing.
    pub receipt_id: ReceiptId,
    /// The product.
    pub product_id: ProductId,
    /// Units that arrived; zero lists the product.
    pub quantity: u64,
}

/// What a ledger knows of one product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// Units on the shelf.
    pub on_hand: u64,
    /// Units promised by open holds.
    pub held: u64,
    /// Units sold that have not left yet.
    pub committed: u64,
    /// Units that ever arrived, less those a count took away.
    pub received: u64,
    /// Units that ever left.
    pub shipped: u64,
    /// Grows by one with every change; the `ETag`.
    pub version: u64,
    /// The ledger transaction that changed it last.
    pub updated_at: Timestamp,
}

impl Level {
    /// Units that can still be promised.
    pub const fn available(&self) -> u64 {
        self.on_hand - self.held - self.committed
    }
}

/// Sets what a count found on the shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetOnHand {
    /// The product; listed if it was not.
    pub product_id: ProductId,
    /// Units counted; never fewer than are promised.
    pub on_hand: u64,
    /// Refuse unless the level still has this version.
    pub if_version: Option<u64>,
}

/// Why a ledger does not do what it is asked.
pub type LedgerError = PortError<Rejection>;

/// One stock system. All moves are idempotent by the caller's id.
///
/// An implementation takes one timestamp per transaction, under its own lock, strictly later
/// than that of the transaction before; no decision depends on any other clock. Open holds
/// whose expiry is not later than that timestamp count as expired in every answer.
///
/// # Errors
///
/// Every method answers [`PortError::Rejected`] with the state unchanged, or
/// [`PortError::Fault`], whose kind says whether the move may have happened.
#[async_trait]
pub trait StockLedger: Send + Sync + 'static {
    /// Promises goods, or answers with the hold that has this id already, whatever its state.
    async fn reserve(&self, request: Reserve) -> Result<Hold, LedgerError>;

    /// Moves the expiry of a `Held` hold to `ttl` from now, if that is later. Another state is
    /// answered unchanged.
    async fn extend(&self, hold_id: &HoldId, ttl: Duration) -> Result<Hold, LedgerError>;

    /// Keeps a `Held` hold until it is decided. Another state is answered unchanged.
    async fn pin(&self, hold_id: &HoldId) -> Result<Hold, LedgerError>;

    /// Sells a `Held` or `Pinned` hold and keeps `note` (at most 64 KiB) beside the decision.
    /// Another state is answered unchanged, with the note it has.
    async fn confirm(&self, hold_id: &HoldId, note: Option<String>) -> Result<Hold, LedgerError>;

    /// Gives up an open hold. An unknown id becomes a voided tombstone, so that a reserve that
    /// arrives late finds it. Another state is answered unchanged: a sold hold refuses.
    async fn void(&self, hold_id: &HoldId) -> Result<Hold, LedgerError>;

    /// Takes goods of a sold hold off the shelf.
    async fn ship(&self, request: Settle) -> Result<Hold, LedgerError>;

    /// Makes what has not left the shelf of a sold hold available again; its order is cancelled.
    async fn release(&self, hold_id: &HoldId) -> Result<Hold, LedgerError>;

    /// Adds goods that arrived.
    async fn receive(&self, request: Receive) -> Result<Level, LedgerError>;

    /// Corrects what is on the shelf to a count.
    async fn set_on_hand(&self, request: SetOnHand) -> Result<Level, LedgerError>;

    /// One product, if it is listed.
    async fn level(&self, product_id: &ProductId) -> Result<Option<Level>, Fault>;

    /// Products after `after`, by id, at most `limit`.
    async fn levels(
        &self,
        after: Option<&ProductId>,
        limit: usize,
    ) -> Result<Vec<(ProductId, Level)>, Fault>;

    /// One hold, if the id is known.
    async fn hold(&self, hold_id: &HoldId) -> Result<Option<Hold>, Fault>;

    /// Holds after `after`, by id, at most `limit`.
    async fn holds(&self, after: Option<&HoldId>, limit: usize) -> Result<Vec<Hold>, Fault>;

    /// How many holds are open: held or pinned, and not lapsed.
    async fn open_holds(&self) -> Result<u64, Fault> {
        // Correct for every ledger, if slow for one with many holds.
        let (mut open, mut after) = (0, None);
        loop {
            let page = self.holds(after.as_ref(), 1_000).await?;
            let Some(last) = page.last() else {
                return Ok(open);
            };
            after = Some(last.id.clone());
            let states = page.iter().map(|it| it.state);
            open += states
                .filter(|it| matches!(it, HoldState::Held | HoldState::Pinned))
                .count() as u64;
        }
    }

    /// Expires up to `limit` lapsed holds for good; says how many.
    async fn sweep(&self, limit: usize) -> Result<usize, Fault>;

    /// Compares every level with its holds and movements, in one snapshot.
    async fn audit(&self) -> Result<StockAudit, Fault>;
}
