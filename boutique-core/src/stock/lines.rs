//! Lines of a hold: summed per product, and compared.

use super::{HeldLine, StockLine};
use crate::ids::ProductId;

/// Demand per product, sorted by product.
pub(super) fn summed(lines: &[StockLine]) -> Vec<HeldLine> {
    let mut sums: Vec<HeldLine> = lines
        .iter()
        .map(|it| HeldLine {
            product_id: it.product_id.clone(),
            quantity: it.quantity.get().into(),
            shipped: 0,
        })
        .collect();
    sums.sort_unstable_by(|one, other| one.product_id.cmp(&other.product_id));
    sums.dedup_by(|later, kept| {
        let same = later.product_id == kept.product_id;
        if same {
            kept.quantity += later.quantity;
        }
        same
    });
    sums
}

/// Whether a hold of `held` is what `asked` asks for.
pub(super) fn asks_for(held: &[HeldLine], asked: &[HeldLine]) -> bool {
    held.len() == asked.len()
        && held.iter().zip(asked).all(|(one, other)| {
            one.product_id == other.product_id && one.quantity == other.quantity
        })
}

/// Whether a shipment that took `done` is what `asked` asks for.
pub(super) fn shipped_is(done: &[(ProductId, u64)], asked: &[HeldLine]) -> bool {
    done.len() == asked.len()
        && done
            .iter()
            .zip(asked)
            .all(|(one, other)| one.0 == other.product_id && one.1 == other.quantity)
}
