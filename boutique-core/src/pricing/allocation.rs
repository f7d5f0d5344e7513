//! Each line's share of an order's amounts, without a lost cent.

use super::TaxMode;
use crate::event::ConfirmedOrder;
use crate::money::{Money, MoneyError, split};

/// What one line of an order is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineShare {
    /// What the buyer pays for the line, shipping and tax included.
    pub total: Money,
    /// What of it is for shipping, tax included.
    pub shipping: Money,
    /// What of it is tax.
    pub tax: Money,
}

/// An order's total and tax split over its lines by largest remainders.
///
/// The discount is shared in proportion to the lines' goods, shipping in proportion to what is
/// left of them, tax in proportion to both together. A return pays back goods and their tax,
/// not shipping; a cancellation pays back all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// The shares, in the order of the lines. They sum to the order's total and tax.
    pub lines: Vec<LineShare>,
}

impl Allocation {
    /// Splits the amounts of `order`.
    ///
    /// # Errors
    ///
    /// [`MoneyError`] if an amount is beyond the ceiling or currencies are mixed.
    pub fn of(order: &ConfirmedOrder) -> Result<Self, MoneyError> {
        let items = &order.order.items;
        let goods = items
            .iter()
            .map(|it| Ok(it.cost.times(it.item.quantity.get())?.rounded()))
            .collect::<Result<Vec<_>, MoneyError>>()?;
        let weigh = |amounts: &[Money]| {
            amounts
                .iter()
                .map(|it| it.nanos().max(0).unsigned_abs())
                .collect::<Vec<_>>()
        };
        let shipping = order.order.shipping_cost;
        // What is not goods, discount or shipping is tax on top, or the cents by which rounding
        // the sum differs from rounding each line.
        let on_top = match Self::tax_mode(order)? {
            TaxMode::Inclusive => Money::zero(order.total.currency()),
            TaxMode::Exclusive => order.tax,
        };
        let net_goods_total = order.total.minus(shipping)?.minus(on_top)?;
        let net_goods = split(net_goods_total, &weigh(&goods))?;
        let shipping_net = split(shipping, &weigh(&net_goods))?;
        let base = net_goods
            .iter()
            .zip(&shipping_net)
            .map(|(goods, shipping)| goods.plus(*shipping))
            .collect::<Result<Vec<_>, _>>()?;
        let tax = split(order.tax, &weigh(&base))?;
        let on_top = split(on_top, &weigh(&base))?;
        let mut lines = Vec::with_capacity(items.len());
        for at in 0..items.len() {
            // Shipping carries its part of tax on top, so that goods can be paid back alone.
            let shipping = if base[at].is_zero() {
                shipping_net[at]
            } else {
                let parts = split(on_top[at], &weigh(&[net_goods[at], shipping_net[at]]))?;
                shipping_net[at].plus(parts[1])?
            };
            lines.push(LineShare {
                total: base[at].plus(on_top[at])?,
                shipping,
                tax: tax[at],
            });
        }
        Ok(Self { lines })
    }

    /// Whether the order's tax is in its prices or on top: its amounts say so.
    fn tax_mode(order: &ConfirmedOrder) -> Result<TaxMode, MoneyError> {
        let mut goods = Money::zero(order.total.currency());
        for it in &order.order.items {
            goods = goods.plus(it.cost.times(it.item.quantity.get())?)?;
        }
        let base = goods
            .rounded()
            .minus(order.discount)?
            .plus(order.order.shipping_cost)?;
        let inclusive = order.tax.is_zero() || base == order.total;
        Ok(if inclusive {
            TaxMode::Inclusive
        } else {
            TaxMode::Exclusive
        })
    }

    /// The sum of the shares of `lines`.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`].
    ///
    /// # Panics
    ///
    /// If a line does not exist.
    pub fn sum(
        &self,
        lines: impl IntoIterator<Item = usize>,
        zero: Money,
    ) -> Result<LineShare, MoneyError> {
        let mut sum = LineShare {
            total: zero,
            shipping: zero,
            tax: zero,
        };
        for at in lines {
            let share = &self.lines[at];
            sum.total = sum.total.plus(share.total)?;
            sum.shipping = sum.shipping.plus(share.shipping)?;
            sum.tax = sum.tax.plus(share.tax)?;
        }
        Ok(sum)
    }
}
