//! Makes a failing seed smaller: fewer orders, fewer faults, the same rule broken.

use std::collections::BTreeSet;
use std::fmt;

use super::run::{Plan, Run, Seed};

/// The most runs that making a seed smaller may take.
const RUNS_MAX: u32 = 2_000;

/// The most lines of a trace that are printed: the last ones before the breach.
const LINES_MAX: usize = 400;

/// The smallest case that was found to break the same rule.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// What takes part; together with the seed it is the case.
    pub plan: Plan,
    /// How the case ends, with its trace.
    pub seed: Seed,
    /// How many orders and faults the seed had.
    pub of: (usize, usize),
    /// How to run it again.
    pub line: String,
}

impl Run {
    /// Looks for the smallest part of a failing seed that still breaks the rule it breaks first;
    /// `None` if the seed does not fail.
    pub fn shrink(&self, seed: u64) -> Option<Shrunk> {
        let whole = self.seed(seed);
        let rule = whole.breaches.first()?.rule.clone();
        let mut runs = 0;
        let mut fails = |plan: &Plan| {
            runs += 1;
            if runs > RUNS_MAX {
                return false;
            }
            let ended = self.with(plan).seed(seed);
            ended.breaches.first().is_some_and(|it| it.rule == rule)
        };
        let mut plan = self.plan.clone();
        let mut orders = plan
            .orders
            .take()
            .unwrap_or_else(|| (0..self.orders).collect());
        let of = (orders.len(), whole.faults as usize);
        // Fewer orders draw other faults, and with fewer faults more orders can go.
        loop {
            let had = (orders.len(), plan.faults.clone());
            orders = fewer(orders, |orders| {
                fails(&Plan {
                    orders: Some(orders.clone()),
                    ..plan.clone()
                })
            });
            plan.orders = Some(orders.clone());
            let drawn = self.with(&plan).seed(seed).faults;
            let faults = plan.faults.take();
            let faults = faults.unwrap_or_else(|| (0..drawn).collect());
            plan.faults = Some(fewer(faults, |faults| {
                fails(&Plan {
                    faults: Some(faults.clone()),
                    ..plan.clone()
                })
            }));
            if had == (orders.len(), plan.faults.clone()) {
                break;
            }
        }
        let line = self.with(&plan).line(seed);
        let seed = self.with(&plan).replay(seed);
        Some(Shrunk {
            plan,
            seed,
            of,
            line,
        })
    }

    fn with(&self, plan: &Plan) -> Self {
        Self {
            plan: plan.clone(),
            ..self.clone()
        }
    }

    /// The line that runs one seed of this run again: of the program, or of Rust where the shop
    /// has parts that the program does not know.
    pub fn line(&self, seed: u64) -> String {
        if !self.shop.is_standard {
            return self.in_rust(seed);
        }
        let mut line = format!("boutique simulate --replay {seed} --orders {}", self.orders);
        line.push_str(&self.faults.as_args());
        for (name, chosen) in [
            ("--only-orders", &self.plan.orders),
            ("--only-faults", &self.plan.faults),
        ] {
            if let Some(chosen) = chosen {
                let chosen: Vec<String> = chosen.iter().map(ToString::to_string).collect();
                line.push_str(&format!(" {name}={}", chosen.join(",")));
            }
        }
        for kind in &self.plan.without {
            line.push_str(&format!(" --dial {kind}=0"));
        }
        line
    }

    /// The same of whoever made this run, which only he has.
    fn in_rust(&self, seed: u64) -> String {
        let Plan {
            orders,
            faults,
            without,
        } = &self.plan;
        let mut plan = String::new();
        for (name, chosen) in [("orders", orders), ("faults", faults)] {
            if let Some(chosen) = chosen {
                let chosen = Vec::from_iter(chosen);
                plan.push_str(&format!("{name}: Some({chosen:?}.into()), "));
            }
        }
        if !without.is_empty() {
            let kinds = without.iter().map(|it| format!("FaultKind::{it:?}"));
            let kinds = kinds.collect::<Vec<_>>().join(", ");
            plan.push_str(&format!("without: [{kinds}].into(), "));
        }
        format!("Run {{ plan: Plan {{ {plan}..Plan::default() }}, ..yours }}.replay({seed})")
    }
}

/// The smallest part of `all` that was found to fail still: halves, then quarters, and so on, are
/// left out where that changes nothing (A. Zeller, R. Hildebrandt, "Simplifying and isolating
/// failure-inducing input", 2002, without its complements).
fn fewer(all: BTreeSet<u32>, mut fails: impl FnMut(&BTreeSet<u32>) -> bool) -> BTreeSet<u32> {
    let mut left: Vec<u32> = all.into_iter().collect();
    if fails(&BTreeSet::new()) {
        return BTreeSet::new();
    }
    let mut piece = left.len().div_ceil(2);
    while piece > 0 {
        let mut at = 0;
        while at < left.len() {
            let end = (at + piece).min(left.len());
            let rest: BTreeSet<u32> = left[..at].iter().chain(&left[end..]).copied().collect();
            if fails(&rest) {
                left.drain(at..end);
            } else {
                at = end;
            }
        }
        piece /= 2;
    }
    left.into_iter().collect()
}

impl fmt::Display for Shrunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |it: &Option<BTreeSet<u32>>| it.as_ref().map_or(0, BTreeSet::len);
        let (orders, faults) = (count(&self.plan.orders), count(&self.plan.faults));
        writeln!(
            f,
            "seed {}, made smaller: {orders} orders of {}, {faults} faults of {}",
            self.seed.seed, self.of.0, self.of.1
        )?;
        let trace = &self.seed.trace;
        let end = trace.iter().position(|it| it.contains("BREACH"));
        let trace = &trace[..end.map_or(trace.len(), |it| it + 1)];
        if trace.len() > LINES_MAX {
            let earlier = trace.len() - LINES_MAX;
            writeln!(
                f,
                "  ({earlier} earlier lines: add --trace to the line below)"
            )?;
        }
        for line in &trace[trace.len().saturating_sub(LINES_MAX)..] {
            writeln!(f, "  {line}")?;
        }
        for breach in &self.seed.breaches {
            writeln!(f, "{breach}")?;
        }
        writeln!(f, "again: {}", self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_matter_is_left_out() {
        let mut runs = 0;
        let left = fewer((0..100).collect(), |it| {
            runs += 1;
            it.contains(&17) && it.contains(&71)
        });
        assert_eq!(left, BTreeSet::from([17, 71]));
        assert!(runs < 60, "{runs}");
        assert_eq!(fewer((0..9).collect(), |_| true), BTreeSet::new());
    }
}
