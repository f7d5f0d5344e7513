//! Where the memory stores keep their records: looked up by hash, listed by key.

use std::hash::Hash;

use crate::lookup::Lookup;

/// Records by key. A look-up costs a hash; the order is made when somebody asks for it, so
/// that a store that is only written to never pays for it.
#[derive(Debug)]
pub(crate) struct Shelf<K, V> {
    items: Lookup<K, V>,
    /// Keys in order, without those that are `fresh`.
    sorted: Vec<K>,
    /// Keys that came since they were last put in order.
    fresh: Vec<K>,
}

impl<K, V> Default for Shelf<K, V> {
    fn default() -> Self {
        Self {
            items: Lookup::default(),
            sorted: Vec::new(),
            fresh: Vec::new(),
        }
    }
}

impl<K: Clone + Ord + Hash, V> Shelf<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.items.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.items.get_mut(key)
    }

    /// Puts a record in place of the one it had, if any.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.items.insert(key.clone(), value).is_none() {
            self.fresh.push(key);
        }
    }

    /// Records after `after`, by key.
    pub(crate) fn after(&mut self, after: Option<&K>) -> impl Iterator<Item = (&K, &V)> {
        if !self.fresh.is_empty() {
            self.fresh.sort_unstable();
            self.sorted.append(&mut self.fresh);
            // Two runs that are in order each: the sort merges them.
            self.sorted.sort();
        }
        let from = after.map_or(0, |after| self.sorted.partition_point(|key| key <= after));
        self.sorted[from..]
            .iter()
            .filter_map(|key| Some((key, self.items.get(key)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_listed_in_order_whenever_they_came() {
        let mut shelf = Shelf::default();
        for key in [5, 1, 9] {
            shelf.insert(key, "old");
        }
        assert_eq!(
            shelf.after(Some(&1)).map(|it| *it.0).collect::<Vec<_>>(),
            [5, 9]
        );
        for key in [9, 3, 7] {
            shelf.insert(key, "new");
        }
        let all: Vec<_> = shelf
            .after(None)
            .map(|(key, value)| (*key, *value))
            .collect();
        assert_eq!(
            all,
            [(1, "old"), (3, "new"), (5, "old"), (7, "new"), (9, "new")]
        );
        assert_eq!(shelf.after(Some(&9)).count(), 0);
    }
}
