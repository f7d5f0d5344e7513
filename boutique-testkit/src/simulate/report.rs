//! What a run of seeds came to.

use std::fmt;

use super::counts::Counts;
use super::coverage::Coverage;
use super::fault::{FaultKind, Faults};
use super::run::Seed;
use super::world::Breach;

/// A seed in which something did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What did not hold; the first is the one to look at.
    pub breaches: Vec<Breach>,
}

/// What a run of seeds came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// How many seeds were run.
    pub seeds: u64,
    /// What happened in them, counted.
    pub counts: Counts,
    /// Which fault met an order in which state.
    pub coverage: Coverage,
    /// The seeds that failed, in their order.
    pub failures: Vec<Failure>,
    faults: Faults,
}

impl Report {
    pub(super) fn new(faults: Faults) -> Self {
        Self {
            seeds: 0,
            counts: Counts::default(),
            coverage: Coverage::default(),
            failures: Vec::new(),
            faults,
        }
    }

    pub(super) fn add(&mut self, seed: &Seed) {
        self.seeds += 1;
        self.counts += &seed.counts;
        self.coverage.add(&seed.coverage);
        if !seed.breaches.is_empty() {
            self.failures.push(seed.into());
        }
    }

    /// Whether everything held in every seed.
    pub const fn is_clean(&self) -> bool {
        self.failures.is_empty()
    }

    /// Kinds of fault that were asked for and never met an order in that state: what a run with
    /// any of these has left unproved. Decided over all seeds of the run.
    pub fn missing(&self) -> Vec<(FaultKind, &'static str)> {
        self.coverage.missing(&self.faults)
    }

    /// Panics with what did not hold, or with what was never tried, if there is either.
    ///
    /// # Panics
    ///
    /// That is what it is for.
    pub fn expect_proof(&self) {
        assert!(self.is_clean(), "{self}");
        let missing = self.missing();
        assert!(missing.is_empty(), "vacuous: never met: {missing:?}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        writeln!(
            f,
            "{} seeds, {} orders, {} confirmed, {} calls, {} commits, {} answers, {} audits, \
             {:.1} virtual hours",
            self.seeds,
            counts.orders,
            counts.confirmed,
            counts.calls,
            counts.commits,
            counts.answers,
            counts.audits,
            counts.virtual_time.as_secs_f64() / 3_600.0,
        )?;
        for kind in FaultKind::ALL {
            write!(f, "{kind} {}, ", counts.faults(kind))?;
        }
        writeln!(f, "{} seeds failed", self.failures.len())?;
        for failure in &self.failures {
            writeln!(f, "seed {}:", failure.seed)?;
            for breach in &failure.breaches {
                writeln!(f, "  {breach}")?;
            }
        }
        Ok(())
    }
}
