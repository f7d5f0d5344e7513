//! The data file: what the disk does, what SQLite does with it, and what an order and a hold
//! then cost. Everything is measured in one run and in turns, because a shared disk changes
//! from minute to minute: only figures of the same round are compared.
//!
//! `cargo bench -p boutique-transport --bench durable`, with `-- orders` or `-- holds` for a
//! part of it. Files are made under `target`, on a disk and not in memory.

#[allow(dead_code, reason = "criterion's measurement is for the other benches")]
#[path = "../support/mod.rs"]
mod support;

#[path = "../support/shelf.rs"]
mod shelf;

mod bare;
mod holds;
mod orders;
mod sync;

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use crate::holds::{Before, Shelf};
use comfy_table::{Table, presets};
use tokio::runtime::{Builder, Runtime};

/// Times that everything is measured.
const ROUNDS: usize = 5;

/// Orders of a round.
const ORDERS: u64 = 3_000;

/// Transactions of a round of bare SQLite.
const BARE: u64 = 30_000;

/// Clients that have one hold each in flight, and how many of reserve and confirm they make.
const PAIRS: [(u64, u64); 2] = [(16, 2_000), (256, 8_000)];

/// Holds that are there before and must not make the others slower: none, and as many that are
/// sold as are open, because a larger file has wider trees whatever is in it.
const BEFORE: [(u64, Before); 3] = [
    (0, Before::Open),
    (100_000, Before::Sold),
    (100_000, Before::Open),
];

/// What the orders and the bare transactions have in flight.
const IN_FLIGHT: u64 = 256;

/// How long the disk is looked at before each measurement.
const PROBE: Duration = Duration::from_millis(300);

fn main() -> io::Result<()> {
    let wanted = std::env::args().skip(1).find(|it| !it.starts_with('-'));
    let wants = |part: &str| wanted.as_deref().is_none_or(|it| it == part);
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()?;
    if wants("orders") {
        whole_orders(&runtime, directory.path())?;
    }
    if wants("holds") {
        pairs(&runtime, directory.path())?;
    }
    Ok(())
}

/// Whole orders against the transactions that the same disk and SQLite allow.
fn whole_orders(runtime: &Runtime, directory: &Path) -> io::Result<()> {
    let mut table = table(&[
        "fdatasync/s",
        "bare tx/s",
        "bare tx/sync",
        "orders/s",
        "commits/order",
        "commits/sync",
        "CPU/order",
        "ratio",
    ]);
    let mut ratios = Vec::new();
    for round in 0..ROUNDS {
        let syncs = sync::rate(directory, PROBE)?;
        let bare = bare::run(runtime, directory, BARE, IN_FLIGHT);
        let orders = orders::run(runtime, directory, round, ORDERS, IN_FLIGHT);
        let ratio = orders.per_second() * orders.commits_per_order() / bare.per_second();
        ratios.push(ratio);
        table.add_row([
            format!("{syncs:.0}"),
            format!("{:.0}", bare.per_second()),
            format!("{:.0}", bare.per_commit()),
            format!("{:.0}", orders.per_second()),
            format!("{:.2}", orders.commits_per_order()),
            format!("{:.0}", orders.commits_per_sync()),
            format!("{:.0} µs", orders.cpu_per_order().as_secs_f64() * 1e6),
            format!("{ratio:.2}"),
        ]);
    }
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "whole orders of three lines, {IN_FLIGHT} in flight; every order was audited\n{table}"
    )?;
    writeln!(
        out,
        "ratio = orders/s / (bare tx/s / commits per order); median {:.2}\n",
        median(ratios)
    )
}

/// Reserve and confirm.
fn pairs(runtime: &Runtime, directory: &Path) -> io::Result<()> {
    let mut table = table(&[
        "articles",
        "holds before",
        "in flight",
        "fdatasync/s",
        "pairs/s, median",
        "best",
        "CPU/pair",
    ]);
    for articles in [800, 1] {
        let shelves = BEFORE.map(|(holds, before)| {
            let path = directory.join(format!("{articles}-{holds}-{before}.db"));
            Shelf::fill(runtime, &path, articles, holds, before)
        });
        for (in_flight, pairs) in PAIRS {
            let mut rates = BEFORE.map(|_| Vec::new());
            let mut cpus = BEFORE.map(|_| Duration::ZERO);
            let mut syncs = Vec::new();
            // In turns, so that all have the same disk.
            for round in 0..ROUNDS {
                syncs.push(sync::rate(directory, PROBE)?);
                for (at, shelf) in shelves.iter().enumerate() {
                    let run = format!("{in_flight}-{round}");
                    let (rate, cpu) = shelf.run(runtime, &run, pairs, in_flight);
                    rates[at].push(rate);
                    cpus[at] += cpu;
                }
            }
            let syncs = median(syncs);
            for ((rates, cpu), (holds, before)) in rates.into_iter().zip(cpus).zip(BEFORE) {
                let best = rates.iter().copied().fold(0.0, f64::max);
                let cpu = cpu.as_secs_f64() * 1e6 / (pairs * ROUNDS as u64) as f64;
                table.add_row([
                    articles.to_string(),
                    format!("{holds} {before}"),
                    in_flight.to_string(),
                    format!("{syncs:.0}"),
                    format!("{:.0}", median(rates)),
                    format!("{best:.0}"),
                    format!("{cpu:.1} µs"),
                ]);
            }
        }
    }
    writeln!(
        io::stdout().lock(),
        "reserve and confirm, durable; {ROUNDS} rounds\n{table}\n"
    )
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
    table
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}
