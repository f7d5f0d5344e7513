//! What happened in a run, counted.

use std::ops::AddAssign;
use std::time::Duration;

use super::fault::{FaultKind, KINDS};

/// What happened in one seed, or in all of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Orders that clients set out to place.
    pub orders: u64,
    /// Those of them that ended confirmed.
    pub confirmed: u64,
    /// Requests sent from one process to another.
    pub calls: u64,
    /// Durable writes.
    pub commits: u64,
    /// Answers that clients got and that were compared with the record.
    pub answers: u64,
    /// Checks of the auditor, after commits and at rest.
    pub audits: u64,
    /// Time that passed in the simulated world.
    pub virtual_time: Duration,
    faults: [u64; KINDS],
}

impl Counts {
    /// How often `kind` struck.
    pub const fn faults(&self, kind: FaultKind) -> u64 {
        self.faults[kind as usize]
    }

    /// How many requests or answers were lost, for whatever reason a network has.
    pub const fn losses(&self) -> u64 {
        self.faults(FaultKind::RequestLost)
            + self.faults(FaultKind::AnswerLost)
            + self.faults(FaultKind::Hung)
    }

    pub(super) const fn strike(&mut self, kind: FaultKind) {
        self.faults[kind as usize] += 1;
    }
}

impl AddAssign<&Self> for Counts {
    fn add_assign(&mut self, more: &Self) {
        self.orders += more.orders;
        self.confirmed += more.confirmed;
        self.calls += more.calls;
        self.commits += more.commits;
        self.answers += more.answers;
        self.audits += more.audits;
        self.virtual_time += more.virtual_time;
        for (sum, more) in self.faults.iter_mut().zip(more.faults) {
            *sum += more;
        }
    }
}
