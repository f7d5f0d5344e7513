//! The product's rules, asked once per question. What was asked is kept: it says how much of the
//! rules the model has been through.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::record::{Decision, Effect, Phase, Record};
use super::shelf::{Moved, Reply, Shelf, Verb};
use super::world::World;

/// Questions that have been answered.
type Memory<K, V> = Mutex<BTreeMap<K, V>>;

/// Answers of [`StockBook`](boutique_core::stock::StockBook) and
/// [`Saga`](boutique_core::checkout::Saga).
#[derive(Debug, Default)]
pub(crate) struct Rules {
    shelves: Memory<(Shelf, usize, Verb, bool), Moved>,
    begins: Memory<(Record, u8), Option<Record>>,
    decisions: Memory<(Record, u8, Decision), (Record, Effect)>,
    endings: Memory<World, bool>,
}

/// The answer to `key`, asked for if it is not known.
fn remembered<K, V>(memory: &Memory<K, V>, key: K, ask: impl FnOnce(&K) -> V) -> V
where
    K: Ord,
    V: Copy,
{
    let known = memory.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(answer) = known.get(&key) {
        return *answer;
    }
    drop(known);
    let answer = ask(&key);
    let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
    memory.insert(key, answer);
    answer
}

impl Rules {
    pub(crate) fn move_hold(&self, shelf: Shelf, slot: usize, verb: Verb, note: bool) -> Moved {
        let key = (shelf, slot, verb, note);
        remembered(&self.shelves, key, |_| shelf.moved(slot, verb, note))
    }

    pub(crate) fn begin(&self, record: Record, attempt: u8) -> Option<Record> {
        remembered(&self.begins, (record, attempt), |_| record.begun(attempt))
    }

    pub(crate) fn decide(
        &self,
        record: Record,
        attempt: u8,
        decision: Decision,
    ) -> (Record, Effect) {
        remembered(&self.decisions, (record, attempt, decision), |_| {
            record.decided(attempt, decision)
        })
    }

    /// Whether everything ends well from a world in which nobody works and nothing is sent.
    pub(crate) fn ending(&self, quiet: World, ask: impl FnOnce(&World) -> bool) -> bool {
        remembered(&self.endings, quiet, ask)
    }

    /// Every move of a hold that was made, by the row it was made from, and its answers.
    pub(crate) fn moves_made(&self) -> BTreeMap<(String, Verb), BTreeSet<Reply>> {
        let made = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        let mut moves: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for ((shelf, slot, verb, _), moved) in made.iter() {
            let from = (shelf.rows[*slot].to_string(), *verb);
            moves.entry(from).or_default().insert(moved.reply);
        }
        moves
    }

    /// Every decision about the latest attempt that was brought before a record.
    pub(crate) fn decisions_made(&self) -> BTreeMap<(Phase, Decision), Effect> {
        let made = self
            .decisions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        made.iter()
            .filter(|((record, attempt, _), _)| record.attempt == *attempt)
            .map(|((record, _, decision), (_, effect))| ((record.phase, *decision), *effect))
            .collect()
    }
}
