//! What a return pays back by default.

use crate::event::ConfirmedOrder;
use crate::money::{Money, MoneyError, split};
use crate::pricing::{Allocation, LineShare};

/// What a line's goods cost, to be paid back unit by unit: shipping is not among it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refundable {
    total: Money,
    tax: Money,
    units: u32,
}

impl Refundable {
    /// What the lines of `order` can be paid back.
    ///
    /// # Errors
    ///
    /// [`MoneyError`] if the order's amounts cannot be split.
    pub fn lines_of(order: &ConfirmedOrder) -> Result<Vec<Self>, MoneyError> {
        let shares = Allocation::of(order)?.lines;
        let items = &order.order.items;
        let units = items.iter().map(|it| it.item.quantity.get());
        shares
            .iter()
            .zip(units)
            .map(|(share, units)| Self::of(share, units))
            .collect()
    }

    fn of(share: &LineShare, units: u32) -> Result<Self, MoneyError> {
        let goods = share.total.minus(share.shipping)?;
        let weights = [goods, share.shipping].map(|it| it.nanos().max(0).unsigned_abs());
        let tax = split(share.tax, &weights)?[0];
        // Amounts below the minor unit could be rounded to more tax than there are goods.
        let tax = if tax.nanos() > goods.nanos() {
            goods
        } else {
            tax
        };
        Ok(Self {
            total: goods,
            tax,
            units,
        })
    }

    /// The most that is paid back for the line, tax included.
    pub const fn total(&self) -> Money {
        self.total
    }

    /// What of [`Refundable::total`] is tax.
    pub const fn tax(&self) -> Money {
        self.tax
    }

    /// Refund and tax for `count` units after the first `from` of the line.
    ///
    /// It is the difference of two running sums, so that all units come to the total in
    /// whatever pieces they come back, and units whose price is whole cents come to that price.
    /// The tax runs with the refund, not with the units: a refund is never below its tax.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`].
    pub fn piece(&self, from: u32, count: u32) -> Result<(Money, Money), MoneyError> {
        let (until, until_tax) = self.until(from.saturating_add(count))?;
        let (before, before_tax) = self.until(from)?;
        Ok((until.minus(before)?, until_tax.minus(before_tax)?))
    }

    /// What the first `units` come to, rounded half-even, and what of it is tax; all of it for
    /// all units.
    fn until(&self, units: u32) -> Result<(Money, Money), MoneyError> {
        if units >= self.units {
            return Ok((self.total, self.tax));
        }
        // What is below the minor unit comes with the last piece.
        let part = self.total.portion(units.into(), self.units.into())?;
        let part = least(part, self.total);
        let minor = 10_i128.pow(9 - u32::from(part.currency().digits()));
        let count = |it: Money| u64::try_from(it.nanos() / minor).unwrap_or(0);
        let tax = match count(self.total) {
            0 => Money::zero(part.currency()),
            whole => self.tax.portion(count(part), whole)?,
        };
        Ok((part, least(least(tax, self.tax), part)))
    }
}

const fn least(a: Money, b: Money) -> Money {
    if a.nanos() < b.nanos() { a } else { b }
}

/// The tax in a `refund` that is lower than the usual one: in the same proportion.
pub(super) fn tax_within(
    refund: Money,
    usual: Money,
    usual_tax: Money,
) -> Result<Money, MoneyError> {
    let net = usual.minus(usual_tax)?;
    let weights = [net, usual_tax].map(|it| it.nanos().max(0).unsigned_abs());
    Ok(split(refund, &weights)?[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn usd(nanos: i128) -> Money {
        Money::from_nanos(Currency::USD, nanos).expect("in range")
    }

    #[test]
    fn all_units_come_to_the_goods_share_in_whatever_pieces() {
        const CENT: i128 = 10_000_000;
        for (total, shipping, tax, units) in [
            (1_000, 0, 0, 3),
            (1_299, 299, 207, 7),
            (100, 0, 99, 200),
            (5, 5, 1, 4),
            (0, 0, 0, 2),
        ] {
            let share = LineShare {
                total: usd(total * CENT + 3),
                shipping: usd(shipping * CENT),
                tax: usd(tax * CENT),
            };
            let line = Refundable::of(&share, units).expect("splits");
            for step in [1, 2, 3, units] {
                let mut sum = (usd(0), usd(0));
                let mut from = 0;
                while from < units {
                    let count = step.min(units - from);
                    let (refund, tax) = line.piece(from, count).expect("in range");
                    assert!(!tax.is_negative() && tax.nanos() <= refund.nanos());
                    sum = (
                        sum.0.plus(refund).expect("in range"),
                        sum.1.plus(tax).expect("in range"),
                    );
                    from += count;
                }
                assert_eq!(sum.0, usd((total - shipping) * CENT + 3));
                assert_eq!(sum.1, line.tax());
            }
        }
    }

    #[test]
    fn units_of_whole_cents_come_back_at_their_price() {
        const CENT: i128 = 10_000_000;
        for (price, units) in [(85, 3), (255, 6), (29, 24), (1_272, 7)] {
            let total = usd(price * units * CENT);
            let share = LineShare {
                total,
                shipping: usd(0),
                tax: total.portion(1_750, 11_750).expect("in range"),
            };
            let line = Refundable::of(&share, units as u32).expect("splits");
            for from in 0..units as u32 {
                let (refund, tax) = line.piece(from, 1).expect("in range");
                assert_eq!(refund, usd(price * CENT));
                assert!(!tax.is_negative() && tax.nanos() <= refund.nanos());
            }
        }
    }

    #[test]
    fn a_lower_refund_has_a_lower_tax() {
        const CENT: i128 = 10_000_000;
        let tax = |refund| tax_within(usd(refund), usd(1_190 * CENT), usd(190 * CENT));
        assert_eq!(tax(595 * CENT), Ok(usd(95 * CENT)));
        assert_eq!(tax(1_190 * CENT), Ok(usd(190 * CENT)));
        assert_eq!(tax(0), Ok(usd(0)));
    }
}
