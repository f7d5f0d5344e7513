//! A stock ledger that asks somebody else's stock system.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use boutique_core::clock::Timestamp;
use boutique_core::fault::Fault;
use boutique_core::ids::{HoldId, ProductId};
use boutique_core::stock::{
    Hold, HoldState, LedgerError, Level, Receive, Reserve, SetOnHand, Settle, StockAudit,
    StockLedger,
};

/// Asks `theirs`, which here is a ledger in memory and would be a client of their system.
pub(crate) struct TheirStock {
    pub(crate) theirs: Arc<dyn StockLedger>,
    /// Whether a void of a hold that they have never heard of is passed on to them.
    ///
    /// It looks like a request that can be saved: there is nothing to give back. But the reserve
    /// may still be on its way, and what nobody has written down nobody can refuse later.
    pub(crate) thorough: bool,
}

#[async_trait]
impl StockLedger for TheirStock {
    async fn void(&self, hold_id: &HoldId) -> Result<Hold, LedgerError> {
        if self.thorough || self.theirs.hold(hold_id).await?.is_some() {
            return self.theirs.void(hold_id).await;
        }
        Ok(Hold {
            id: hold_id.clone(),
            lines: Vec::new(),
            state: HoldState::Voided,
            expires_at: Timestamp::EPOCH,
            note: None,
            shipments: BTreeMap::new(),
        })
    }

    // From here on word for word.

    async fn reserve(&self, request: Reserve) -> Result<Hold, LedgerError> {
        self.theirs.reserve(request).await
    }

    async fn extend(&self, hold_id: &HoldId, ttl: Duration) -> Result<Hold, LedgerError> {
        self.theirs.extend(hold_id, ttl).await
    }

    async fn pin(&self, hold_id: &HoldId) -> Result<Hold, LedgerError> {
        self.theirs.pin(hold_id).await
    }

    async fn confirm(&self, hold_id: &HoldId, note: Option<String>) -> Result<Hold, LedgerError> {
        self.theirs.confirm(hold_id, note).await
    }

    async fn ship(&self, request: Settle) -> Result<Hold, LedgerError> {
        self.theirs.ship(request).await
    }

    async fn release(&self, hold_id: &HoldId) -> Result<Hold, LedgerError> {
        self.theirs.release(hold_id).await
    }

    async fn receive(&self, request: Receive) -> Result<Level, LedgerError> {
        self.theirs.receive(request).await
    }

    async fn set_on_hand(&self, request: SetOnHand) -> Result<Level, LedgerError> {
        self.theirs.set_on_hand(request).await
    }

    async fn level(&self, product_id: &ProductId) -> Result<Option<Level>, Fault> {
        self.theirs.level(product_id).await
    }

    async fn levels(
        &self,
        after: Option<&ProductId>,
        limit: usize,
    ) -> Result<Vec<(ProductId, Level)>, Fault> {
        self.theirs.levels(after, limit).await
    }

    async fn hold(&self, hold_id: &HoldId) -> Result<Option<Hold>, Fault> {
        self.theirs.hold(hold_id).await
    }

    async fn holds(&self, after: Option<&HoldId>, limit: usize) -> Result<Vec<Hold>, Fault> {
        self.theirs.holds(after, limit).await
    }

    async fn sweep(&self, limit: usize) -> Result<usize, Fault> {
        self.theirs.sweep(limit).await
    }

    async fn audit(&self) -> Result<StockAudit, Fault> {
        self.theirs.audit().await
    }
}
