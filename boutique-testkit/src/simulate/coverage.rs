//! Which fault has met an order in which state.

use super::fault::{FaultKind, Faults, KINDS};

/// The states of a saga record, by the names of
/// [`SagaState::name`](boutique_core::checkout::SagaState::name).
pub(super) const STATES: [&str; 6] = [
    "started",
    "review",
    "approved",
    "confirmed",
    "refused",
    "failed",
];

/// How often each kind of fault struck something done for an order in each state. A crash, a
/// pause or a partition strikes every order that is on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage([[u64; STATES.len()]; KINDS]);

impl Coverage {
    pub(super) fn mark(&mut self, kind: FaultKind, state: &str) {
        if let Some(at) = STATES.iter().position(|it| *it == state) {
            self.0[kind as usize][at] += 1;
        }
    }

    pub(super) fn add(&mut self, more: &Self) {
        for (sums, more) in self.0.iter_mut().zip(&more.0) {
            for (sum, more) in sums.iter_mut().zip(more) {
                *sum += more;
            }
        }
    }

    /// How often `kind` struck an order in the state of that name.
    pub fn of(&self, kind: FaultKind, state: &str) -> u64 {
        let at = STATES.iter().position(|it| *it == state);
        at.map_or(0, |at| self.0[kind as usize][at])
    }

    /// Pairs of a kind that `faults` asks for and a state of an order that never met. A run that
    /// leaves one out has proved nothing about it.
    pub fn missing(&self, faults: &Faults) -> Vec<(FaultKind, &'static str)> {
        let asked = FaultKind::ALL.into_iter().filter(|it| faults.of(*it) > 0);
        asked
            .flat_map(|kind| STATES.map(|state| (kind, state)))
            .filter(|(kind, state)| self.of(*kind, state) == 0)
            .collect()
    }
}
