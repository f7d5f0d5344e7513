//! A stock adapter of your own, subtly wrong: how a line of the conformance suite finds out, how
//! a seed of the simulator does, and that both pass once it is right.
#![allow(clippy::print_stdout, reason = "it is a program that shows something")]

mod their_stock;

use std::ops::Range;
use std::panic::catch_unwind;
use std::sync::Arc;

use boutique_core::stock::MemoryLedger;
use boutique_testkit::ManualClock;
use boutique_testkit::conformance::stock;
use boutique_testkit::simulate::{Run, Shop, Site, Stores};
use their_stock::TheirStock;

/// A void has to overtake its reserve, which few seeds have happen.
const SEEDS: Range<u64> = 0..100;

/// The cases of the suite that an adapter fails.
fn failed_cases(thorough: bool) -> Vec<&'static str> {
    let fails = |name: &'static str| {
        let make = async move |clock: Arc<ManualClock>| {
            let theirs = Arc::new(MemoryLedger::new(clock));
            Arc::new(TheirStock { theirs, thorough })
        };
        catch_unwind(|| stock::run(make, name)).is_err()
    };
    let names = stock::CASES.iter().map(|(name, _)| *name);
    names.filter(|name| fails(name)).collect()
}

/// The whole shop, with the adapter before the parcels' stock.
fn shop(thorough: bool) -> Run {
    let stores = move |clocks: &_| {
        let mut stores = Stores::memory(clocks);
        let theirs = Arc::new(MemoryLedger::new(clocks.of(Site::Inventory)));
        stores.ports.inventory = Arc::new(TheirStock { theirs, thorough });
        stores
    };
    Run {
        shop: Shop::memory().with_stores(stores),
        ..Run::default()
    }
}

fn main() {
    // A panic is how a case says no.
    std::panic::set_hook(Box::new(|_| {}));
    for (thorough, which) in [(false, "wrong"), (true, "right")] {
        println!("the adapter that is {which}");
        println!("  cases it fails: {:?}", failed_cases(thorough));
        let run = shop(thorough);
        let report = run.seeds(SEEDS);
        println!("  seeds: {report}");
        let failed = report.failures.first();
        if let Some(smaller) = failed.and_then(|it| run.shrink(it.seed)) {
            println!("  made smaller: {smaller}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The line that proves it.
    boutique_testkit::ledger_conformance!(async |clock| {
        let theirs = Arc::new(MemoryLedger::new(clock));
        Arc::new(TheirStock {
            theirs,
            thorough: true,
        })
    });

    #[test]
    fn the_line_catches_the_wrong_one() {
        let failed = failed_cases(false);
        let tombstone = "a_void_of_an_unknown_hold_leaves_a_tombstone";
        assert!(failed.contains(&tombstone), "{failed:?}");
    }

    #[test]
    fn a_seed_catches_the_wrong_one_and_none_the_right_one() {
        let wrong = shop(false).seeds(SEEDS);
        assert!(!wrong.is_clean(), "{wrong}");
        let right = shop(true).seeds(SEEDS);
        assert!(right.is_clean(), "{right}");
    }
}
