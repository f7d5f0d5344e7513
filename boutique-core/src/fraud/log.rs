//! What the fraud engine has scored: sums over all of it, and the newest.

use std::collections::{BTreeSet, VecDeque};

use super::{Band, RiskAssessment, Telemetry};
use crate::clock::Timestamp;
use crate::ids::OrderId;

/// The newest evaluations that are kept one by one.
pub const EVALUATIONS_KEPT: usize = 10_000;

/// What was asked about an order: a question that is repeated is one question.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    /// The order.
    pub order_id: OrderId,
    /// Whether the order itself was not to be counted.
    pub dry_run: bool,
}

/// One transaction that was scored.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// What was asked, if it was about an order.
    pub question: Option<Question>,
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

/// Remembers the newest [`EVALUATIONS_KEPT`] evaluations and counts all of them; a question that
/// is among those is not counted again.
#[derive(Clone, Debug, Default)]
pub struct EvaluationLog {
    newest: VecDeque<Evaluation>,
    asked: BTreeSet<Question>,
    summary: EvaluationSummary,
}

impl EvaluationLog {
    /// Notes that a transaction was scored, unless the same question is among the newest: a
    /// caller that got no answer asks again.
    pub fn note(
        &mut self,
        question: Option<Question>,
        telemetry: Telemetry,
        risk: RiskAssessment,
        at: Timestamp,
    ) {
        if let Some(question) = &question
            && !self.asked.insert(question.clone())
        {
            return;
        }
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
            let oldest = self.newest.pop_back().and_then(|it| it.question);
            if let Some(question) = oldest {
                self.asked.remove(&question);
            }
        }
        self.newest.push_front(Evaluation {
            question,
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
            log.note(None, telemetry, risk, Timestamp::from_micros(at));
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

    #[test]
    fn a_question_counts_once_as_long_as_it_is_among_the_newest() {
        let mut log = EvaluationLog::default();
        let mut note = |order: &str, dry_run| {
            let question = Question {
                order_id: OrderId::new(order).expect("an id"),
                dry_run,
            };
            let telemetry = Telemetry::new("checkout", 1.0, true).expect("valid");
            let risk = assess_telemetry(&telemetry);
            log.note(Some(question), telemetry, risk, Timestamp::EPOCH);
            log.summary().total
        };
        let totals = [
            note("o1", false),
            note("o1", false),
            note("o1", true),
            note("o2", false),
            note("o1", true),
        ];
        assert_eq!(totals, [1, 1, 2, 3, 3]);
        for at in 0..EVALUATIONS_KEPT {
            note(&format!("n{at}"), false);
        }
        let before = note("n1", false);
        assert_eq!(note("o1", false), before + 1, "long forgotten");
    }
}
