//! Orders at hand.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use boutique_core::event::ConfirmedOrder;
use boutique_core::ids::OrderId;

/// How many orders are at hand: those that are being worked on, with room to spare.
const ORDERS_MAX: usize = 256;

/// The orders that were placed last, so that each fact of an order does not read it back.
///
/// Only committed orders may be put in: they never change, so none is ever stale.
#[derive(Default)]
pub(super) struct PlacedOrders {
    shelf: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    // Only looked up by key, never iterated.
    orders: HashMap<OrderId, Arc<ConfirmedOrder>, BuildHasherDefault<DefaultHasher>>,
    oldest_first: VecDeque<OrderId>,
}

impl PlacedOrders {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The order, if it is at hand.
    pub(super) fn get(&self, order_id: &OrderId) -> Option<Arc<ConfirmedOrder>> {
        self.shelf().orders.get(order_id).cloned()
    }

    /// Keeps a committed order at hand until [`ORDERS_MAX`] others were put in.
    pub(super) fn put(&self, order: Arc<ConfirmedOrder>) -> Arc<ConfirmedOrder> {
        let order_id = &order.order.order_id;
        let mut shelf = self.shelf();
        if shelf
            .orders
            .insert(order_id.clone(), Arc::clone(&order))
            .is_none()
        {
            shelf.oldest_first.push_back(order_id.clone());
        }
        if shelf.oldest_first.len() > ORDERS_MAX
            && let Some(oldest) = shelf.oldest_first.pop_front()
        {
            shelf.orders.remove(&oldest);
        }
        drop(shelf);
        order
    }
}
