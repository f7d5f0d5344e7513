//! Mistakes planted in the protocol, each of which has to be caught, and by whom.

mod catchers;
mod caught;
#[path = "../model/protocol/mod.rs"]
#[allow(dead_code, reason = "the model's own tests look at more of it")]
mod protocol;

use std::io::Write;

use boutique_core::planted::{Mutation, plant};
use catchers::{Catcher, quietly};

/// A catcher that cries at the product as it is would catch everything.
#[test]
fn nobody_cries_where_nothing_is_planted() {
    let _none = plant(None);
    let mut asked = Vec::new();
    for (_, catcher) in caught::BY {
        if !asked.contains(catcher) {
            assert_eq!(catcher.cry(), None, "{catcher:?}");
            asked.push(*catcher);
        }
    }
}

#[test]
fn every_mutation_is_caught() {
    let missing: Vec<_> = Mutation::ALL
        .iter()
        .filter(|it| caught::BY.iter().all(|by| by.0 != **it))
        .collect();
    assert!(missing.is_empty(), "nobody is to catch {missing:?}");
    let mut escaped = Vec::new();
    for (mutation, catcher) in caught::BY {
        let _planted = plant(Some(*mutation));
        if quietly(|| catcher.cry()).is_none() {
            escaped.push((mutation, catcher));
        }
    }
    assert!(escaped.is_empty(), "not caught: {escaped:#?}");
}

/// Asks every catcher about every mutation, and writes the table of `docs/proof.md`.
#[test]
#[ignore = "many minutes: what it writes is in docs/proof.md"]
fn who_catches_what() {
    let mut table = std::io::stderr();
    for mutation in Mutation::ALL {
        let _planted = plant(Some(*mutation));
        let cries: Vec<_> = Catcher::broad()
            .iter()
            .map(|it| quietly(|| it.cry()).unwrap_or_else(|| "–".into()))
            .collect();
        let line = format!("| {} | {} |", mutation.text().trim(), cries.join(" | "));
        writeln!(table, "{mutation:?}\n{line}").expect("written");
    }
}
