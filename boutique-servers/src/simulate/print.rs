//! What a run of seeds is told as.

use std::time::Duration;

use boutique_testkit::simulate::{FaultKind, Report};
use serde_json::{Value, json};

use crate::exit::Failure;
use crate::output::{Output, Rows};

fn hours(time: Duration) -> f64 {
    time.as_secs_f64() / 3_600.0
}

/// What happened, by name.
fn counted(report: &Report) -> Vec<(&'static str, u64)> {
    let counts = &report.counts;
    let mut rows = vec![
        ("orders", counts.orders),
        ("confirmed", counts.confirmed),
        ("calls", counts.calls),
        ("commits", counts.commits),
        ("answers compared", counts.answers),
        ("audits", counts.audits),
    ];
    rows.extend(FaultKind::ALL.map(|it| (it.as_str(), counts.faults(it))));
    rows
}

/// Prints the report for people.
pub(super) fn print_report(
    report: &Report,
    took: Duration,
    out: &mut Output<'_>,
) -> Result<(), Failure> {
    let mut rows = Rows::new(["what happened", "#times"]);
    for (what, count) in counted(report) {
        rows.push([what.to_owned(), count.to_string()]);
    }
    out.table(&format!("{} seeds", report.seeds), &rows)?;
    let orders = u32::try_from(report.counts.orders)
        .unwrap_or(u32::MAX)
        .max(1);
    out.line(&format!(
        "{:.1} virtual hours in {:.1} s, {} µs an order; {} seeds failed",
        hours(report.counts.virtual_time),
        took.as_secs_f64(),
        (took / orders).as_micros(),
        report.failures.len(),
    ))?;
    for failure in &report.failures {
        out.line(&format!("seed {}:", failure.seed))?;
        for breach in &failure.breaches {
            out.line(&format!("  {breach}"))?;
        }
    }
    Ok(())
}

/// Prints what never happened.
pub(super) fn print_missing(
    missing: &[(FaultKind, &'static str)],
    out: &mut Output<'_>,
) -> Result<(), Failure> {
    let mut rows = Rows::new(["fault", "never met an order that is"]);
    for (kind, state) in missing {
        rows.push([kind.to_string(), (*state).to_owned()]);
    }
    out.table("never tried", &rows)
}

/// The report for programs.
pub(super) fn as_json(report: &Report, hashes: &[(u64, u64)], took: Duration) -> Value {
    let counts: serde_json::Map<String, Value> = counted(report)
        .into_iter()
        .map(|(what, count)| (what.replace(' ', "_"), count.into()))
        .collect();
    let failures: Vec<Value> = report
        .failures
        .iter()
        .map(|it| {
            let breaches: Vec<String> = it.breaches.iter().map(ToString::to_string).collect();
            json!({ "seed": it.seed, "breaches": breaches })
        })
        .collect();
    let hashes: Vec<Value> = hashes
        .iter()
        .map(|(seed, hash)| json!([seed, format!("{hash:016x}")]))
        .collect();
    let missing: Vec<Value> = report
        .missing()
        .iter()
        .map(|(kind, state)| json!([kind.as_str(), state]))
        .collect();
    json!({
        "seeds": report.seeds,
        "counts": counts,
        "virtual_hours": hours(report.counts.virtual_time),
        "seconds": took.as_secs_f64(),
        "failures": failures,
        "hashes": hashes,
        "missing": missing,
    })
}
