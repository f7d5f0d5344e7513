//! What shipping costs: a rule over weight, freight class and zone.

use std::collections::BTreeMap;

use super::{
    FreightClass, FreightRate, InvalidTariff, Rates, ShippingQuote, ShippingRejection, Zone, Zones,
};
use crate::catalog::PricedLine;
use crate::customer::Country;
use crate::money::{Currency, Money, MoneyError};

/// Why a tariff has no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TariffError {
    /// It has no rates in that currency.
    #[error(transparent)]
    Rejected(#[from] ShippingRejection),
    /// The price is more than money can say.
    #[error("shipping costs more than an amount can be")]
    Money(#[from] MoneyError),
}

/// What shipping costs in each currency.
///
/// Per order all parcels make one shipment, and so does all freight of one class:
///
/// `(flat + per_kg * started kilograms) * percent of the zone / 100`,
///
/// rounded half-even to the minor unit per shipment. The order takes as long as the slowest of
/// its shipments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tariff {
    domestic: Country,
    zones: Zones,
    /// `None` is free of charge in every currency.
    rates: Option<BTreeMap<Currency, Rates>>,
}

impl Tariff {
    /// A tariff of a shop in the country `domestic`.
    ///
    /// # Errors
    ///
    /// [`InvalidTariff`] names the currency whose rates are at odds.
    pub fn new(
        domestic: &str,
        zones: Zones,
        rates: impl IntoIterator<Item = Rates>,
    ) -> Result<Self, InvalidTariff> {
        let mut by_currency = BTreeMap::new();
        for rates in rates {
            let currency = rates.check()?;
            if by_currency.insert(currency, rates).is_some() {
                return Err(InvalidTariff::Duplicate(currency));
            }
        }
        Ok(Self {
            domestic: Country::of(domestic),
            zones,
            rates: Some(by_currency),
        })
    }

    /// The tariff a shop starts with: of a shop in the United States, in USD, EUR and GBP.
    pub fn standard() -> Self {
        let rates = [
            (Currency::USD, [499, 150, 2_900, 60, 5_900, 90, 9_900, 120]),
            (Currency::EUR, [459, 140, 2_700, 55, 5_500, 85, 9_100, 110]),
            (Currency::GBP, [399, 120, 2_300, 50, 4_700, 70, 7_900, 95]),
        ];
        let rates = rates.map(|(currency, cents)| {
            let [a, b, c, d, e, f, g, h] = cents.map(|it| {
                Money::from_minor(currency, it).expect("the rates are far below the ceiling")
            });
            let rate = |flat, per_kg| FreightRate { flat, per_kg };
            Rates {
                parcels: rate(a, b),
                light: rate(c, d),
                standard: rate(e, f),
                heavy: rate(g, h),
            }
        });
        Self::new("US", Zones::default(), rates).expect("each currency has one set of rates")
    }

    /// Free of charge in every currency, and as fast as the standard tariff.
    pub fn free() -> Self {
        Self {
            domestic: Country::of("US"),
            zones: Zones::default(),
            rates: None,
        }
    }

    /// The same tariff for a shop in another country.
    #[must_use]
    pub fn with_domestic(self, country: &str) -> Self {
        Self {
            domestic: Country::of(country),
            ..self
        }
    }

    /// The zone of a country, as it is spelled in an address.
    pub fn zone(&self, country: &str) -> Zone {
        Zone::of(&Country::of(country), &self.domestic)
    }

    /// What it costs to send `lines` to `country`. Nothing costs nothing.
    ///
    /// # Errors
    ///
    /// [`TariffError::Rejected`] without rates in `currency`, [`TariffError::Money`] if the
    /// price is beyond the ceiling of amounts.
    pub fn quote(
        &self,
        country: &str,
        currency: Currency,
        lines: &[PricedLine],
    ) -> Result<ShippingQuote, TariffError> {
        let terms = self.zones.terms(self.zone(country));
        let rates = match &self.rates {
            None => None,
            Some(rates) => Some(
                rates
                    .get(&currency)
                    .ok_or(ShippingRejection::NoTariff(currency))?,
            ),
        };
        let price = |class: Option<FreightClass>, kilograms: u64| match rates {
            None => Ok(Money::zero(currency)),
            Some(rates) => rates.of(class).price(kilograms, terms.percent),
        };
        let mut quote = ShippingQuote {
            parcels: Money::zero(currency),
            freight: Money::zero(currency),
            cost: Money::zero(currency),
            lead_days: 0,
        };
        if let Some(kilograms) = started_kilograms(lines, None) {
            quote.parcels = price(None, kilograms)?;
            quote.lead_days = terms.parcel_days;
        }
        for class in FreightClass::ALL {
            if let Some(kilograms) = started_kilograms(lines, Some(class)) {
                quote.freight = quote.freight.plus(price(Some(class), kilograms)?)?;
                let days = terms.freight_days.saturating_add(class.handling_days());
                quote.lead_days = quote.lead_days.max(days);
            }
        }
        quote.cost = quote.parcels.plus(quote.freight)?;
        Ok(quote)
    }
}

/// The kilograms, rounded up, of all units that travel as `class`; `None` if there are none.
fn started_kilograms(lines: &[PricedLine], class: Option<FreightClass>) -> Option<u64> {
    lines
        .iter()
        .filter(|it| it.freight_class == class)
        .map(|it| u64::from(it.weight_grams) * u64::from(it.quantity.get()))
        .reduce(u64::saturating_add)
        .map(|grams| grams.div_ceil(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::carts::CartLine;
    use crate::catalog::Catalog;
    use crate::ids::ProductId;
    use crate::limits::Units;

    /// Parcels, freight, both together, and days, for articles of the default range.
    fn quoted(tariff: &Tariff, country: &str, articles: &[(&str, i64)]) -> String {
        let lines: Vec<_> = articles
            .iter()
            .map(|(id, quantity)| CartLine {
                product_id: ProductId::new(*id).expect("an id"),
                quantity: Units::new(*quantity).expect("units"),
            })
            .collect();
        let lines = Catalog::default_range().quote(Currency::USD, &lines);
        let lines = lines.expect("all of it is sold");
        let quote = tariff.quote(country, Currency::USD, &lines);
        let quote = quote.expect("in the tariff");
        let [parcels, freight, cost] =
            [quote.parcels, quote.freight, quote.cost].map(|it| it.decimal());
        format!("{parcels} + {freight} = {cost}, {} days", quote.lead_days)
    }

    const MUG: &str = "6E92ZMYYFZ"; // 380 g
    const CHAIR: &str = "FURN-CHAIR-OAK"; // 6.5 kg, light
    const SOFA: &str = "FURN-SOFA-3"; // 68 kg, heavy

    #[test]
    fn parcels_pay_for_started_kilograms_and_freight_by_class() {
        let tariff = Tariff::standard();
        for (articles, expected) in [
            (&[(MUG, 1)][..], "6.49 + 0.00 = 6.49, 2 days"),
            (&[(MUG, 2)], "6.49 + 0.00 = 6.49, 2 days"),
            (&[(MUG, 3)], "7.99 + 0.00 = 7.99, 2 days"),
            (&[(MUG, 1), (MUG, 2)], "7.99 + 0.00 = 7.99, 2 days"),
            (&[(CHAIR, 2)], "0.00 + 36.80 = 36.80, 7 days"),
            (
                &[(CHAIR, 2), (SOFA, 1), (MUG, 1)],
                "6.49 + 217.40 = 223.89, 12 days",
            ),
            (&[], "0.00 + 0.00 = 0.00, 0 days"),
        ] {
            assert_eq!(quoted(&tariff, "USA", articles), expected, "{articles:?}");
        }
    }

    #[test]
    fn farther_is_dearer_and_slower_seen_from_the_shop() {
        let american = Tariff::standard();
        let german = Tariff::standard().with_domestic("Germany");
        let mug = [(MUG, 1)];
        for (tariff, country, expected) in [
            (&american, "us", "6.49 + 0.00 = 6.49, 2 days"),
            (&american, "France", "11.68 + 0.00 = 11.68, 5 days"),
            (&american, "Narnia", "16.22 + 0.00 = 16.22, 9 days"),
            (&german, "DE", "6.49 + 0.00 = 6.49, 2 days"),
            (&german, "FR", "11.68 + 0.00 = 11.68, 5 days"),
            (&german, "United States", "16.22 + 0.00 = 16.22, 9 days"),
        ] {
            assert_eq!(quoted(tariff, country, &mug), expected, "{country}");
        }
    }

    #[test]
    fn free_shipping_is_free_in_every_currency() {
        let tariff = Tariff::free();
        let articles = [(SOFA, 3), (MUG, 1)];
        let expected = "0.00 + 0.00 = 0.00, 12 days";
        assert_eq!(quoted(&tariff, "US", &articles), expected);
        for currency in Currency::all() {
            let quote = tariff.quote("US", currency, &[]).expect("free");
            assert_eq!(quote.cost, Money::zero(currency));
        }
    }

    #[test]
    fn a_currency_without_rates_is_refused_and_a_price_never_wraps() {
        let tariff = Tariff::standard();
        assert_eq!(
            tariff.quote("US", Currency::JPY, &[]),
            Err(ShippingRejection::NoTariff(Currency::JPY).into())
        );
        let lines = Catalog::default_range().quote(
            Currency::USD,
            &[CartLine {
                product_id: ProductId::new(SOFA).expect("an id"),
                quantity: Units::new(10_000).expect("units"),
            }],
        );
        let heaviest = PricedLine {
            weight_grams: u32::MAX,
            ..lines.expect("sold")[0].clone()
        };
        let quote = tariff.quote("US", Currency::USD, &vec![heaviest; 1_000]);
        assert!(matches!(quote, Err(TariffError::Money(_))), "{quote:?}");
    }

    #[test]
    fn rates_at_odds_are_refused() {
        let usd = Money::from_minor(Currency::USD, 1).expect("in range");
        let rate = |flat, per_kg| FreightRate { flat, per_kg };
        let made = |rates: &[FreightRate]| {
            let rates = rates.iter().map(|parcels| Rates {
                parcels: *parcels,
                light: rate(usd, usd),
                standard: rate(usd, usd),
                heavy: rate(usd, usd),
            });
            Tariff::new("US", Zones::default(), rates).err()
        };
        let euro = Money::zero(Currency::EUR);
        assert_eq!(made(&[rate(usd, usd)]), None);
        for (rates, error) in [
            (&[rate(usd, euro)][..], InvalidTariff::Mixed(Currency::USD)),
            (
                &[rate(usd.negated(), usd)],
                InvalidTariff::Negative(Currency::USD),
            ),
            (
                &[rate(usd, usd), rate(usd, usd)],
                InvalidTariff::Duplicate(Currency::USD),
            ),
        ] {
            assert_eq!(made(rates), Some(error));
        }
    }
}
