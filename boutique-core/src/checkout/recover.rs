//! Recovery: drives every unfinished record forward or back by asking the deciding ledger.

use futures_util::StreamExt;
use futures_util::stream::iter;

use super::saga::Sagas;
use super::{CheckoutError, Foundations, Refusal, Saga, SagaState};
use crate::clock::Timestamp;
use crate::fault::{Fault, PortError};

/// Looks after attempts that nobody works on any more. It never takes a timeout for a failure.
pub struct Recovery {
    sagas: Sagas,
}

/// What one round of recovery did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Found sold.
    pub confirmed: usize,
    /// Reviews that nobody decided in time.
    pub refused: usize,
    /// Given up; nothing stays held.
    pub failed: usize,
    /// A ledger or the store did not answer: the next round tries again.
    pub waiting: usize,
}

/// How many records are read at a time.
const PAGE: usize = 256;

/// How many attempts are ended at a time.
const SIDE_BY_SIDE: usize = 16;

impl Recovery {
    /// Recovers records of this store.
    pub fn new(foundations: &Foundations) -> Self {
        Self {
            sagas: Sagas::of(foundations),
        }
    }

    /// Looks at every record that was due by `due`: the present for a running system; for one
    /// that has just started and owns its store alone, [`Timestamp::MAX`], since whoever worked
    /// on an attempt is gone. Reviews are never lapsed before their time.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the records cannot be listed; a record that cannot be ended is counted as
    /// waiting.
    pub async fn round(&self, due: Timestamp) -> Result<Recovered, Fault> {
        let mut done = Recovered::default();
        let mut after = None;
        loop {
            let page = self
                .sagas
                .store
                .unfinished(due, after.as_ref(), PAGE)
                .await?;
            let Some(last) = page.last() else {
                return Ok(done);
            };
            after = Some(last.intent.order_id.clone());
            // One ledger that does not answer holds only its own orders up.
            let ends = iter(page).map(|it| async move { self.end(&it).await });
            let mut ends = ends.buffer_unordered(SIDE_BY_SIDE);
            while let Some(ended) = ends.next().await {
                match ended {
                    Ok(Some(SagaState::Confirmed { .. })) => done.confirmed += 1,
                    Ok(Some(SagaState::Refused { .. })) => done.refused += 1,
                    Ok(Some(SagaState::Failed { .. })) => done.failed += 1,
                    Ok(_) => {}
                    Err(_) => done.waiting += 1,
                }
            }
        }
    }

    /// Ends one record; `None` if it is not to be ended yet.
    async fn end(&self, saga: &Saga) -> Result<Option<SagaState>, CheckoutError> {
        let ended = match &saga.state {
            SagaState::Started => {
                let reason = "nobody finished the attempt in time".to_owned();
                match self.sagas.give_up(&saga.intent, reason).await {
                    Err(error) if planted!(RecoveryTrustsATimeout) => {
                        let failed = super::Decide::Fail(error.to_string());
                        let intent = &saga.intent;
                        let decided = self.sagas.decide(&intent.order_id, intent.attempt, failed);
                        decided.await?
                    }
                    ended => ended?,
                }
            }
            SagaState::Review { .. } if planted!(ParkedOrderNeverLapses) => return Ok(None),
            SagaState::Review { until, .. } if *until <= self.sagas.clock.now() => {
                self.sagas
                    .refuse(&saga.intent, Refusal::ReviewLapsed)
                    .await?
            }
            SagaState::Approved { .. } => {
                match self.sagas.carry_out(saga).await {
                    Ok(_) => {}
                    Err(PortError::Fault(fault)) => return Err(fault.into()),
                    Err(rejected) => return Err(rejected),
                }
                match self.sagas.store.saga(&saga.intent.order_id).await? {
                    Some(saga) => saga,
                    None => return Ok(None),
                }
            }
            _ => return Ok(None),
        };
        Ok(Some(ended.state))
    }
}
