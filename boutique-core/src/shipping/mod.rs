//! Shipping: what it costs to send parcels and freight, and how long it takes.

mod quote;
mod rates;
mod tariff;
mod zone;

use serde::{Deserialize, Serialize};

pub use quote::QuoteByTariff;
pub use rates::{FreightRate, InvalidTariff, Rates, ZoneTerms, Zones};
pub use tariff::{Tariff, TariffError};
pub use zone::Zone;

use crate::catalog::PricedLine;
use crate::customer::Address;
use crate::fault::PortError;
use crate::money::{Currency, Money};
use crate::pii::Pii;
use std::sync::Arc;

/// How bulky goods travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FreightClass {
    /// Carried by one person: a chair, a lamp.
    Light,
    /// Carried by two: a table, a shelf.
    Standard,
    /// Needs a lift or a crane: a sofa, a wardrobe.
    Heavy,
}

/// Asks what shipping costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuoteShipping {
    /// Where to.
    pub address: Pii<Address>,
    /// The currency the buyer pays in.
    pub currency: Currency,
    /// What is sent.
    pub lines: Arc<[PricedLine]>,
}

/// What shipping costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShippingQuote {
    /// For all parcels.
    pub parcels: Money,
    /// For all freight.
    pub freight: Money,
    /// Both together.
    pub cost: Money,
    /// Days until the last of it arrives.
    pub lead_days: u16,
}

/// Why there is no quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", content = "of", rename_all = "snake_case")]
pub enum ShippingRejection {
    /// No tariff in that currency.
    #[error("user_currency: shipping is not sold in {0}")]
    NoTariff(Currency),
}

/// Why shipping could not be quoted.
pub type ShippingError = PortError<ShippingRejection>;
