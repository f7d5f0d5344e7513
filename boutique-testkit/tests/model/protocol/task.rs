//! A process that works on an order: what it has asked, and what it does with each answer.

use boutique_core::stock::HoldState;

use super::SYSTEMS;
use super::record::{Decision, Phase};
use super::shelf::{Reply, Verb};

/// Why a process works on an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Role {
    /// The client's request.
    Request,
    /// Recovery of an attempt that nobody works on.
    Recovery,
    /// A person's yes: by whoever said it, or by recovery.
    CarryOut,
}

/// One leg of a call to every system at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Leg {
    Waiting,
    Held,
    Short,
    /// Lost, or answered with something else.
    Wrong,
}

/// What a process is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Stage {
    /// The intent is on its way to the disk and the goods are asked for, at the same time.
    Reserving { begun: bool, legs: [Leg; SYSTEMS] },
    /// Everything is held; customer and fraud are looked at.
    Examining,
    /// The holds are made to last until a person decides.
    Extending { legs: [Leg; SYSTEMS] },
    /// Sell: the dependent hold is pinned.
    Pinning,
    /// Sell: the deciding hold is confirmed.
    Confirming,
    /// Sell: the dependent hold follows.
    Following,
    /// Settle: the deciding hold is to be voided; if it is not, this is the end.
    Voiding(Decision),
    /// Settle: it was sold, the dependent hold follows.
    Completing,
    /// Settle: it was not sold, the dependent hold is voided.
    Dropping(Decision),
    /// A decision is on its way to the disk.
    Recording(Decision),
}

/// What was found out about the buyer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Verdict {
    Clear,
    Doubtful,
    Refused,
    Failed,
}

/// A coordinator that is wrong on purpose, so that every property is seen to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Flaw {
    /// A confirm that is not answered is taken for one that failed.
    TimeoutIsFailure,
    /// The sale does not wait for the intent to be durable.
    SellsBeforeIntent,
    /// The dependent hold is not pinned before the deciding one is confirmed.
    NeverPins,
    /// An order that is not sold gives up its deciding hold only.
    ForgetsDependent,
    /// A refusal is recorded and answered while its goods are still held.
    AnswersBeforeVoid,
}

/// A process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Task {
    pub(crate) role: Role,
    pub(crate) attempt: u8,
    pub(crate) systems: usize,
    pub(crate) stage: Stage,
    pub(crate) flaw: Option<Flaw>,
}

impl Task {
    /// A client's request for this attempt.
    pub(crate) fn place(attempt: u8, systems: usize) -> Self {
        let legs = std::array::from_fn(|it| {
            if it < systems {
                Leg::Waiting
            } else {
                Leg::Held
            }
        });
        Self {
            role: Role::Request,
            attempt,
            systems,
            stage: Stage::Reserving { begun: false, legs },
            flaw: None,
        }
    }

    /// What recovery does about an attempt in this phase.
    pub(crate) fn recover(phase: Phase, attempt: u8, systems: usize) -> Option<Self> {
        let (role, stage) = match phase {
            Phase::Started => (Role::Recovery, Stage::Voiding(Decision::Fail)),
            Phase::Review => (Role::Recovery, Stage::Voiding(Decision::Refuse)),
            Phase::Approved if systems > 1 => (Role::CarryOut, Stage::Pinning),
            Phase::Approved => (Role::CarryOut, Stage::Confirming),
            _ => return None,
        };
        Some(Self {
            role,
            attempt,
            systems,
            stage,
            flaw: None,
        })
    }

    /// A person's answer for a parked order.
    pub(crate) const fn review(approve: bool, attempt: u8, systems: usize) -> Self {
        let (role, stage) = if approve {
            (Role::CarryOut, Stage::Recording(Decision::Approve))
        } else {
            (Role::Request, Stage::Voiding(Decision::Refuse))
        };
        Self {
            role,
            attempt,
            systems,
            stage,
            flaw: None,
        }
    }

    const fn first_of_sale(&self) -> Stage {
        if self.systems > 1 && !self.is(Flaw::NeverPins) {
            Stage::Pinning
        } else {
            Stage::Confirming
        }
    }

    const fn is(&self, flaw: Flaw) -> bool {
        match self.flaw {
            Some(it) => it as u8 == flaw as u8,
            None => false,
        }
    }

    const fn at(self, stage: Stage) -> Self {
        Self { stage, ..self }
    }

    /// What it waits to hear of `system`. It is sent when the stage begins.
    pub(crate) const fn asks(&self, system: usize) -> Option<Verb> {
        match (&self.stage, system) {
            (Stage::Reserving { legs, .. }, _) if matches!(legs[system], Leg::Waiting) => {
                Some(Verb::Reserve)
            }
            (Stage::Extending { legs }, _) if matches!(legs[system], Leg::Waiting) => {
                Some(Verb::Extend)
            }
            (Stage::Pinning, 1) => Some(Verb::Pin),
            (Stage::Confirming, 0) | (Stage::Following | Stage::Completing, 1) => {
                Some(Verb::Confirm)
            }
            (Stage::Voiding(_), 0) | (Stage::Dropping(_), 1) => Some(Verb::Void),
            _ => None,
        }
    }

    /// What it goes on with after `reply` of `system`, or after none (`None`); `None` if that
    /// was all it could do.
    pub(crate) fn heard(self, system: usize, reply: Option<Reply>) -> Option<Self> {
        let state = match reply {
            Some(Reply::Is(state)) => Some(state),
            _ => None,
        };
        let answered = state.is_some();
        let sold = state.is_some_and(HoldState::is_sold);
        let two = self.systems > 1;
        let stage = match self.stage {
            Stage::Reserving { begun, mut legs } => {
                legs[system] = leg(reply);
                return Some(self.at(Stage::Reserving { begun, legs }).judged());
            }
            Stage::Extending { mut legs } => {
                legs[system] = leg(reply);
                match legs {
                    _ if legs.contains(&Leg::Waiting) => Stage::Extending { legs },
                    _ if legs == [Leg::Held; SYSTEMS] => Stage::Recording(Decision::Park),
                    _ => Stage::Voiding(Decision::Fail),
                }
            }
            Stage::Pinning if sold || state == Some(HoldState::Pinned) => Stage::Confirming,
            Stage::Pinning | Stage::Confirming if answered && !sold => {
                Stage::Voiding(self.unsold())
            }
            Stage::Confirming if sold && two => Stage::Following,
            Stage::Confirming if sold => Stage::Recording(Decision::Confirm),
            Stage::Following if answered => Stage::Recording(Decision::Confirm),
            Stage::Confirming if self.is(Flaw::TimeoutIsFailure) => {
                Stage::Recording(Decision::Fail)
            }
            // The request finds out how it went; whoever else sells comes again.
            Stage::Pinning | Stage::Confirming | Stage::Following if self.role == Role::Request => {
                Stage::Voiding(Decision::Fail)
            }
            Stage::Voiding(_) if sold && two => Stage::Completing,
            Stage::Voiding(_) if sold => Stage::Recording(Decision::Confirm),
            Stage::Voiding(unsold) if answered && two && !self.is(Flaw::ForgetsDependent) => {
                Stage::Dropping(unsold)
            }
            Stage::Voiding(unsold) | Stage::Dropping(unsold) if answered => {
                Stage::Recording(unsold)
            }
            Stage::Completing if answered => Stage::Recording(Decision::Confirm),
            _ => return None,
        };
        Some(self.at(stage))
    }

    /// What an attempt to sell ends as if the goods are gone.
    const fn unsold(&self) -> Decision {
        match self.role {
            Role::CarryOut => Decision::Refuse,
            Role::Request | Role::Recovery => Decision::Fail,
        }
    }

    /// The intent is durable.
    pub(crate) fn begun(self) -> Self {
        match self.stage {
            Stage::Reserving { legs, .. } => {
                self.at(Stage::Reserving { begun: true, legs }).judged()
            }
            _ => self,
        }
    }

    /// Goes on once the intent is durable and every system has been heard.
    fn judged(self) -> Self {
        match self.stage {
            Stage::Reserving { begun, legs }
                if !legs.contains(&Leg::Waiting) && (begun || self.is(Flaw::SellsBeforeIntent)) =>
            {
                self.at(if legs.contains(&Leg::Wrong) {
                    Stage::Voiding(Decision::Fail)
                } else if legs.contains(&Leg::Short) {
                    Stage::Voiding(Decision::Refuse)
                } else {
                    Stage::Examining
                })
            }
            _ => self,
        }
    }

    /// Goes on after the examination.
    pub(crate) fn examined(self, verdict: Verdict) -> Self {
        let waiting = std::array::from_fn(|it| {
            if it < self.systems {
                Leg::Waiting
            } else {
                Leg::Held
            }
        });
        self.at(match verdict {
            Verdict::Clear => self.first_of_sale(),
            Verdict::Doubtful => Stage::Extending { legs: waiting },
            Verdict::Refused if self.is(Flaw::AnswersBeforeVoid) => {
                Stage::Recording(Decision::Refuse)
            }
            Verdict::Refused => Stage::Voiding(Decision::Refuse),
            Verdict::Failed => Stage::Voiding(Decision::Fail),
        })
    }

    /// Goes on after the record has become `phase` by this decision.
    pub(crate) const fn recorded(self, decision: Decision, phase: Phase) -> Option<Self> {
        match (decision, phase) {
            (Decision::Approve, Phase::Approved) => Some(self.at(self.first_of_sale())),
            _ => None,
        }
    }
}

const fn leg(reply: Option<Reply>) -> Leg {
    match reply {
        Some(Reply::Is(HoldState::Held)) => Leg::Held,
        Some(Reply::Short) => Leg::Short,
        _ => Leg::Wrong,
    }
}
