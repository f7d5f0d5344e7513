//! A person's answer for an order that was parked.

use std::time::Duration;

use super::saga::{Sagas, outcome_of};
use super::{
    Check, CheckoutError, CheckoutRejection, Decide, Foundations, Outcome, Refusal, SagaState,
    Verdict,
};
use crate::fault::{Fault, PortError};
use crate::flow::Step;
use crate::ids::OrderId;
use crate::stock::Decided;

/// The longest remark of a review, in bytes. It becomes part of the note of the deciding hold,
/// which has a ceiling: an approval whose note the ledger refuses could never be carried out.
pub const REMARK_BYTES_MAX: usize = 2_000;

/// Decides an order that waits for a review. Deciding again, either way, is answered with what
/// was decided first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewDecision {
    /// The order.
    pub order_id: OrderId,
    /// Whether it is sold.
    pub approve: bool,
    /// Why, without personal data; at most [`REMARK_BYTES_MAX`] bytes.
    pub remark: String,
}

/// The step that carries a review out.
pub struct DecideReview {
    sagas: Sagas,
    attempt_time: Duration,
}

impl DecideReview {
    /// Reviews orders of this store; an approval that is interrupted is taken over by recovery
    /// after `attempt_time`.
    pub fn new(foundations: &Foundations, attempt_time: Duration) -> Self {
        Self {
            sagas: Sagas::of(foundations),
            attempt_time,
        }
    }
}

impl Step<ReviewDecision> for DecideReview {
    type Response = Outcome;
    type Error = CheckoutError;

    /// # Errors
    ///
    /// [`CheckoutRejection::NotInReview`] or [`CheckoutRejection::RemarkTooLong`]; or a [`Fault`]:
    /// [`Ambiguous`](crate::fault::FaultKind::Ambiguous) once an approval is recorded, which
    /// recovery then carries out.
    async fn run(&self, request: ReviewDecision) -> Result<Outcome, CheckoutError> {
        if request.remark.len() > REMARK_BYTES_MAX {
            let why = CheckoutRejection::RemarkTooLong(request.remark.len());
            return Err(PortError::Rejected(why));
        }
        let not_in_review = || PortError::Rejected(CheckoutRejection::NotInReview);
        let saga = self
            .sagas
            .store
            .saga(&request.order_id)
            .await?
            .ok_or_else(not_in_review)?;
        let intent = saga.intent;
        let mut verdicts = match saga.state {
            SagaState::Review { verdicts, .. } | SagaState::Approved { verdicts, .. } => verdicts,
            SagaState::Confirmed { .. } | SagaState::Refused { .. } => {
                let reviewed = saga.timeline.iter().any(|(state, _)| state == "review");
                let saga = super::Saga { intent, ..saga };
                return if reviewed {
                    outcome_of(&saga)
                } else {
                    Err(not_in_review())
                };
            }
            SagaState::Started | SagaState::Failed { .. } => return Err(not_in_review()),
        };
        if !request.approve {
            let refusal = Refusal::ReviewDenied {
                remark: request.remark,
            };
            return outcome_of(&self.sagas.refuse(&intent, refusal).await?);
        }
        verdicts.checks.push(Check {
            name: "review".into(),
            verdict: Verdict::Pass,
            policy: "person".into(),
            duration_ms: 0,
            detail: request.remark,
        });
        let deadline = self.sagas.clock.now().after(self.attempt_time);
        let approve = Decide::Approve { verdicts, deadline };
        let saga = self
            .sagas
            .decide(&intent.order_id, intent.attempt, approve)
            .await?;
        self.sagas
            .carry_out(&saga)
            .await
            .map_err(|error| match error {
                PortError::Fault(fault) => PortError::Fault(recorded(fault)),
                rejected @ PortError::Rejected(_) => rejected,
            })
    }
}

/// The yes is durable: whatever went wrong after it, it cannot be told as if nothing happened.
fn recorded(fault: Fault) -> Fault {
    let text = "the approval is recorded, and the order could not be sold yet: ask again";
    Fault::ambiguous(text).because(fault)
}

impl Sagas {
    /// Sells an order that a person approved, unless its goods have lapsed.
    pub(super) async fn carry_out(&self, saga: &super::Saga) -> Result<Outcome, CheckoutError> {
        let SagaState::Approved { verdicts, .. } = &saga.state else {
            return outcome_of(saga);
        };
        let note = serde_json::to_string(verdicts)
            .map_err(|error| Fault::permanent("the verdicts cannot be written").because(error))?;
        let decided = self.stock.sell(&saga.intent.legs(), note).await;
        let saga = match decided.map_err(super::saga::stock_fault)? {
            Decided::Sold(hold) => {
                self.complete(&saga.intent, super::saga::verdicts_of(&hold)?)
                    .await?
            }
            Decided::NotSold(_) => self.refuse(&saga.intent, Refusal::ReviewLapsed).await?,
        };
        outcome_of(&saga)
    }
}
