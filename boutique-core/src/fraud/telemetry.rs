//! Risk of a transaction of which nothing is known but how it went.

use super::{Band, Reason, RiskAssessment, Thresholds};

/// How a transaction went, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Telemetry {
    transaction_type: String,
    duration_ms: f64,
    success: bool,
}

/// Why figures are not those of a transaction. The text names the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTelemetry {
    /// The type is empty or too long.
    #[error("{} {}", self.field(), self.rule())]
    TransactionType,
    /// The duration is negative, infinite or not a number.
    #[error("{} {}", self.field(), self.rule())]
    DurationMs,
}

impl InvalidTelemetry {
    /// The field that is wrong.
    pub const fn field(self) -> &'static str {
        match self {
            Self::TransactionType => "transactionType",
            Self::DurationMs => "durationMs",
        }
    }

    /// The rule it breaks.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::TransactionType => "must be text of 1 to 200 bytes",
            Self::DurationMs => "must be a finite number of at least 0",
        }
    }
}

impl Telemetry {
    /// A transaction of the kind `transaction_type` that took `duration_ms` milliseconds.
    ///
    /// # Errors
    ///
    /// [`InvalidTelemetry`] names the field.
    pub fn new(
        transaction_type: impl Into<String>,
        duration_ms: f64,
        success: bool,
    ) -> Result<Self, InvalidTelemetry> {
        let transaction_type = transaction_type.into();
        if transaction_type.trim().is_empty() || transaction_type.len() > 200 {
            return Err(InvalidTelemetry::TransactionType);
        }
        if !duration_ms.is_finite() || duration_ms < 0.0 {
            return Err(InvalidTelemetry::DurationMs);
        }
        Ok(Self {
            transaction_type,
            duration_ms,
            success,
        })
    }

    /// What kind of transaction it was.
    pub fn transaction_type(&self) -> &str {
        &self.transaction_type
    }

    /// How long it took, in milliseconds.
    pub const fn duration_ms(&self) -> f64 {
        self.duration_ms
    }

    /// Whether it succeeded.
    pub const fn success(&self) -> bool {
        self.success
    }

    const fn band(&self) -> Band {
        if !self.success || self.duration_ms > 500.0 {
            Band::High
        } else if self.duration_ms > 200.0 {
            Band::Medium
        } else {
            Band::Low
        }
    }
}

/// The risk of a transaction of which nothing else is known: not successful or over 500 ms is
/// high, over 200 ms medium, the rest low. The score is the least of its band, and the decision
/// follows from it by the default [`Thresholds`].
pub fn assess_telemetry(telemetry: &Telemetry) -> RiskAssessment {
    let band = telemetry.band();
    let score = band.least_score();
    let why = match band {
        Band::Low => None,
        _ if !telemetry.success => Some(("telemetry-failed", "the transaction did not succeed")),
        Band::High => Some(("telemetry-very-slow", "it took more than 500 ms")),
        Band::Medium => Some(("telemetry-slow", "it took more than 200 ms")),
    };
    let reasons = why.map(|(rule, detail)| Reason {
        rule: rule.to_owned(),
        points: score.into(),
        detail: detail.to_owned(),
    });
    RiskAssessment {
        score,
        band,
        decision: Thresholds::default().decision(score),
        reasons: reasons.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Decision;
    use super::*;

    #[test]
    fn the_three_fields_alone_make_the_band() {
        for (duration_ms, success, band) in [
            (0.0, true, Band::Low),
            (200.0, true, Band::Low),
            (200.5, true, Band::Medium),
            (500.0, true, Band::Medium),
            (500.001, true, Band::High),
            (0.0, false, Band::High),
        ] {
            let telemetry = Telemetry::new("checkout", duration_ms, success).expect("valid");
            let risk = assess_telemetry(&telemetry);
            assert_eq!(risk.band, band, "{duration_ms} {success}");
            assert_eq!(Band::of(risk.score), band, "the score agrees with the band");
            assert_eq!(risk.reasons.is_empty(), band == Band::Low);
            assert_eq!(risk.decision == Decision::Allow, band < Band::High);
        }
    }

    #[test]
    fn impossible_figures_are_refused_by_the_name_of_the_field() {
        for bad in [-0.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = Telemetry::new("checkout", bad, true).expect_err("refused");
            assert!(error.to_string().starts_with("durationMs"), "{bad}");
        }
        for bad in ["", " ", &"x".repeat(201)] {
            let error = Telemetry::new(bad, 1.0, true).expect_err("refused");
            assert!(error.to_string().starts_with("transactionType"), "{bad}");
        }
    }
}
