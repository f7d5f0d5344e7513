//! Tax rates by country.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
    rates: BTreeMap<String, u16>,
    elsewhere: u16,
}

impl TaxTable {
    /// A table of rates in hundredths of a percent; `elsewhere` is for every other country.
    /// Countries are compared without regard to case.
    pub fn new<'a>(
        mode: TaxMode,
        elsewhere: u16,
        rates: impl IntoIterator<Item = (&'a str, u16)>,
    ) -> Self {
        let rates = rates
            .into_iter()
            .map(|(it, rate)| (it.to_lowercase(), rate))
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
        if let Some(rate) = self.rates.get(country) {
            return *rate;
        }
        self.rates
            .get(&country.to_lowercase())
            .copied()
            .unwrap_or(self.elsewhere)
    }
}
