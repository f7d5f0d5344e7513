//! What placing, reviewing and recovering have in common: ending an attempt one way or the
//! other, always by asking the deciding ledger.

use std::sync::Arc;

use super::{
    CheckoutError, CheckoutStore, Decide, Foundations, Intent, Outcome, Refusal, Saga,
    StoreRejection, Verdicts,
};
use crate::clock::Clock;
use crate::event::ConfirmedOrder;
use crate::fault::{Fault, PortError};
use crate::ids::{HoldId, OrderId};
use crate::stock::{Decided, Hold, LedgerError, StockRouter, StockSystem};

/// The store, the ledgers and the clock: all that it takes to end an attempt.
#[derive(Clone)]
pub(super) struct Sagas {
    pub(super) store: Arc<dyn CheckoutStore>,
    pub(super) stock: StockRouter,
    pub(super) clock: Arc<dyn Clock>,
}

impl Intent {
    /// The holds as the router takes them, the deciding one first.
    pub(super) fn legs(&self) -> Vec<(StockSystem, HoldId)> {
        self.holds
            .iter()
            .map(|it| (it.system, it.hold_id.clone()))
            .collect()
    }
}

impl Sagas {
    pub(super) fn of(foundations: &Foundations) -> Self {
        Self {
            store: Arc::clone(&foundations.store),
            stock: foundations.stock.clone(),
            clock: Arc::clone(&foundations.clock),
        }
    }

    /// Records that the deciding hold is confirmed: the record, the event and the cart, in one
    /// transaction. The answer has been decided before; this makes it cheap to give again.
    pub(super) async fn complete(
        &self,
        intent: &Intent,
        verdicts: Verdicts,
    ) -> Result<Saga, CheckoutError> {
        let event = Box::new(ConfirmedOrder::of(intent, &verdicts).encode());
        self.decide(
            &intent.order_id,
            intent.attempt,
            Decide::Confirm { verdicts, event },
        )
        .await
    }

    /// Refuses an attempt: voids every hold, journals the refusal, and only then answers. If
    /// the deciding hold turns out to be sold, the order is.
    pub(super) async fn refuse(
        &self,
        intent: &Intent,
        refusal: Refusal,
    ) -> Result<Saga, CheckoutError> {
        self.end(intent, Decide::Refuse(refusal)).await
    }

    /// Gives an attempt up, unless it turns out to be sold. The key may then be tried again.
    pub(super) async fn give_up(
        &self,
        intent: &Intent,
        reason: String,
    ) -> Result<Saga, CheckoutError> {
        self.end(intent, Decide::Fail(reason)).await
    }

    /// Asks the deciding ledger to void the hold: sold, the order is completed; not sold,
    /// `unsold` is what becomes of it.
    async fn end(&self, intent: &Intent, unsold: Decide) -> Result<Saga, CheckoutError> {
        if planted!(CompensationSkipped) && matches!(unsold, Decide::Refuse(_)) {
            return self.decide(&intent.order_id, intent.attempt, unsold).await;
        }
        match self
            .stock
            .settle(&intent.legs())
            .await
            .map_err(stock_fault)?
        {
            Decided::Sold(hold) if planted!(AnswerNotFromTheNote) => {
                let mut verdicts = verdicts_of(&hold)?;
                verdicts.checks.clear();
                self.complete(intent, verdicts).await
            }
            Decided::Sold(hold) => self.complete(intent, verdicts_of(&hold)?).await,
            Decided::NotSold(_) => self.decide(&intent.order_id, intent.attempt, unsold).await,
        }
    }

    /// Records a decision. If somebody else has decided otherwise, theirs is the answer.
    pub(super) async fn decide(
        &self,
        order_id: &OrderId,
        attempt: u32,
        decision: Decide,
    ) -> Result<Saga, CheckoutError> {
        let now = self.clock.now();
        match self.store.decide(order_id, attempt, decision, now).await {
            Ok(saga) => Ok(saga),
            Err(PortError::Rejected(StoreRejection::Superseded(saga))) => Ok(*saga),
            Err(PortError::Rejected(StoreRejection::UnknownOrder(_))) => {
                Err(Fault::permanent("the checkout store has lost a record it had made").into())
            }
            Err(PortError::Fault(fault)) => Err(fault.into()),
        }
    }
}

/// The answer of a record that was ended by us or by somebody else.
pub(super) fn outcome_of(saga: &Saga) -> Result<Outcome, CheckoutError> {
    Outcome::of(saga).ok_or_else(|| {
        Fault::unavailable("the order could not be placed and nothing is held: try again").into()
    })
}

/// The verdicts that ride with a sold hold.
pub(super) fn verdicts_of(hold: &Hold) -> Result<Verdicts, Fault> {
    let note = hold.note.as_deref().unwrap_or_default();
    serde_json::from_str(note)
        .map_err(|_| Fault::permanent("the deciding hold is sold, but its note is not ours"))
}

/// A ledger that answers a decision with a rejection is not the ledger that held the goods.
pub(super) fn stock_fault(error: LedgerError) -> Fault {
    error.into_fault("the stock ledger refuses to end a hold")
}
