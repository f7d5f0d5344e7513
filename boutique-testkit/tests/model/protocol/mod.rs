//! The protocol of a sale as a state machine without time: small enough to be looked at in
//! every state it can reach.
//!
//! What a ledger does is [`StockBook`](boutique_core::stock::StockBook) itself, and what a
//! record does is [`Saga`](boutique_core::checkout::Saga) itself; [`rules`] only remembers what
//! they answered. The coordinator is written down a second time, in [`task`], because a future
//! cannot be copied and compared; the product's own is what the explorer looks at.

pub(crate) mod properties;
pub(crate) mod record;
pub(crate) mod rules;
pub(crate) mod shelf;
pub(crate) mod task;
pub(crate) mod world;

/// The most orders a model has.
pub(crate) const ORDERS: usize = 2;
/// The most stock systems.
pub(crate) const SYSTEMS: usize = 2;
/// The most attempts of one key.
pub(crate) const ATTEMPTS: usize = 2;
/// Holds a ledger may know: one for each attempt of each order.
pub(crate) const HOLDS: usize = ORDERS * ATTEMPTS;

/// How big a world is looked at. Every one of them loses, doubles and reorders messages, lets
/// holds lapse, and lets every process die as often as it likes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// How many stock systems each order touches, the deciding one first; 0 is no order.
    pub(crate) touches: [usize; ORDERS],
    pub(crate) attempts: usize,
    /// Units of the one product, in each system.
    pub(crate) units: u8,
    /// Whether orders may be parked until a person decides.
    pub(crate) review: bool,
    /// Whether sold goods are shipped or released.
    pub(crate) warehouse: bool,
    /// What is wrong with the coordinator.
    pub(crate) flaw: Option<task::Flaw>,
}

impl Shape {
    pub(crate) fn orders(&self) -> usize {
        self.touches.iter().filter(|it| **it > 0).count()
    }

    pub(crate) fn systems(&self) -> usize {
        self.touches.into_iter().max().unwrap_or_default()
    }
}
