//! How far away a country is.

use serde::{Deserialize, Serialize};

use crate::customer::Country;

/// How far goods travel, seen from the shop's own country.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Zone {
    /// To the shop's own country.
    Domestic,
    /// To the European single market, the United Kingdom or Switzerland.
    Europe,
    /// To anywhere else, or to a country that is not known by its spelling.
    World,
}

impl Zone {
    /// The zone of `country` for a shop in `domestic`.
    pub fn of(country: &Country, domestic: &Country) -> Self {
        if country == domestic {
            Self::Domestic
        } else if country.is_european() {
            Self::Europe
        } else {
            Self::World
        }
    }
}
