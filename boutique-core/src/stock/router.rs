//! One order over two stock systems: both hold, or neither.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::{
    Hold, HoldState, LedgerError, Rejection, Reserve, StockLedger, StockLine, StockSystem,
};
use crate::clock::Timestamp;
use crate::fault::{Fault, PortError};
use crate::ids::HoldId;

/// What one order asks of one stock system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// The system.
    pub system: StockSystem,
    /// The hold in it.
    pub hold_id: HoldId,
    /// What is held.
    pub lines: Vec<StockLine>,
}

/// How the one decision about an order came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decided {
    /// Sold: the deciding hold with its note. The others are confirmed too.
    Sold(Hold),
    /// Not sold, by the deciding hold's state. The others are void.
    NotSold(HoldState),
}

/// The two stock systems, and the moves that keep the holds of one order together.
#[derive(Clone)]
pub struct StockRouter {
    inventory: Arc<dyn StockLedger>,
    furniture: Arc<dyn StockLedger>,
}

impl StockRouter {
    /// Routes over these two ledgers.
    pub fn new(inventory: Arc<dyn StockLedger>, furniture: Arc<dyn StockLedger>) -> Self {
        Self {
            inventory,
            furniture,
        }
    }

    /// The ledger of `system`.
    pub fn ledger(&self, system: StockSystem) -> &Arc<dyn StockLedger> {
        match system {
            StockSystem::Inventory => &self.inventory,
            StockSystem::Furniture => &self.furniture,
        }
    }

    /// Holds every leg. Legs that are held when another is refused stay held: the caller voids
    /// them together with what else the refusal undoes.
    ///
    /// # Errors
    ///
    /// The first leg's fault or, if there is none, one rejection: all shortages of all systems
    /// in one [`Rejection::Short`], else the first.
    pub async fn reserve(
        &self,
        legs: &[Leg],
        ttl: Duration,
        valid_until: Timestamp,
    ) -> Result<Vec<Hold>, LedgerError> {
        let request = |leg: &Leg| Reserve {
            hold_id: leg.hold_id.clone(),
            lines: leg.lines.clone(),
            ttl,
            valid_until,
        };
        if let [leg] = legs {
            return Ok(vec![self.ledger(leg.system).reserve(request(leg)).await?]);
        }
        let answers = join_all(
            legs.iter()
                .map(|leg| self.ledger(leg.system).reserve(request(leg))),
        )
        .await;
        let mut holds = Vec::with_capacity(legs.len());
        let mut short = Vec::new();
        let mut rejected = None;
        for answer in answers {
            match answer {
                Ok(hold) => holds.push(hold),
                Err(PortError::Rejected(Rejection::Short(more))) => short.extend(more),
                Err(PortError::Rejected(other)) => rejected = rejected.or(Some(other)),
                Err(fault @ PortError::Fault(_)) => return Err(fault),
            }
        }
        match rejected {
            Some(other) => Err(PortError::Rejected(other)),
            None if short.is_empty() => Ok(holds),
            None => Err(PortError::Rejected(Rejection::Short(short))),
        }
    }

    /// Lets every open leg last at least `ttl` from now.
    ///
    /// # Errors
    ///
    /// The first leg's error; other legs may have been extended.
    pub async fn extend(
        &self,
        holds: &[(StockSystem, HoldId)],
        ttl: Duration,
    ) -> Result<Vec<Hold>, LedgerError> {
        let all = holds
            .iter()
            .map(|(system, hold_id)| self.ledger(*system).extend(hold_id, ttl));
        join_all(all).await.into_iter().collect()
    }

    /// Sells: [`StockRouter::pin`], then [`StockRouter::confirm`].
    ///
    /// # Errors
    ///
    /// Those of the two.
    pub async fn sell(
        &self,
        holds: &[(StockSystem, HoldId)],
        note: String,
    ) -> Result<Decided, LedgerError> {
        match self.pin(holds).await? {
            None => self.confirm(holds, note).await,
            Some(gone) => Ok(Decided::NotSold(gone)),
        }
    }

    /// Pins every hold but the deciding one, so that none can lapse once that is sold. Answers
    /// with the state of the first that is gone, if any.
    ///
    /// # Errors
    ///
    /// A fault or a rejection: nothing is sold, and the decision is left to whoever asks
    /// [`StockRouter::settle`].
    pub async fn pin(
        &self,
        holds: &[(StockSystem, HoldId)],
    ) -> Result<Option<HoldState>, LedgerError> {
        let dependent = holds.get(1..).unwrap_or_default();
        let pinned = if planted!(DependentNotPinned) {
            &[]
        } else {
            dependent
        };
        for (system, hold_id) in pinned {
            let hold = self.ledger(*system).pin(hold_id).await?;
            if hold.state != HoldState::Pinned && !hold.state.is_sold() {
                return Ok(Some(hold.state));
            }
        }
        Ok(None)
    }

    /// Confirms the deciding hold with `note`, then the others, which are pinned. The confirm
    /// of the deciding hold is the commit point of the order.
    ///
    /// # Errors
    ///
    /// A fault or a rejection before the commit point leaves the decision to whoever asks
    /// [`StockRouter::settle`]; after it the order is sold and `settle` confirms the others.
    pub async fn confirm(
        &self,
        holds: &[(StockSystem, HoldId)],
        note: String,
    ) -> Result<Decided, LedgerError> {
        let Some(((system, deciding), dependent)) = holds.split_first() else {
            return Err(PortError::Rejected(Rejection::Empty));
        };
        let hold = self.ledger(*system).confirm(deciding, Some(note)).await?;
        if !hold.state.is_sold() {
            return Ok(Decided::NotSold(hold.state));
        }
        for (system, hold_id) in dependent {
            self.ledger(*system).confirm(hold_id, None).await?;
        }
        Ok(Decided::Sold(hold))
    }

    /// Ends an order whichever way the deciding ledger says: voids the deciding hold, which a
    /// sold hold refuses, and then confirms or voids the others accordingly. Safe to repeat.
    ///
    /// # Errors
    ///
    /// A fault: nothing is known to be decided; ask again.
    pub async fn settle(&self, holds: &[(StockSystem, HoldId)]) -> Result<Decided, LedgerError> {
        let Some(((system, deciding), dependent)) = holds.split_first() else {
            return Err(PortError::Rejected(Rejection::Empty));
        };
        let hold = self.ledger(*system).void(deciding).await?;
        if hold.state.is_sold() && planted!(DependentNotConfirmed) {
            return Ok(Decided::Sold(hold));
        }
        if !hold.state.is_sold() && planted!(PinOutlivesItsIntent) {
            return Ok(Decided::NotSold(hold.state));
        }
        if hold.state.is_sold() {
            for (system, hold_id) in dependent {
                self.ledger(*system).confirm(hold_id, None).await?;
            }
            return Ok(Decided::Sold(hold));
        }
        for (system, hold_id) in dependent {
            self.ledger(*system).void(hold_id).await?;
        }
        Ok(Decided::NotSold(hold.state))
    }

    /// The deciding hold as it stands, if its ledger knows it.
    ///
    /// # Errors
    ///
    /// A fault of the ledger.
    pub async fn deciding(&self, holds: &[(StockSystem, HoldId)]) -> Result<Option<Hold>, Fault> {
        match holds.first() {
            Some((system, hold_id)) => self.ledger(*system).hold(hold_id).await,
            None => Ok(None),
        }
    }
}
