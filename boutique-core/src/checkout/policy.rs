//! What a checkout does when something it depends on is down.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::money::Money;

/// What to do without an answer of a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DependencyPolicy {
    /// Do not sell: the client is told to come back.
    FailClosed,
    /// Sell without the answer if the order comes to no more than this; else do not sell.
    FailOpenBelow(Money),
    /// Go on with the dependency's stated answer: the CRM's is a guest of tier standard and in
    /// good standing, the fraud engine's is review.
    Degrade,
}

impl DependencyPolicy {
    /// The name used in receipts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FailClosed => "fail_closed",
            Self::FailOpenBelow(_) => "fail_open_below",
            Self::Degrade => "degrade",
        }
    }
}

/// The declared policy of every dependency, and the share of a request's time it may take.
///
/// Stock has no choice: without a hold nothing is sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policies {
    /// Without the CRM.
    pub crm: DependencyPolicy,
    /// Percent of the time left when it is asked that the CRM may take.
    pub crm_share: u8,
    /// Without the fraud engine.
    pub fraud: DependencyPolicy,
    /// Percent of the time left when it is asked that the fraud engine may take.
    pub fraud_share: u8,
}

impl Default for Policies {
    /// Both fail closed, each within half of the time left.
    fn default() -> Self {
        Self {
            crm: DependencyPolicy::FailClosed,
            crm_share: 50,
            fraud: DependencyPolicy::FailClosed,
            fraud_share: 50,
        }
    }
}

/// The moment at which `percent` of the time between `now` and `deadline` is over.
pub(super) fn share_of(now: Timestamp, deadline: Timestamp, percent: u8) -> Timestamp {
    let left = deadline.since(now).as_micros();
    let share = left.saturating_mul(percent.min(100).into()) / 100;
    now.after(Duration::from_micros(
        u64::try_from(share).unwrap_or(u64::MAX),
    ))
}
