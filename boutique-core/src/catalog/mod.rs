//! The catalog: what is sold, for how much, and which stock system keeps it.
//!
//! Prices come from here, never from the client. The catalog is behind a service,
//! [`QuoteCart`], so that an embedder can price from elsewhere.

mod default;
mod quote;
mod range;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use quote::QuoteFromCatalog;
pub use range::InvalidCatalog;

use crate::carts::CartLine;
use crate::fault::PortError;
use crate::ids::{IdempotencyKey, ProductId};
use crate::limits::Units;
use crate::money::{Currency, Money};
use crate::shipping::FreightClass;
use crate::stock::StockSystem;

/// Something that is sold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Its id.
    pub id: ProductId,
    /// What it is called.
    pub name: Arc<str>,
    /// What it is, in a sentence.
    pub description: Arc<str>,
    /// Its price in each currency it is sold in.
    pub prices: Vec<Money>,
    /// Categories, for browsing.
    pub categories: Vec<Arc<str>>,
    /// Weight of one unit with its packing.
    pub weight_grams: u32,
    /// Which stock system keeps it.
    pub system: StockSystem,
    /// How it travels if it is too bulky for a parcel.
    pub freight_class: Option<FreightClass>,
}

/// Products by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    products: BTreeMap<ProductId, Arc<Product>>,
}

/// Asks what a cart costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuoteCart {
    /// The client's name for the order; a catalog that prices per order looks it up.
    pub reference: IdempotencyKey,
    /// The currency the buyer pays in.
    pub currency: Currency,
    /// What is to be priced; answered line by line, in this order.
    pub lines: Arc<[CartLine]>,
}

/// A line with its price and all that shipping and stock need to know of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricedLine {
    /// The article.
    pub product_id: ProductId,
    /// How many.
    pub quantity: Units,
    /// The price of one.
    pub unit_price: Money,
    /// Weight of one unit with its packing.
    pub weight_grams: u32,
    /// Which stock system keeps it.
    pub system: StockSystem,
    /// How it travels if it is too bulky for a parcel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freight_class: Option<FreightClass>,
}

/// Why a cart has no price. `line` counts from zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", content = "of", rename_all = "snake_case")]
pub enum QuoteRejection {
    /// Nobody knows the article.
    #[error("items[{line}].product_id: there is no product {product_id} in the catalog")]
    UnknownProduct {
        /// The line.
        line: usize,
        /// The article.
        product_id: ProductId,
    },
    /// The article is not sold in that currency.
    #[error("items[{line}].product_id: {product_id} is not sold in {currency}")]
    NoPrice {
        /// The line.
        line: usize,
        /// The article.
        product_id: ProductId,
        /// The currency asked for.
        currency: Currency,
    },
}

/// Why a cart could not be priced.
pub type QuoteError = PortError<QuoteRejection>;
