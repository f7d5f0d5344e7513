//! What was written last, at hand.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use boutique_core::ids::OrderId;

/// How many are at hand: as many orders as are being worked on, with room to spare.
const AT_HAND_MAX: usize = 1_024;

/// The parts of the latest orders that never change, so that nothing reads them back.
///
/// Only what is committed and final may be put in: then none is ever stale.
pub(super) struct AtHand<T> {
    shelf: Mutex<Shelf<T>>,
}

struct Shelf<T> {
    // Only looked up by key, never iterated.
    parts: HashMap<OrderId, Arc<T>, BuildHasherDefault<DefaultHasher>>,
    oldest_first: VecDeque<OrderId>,
}

impl<T> Default for AtHand<T> {
    fn default() -> Self {
        Self {
            shelf: Mutex::new(Shelf {
                parts: HashMap::default(),
                oldest_first: VecDeque::new(),
            }),
        }
    }
}

impl<T> AtHand<T> {
    fn shelf(&self) -> MutexGuard<'_, Shelf<T>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The order's part, if it is at hand.
    pub(super) fn get(&self, order_id: &OrderId) -> Option<Arc<T>> {
        self.shelf().parts.get(order_id).cloned()
    }

    /// Keeps a committed part at hand, in place of an earlier one of the order, until
    /// [`AT_HAND_MAX`] others were put in.
    pub(super) fn put(&self, order_id: OrderId, part: Arc<T>) {
        let mut shelf = self.shelf();
        if shelf.parts.insert(order_id.clone(), part).is_none() {
            shelf.oldest_first.push_back(order_id);
        }
        if shelf.oldest_first.len() > AT_HAND_MAX
            && let Some(oldest) = shelf.oldest_first.pop_front()
        {
            shelf.parts.remove(&oldest);
        }
    }
}
