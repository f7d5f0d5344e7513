//! Which files are merged.
//!
//! Files of a day are in tiers by their number of rows, each eight times the one below it. When a
//! tier has eight files they become one of a higher tier, so that a row is rewritten once a tier
//! and a day has a few dozen files however many appends it took: size-tiered compaction, as
//! log-structured merge trees do it (O'Neil et al., "The Log-Structured Merge-Tree", 1996).

use std::collections::BTreeMap;

use super::manifest::Part;

/// Files of a tier that become one, and how much larger a tier is than the one below it.
const FAN: usize = 8;

/// A file of more rows is left as it is. Eight just below it are merged in the memory that a row
/// group takes.
const SMALL: u64 = 32_768;

/// The files to merge next for there are too many, by their numbers; none if there are not.
pub(super) fn due(parts: &[Part]) -> Option<Vec<u64>> {
    let mut tiers: BTreeMap<(&str, u32), Vec<u64>> = BTreeMap::new();
    for part in parts.iter().filter(|it| it.rows < SMALL) {
        let tier = part.rows.max(1).ilog(FAN as u64);
        let numbers = tiers.entry((&part.day, tier)).or_default();
        numbers.push(part.number);
        if numbers.len() == FAN {
            return tiers.remove(&(&*part.day, tier));
        }
    }
    None
}

/// The small files to merge next though they are few; none if no day has two that together are
/// no larger than a merged file may be.
pub(super) fn possible(parts: &[Part]) -> Option<Vec<u64>> {
    let mut days: BTreeMap<&str, (u64, Vec<u64>)> = BTreeMap::new();
    for part in parts.iter().filter(|it| it.rows < SMALL) {
        let (rows, numbers) = days.entry(&part.day).or_default();
        if *rows + part.rows <= SMALL * FAN as u64 {
            *rows += part.rows;
            numbers.push(part.number);
        }
    }
    let mut days = days.into_values().map(|(_, numbers)| numbers);
    days.find(|it| it.len() > 1)
}
