//! One case: a scenario, a plan of fates, and what must hold whatever they are.

use std::fmt;
use std::sync::Arc;

use boutique_core::assembly::Ports;
use boutique_core::audit::AuditScope;
use boutique_core::checkout::{CheckoutError, CheckoutRejection, Outcome};
use boutique_core::clock::Timestamp;
use boutique_core::fault::{FaultKind, PortError};

use super::bench::{Bench, fine};
use super::follow::follow;
use super::probe::{Call, Plan};
use super::{Fate, Scenario};
use crate::sources::ManualClock;

/// What a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Told {
    /// It is sold.
    Sold,
    /// It waits for a person.
    Parked,
    /// It is refused, for good.
    Refused,
    /// The request cannot become an order.
    Invalid,
    /// The key stands for something else.
    KeyReused,
    /// The same key is being worked on.
    InProgress,
    /// Nothing is sold and nothing held: the key can be tried again.
    TryAgain,
    /// Nobody can tell yet: the key can be asked again.
    AskAgain,
    /// Trying again will not help.
    Broken,
    /// Nothing: the process died, or nobody asked.
    Nothing,
}

impl Told {
    fn of(answer: Option<&Result<Outcome, CheckoutError>>) -> Self {
        match answer {
            None => Self::Nothing,
            Some(Ok(Outcome::Confirmed(_))) => Self::Sold,
            Some(Ok(Outcome::Parked { .. })) => Self::Parked,
            Some(Ok(Outcome::Refused { .. })) => Self::Refused,
            Some(Err(PortError::Rejected(CheckoutRejection::KeyReused))) => Self::KeyReused,
            Some(Err(PortError::Rejected(
                CheckoutRejection::InProgress | CheckoutRejection::NotInReview,
            ))) => Self::InProgress,
            Some(Err(PortError::Rejected(_))) => Self::Invalid,
            Some(Err(PortError::Fault(fault))) => match fault.kind() {
                FaultKind::Unavailable => Self::TryAgain,
                FaultKind::Ambiguous => Self::AskAgain,
                FaultKind::Permanent => Self::Broken,
            },
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Sold => "sold",
            Self::Parked => "parked",
            Self::Refused => "refused",
            Self::Invalid => "invalid",
            Self::KeyReused => "key reused",
            Self::InProgress => "in progress",
            Self::TryAgain => "try again",
            Self::AskAgain => "ask again",
            Self::Broken => "broken",
            Self::Nothing => "no answer",
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

/// How a case ended.
#[derive(Clone, Debug)]
pub struct Ending {
    /// What the client was told.
    pub told: Told,
    /// The record once everything had come to rest; "none" if there is none.
    pub record: String,
    /// What the client was told when it sent its key again, after that.
    pub again: Told,
    /// The calls the process made.
    pub calls: Vec<Call>,
    /// Whether every fate of the plan was met.
    pub met: bool,
    /// What did not hold.
    pub violations: Vec<String>,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settled = matches!(self.told, Told::Sold | Told::Refused | Told::Parked);
        if settled && self.told == self.again {
            return self.told.fmt(f);
        }
        write!(f, "{}; {}; {}", self.told, self.record, self.again)
    }
}

/// Runs one case on a fresh shop over `ports`, which `clock` moves.
pub async fn run(scenario: Scenario, plan: &Plan, clock: Arc<ManualClock>, ports: Ports) -> Ending {
    let bench = Bench::new(clock, ports, scenario.systems(), scenario.is_doubtful()).await;
    scenario.prepare(&bench).await;
    let deadline = bench.request("shop", 2).deadline;
    let mut fates = scenario.plan();
    fates.extend(plan);
    let first = scenario.act(&bench, fates).await;
    let calls = bench.probe.calls();
    let unmet = bench.probe.unmet();
    let met = plan.keys().all(|it| !unmet.contains_key(it));

    let mut violations = bench.audit(AuditScope::Running).await;
    let places = !matches!(
        scenario,
        Scenario::RecoverUnsold | Scenario::RecoverSold | Scenario::Approve | Scenario::Follow
    );
    // The first pin or confirm of a system: later ones follow from it.
    let sale = calls
        .iter()
        .filter(|it| it.0.nth == 1 && (it.0.verb == "pin" || it.0.port == "inventory"))
        .find(|it| matches!(it.0.verb, "pin" | "confirm") && it.1 >= deadline);
    if places && let Some((call, at)) = sale {
        violations.push(format!(
            "{call} begins at {at}, after the client's deadline"
        ));
    }

    bench.rest().await;
    violations.extend(bench.audit(AuditScope::AtRest).await);
    let before = bench.snapshot().await;
    fine(bench.healthy.checkout().recover(Timestamp::MAX).await);
    if bench.snapshot().await != before {
        violations.push("recovery does something when there is nothing to recover".into());
    }
    let saga = fine(bench.ports.checkout.saga(&bench.order_id()).await);
    let record = saga.map_or_else(|| "none".to_owned(), |it| it.state.to_string());

    violations.extend(unanswered(plan, Told::of(first.as_ref())));
    if scenario == Scenario::Follow {
        violations.extend(follow(&bench.healthy, &bench.order_id()).await);
    }
    let letters = fine(bench.ports.orders.dead_letters(None, 10).await);
    if scenario == Scenario::Follow && letters.is_empty() {
        violations.push("a message that is no order was dropped, not parked".into());
    }
    let second = bench.healthy.place(bench.request("shop", 2)).await;
    bench.rest().await;
    violations.extend(bench.audit(AuditScope::AtRest).await);
    let third = bench.healthy.place(bench.request("shop", 2)).await;
    violations.extend(contradictions(first.as_ref(), &record, &second, &third));
    let other = bench.healthy.place(bench.request("shop", 3)).await;
    if second.is_ok() && Told::of(Some(&other)) != Told::KeyReused {
        violations.push(format!("the key is answered for another body: {other:?}"));
    }
    let neighbour = bench.healthy.place(bench.request("neighbour", 1)).await;
    let sold_out = scenario == Scenario::Follow || Told::of(Some(&second)) == Told::KeyReused;
    let served = matches!(
        Told::of(Some(&neighbour)),
        Told::Sold | Told::Parked | Told::Refused
    );
    if !served && !sold_out {
        violations.push(format!("another tenant's key is answered {neighbour:?}"));
    }
    // Whoever is to decide never does.
    bench.clock.advance(bench.settings.checkout.review_time);
    bench.rest().await;
    let last = fine(bench.ports.checkout.saga(&bench.order_id()).await);
    if last.is_some_and(|it| it.due().is_some()) {
        violations.push("long after everybody's time is over, the order is not decided".into());
    }
    violations.extend(bench.audit(AuditScope::AtRest).await);
    Ending {
        told: Told::of(first.as_ref()),
        record,
        again: Told::of(Some(&second)),
        calls: calls.into_iter().map(|it| it.0).collect(),
        met,
        violations,
    }
}

/// An order that was let through without an answer that has to be had.
fn unanswered(plan: &Plan, told: Told) -> Vec<String> {
    let silent = |call: &Call, fate: &Fate| {
        matches!(call.port, "crm" | "fraud")
            && matches!(fate, Fate::Unavailable | Fate::LostUndone | Fate::LostDone)
    };
    let without = plan.iter().find(|it| silent(it.0, it.1)).map(|it| it.0);
    match (without, told) {
        (Some(call), Told::Sold | Told::Parked) => vec![format!("{told} without {call}")],
        _ => Vec::new(),
    }
}

/// What the answers of one key say against each other and against the record.
fn contradictions(
    first: Option<&Result<Outcome, CheckoutError>>,
    record: &str,
    second: &Result<Outcome, CheckoutError>,
    third: &Result<Outcome, CheckoutError>,
) -> Vec<String> {
    let mut found = Vec::new();
    let is_final = |told| matches!(told, Told::Sold | Told::Refused);
    if let Some(Ok(answer)) = first
        && is_final(Told::of(first))
        && second.as_ref().ok() != Some(answer)
    {
        found.push(format!("the key was answered {answer:?}, then {second:?}"));
    }
    if let (Ok(second), Ok(third)) = (second, third)
        && second != third
    {
        found.push(format!("the key was answered {second:?}, then {third:?}"));
    }
    let is_settled = |answer| {
        let told = Told::of(Some(answer));
        is_final(told) || matches!(told, Told::Parked | Told::KeyReused)
    };
    // An attempt that left no record may have left holds, which lapsed: they are in the way of the
    // next one, which is ended, and not of the one after.
    let in_time = is_settled(second) || (record == "none" && is_settled(third));
    if !in_time {
        found.push(format!("the key is answered {second:?} when nothing fails"));
    }
    if Told::of(first) == Told::TryAgain && record == "confirmed" {
        found.push("the client was told that nothing is sold, and the order is".into());
    }
    found
}
