//! Prices from a catalog that is at hand.

use std::sync::Arc;

use super::{Catalog, PricedLine, QuoteCart, QuoteError, QuoteRejection};
use crate::carts::CartLine;
use crate::fault::PortError;
use crate::flow::Step;
use crate::money::Currency;

impl Catalog {
    /// Prices `lines`, in their order, each on its own.
    ///
    /// # Errors
    ///
    /// [`QuoteRejection`] names the first line that has no price.
    pub fn quote(
        &self,
        currency: Currency,
        lines: &[CartLine],
    ) -> Result<Arc<[PricedLine]>, QuoteRejection> {
        lines
            .iter()
            .enumerate()
            .map(|(at, line)| self.quote_line(currency, at, line))
            .collect()
    }

    fn quote_line(
        &self,
        currency: Currency,
        at: usize,
        CartLine {
            product_id,
            quantity,
        }: &CartLine,
    ) -> Result<PricedLine, QuoteRejection> {
        let Some(product) = self.get(product_id) else {
            return Err(QuoteRejection::UnknownProduct {
                line: at,
                product_id: product_id.clone(),
            });
        };
        let Some(unit_price) = product.price_in(currency) else {
            return Err(QuoteRejection::NoPrice {
                line: at,
                product_id: product_id.clone(),
                currency,
            });
        };
        Ok(PricedLine {
            product_id: product.id.clone(),
            quantity: *quantity,
            unit_price,
            weight_grams: product.weight_grams,
            system: product.system,
            freight_class: product.freight_class,
        })
    }
}

/// Prices carts from one catalog.
#[derive(Clone, Debug)]
pub struct QuoteFromCatalog {
    /// The catalog.
    pub catalog: Arc<Catalog>,
}

impl Step<QuoteCart> for QuoteFromCatalog {
    type Response = Arc<[PricedLine]>;
    type Error = QuoteError;

    async fn run(&self, request: QuoteCart) -> Result<Arc<[PricedLine]>, QuoteError> {
        self.catalog
            .quote(request.currency, &request.lines)
            .map_err(PortError::Rejected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{IdempotencyKey, ProductId};
    use crate::limits::Units;

    async fn quote(currency: Currency, lines: &[&str]) -> Result<Arc<[PricedLine]>, String> {
        let catalog = Arc::new(Catalog::default_range());
        let lines = lines.iter().map(|id| CartLine {
            product_id: ProductId::new(*id).expect("an id"),
            quantity: Units::ONE,
        });
        let request = QuoteCart {
            reference: IdempotencyKey::new("k1").expect("a key"),
            currency,
            lines: lines.collect(),
        };
        QuoteFromCatalog { catalog }
            .run(request)
            .await
            .map_err(|it| it.to_string())
    }

    #[tokio::test]
    async fn lines_are_priced_in_the_order_of_the_cart() {
        let lines = quote(Currency::EUR, &["FURN-SOFA-3", "6E92ZMYYFZ"])
            .await
            .expect("both are sold");
        let prices: Vec<_> = lines.iter().map(|it| it.unit_price.to_string()).collect();
        assert_eq!(prices, ["EUR 1099.00", "EUR 8.49"]);
        assert!(lines[0].freight_class.is_some());
        assert!(lines[1].freight_class.is_none());
    }

    #[tokio::test]
    async fn a_line_without_a_price_is_named() {
        assert_eq!(
            quote(Currency::USD, &["6E92ZMYYFZ", "NOSUCH"]).await,
            Err("items[1].product_id: there is no product NOSUCH in the catalog".to_owned())
        );
        assert_eq!(
            quote(Currency::JPY, &["6E92ZMYYFZ"]).await,
            Err("items[0].product_id: 6E92ZMYYFZ is not sold in JPY".to_owned())
        );
    }
}
