//! The states of a saga record and the moves between them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Begun, Intent, Refusal, Saga, StoreRejection, Verdicts};
use crate::broker::Message;
use crate::clock::Timestamp;

/// Where an attempt stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SagaState {
    /// Undecided; the deciding ledger knows.
    Started,
    /// Parked until a person decides or the time is over.
    Review {
        /// What was found out so far.
        verdicts: Verdicts,
        /// When silence becomes a no.
        until: Timestamp,
    },
    /// A person said yes; to be confirmed.
    Approved {
        /// What was found out, the person's verdict included.
        verdicts: Verdicts,
        /// When recovery may take over.
        deadline: Timestamp,
    },
    /// Sold. For ever.
    Confirmed {
        /// What was found out.
        verdicts: Verdicts,
    },
    /// Not sold, and the client was told why. For ever.
    Refused {
        /// Why.
        refusal: Refusal,
    },
    /// Not sold, for no reason of the client's: the key may be tried again.
    Failed {
        /// What went wrong, without personal data.
        reason: String,
    },
}

/// A decision about an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decide {
    /// The deciding hold is confirmed, with these verdicts.
    Confirm {
        /// The note of the deciding hold.
        verdicts: Verdicts,
        /// The event, for the outbox.
        event: Box<Message>,
    },
    /// Refuse; every hold is void.
    Refuse(Refusal),
    /// Give up; every hold is void.
    Fail(String),
    /// Let a person decide; the holds last until then.
    Park {
        /// What was found out so far.
        verdicts: Verdicts,
        /// When silence becomes a no.
        until: Timestamp,
    },
    /// The person said yes.
    Approve {
        /// What was found out, the person's verdict included.
        verdicts: Verdicts,
        /// When recovery may take over.
        deadline: Timestamp,
    },
}

/// What a decision does to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart where it is made"
)]
pub enum Transition {
    /// It moves.
    To(SagaState),
    /// It was decided in the same sense before: nothing to do.
    Already,
    /// It was decided otherwise.
    Superseded,
}

impl SagaState {
    /// The state's name, in tables and timelines.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Review { .. } => "review",
            Self::Approved { .. } => "approved",
            Self::Confirmed { .. } => "confirmed",
            Self::Refused { .. } => "refused",
            Self::Failed { .. } => "failed",
        }
    }

    /// What `decision` does to this state. The first decision wins.
    #[must_use]
    pub fn apply(&self, decision: &Decide) -> Transition {
        match (self, decision) {
            (Self::Started | Self::Approved { .. }, Decide::Confirm { verdicts, .. }) => {
                Transition::To(Self::Confirmed {
                    verdicts: verdicts.clone(),
                })
            }
            (
                Self::Started | Self::Review { .. } | Self::Approved { .. },
                Decide::Refuse(refusal),
            ) => Transition::To(Self::Refused {
                refusal: refusal.clone(),
            }),
            // Whoever gives up has voided the holds before: a review cannot outlive them.
            (Self::Started | Self::Review { .. } | Self::Approved { .. }, Decide::Fail(reason)) => {
                Transition::To(Self::Failed {
                    reason: reason.clone(),
                })
            }
            (Self::Started, Decide::Park { verdicts, until }) => Transition::To(Self::Review {
                verdicts: verdicts.clone(),
                until: *until,
            }),
            (Self::Review { .. }, Decide::Approve { verdicts, deadline }) => {
                Transition::To(Self::Approved {
                    verdicts: verdicts.clone(),
                    deadline: *deadline,
                })
            }
            (Self::Confirmed { .. }, Decide::Confirm { .. })
            | (Self::Refused { .. }, Decide::Refuse(_))
            | (Self::Failed { .. }, Decide::Fail(_))
            | (Self::Review { .. }, Decide::Park { .. })
            | (Self::Approved { .. }, Decide::Approve { .. }) => Transition::Already,
            (Self::Confirmed { .. } | Self::Refused { .. }, Decide::Fail(reason))
                if planted!(LastDecisionWins) =>
            {
                Transition::To(Self::Failed {
                    reason: reason.clone(),
                })
            }
            _ => Transition::Superseded,
        }
    }
}

impl Saga {
    /// The record that [`CheckoutStore::begin`](super::CheckoutStore::begin) leaves in place of
    /// `before`; or, as `Err`, that the key is taken.
    ///
    /// # Errors
    ///
    /// [`Begun::Taken`] with `before`.
    pub fn begin(before: Option<Self>, intent: Arc<Intent>) -> Result<Self, Begun> {
        let mut timeline = Vec::with_capacity(4);
        if let Some(before) = before {
            let again = matches!(before.state, SagaState::Failed { .. })
                && before.intent.body == intent.body
                && before.intent.tenant == intent.tenant
                && before.intent.key == intent.key
                && before.intent.attempt.checked_add(1) == Some(intent.attempt);
            if !again {
                return Err(Begun::Taken(Box::new(before)));
            }
            timeline = before.timeline;
            timeline.push((before.state.name().into(), before.since));
        }
        Ok(Self {
            state: SagaState::Started,
            since: intent.started_at,
            intent,
            timeline,
        })
    }

    /// Moves the record as [`CheckoutStore::decide`](super::CheckoutStore::decide) does; says
    /// whether it moved.
    ///
    /// # Errors
    ///
    /// [`StoreRejection::Superseded`] with the record, which is unchanged.
    pub fn decide(
        &mut self,
        attempt: u32,
        decision: &Decide,
        now: Timestamp,
    ) -> Result<bool, StoreRejection> {
        let transition = if attempt == self.intent.attempt || planted!(AttemptNotChecked) {
            self.state.apply(decision)
        } else {
            Transition::Superseded
        };
        match transition {
            Transition::To(state) => {
                let left = std::mem::replace(&mut self.state, state);
                self.timeline.push((left.name().into(), self.since));
                self.since = now;
                Ok(true)
            }
            Transition::Already => Ok(false),
            Transition::Superseded => Err(StoreRejection::Superseded(Box::new(self.clone()))),
        }
    }

    /// When recovery has to look at it; never, for a state that is final.
    pub fn due(&self) -> Option<Timestamp> {
        match &self.state {
            SagaState::Started => Some(self.intent.deadline),
            SagaState::Review { until, .. } => Some(*until),
            SagaState::Approved { deadline, .. } => Some(*deadline),
            SagaState::Confirmed { .. } | SagaState::Refused { .. } | SagaState::Failed { .. } => {
                None
            }
        }
    }
}

impl fmt::Display for SagaState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
