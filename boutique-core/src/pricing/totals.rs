//! The amounts of an order.

use serde::{Deserialize, Serialize};

use super::{TaxMode, TaxTable};
use crate::catalog::PricedLine;
use crate::customer::Tier;
use crate::money::{Currency, Money, MoneyError};

/// What an order comes to.
///
/// `total = goods - discount + shipping`, plus `tax` where tax is added to prices. Each amount
/// is rounded half-even to the currency's minor unit on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Price times quantity, over all lines.
    pub goods: Money,
    /// What the tier takes off the goods.
    pub discount: Money,
    /// Shipping.
    pub shipping: Money,
    /// What of the total is tax.
    pub tax: Money,
    /// Whether the tax is in the prices or on top of them.
    pub tax_mode: TaxMode,
    /// What the buyer pays.
    pub total: Money,
}

impl Totals {
    /// Adds an order up.
    ///
    /// # Errors
    ///
    /// [`MoneyError`] if an amount is beyond the ceiling or of another currency.
    pub fn of(
        lines: &[PricedLine],
        currency: Currency,
        tier: Tier,
        shipping: Money,
        taxes: &TaxTable,
        country: &str,
    ) -> Result<Self, MoneyError> {
        let mut goods = Money::zero(currency);
        for line in lines {
            goods = goods.plus(line.unit_price.times(line.quantity.get())?)?;
        }
        let (goods, shipping) = (goods.rounded(), shipping.rounded());
        let discount = goods.portion(tier.discount_basis_points().into(), 10_000)?;
        let base = goods.minus(discount)?.plus(shipping)?;
        let rate = taxes.basis_points(country);
        let mode = taxes.mode;
        let (tax, total) = match mode {
            TaxMode::Inclusive => (base.portion(rate.into(), 10_000 + u64::from(rate))?, base),
            TaxMode::Exclusive => {
                let tax = base.portion(rate.into(), 10_000)?;
                (tax, base.plus(tax)?)
            }
        };
        Ok(Self {
            goods,
            discount,
            shipping,
            tax,
            tax_mode: mode,
            total,
        })
    }
}
