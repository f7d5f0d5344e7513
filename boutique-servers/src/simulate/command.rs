//! The command `boutique simulate`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use boutique_testkit::simulate::{FaultKind, Faults, Plan, Run};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::print::{as_json, print_missing, print_report};
use crate::exit::Failure;
use crate::output::Output;

/// What `boutique simulate` is asked to do.
#[derive(Clone, Debug, Args)]
pub struct SimulateArgs {
    /// How many seeds.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub seeds: u64,
    /// The first of them.
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub from: u64,
    /// What goes wrong: calm, standard or harsh.
    #[arg(long, value_name = "PROFILE", default_value = "standard", value_parser = profile)]
    pub faults: Faults,
    /// One kind of fault, so many times in a million occasions; may be given again.
    #[arg(long, value_name = "KIND=N", value_parser = dial)]
    pub dial: Vec<(FaultKind, u32)>,
    /// Orders of a seed.
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub orders: u32,
    /// Go on until so many seeds have failed.
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "replay")]
    pub failures: usize,
    /// Run this one seed again and print the hash of everything that happens in it.
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "from"])]
    pub replay: Option<u64>,
    /// With --replay: print everything that happens.
    #[arg(long, requires = "replay")]
    pub trace: bool,
    /// With --replay: only these orders.
    #[arg(long, value_name = "N,N,...", requires = "replay", value_parser = numbers)]
    pub only_orders: Option<Numbers>,
    /// With --replay: only these faults, by their numbers in the trace.
    #[arg(long, value_name = "N,N,...", requires = "replay", value_parser = numbers)]
    pub only_faults: Option<Numbers>,
    /// Print the hash of every seed.
    #[arg(long, conflicts_with = "replay")]
    pub hashes: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Numbers of orders or faults.
type Numbers = BTreeSet<u32>;

fn profile(name: &str) -> Result<Faults, String> {
    Faults::named(name).ok_or_else(|| "there are calm, standard and harsh".to_owned())
}

fn dial(text: &str) -> Result<(FaultKind, u32), String> {
    let (kind, often) = text.split_once('=').ok_or("write KIND=N")?;
    let often = often
        .parse()
        .map_err(|_| format!("{often:?} is no number"))?;
    Ok((kind.parse()?, often))
}

fn numbers(text: &str) -> Result<Numbers, String> {
    let numbers = text.split(',').filter(|it| !it.is_empty());
    numbers
        .map(|it| it.parse().map_err(|_| format!("{it:?} is no number")))
        .collect()
}

impl SimulateArgs {
    fn simulation(&self) -> Run {
        let dialled = self.dial.iter();
        Run {
            orders: self.orders,
            faults: dialled.fold(self.faults.clone(), |all, (kind, n)| all.dial(*kind, *n)),
            plan: Plan {
                orders: self.only_orders.clone(),
                faults: self.only_faults.clone(),
                ..Plan::default()
            },
            stop_after: self.failures.max(1),
            ..Run::default()
        }
    }

    /// Runs the seeds and tells what they came to.
    ///
    /// # Errors
    ///
    /// [`Failure::Refused`], after everything is printed, if something did not hold in a seed, or
    /// if a fault that was asked for never met an order in one of its states.
    pub fn run(self, out: &mut Output<'_>) -> Result<(), Failure> {
        let run = self.simulation();
        let beyond = self.only_orders.iter().flatten();
        if let Some(beyond) = beyond.copied().find(|it| *it >= self.orders) {
            let text = format!(
                "--only-orders: {beyond} is not below --orders {}",
                self.orders
            );
            return Err(Failure::Input(text));
        }
        if let Some(seed) = self.replay {
            return self.again(&run, seed, out);
        }
        let seeds = self.from..self.from.saturating_add(self.seeds);
        let bar = progress(self.seeds);
        let begun = Instant::now();
        let mut hashes = Vec::new();
        let report = run.seeds_with(seeds, |seed| {
            if self.hashes {
                hashes.push((seed.seed, seed.hash));
            }
            bar.inc(1);
        });
        bar.finish_and_clear();
        let took = begun.elapsed();
        let smaller = report.failures.first();
        let smaller = smaller.and_then(|it| run.shrink(it.seed));
        if out.json {
            let mut json = as_json(&report, &hashes, took);
            if let Some(it) = &smaller {
                let (again, trace) = (&it.line, &it.seed.trace);
                json["smaller"] = json!({"seed": it.seed.seed, "again": again, "trace": trace});
            }
            out.json(&json)?;
        } else {
            for (seed, hash) in &hashes {
                out.line(&format!("{seed} {hash:016x}"))?;
            }
            print_report(&report, took, out)?;
            if let Some(it) = &smaller {
                out.line(&it.to_string())?;
            }
        }
        if !report.failures.is_empty() {
            let failed = report.failures.len();
            return Err(Failure::Refused(format!(
                "{failed} of {} seeds failed",
                report.seeds
            )));
        }
        let missing = report.missing();
        if missing.is_empty() {
            return Ok(());
        }
        if !out.json {
            print_missing(&missing, out)?;
        }
        Err(Failure::Refused(format!(
            "vacuous: {} pairs of a fault and a state of an order never met: run more seeds",
            missing.len()
        )))
    }

    fn again(&self, run: &Run, seed: u64, out: &mut Output<'_>) -> Result<(), Failure> {
        let ended = run.replay(seed);
        if out.json {
            let breaches: Vec<String> = ended.breaches.iter().map(ToString::to_string).collect();
            let hash = format!("{:016x}", ended.hash);
            let events = ended.trace.len();
            out.json(&json!({
                "seed": seed, "hash": hash, "events": events, "breaches": breaches,
            }))?;
        } else {
            if self.trace {
                for line in &ended.trace {
                    out.line(line)?;
                }
            }
            for breach in &ended.breaches {
                out.line(&breach.to_string())?;
            }
            let events = ended.trace.len();
            out.line(&format!(
                "seed {seed}: {events} events, hash {:016x}",
                ended.hash
            ))?;
        }
        match ended.breaches.len() {
            0 => Ok(()),
            breaches => Err(Failure::Refused(format!(
                "seed {seed}: {breaches} rules are broken"
            ))),
        }
    }
}

fn progress(seeds: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(seeds), ProgressDrawTarget::stderr());
    let style = "{bar:40} {pos}/{len} seeds, {per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
