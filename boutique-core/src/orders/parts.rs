//! How an order falls into parts, one per stock system.

use std::ops::Range;

use crate::event::ConfirmedOrder;
use crate::ids::HoldId;
use crate::money::{Money, MoneyError};
use crate::pricing::{Allocation, LineShare};
use crate::stock::{StockLine, StockSystem};

/// One stock system's part of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// The stock system.
    pub system: StockSystem,
    /// The confirmed hold its goods are taken from.
    pub hold_id: Option<&'a HoldId>,
    /// Which lines of the order are in it, counted from zero.
    pub lines: Range<usize>,
}

/// Why an order cannot be carried out, although it can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Two holds in one stock system: its part would have two shipments of one name.
    #[error("holds: there is more than one for {0}")]
    TwoHolds(StockSystem),
    /// The holds have more or fewer lines than the order.
    #[error("holds: they cover {covered} lines of {lines}")]
    Uncovered {
        /// Lines in holds.
        covered: usize,
        /// Lines of the order.
        lines: usize,
    },
    /// The amounts do not add up.
    #[error("amounts: {0}")]
    Money(#[from] MoneyError),
    /// A line's share is below zero, or has more tax or shipping than there is of it.
    #[error("amounts: discount, shipping and tax leave less than nothing of a line")]
    Negative,
}

impl<'a> Part<'a> {
    /// The parts of `order`, in the order of its lines. Without holds everything is one part
    /// of the first stock system. Lines that no hold has belong to no part.
    pub fn all_of(order: &'a ConfirmedOrder) -> Vec<Self> {
        let lines = order.order.items.len();
        if order.holds.iter().all(|it| it.items == 0) {
            return vec![Self {
                system: StockSystem::Inventory,
                hold_id: order.holds.first().map(|it| &it.hold_id),
                lines: 0..lines,
            }];
        }
        let mut from = 0;
        let holds = order.holds.iter().filter(|it| it.items > 0);
        holds
            .map(|it| {
                let to = lines.min(from + it.items.min(lines));
                let lines = from..to;
                from = to;
                Self {
                    system: it.system,
                    hold_id: Some(&it.hold_id),
                    lines,
                }
            })
            .collect()
    }

    /// The part of `order` that `system` has.
    pub fn of(order: &'a ConfirmedOrder, system: StockSystem) -> Option<Self> {
        Self::all_of(order)
            .into_iter()
            .find(|it| it.system == system)
    }

    /// The part that `line` of `order` belongs to.
    pub fn of_line(order: &'a ConfirmedOrder, line: usize) -> Option<Self> {
        let mut parts = Self::all_of(order).into_iter();
        parts.find(|it| it.lines.contains(&line))
    }

    /// What of `order` is in it, for the warehouse.
    pub fn goods(&self, order: &ConfirmedOrder) -> Vec<StockLine> {
        order.order.items[self.lines.clone()]
            .iter()
            .map(|it| StockLine {
                product_id: it.item.product_id.clone(),
                quantity: it.item.quantity,
            })
            .collect()
    }

    /// What it is worth: the sum of its lines' shares.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`].
    pub fn share(&self, order: &ConfirmedOrder) -> Result<LineShare, MoneyError> {
        let zero = Money::zero(order.total.currency());
        Allocation::of(order)?.sum(self.lines.clone(), zero)
    }
}

/// Whether an order can be carried out: what is refused here would never be booked or sent.
///
/// # Errors
///
/// [`Unfit`] says what is wrong with it.
pub fn check_fit(order: &ConfirmedOrder) -> Result<(), Unfit> {
    let parts = Part::all_of(order);
    for (at, part) in parts.iter().enumerate() {
        if parts[..at].iter().any(|it| it.system == part.system) {
            return Err(Unfit::TwoHolds(part.system));
        }
    }
    let (lines, holds) = (order.order.items.len(), &order.holds);
    let covered = holds
        .iter()
        .fold(0, |sum: usize, it| sum.saturating_add(it.items));
    if !(holds.is_empty() || covered == lines) {
        return Err(Unfit::Uncovered { covered, lines });
    }
    for share in Allocation::of(order)?.lines {
        let goods = share.total.minus(share.shipping)?;
        let net = share.total.minus(share.tax)?;
        let all = [goods, net, share.shipping, share.tax];
        if all.iter().any(Money::is_negative) {
            return Err(Unfit::Negative);
        }
    }
    Ok(())
}
