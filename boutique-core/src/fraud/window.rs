//! What a velocity window sees of the orders of one subject. Every store counts with this.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::{Observation, Velocity, WINDOW_ROWS_MAX, WINDOWS};
use crate::clock::Timestamp;
use crate::ids::Pseudonym;

const _: () = assert!(
    WINDOWS[0].as_micros() < WINDOWS[1].as_micros(),
    "one pass over the rows fills the short window first"
);

/// An order as a window counts it. `K` names a user, an e-mail and an address, in this order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted<K> {
    pub(super) at: Timestamp,
    pub(super) units: u64,
    pub(super) keys: [K; 3],
}

impl Observation {
    /// The amount in whole units, rounded down; what is below nothing counts as nothing.
    pub(super) fn whole_units(&self) -> u64 {
        u64::try_from(self.amount.units()).unwrap_or(0)
    }
}

/// Counts the windows that end at `end`, in one pass over rows that come newest first. `is_new`
/// says whether a key of a column (0 to 2) was not seen in this pass before.
pub(super) fn count<K>(
    newest_first: impl IntoIterator<Item = Counted<K>>,
    end: Timestamp,
    mut is_new: impl FnMut(usize, K) -> bool,
) -> [Velocity; 2] {
    let [short_start, long_start] = WINDOWS.map(|it| end.before(it));
    let (mut seen, mut short) = (Velocity::default(), None);
    for row in newest_first {
        if row.at > end {
            continue;
        }
        if row.at <= long_start {
            break;
        }
        if row.at <= short_start && short.is_none() {
            short = Some(seen.clone());
        }
        let [user, email, address] = row.keys;
        seen.count += 1;
        seen.sum_units = seen.sum_units.saturating_add(row.units);
        seen.distinct_users += u64::from(is_new(0, user));
        seen.distinct_emails += u64::from(is_new(1, email));
        seen.distinct_addresses += u64::from(is_new(2, address));
    }
    [short.unwrap_or_else(|| seen.clone()), seen]
}

impl Velocity {
    /// What the windows of [`WINDOWS`] that end at `end` saw of one subject.
    ///
    /// `rows` are the subject's orders, each once, in any sequence: all of them, or at least
    /// the newest [`WINDOW_ROWS_MAX`] by moment and then order id, whatever `end` is. A store
    /// that keeps rows elsewhere fetches those and counts them with this.
    pub fn of(rows: &[Observation], end: Timestamp) -> [Self; 2] {
        let mut rows: Vec<_> = rows.iter().collect();
        rows.sort_unstable_by_key(|it| Reverse((it.at, &it.order_id)));
        rows.truncate(WINDOW_ROWS_MAX);
        let mut seen: BTreeSet<(usize, &Pseudonym)> = BTreeSet::new();
        let newest_first = rows.into_iter().map(|it| Counted {
            at: it.at,
            units: it.whole_units(),
            keys: [&it.user, &it.email, &it.address],
        });
        count(newest_first, end, |column, key| seen.insert((column, key)))
    }
}
