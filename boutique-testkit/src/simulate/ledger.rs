//! A stock ledger at the other end of the network.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use boutique_core::fault::{Fault, PortError};
use boutique_core::flow::{Ask, Step};
use boutique_core::ids::{HoldId, OrderId, ProductId};
use boutique_core::stock::{
    Hold, LedgerError, Level, Receive, Reserve, SetOnHand, Settle, StockAudit, StockLedger,
};
use tower::util::BoxCloneSyncService;

use super::request::{Request, order_in, order_of};

/// A call of a ledger, as it travels.
#[derive(Clone)]
pub(super) enum Move {
    Reserve(Reserve),
    Extend(HoldId, Duration),
    Pin(HoldId),
    Confirm(HoldId, Option<String>),
    Void(HoldId),
    Ship(Settle),
    Release(HoldId),
    Receive(Receive),
    SetOnHand(SetOnHand),
    Level(ProductId),
    Levels(Option<ProductId>, usize),
    Hold(HoldId),
    Holds(Option<HoldId>, usize),
    Sweep(usize),
    Audit,
}

/// What a ledger answers.
pub(super) enum Moved {
    Hold(Hold),
    Level(Level),
    MaybeLevel(Option<Level>),
    Levels(Vec<(ProductId, Level)>),
    MaybeHold(Option<Hold>),
    Holds(Vec<Hold>),
    Swept(usize),
    Audit(StockAudit),
}

/// A ledger as a service.
pub(super) type LedgerService = BoxCloneSyncService<Move, Moved, LedgerError>;

impl Request for Move {
    fn verb(&self) -> &'static str {
        match self {
            Self::Reserve(_) => "reserve",
            Self::Extend(..) => "extend",
            Self::Pin(_) => "pin",
            Self::Confirm(..) => "confirm",
            Self::Void(_) => "void",
            Self::Ship(_) => "ship",
            Self::Release(_) => "release",
            Self::Receive(_) => "receive",
            Self::SetOnHand(_) => "set-on-hand",
            Self::Level(_) | Self::Levels(..) => "level",
            Self::Hold(_) | Self::Holds(..) => "hold",
            Self::Sweep(_) => "sweep",
            Self::Audit => "audit",
        }
    }

    fn order(&self) -> Option<OrderId> {
        match self {
            Self::Reserve(it) => order_of(&it.hold_id),
            Self::Extend(it, _)
            | Self::Pin(it)
            | Self::Confirm(it, _)
            | Self::Void(it)
            | Self::Release(it)
            | Self::Hold(it) => order_of(it),
            Self::Ship(it) => order_in(it.shipment_id.as_str(), 1),
            _ => None,
        }
    }
}

/// Carries calls out on a ledger.
pub(super) struct ServeLedger(pub(super) Arc<dyn StockLedger>);

impl Step<Move> for ServeLedger {
    type Response = Moved;
    type Error = LedgerError;

    async fn run(&self, request: Move) -> Result<Moved, LedgerError> {
        let ledger = &self.0;
        Ok(match request {
            Move::Reserve(it) => Moved::Hold(ledger.reserve(it).await?),
            Move::Extend(id, ttl) => Moved::Hold(ledger.extend(&id, ttl).await?),
            Move::Pin(id) => Moved::Hold(ledger.pin(&id).await?),
            Move::Confirm(id, note) => Moved::Hold(ledger.confirm(&id, note).await?),
            Move::Void(id) => Moved::Hold(ledger.void(&id).await?),
            Move::Ship(it) => Moved::Hold(ledger.ship(it).await?),
            Move::Release(id) => Moved::Hold(ledger.release(&id).await?),
            Move::Receive(it) => Moved::Level(ledger.receive(it).await?),
            Move::SetOnHand(it) => Moved::Level(ledger.set_on_hand(it).await?),
            Move::Level(id) => Moved::MaybeLevel(ledger.level(&id).await?),
            Move::Levels(id, limit) => Moved::Levels(ledger.levels(id.as_ref(), limit).await?),
            Move::Hold(id) => Moved::MaybeHold(ledger.hold(&id).await?),
            Move::Holds(id, limit) => Moved::Holds(ledger.holds(id.as_ref(), limit).await?),
            Move::Sweep(limit) => Moved::Swept(ledger.sweep(limit).await?),
            Move::Audit => Moved::Audit(ledger.audit().await?),
        })
    }
}

/// A ledger that somebody else serves.
pub(super) struct FarLedger(pub(super) LedgerService);

/// An answer to another question: it cannot be, since the request says what is asked.
fn odd() -> Fault {
    Fault::permanent("the ledger answered another question")
}

fn plain(error: LedgerError) -> Fault {
    error.into_fault("the ledger refuses a look")
}

impl FarLedger {
    async fn held(&self, request: Move) -> Result<Hold, LedgerError> {
        match self.0.ask(request).await? {
            Moved::Hold(it) => Ok(it),
            _ => Err(odd().into()),
        }
    }

    async fn leveled(&self, request: Move) -> Result<Level, LedgerError> {
        match self.0.ask(request).await? {
            Moved::Level(it) => Ok(it),
            _ => Err(PortError::Fault(odd())),
        }
    }

    async fn look(&self, request: Move) -> Result<Moved, Fault> {
        self.0.ask(request).await.map_err(plain)
    }
}

#[async_trait]
impl StockLedger for FarLedger {
    async fn reserve(&self, request: Reserve) -> Result<Hold, LedgerError> {
        self.held(Move::Reserve(request)).await
    }

    async fn extend(&self, hold_id: &HoldId, ttl: Duration) -> Result<Hold, LedgerError> {
        self.held(Move::Extend(hold_id.clone(), ttl)).await
    }

    async fn pin(&self, hold_id: &HoldId) -> Result<Hold, LedgerError> {
        self.held(Move::Pin(hold_id.clone())).await
    }

    async fn confirm(&self, hold_id: &HoldId, note: Option<String>) -> Result<Hold, LedgerError> {
        self.held(Move::Confirm(hold_id.clone(), note)).await
    }

    async fn void(&self, hold_id: &HoldId) -> Result<Hold, LedgerError> {
        self.held(Move::Void(hold_id.clone())).await
    }

    async fn ship(&self, request: Settle) -> Result<Hold, LedgerError> {
        self.held(Move::Ship(request)).await
    }

    async fn release(&self, hold_id: &HoldId) -> Result<Hold, LedgerError> {
        self.held(Move::Release(hold_id.clone())).await
    }

    async fn receive(&self, request: Receive) -> Result<Level, LedgerError> {
        self.leveled(Move::Receive(request)).await
    }

    async fn set_on_hand(&self, request: SetOnHand) -> Result<Level, LedgerError> {
        self.leveled(Move::SetOnHand(request)).await
    }

    async fn level(&self, product_id: &ProductId) -> Result<Option<Level>, Fault> {
        match self.look(Move::Level(product_id.clone())).await? {
            Moved::MaybeLevel(it) => Ok(it),
            _ => Err(odd()),
        }
    }

    async fn levels(
        &self,
        after: Option<&ProductId>,
        limit: usize,
    ) -> Result<Vec<(ProductId, Level)>, Fault> {
        match self.look(Move::Levels(after.cloned(), limit)).await? {
            Moved::Levels(it) => Ok(it),
            _ => Err(odd()),
        }
    }

    async fn hold(&self, hold_id: &HoldId) -> Result<Option<Hold>, Fault> {
        match self.look(Move::Hold(hold_id.clone())).await? {
            Moved::MaybeHold(it) => Ok(it),
            _ => Err(odd()),
        }
    }

    async fn holds(&self, after: Option<&HoldId>, limit: usize) -> Result<Vec<Hold>, Fault> {
        match self.look(Move::Holds(after.cloned(), limit)).await? {
            Moved::Holds(it) => Ok(it),
            _ => Err(odd()),
        }
    }

    async fn sweep(&self, limit: usize) -> Result<usize, Fault> {
        match self.look(Move::Sweep(limit)).await? {
            Moved::Swept(it) => Ok(it),
            _ => Err(odd()),
        }
    }

    async fn audit(&self) -> Result<StockAudit, Fault> {
        match self.look(Move::Audit).await? {
            Moved::Audit(it) => Ok(it),
            _ => Err(odd()),
        }
    }
}
