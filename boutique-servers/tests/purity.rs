//! Core stays small and pure: what it depends on is asserted, not remembered.

use std::collections::BTreeSet;
use std::process::Command;

#[test]
fn core_compiles_few_crates_and_none_that_waits_or_draws() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--package",
            "boutique-core",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--locked",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let text = String::from_utf8_lossy(&tree.stdout);
    assert!(
        tree.status.success(),
        "{}",
        String::from_utf8_lossy(&tree.stderr)
    );
    let crates: BTreeSet<(&str, &str)> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?))
        })
        .filter(|(name, _)| *name != "boutique-core")
        .collect();
    assert!(!crates.is_empty(), "no dependencies found in:\n{text}");
    assert!(
        crates.len() < 25,
        "an embedder compiles {} crates: {crates:?}",
        crates.len()
    );
    for banned in ["tokio", "rand", "getrandom", "hyper"] {
        assert!(
            crates.iter().all(|(name, _)| *name != banned),
            "core depends on {banned}"
        );
    }
}
