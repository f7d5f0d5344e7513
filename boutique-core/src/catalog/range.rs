//! The products of a catalog, checked when it is made.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::{Catalog, Product};
use crate::ids::ProductId;
use crate::money::{Currency, Money};
use crate::stock::StockSystem;

/// Why products do not make a catalog.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCatalog {
    /// Two products have one id.
    #[error("{0} is listed twice")]
    Duplicate(ProductId),
    /// A product has no name.
    #[error("{0} has no name")]
    Nameless(ProductId),
    /// A product has no price.
    #[error("{0} has no price")]
    Unpriced(ProductId),
    /// A product has two prices in one currency.
    #[error("{product_id} has two prices in {currency}")]
    PricedTwice {
        /// The product.
        product_id: ProductId,
        /// The currency.
        currency: Currency,
    },
    /// A price is below nothing.
    #[error("{product_id} has a negative price in {currency}")]
    NegativePrice {
        /// The product.
        product_id: ProductId,
        /// The currency.
        currency: Currency,
    },
    /// Furniture cannot be shipped without a freight class.
    #[error("{0} is furniture and needs a freight class")]
    NoFreightClass(ProductId),
}

impl Product {
    /// The price of one in `currency`.
    pub fn price_in(&self, currency: Currency) -> Option<Money> {
        self.prices
            .iter()
            .find(|it| it.currency() == currency)
            .copied()
    }

    fn check(&self) -> Result<(), InvalidCatalog> {
        let product_id = || self.id.clone();
        if self.name.trim().is_empty() {
            return Err(InvalidCatalog::Nameless(product_id()));
        }
        if self.prices.is_empty() {
            return Err(InvalidCatalog::Unpriced(product_id()));
        }
        for (at, price) in self.prices.iter().enumerate() {
            let currency = price.currency();
            if price.is_negative() {
                return Err(InvalidCatalog::NegativePrice {
                    product_id: product_id(),
                    currency,
                });
            }
            if self.prices[..at].iter().any(|it| it.currency() == currency) {
                return Err(InvalidCatalog::PricedTwice {
                    product_id: product_id(),
                    currency,
                });
            }
        }
        if self.system == StockSystem::Furniture && self.freight_class.is_none() {
            return Err(InvalidCatalog::NoFreightClass(product_id()));
        }
        Ok(())
    }
}

impl Catalog {
    /// A catalog of `products`.
    ///
    /// # Errors
    ///
    /// [`InvalidCatalog`] names the first product that cannot be sold as it is, and why.
    pub fn new(products: impl IntoIterator<Item = Product>) -> Result<Self, InvalidCatalog> {
        let mut by_id = BTreeMap::new();
        for product in products {
            product.check()?;
            match by_id.entry(product.id.clone()) {
                Entry::Occupied(entry) => {
                    return Err(InvalidCatalog::Duplicate(entry.key().clone()));
                }
                Entry::Vacant(entry) => entry.insert(Arc::new(product)),
            };
        }
        Ok(Self { products: by_id })
    }

    /// The product with this id.
    pub fn get(&self, id: &ProductId) -> Option<&Arc<Product>> {
        self.products.get(id)
    }

    /// Every product, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Product>> {
        self.products.values()
    }

    /// Products by id, after the one with the id `after`, which need not exist.
    pub fn after(&self, after: Option<&ProductId>) -> impl Iterator<Item = &Arc<Product>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        self.products
            .range::<ProductId, _>((from, Unbounded))
            .map(|(_, it)| it)
    }

    /// How many products there are.
    pub fn len(&self) -> usize {
        self.products.len()
    }

    /// Whether there is nothing to sell.
    pub fn is_empty(&self) -> bool {
        self.products.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shipping::FreightClass;

    fn usd(cents: i64) -> Money {
        Money::from_minor(Currency::USD, cents).expect("in range")
    }

    fn sofa() -> Product {
        Product {
            id: ProductId::new("sofa").expect("an id"),
            name: "Sofa".into(),
            description: "".into(),
            prices: vec![usd(79_900)],
            categories: vec![],
            weight_grams: 58_000,
            system: StockSystem::Furniture,
            freight_class: Some(FreightClass::Heavy),
        }
    }

    #[test]
    fn what_could_not_be_sold_is_refused_by_name() {
        let made = |change: fn(&mut Product)| {
            let mut product = sofa();
            change(&mut product);
            Catalog::new([product]).map_err(|it| it.to_string())
        };
        assert!(made(|_| ()).is_ok());
        for (change, why) in [
            (
                (|it| it.freight_class = None) as fn(&mut Product),
                "sofa is furniture and needs a freight class",
            ),
            (|it| it.prices.clear(), "sofa has no price"),
            (|it| it.prices.push(usd(1)), "sofa has two prices in USD"),
            (
                |it| it.prices = vec![usd(-1)],
                "sofa has a negative price in USD",
            ),
            (|it| it.name = " ".into(), "sofa has no name"),
        ] {
            assert_eq!(made(change), Err(why.to_owned()));
        }
        assert_eq!(
            Catalog::new([sofa(), sofa()]),
            Err(InvalidCatalog::Duplicate(sofa().id))
        );
    }

    #[test]
    fn pages_follow_each_other() {
        let catalog = Catalog::default_range();
        let first: Vec<_> = catalog.after(None).take(4).collect();
        let rest: Vec<_> = catalog.after(Some(&first[3].id)).collect();
        assert_eq!(first.len() + rest.len(), catalog.len());
        assert!(catalog.iter().eq(first.into_iter().chain(rest)));
    }
}
