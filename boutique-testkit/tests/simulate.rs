//! The simulator over the product as it is: nothing is found, and a seed is a seed.

use std::env;
use std::process::Command;

use boutique_testkit::simulate::{Faults, Run};

#[test]
fn nothing_breaks_where_nothing_goes_wrong() {
    let run = Run {
        faults: Faults::calm(),
        ..Run::default()
    };
    let report = run.seeds(0..3);
    assert!(report.is_clean(), "{report}");
    assert!(report.counts.confirmed > 60, "{report}");
}

#[test]
fn nothing_breaks_on_a_bad_day() {
    let report = Run::default().seeds(0..20);
    assert!(report.is_clean(), "{report}");
}

/// Set for the second process, which only writes the hashes of its seeds down.
const AGAIN: &str = "BOUTIQUE_SIMULATE_AGAIN";

#[test]
fn a_seed_is_the_same_in_every_process() {
    let run = Run::default();
    let hashes: Vec<u64> = (7..12).map(|it| run.seed(it).hash).collect();
    let text = format!("{hashes:x?}");
    if env::var_os(AGAIN).is_some() {
        panic!("hashes {text}");
    }
    assert_eq!(hashes[0], run.seed(7).hash);
    assert_ne!(hashes[0], hashes[1]);
    let again = Command::new(env::current_exe().expect("this test"))
        .args(["--exact", "a_seed_is_the_same_in_every_process"])
        .env(AGAIN, "1")
        .output()
        .expect("starts");
    let said = String::from_utf8_lossy(&again.stdout);
    assert!(said.contains(&text), "{text} is not in {said}");
}
