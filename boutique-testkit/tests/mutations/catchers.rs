//! Whoever may notice that something is wrong, and how they say so.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use boutique_core::accounting::MemoryJournal;
use boutique_core::analytics::MemoryAnalytics;
use boutique_core::assembly::Ports;
use boutique_core::broker::MemoryBroker;
use boutique_core::checkout::MemoryCheckout;
use boutique_core::orders::MemoryOrders;
use boutique_core::stock::MemoryLedger;
use boutique_core::warehouse::MemoryShipments;
use boutique_testkit::conformance::{
    analytics, broker, checkout, journal, orders, shipments, stock,
};
use boutique_testkit::explore::{Call, Depth, Fate, Plan, Scenario, explore, run};
use boutique_testkit::simulate::Run;
use boutique_testkit::{CountingIds, ManualClock};
use stateright::{Checker, Expectation, Model};

use crate::protocol::Shape;
use crate::protocol::world::Protocol;

/// Somebody who may notice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Catcher {
    /// A case of a conformance suite; every case if it has no name.
    Suite(&'static str, &'static str),
    /// The model, in every state.
    Model,
    /// The explorer, in this scenario.
    Explorer(Scenario),
    /// The explorer, in this scenario, when this call of it has this fate.
    Case(Scenario, &'static str, &'static str, Fate),
    /// The explorer, in all of them.
    Explorers,
    /// The simulator, in the first so many seeds.
    Simulator(u64),
}

/// Runs without a word on standard error, whatever panics; `Some` if something did.
pub(crate) fn quietly(run: impl FnOnce() -> Option<String>) -> Option<String> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let cry = catch_unwind(AssertUnwindSafe(run));
    std::panic::set_hook(hook);
    cry.unwrap_or_else(|_| Some("panics".into()))
}

macro_rules! first_failing {
    ($suite:ident, $name:expr, $make:expr) => {
        $suite::CASES
            .iter()
            .map(|it| it.0)
            .filter(|it| $name.is_empty() || *it == $name)
            .find(|it| catch_unwind(AssertUnwindSafe(|| $suite::run($make, it))).is_err())
            .map(|it| format!("{}: {it}", stringify!($suite)))
    };
}

fn suite(suite: &str, name: &str) -> Option<String> {
    match suite {
        "stock" => first_failing!(stock, name, async |clock| Arc::new(MemoryLedger::new(
            clock
        ))),
        "checkout" => {
            first_failing!(
                checkout,
                name,
                async |_| Arc::new(MemoryCheckout::default())
            )
        }
        "orders" => first_failing!(orders, name, async |_| Arc::new(MemoryOrders::default())),
        "journal" => first_failing!(journal, name, async |_| Arc::new(MemoryJournal::default())),
        "shipments" => {
            first_failing!(shipments, name, async |_| Arc::new(
                MemoryShipments::default()
            ))
        }
        "analytics" => {
            first_failing!(analytics, name, async |_| Arc::new(
                MemoryAnalytics::default()
            ))
        }
        "broker" => first_failing!(broker, name, async |clock| Arc::new(MemoryBroker::new(
            clock
        ))),
        other => panic!("there is no suite {other}"),
    }
}

const SUITES: [&str; 7] = [
    "stock",
    "checkout",
    "orders",
    "journal",
    "shipments",
    "analytics",
    "broker",
];

fn model() -> Option<String> {
    let one = Shape {
        touches: [2, 0],
        attempts: 1,
        units: 1,
        review: true,
        warehouse: true,
        flaw: None,
    };
    let two = Shape {
        touches: [1, 1],
        review: false,
        ..one
    };
    let again = Shape {
        touches: [1, 0],
        attempts: 2,
        ..one
    };
    [one, again, two].into_iter().find_map(|shape| {
        let checker = Protocol::new(shape).checker().spawn_bfs().join();
        let mut broken: Vec<_> = checker
            .discoveries()
            .into_iter()
            .filter(|it| checker.model().property(it.0).expectation == Expectation::Always)
            .map(|(name, path)| (path.into_actions().len(), name))
            .collect();
        broken.sort_unstable();
        let (steps, name) = broken.first()?;
        let states = checker.unique_state_count();
        Some(format!("{name}: {steps} steps, {states} states"))
    })
}

async fn memory(clock: Arc<ManualClock>) -> Ports {
    Ports::memory(clock, Arc::new(CountingIds::default()))
}

fn explorer(scenario: Scenario) -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime starts");
    let matrix = runtime.block_on(explore(scenario, Depth::One, memory));
    let (plan, why) = matrix.failures.first()?;
    let calls: Vec<_> = plan.iter().map(|it| format!("{} {}", it.0, it.1)).collect();
    let first = why.first().map_or("", String::as_str);
    let (failed, cases) = (matrix.failures.len(), matrix.cases());
    Some(format!(
        "{scenario:?}, {}: {first} ({failed} of {cases} cases)",
        calls.join(", ")
    ))
}

fn case(scenario: Scenario, port: &'static str, verb: &'static str, fate: Fate) -> Option<String> {
    let call = Call { port, verb, nth: 1 };
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime starts");
    let ending = runtime.block_on(async {
        let clock = Arc::<ManualClock>::default();
        let ports = memory(Arc::clone(&clock)).await;
        run(scenario, &Plan::from([(call, fate)]), clock, ports).await
    });
    assert!(ending.met, "{call} is not made");
    ending.violations.into_iter().next()
}

fn simulator(seeds: u64) -> Option<String> {
    let report = Run::default().seeds(0..seeds);
    let failure = report.failures.first()?;
    let breach = failure.breaches.first().map(ToString::to_string);
    Some(format!(
        "seed {}: {}",
        failure.seed,
        breach.unwrap_or_default()
    ))
}

impl Catcher {
    /// What it has to say; `None` if it notices nothing.
    pub(crate) fn cry(&self) -> Option<String> {
        match self {
            Self::Suite("", _) => SUITES.iter().find_map(|it| suite(it, "")),
            Self::Suite(name, case) => suite(name, case),
            Self::Model => model(),
            Self::Explorer(scenario) => explorer(*scenario),
            Self::Case(scenario, port, verb, fate) => case(*scenario, port, verb, *fate),
            Self::Explorers => Scenario::ALL.into_iter().find_map(explorer),
            Self::Simulator(seeds) => simulator(*seeds),
        }
    }

    /// Every catcher with all that it has.
    pub(crate) const fn broad() -> [Self; 4] {
        [
            Self::Suite("", ""),
            Self::Model,
            Self::Explorers,
            Self::Simulator(400),
        ]
    }
}
