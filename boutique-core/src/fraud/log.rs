//! What the fraud engine has scored: sums over all of it, and the newest.

use std::collections::VecDeque;

use super::{Band, RiskAssessment, Telemetry};
use crate::clock::Timestamp;

/// The newest evaluations that are kept one by one.
pub const EVALUATIONS_KEPT: usize = 10_000;

/// One transaction that was scored.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The transaction.
    pub telemetry: Telemetry,
    /// Its risk.
    pub risk: RiskAssessment,
    /// When it was scored.
    pub at: Timestamp,
}

/// Sums over everything that was scored.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EvaluationSummary {
    /// Transactions.
    pub total: u64,
    /// Those of band HIGH.
    pub high: u64,
    /// Those of band MEDIUM.
    pub medium: u64,
    /// Those of band LOW.
    pub low: u64,
    /// Their mean duration in milliseconds; zero if there are none.
    pub average_duration_ms: f64,
}

/// Remembers the newest [`EVALUATIONS_KEPT`] evaluations and counts all of them.
#[derive(Clone, Debug, Default)]
pub struct EvaluationLog {
    newest: VecDeque<Evaluation>,
    summary: EvaluationSummary,
}

impl EvaluationLog {
    /// Notes that a transaction was scored.
    pub fn note(&mut self, telemetry: Telemetry, risk: RiskAssessment, at: Timestamp) {
        let sums = &mut self.summary;
        sums.total += 1;
        match risk.band {
            Band::High => sums.high += 1,
            Band::Medium => sums.medium += 1,
            Band::Low => sums.low += 1,
        }
        // A running mean neither overflows nor loses the small to the large.
        let count = sums.total as f64;
        sums.average_duration_ms += (telemetry.duration_ms() - sums.average_duration_ms) / count;
        if self.newest.len() == EVALUATIONS_KEPT {
            self.newest.pop_back();
        }
        self.newest.push_front(Evaluation {
            telemetry,
            risk,
            at,
        });
    }

    /// Sums over all.
    pub const fn summary(&self) -> EvaluationSummary {
        self.summary
    }

    /// The newest `limit`, newest first.
    pub fn newest(&self, limit: usize) -> impl Iterator<Item = &Evaluation> {
        self.newest.iter().take(limit)
    }
}

#[cfg(test)]
mod tests {
    use super::super::assess_telemetry;
    use super::*;

    #[test]
    fn sums_count_everything_and_the_newest_are_kept() {
        let mut log = EvaluationLog::default();
        for at in 0..EVALUATIONS_KEPT as i64 + 10 {
            let duration = if at % 2 == 0 { 100.0 } else { 300.0 };
            let telemetry = Telemetry::new("checkout", duration, at % 5 != 0).expect("valid");
            let risk = assess_telemetry(&telemetry);
            log.note(telemetry, risk, Timestamp::from_micros(at));
        }
        let sums = log.summary();
        assert_eq!(sums.total, EVALUATIONS_KEPT as u64 + 10);
        assert_eq!(sums.high + sums.medium + sums.low, sums.total);
        assert_eq!(sums.high, sums.total / 5);
        assert!((sums.average_duration_ms - 200.0).abs() < 1e-6);
        let newest: Vec<_> = log.newest(2).map(|it| it.at.as_micros()).collect();
        assert_eq!(newest, [10_009, 10_008]);
        assert_eq!(log.newest(usize::MAX).count(), EVALUATIONS_KEPT);
    }
}
