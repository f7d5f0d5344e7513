//! The power goes away while a shop sells on a data file; everything acknowledged is there
//! afterwards, and nothing is half there.
//!
//! A process runs orders over the SQLite store under a recorder, which writes down every write,
//! truncation, new name and sync, and between them what was acknowledged. From that log the
//! test builds the disk as a power cut at any moment could leave it, opens it with the
//! product's own code, and judges it. Not covered: a disk that lies about syncs (it is the
//! control, and fails), misdirected writes, and decay.
//!
//! `BOUTIQUE_TEST_IMAGES=n` chooses how many images, `BOUTIQUE_TEST_SEED=n` which. A run that
//! fails keeps its log, since threads interleave as they like, and says how to read it again.

#![cfg(all(feature = "sqlite", target_os = "linux"))]

mod check;
mod cut;
mod dice;
mod disk;
mod facts;
mod load;
mod log;
mod record;
#[path = "../required/mod.rs"]
mod required;

use std::path::Path;
use std::time::Instant;

use cut::{Findings, cut, facts, survey};
use load::Load;
use log::Log;

/// Images, unless it is said otherwise.
const IMAGES: usize = 5_000;
/// Reads a log that was kept instead of recording one.
const LOG: &str = "BOUTIQUE_TEST_POWER_LOG";
/// At most so many images of one run of the load.
const IMAGES_PER_LOG: usize = 10_000;
/// Images of each control.
const CONTROLS: usize = 300;
/// Orders of the first life: enough for the log to be folded into the file while it grows.
const ORDERS: usize = 44;

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |it| {
        it.parse()
            .unwrap_or_else(|_| panic!("{variable} is a number"))
    })
}

/// Not a test of its own: the process whose power goes away.
#[tokio::test(flavor = "multi_thread")]
async fn child_that_is_recorded() {
    let Some(folder) = std::env::var_os(record::FOLDER) else {
        return;
    };
    let orders = number(record::ORDERS, ORDERS);
    let seed = number(record::SEED, 0) as u64;
    load::live(Path::new(&folder), Load { orders, seed }).await;
}

#[test]
fn what_was_acknowledged_survives_a_power_cut_at_any_moment() {
    let recorder = match record::recorder() {
        Ok(recorder) => recorder,
        Err(reason) => {
            required::skip(&reason);
            return;
        }
    };
    let images = number("BOUTIQUE_TEST_IMAGES", IMAGES);
    let first = number("BOUTIQUE_TEST_SEED", 20_101_201);
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("power-loss.log");
    eprintln!(
        "if it fails, {LOG}={} reads the same log again",
        kept.display()
    );
    let begun = Instant::now();
    let mut found = Findings::default();
    for (nth, from) in (0..images).step_by(IMAGES_PER_LOG).enumerate() {
        let seed = (first + nth) as u64;
        let orders = ORDERS;
        let log = match std::env::var_os(LOG) {
            Some(kept) => Log::read(Path::new(&kept)),
            None => record::record(&recorder, Load { orders, seed }),
        };
        log.keep(&kept);
        let facts = facts(&log);
        let states = survey(&log, &facts);
        let last = states.values().map(|it| it.facts).max();
        assert_eq!(last, Some(facts.len()), "the load itself loses something");
        assert!(log.folds_while_it_grows(), "no checkpoint was cut off");
        eprintln!(
            "seed {seed}: {} operations, {} acknowledged, {} states audited, recovered and \
             audited at rest ({} s)",
            log.operations.len(),
            facts.len(),
            states.len(),
            begun.elapsed().as_secs()
        );
        let cuts = IMAGES_PER_LOG.min(images - from);
        let here = cut(&log, &states, cuts, seed);
        if let Some((cut, wrong)) = &here.first {
            panic!("{here}; the first: {cut:?}, {wrong:?}");
        }
        if nth == 0 {
            controls(&log, &states, seed);
        }
        found = found.merge(here);
    }
    std::fs::remove_file(&kept).expect("it was kept");
    eprintln!("{found} ({} s)", begun.elapsed().as_secs());
}

/// The same run on a disk that does not do what a sync says: if nothing went wrong there, the
/// judgement would be worth nothing.
fn controls(log: &Log, states: &check::States, seed: u64) {
    let off = cut(&log.without_syncs(), states, CONTROLS, seed);
    eprintln!("no sync at all (synchronous=OFF): {off}");
    assert!(off.lost > 0 && off.bad() > off.lost, "{off}");
    let normal = cut(
        &log.with_syncs_for_checkpoints_only(),
        states,
        CONTROLS,
        seed,
    );
    eprintln!("syncs for checkpoints only (synchronous=NORMAL): {normal}");
    assert!(normal.lost > 0 && normal.bad() == normal.lost, "{normal}");
}
