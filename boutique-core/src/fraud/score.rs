//! What a score means.

use super::{Band, Decision};

impl Band {
    /// The band a score of 0 to 1000 is in.
    pub const fn of(score: u16) -> Self {
        match score {
            0..300 => Self::Low,
            300..700 => Self::Medium,
            _ => Self::High,
        }
    }

    /// The lowest score in the band.
    pub const fn least_score(self) -> u16 {
        match self {
            Self::Low => 0,
            Self::Medium => 300,
            Self::High => 700,
        }
    }
}

/// From which score on an order is not simply sold. Above 1000 is never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// A person decides from here on.
    pub review: u16,
    /// Nothing is sold from here on, even if a person would decide from a higher score.
    pub deny: u16,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            review: 500,
            deny: 800,
        }
    }
}

impl Thresholds {
    /// What to do with an order of this score.
    pub const fn decision(self, score: u16) -> Decision {
        if score >= self.deny {
            Decision::Deny
        } else if score >= self.review {
            Decision::Review
        } else {
            Decision::Allow
        }
    }
}
