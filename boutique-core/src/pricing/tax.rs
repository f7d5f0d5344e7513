//! Tax rates by country.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::customer::Country;

/// Whether tax is contained in prices or added to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaxMode {
    /// Prices contain it: `tax = base * rate / (1 + rate)`.
    Inclusive,
    /// It is added: `tax = base * rate`.
    Exclusive,
}

/// Tax rates by the country the goods go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaxTable {
    /// Contained or added.
    pub mode: TaxMode,
    rates: BTreeMap<Country, u16>,
    elsewhere: u16,
}

impl TaxTable {
    /// A table of rates in hundredths of a percent; `elsewhere` is for every other country.
    /// Countries may be spelled in any way that [`Country`] knows, here and in addresses.
    pub fn new<'a>(
        mode: TaxMode,
        elsewhere: u16,
        rates: impl IntoIterator<Item = (&'a str, u16)>,
    ) -> Self {
        let rates = rates
            .into_iter()
            .map(|(it, rate)| (Country::of(it), rate))
            .collect();
        Self {
            mode,
            rates,
            elsewhere,
        }
    }

    /// No tax anywhere.
    pub fn none() -> Self {
        Self::new(TaxMode::Inclusive, 0, [])
    }

    /// The rate for goods that go to `country`, in hundredths of a percent.
    pub fn basis_points(&self, country: &str) -> u16 {
        if self.rates.is_empty() {
            return self.elsewhere;
        }
        let rate = self.rates.get(&Country::of(country));
        rate.copied().unwrap_or(self.elsewhere)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_taxed_alike_however_it_is_spelled() {
        let table = TaxTable::new(TaxMode::Inclusive, 500, [("DE", 1_900), ("france", 2_000)]);
        for (country, rate) in [
            ("DE", 1_900),
            (" Germany", 1_900),
            ("FR", 2_000),
            ("Narnia", 500),
        ] {
            assert_eq!(table.basis_points(country), rate, "{country}");
        }
        assert_eq!(TaxTable::none().basis_points("DE"), 0);
    }
}
