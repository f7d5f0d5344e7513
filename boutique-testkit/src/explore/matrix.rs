//! Every case of a scenario, and the table they make.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use boutique_core::assembly::Ports;

use super::case::{Ending, run};
use super::probe::{Call, Plan};
use super::{Fate, Scenario};
use crate::sources::ManualClock;

/// What became of every case of one scenario.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// The scenario.
    pub scenario: Scenario,
    /// The calls it makes when nothing goes wrong, in their order.
    pub calls: Vec<Call>,
    /// How it ends then.
    pub undisturbed: Ending,
    /// How it ends if that call has that fate.
    pub endings: BTreeMap<(Call, Fate), Ending>,
    /// Cases in which a second call, made after the first had its fate, had one as well.
    pub pairs: usize,
    /// What did not hold: the plan and how it broke.
    pub failures: Vec<(Plan, Vec<String>)>,
}

/// How many calls of a case have a fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// One.
    One,
    /// One, and then every call that was only made because of it: each compensation fails once.
    Compensations,
    /// Every pair.
    Two,
}

/// Runs every case of `scenario`: which calls there are is found out by running it.
///
/// `make` makes the stores of a fresh shop, moved by the clock it is given.
pub async fn explore(
    scenario: Scenario,
    depth: Depth,
    make: impl AsyncFn(Arc<ManualClock>) -> Ports,
) -> Matrix {
    let case = async |plan: &Plan| {
        let clock = Arc::<ManualClock>::default();
        let ports = make(Arc::clone(&clock)).await;
        run(scenario, plan, clock, ports).await
    };
    let undisturbed = case(&Plan::new()).await;
    let mut matrix = Matrix {
        scenario,
        calls: undisturbed.calls.clone(),
        endings: BTreeMap::new(),
        pairs: 0,
        failures: Vec::new(),
        undisturbed,
    };
    matrix.judge(&Plan::new(), &matrix.undisturbed.clone());
    for call in matrix.calls.clone() {
        for fate in Fate::ALL {
            if fate == Fate::Refused && !can_refuse(call) || scenario.plan().contains_key(&call) {
                continue;
            }
            let plan = Plan::from([(call, fate)]);
            let ending = case(&plan).await;
            matrix.judge(&plan, &ending);
            if depth != Depth::One {
                for (second, plan) in seconds(depth, &matrix.calls, call, fate, &ending) {
                    let ending = case(&plan).await;
                    matrix.pairs += 1;
                    matrix.judge(&plan, &ending);
                    debug_assert!(plan.contains_key(&second), "the second call has a fate");
                }
            }
            matrix.endings.insert((call, fate), ending);
        }
    }
    matrix
}

/// Whether there is a no that the call can be answered with.
fn can_refuse(call: Call) -> bool {
    let edge = matches!(call.port, "catalog" | "shipping" | "crm" | "fraud");
    edge || matches!(call.verb, "reserve" | "begin")
}

/// The plans in which another call has a fate as well, after `call` had `fate`.
fn seconds(
    depth: Depth,
    usual: &[Call],
    call: Call,
    fate: Fate,
    ending: &Ending,
) -> Vec<(Call, Plan)> {
    let after = ending.calls.iter().skip_while(|it| **it != call).skip(1);
    let chosen = after.filter(|it| depth == Depth::Two || !usual.contains(it));
    let mut plans = Vec::new();
    for second in chosen {
        for other in Fate::ALL {
            if other != Fate::Refused || can_refuse(*second) {
                plans.push((*second, Plan::from([(call, fate), (*second, other)])));
            }
        }
    }
    plans
}

impl Matrix {
    fn judge(&mut self, plan: &Plan, ending: &Ending) {
        let mut violations = ending.violations.clone();
        let expected = self.scenario.expected();
        if plan.is_empty() && ending.told != expected {
            violations.push(format!(
                "the client is told {}, not {expected}",
                ending.told
            ));
        }
        if !ending.met {
            violations.push("a call of the plan was not made: the case is vacuous".into());
        }
        if !violations.is_empty() {
            self.failures.push((plan.clone(), violations));
        }
    }

    /// Cases that were run.
    pub fn cases(&self) -> usize {
        1 + self.endings.len() + self.pairs
    }

    /// Whether everything held in every case.
    pub const fn is_clean(&self) -> bool {
        self.failures.is_empty()
    }

    /// Fails with what did not hold, if anything.
    ///
    /// # Panics
    ///
    /// With the first failures: the calls and their fates, and what broke.
    #[track_caller]
    pub fn expect_clean(&self) {
        let first: Vec<_> = self.failures.iter().take(5).collect();
        assert!(
            self.is_clean(),
            "{}: {} of {} cases break something, first:\n{first:#?}",
            self.scenario.text(),
            self.failures.len(),
            self.cases()
        );
    }
}

/// A Markdown table: one row per call, one column per fate.
impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| call |")?;
        for fate in Fate::ALL {
            write!(f, " {fate} |")?;
        }
        write!(f, "\n|---|")?;
        for _ in Fate::ALL {
            write!(f, "---|")?;
        }
        for call in &self.calls {
            write!(f, "\n| {call} |")?;
            for fate in Fate::ALL {
                match self.endings.get(&(*call, fate)) {
                    Some(ending) => write!(f, " {ending} |")?,
                    None => write!(f, " – |")?,
                }
            }
        }
        writeln!(f)
    }
}
