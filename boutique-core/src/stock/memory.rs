//! A stock ledger that forgets when it is dropped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::{
    Hold, HoldState, LedgerError, Level, Receive, Reserve, SetOnHand, Settle, StockAudit,
    StockBook, StockLedger,
};
use crate::clock::{Clock, Timestamp};
use crate::fault::{Fault, PortError};
use crate::ids::{HoldId, ProductId};

/// One [`StockBook`] behind a lock. The timestamp of a move is taken under that lock.
pub struct MemoryLedger {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    book: StockBook,
    last: Timestamp,
}

impl MemoryLedger {
    /// An empty ledger.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            state: Mutex::default(),
        }
    }

    /// Locks the book and takes the one timestamp of the transaction, later than the last.
    fn begin(&self) -> (MutexGuard<'_, State>, Timestamp) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = if planted!(LedgerClockGoesBack) {
            self.clock.now()
        } else {
            self.clock.now().max(state.last.next())
        };
        state.last = now;
        (state, now)
    }

    /// The book as it is to be read: what has lapsed is expired.
    fn look(&self) -> MutexGuard<'_, State> {
        let (mut state, now) = self.begin();
        state.book.expire(now);
        state
    }
}

#[async_trait]
impl StockLedger for MemoryLedger {
    async fn reserve(&self, request: Reserve) -> Result<Hold, LedgerError> {
        let (mut state, now) = self.begin();
        state
            .book
            .reserve(&request, now)
            .map_err(PortError::Rejected)
    }

    async fn extend(&self, hold_id: &HoldId, ttl: Duration) -> Result<Hold, LedgerError> {
        let (mut state, now) = self.begin();
        state
            .book
            .extend(hold_id, ttl, now)
            .map_err(PortError::Rejected)
    }

    async fn pin(&self, hold_id: &HoldId) -> Result<Hold, LedgerError> {
        let (mut state, now) = self.begin();
        state.book.pin(hold_id, now).map_err(PortError::Rejected)
    }

    async fn confirm(&self, hold_id: &HoldId, note: Option<String>) -> Result<Hold, LedgerError> {
        let (mut state, now) = self.begin();
        state
            .book
            .confirm(hold_id, note, now)
            .map_err(PortError::Rejected)
    }

    async fn void(&self, hold_id: &HoldId) -> Result<Hold, LedgerError> {
        let (mut state, now) = self.begin();
        state.book.void(hold_id, now).map_err(PortError::Rejected)
    }

    async fn ship(&self, request: Settle) -> Result<Hold, LedgerError> {
        let (mut state, now) = self.begin();
        state.book.ship(&request, now).map_err(PortError::Rejected)
    }

    async fn release(&self, hold_id: &HoldId) -> Result<Hold, LedgerError> {
        let (mut state, now) = self.begin();
        state
            .book
            .release(hold_id, now)
            .map_err(PortError::Rejected)
    }

    async fn receive(&self, request: Receive) -> Result<Level, LedgerError> {
        let (mut state, now) = self.begin();
        state
            .book
            .receive(&request, now)
            .map_err(PortError::Rejected)
    }

    async fn set_on_hand(&self, request: SetOnHand) -> Result<Level, LedgerError> {
        let (mut state, now) = self.begin();
        state
            .book
            .set_on_hand(&request, now)
            .map_err(PortError::Rejected)
    }

    async fn level(&self, product_id: &ProductId) -> Result<Option<Level>, Fault> {
        Ok(self.look().book.level(product_id).copied())
    }

    async fn levels(
        &self,
        after: Option<&ProductId>,
        limit: usize,
    ) -> Result<Vec<(ProductId, Level)>, Fault> {
        let state = self.look();
        let page = state.book.levels_after(after).take(limit);
        Ok(page.map(|(id, level)| (id.clone(), *level)).collect())
    }

    async fn hold(&self, hold_id: &HoldId) -> Result<Option<Hold>, Fault> {
        Ok(self.look().book.hold(hold_id).cloned())
    }

    async fn holds(&self, after: Option<&HoldId>, limit: usize) -> Result<Vec<Hold>, Fault> {
        let state = self.look();
        let page = state
            .book
            .holds()
            .filter(|it| after.is_none_or(|after| it.id > *after));
        Ok(page.take(limit).cloned().collect())
    }

    async fn open_holds(&self) -> Result<u64, Fault> {
        let state = self.look();
        let holds = state.book.holds();
        let open = holds.filter(|it| matches!(it.state, HoldState::Held | HoldState::Pinned));
        Ok(open.count() as u64)
    }

    async fn sweep(&self, _limit: usize) -> Result<usize, Fault> {
        let (mut state, now) = self.begin();
        Ok(state.book.expire(now))
    }

    async fn audit(&self) -> Result<StockAudit, Fault> {
        Ok(self.look().book.audit())
    }
}
