//! A catalog that prices per invoice: the price of a line is the file's.

use std::collections::BTreeMap;
use std::sync::Arc;

use boutique_core::catalog::{PricedLine, QuoteCart, QuoteError, QuoteRejection};
use boutique_core::fault::PortError;
use boutique_core::flow::Step;
use boutique_core::stock::StockSystem;

use super::invoices::Sale;

/// Quotes the lines of a file's invoices, which it finds by [`QuoteCart::reference`].
pub struct PricesOfFile {
    sales: BTreeMap<Arc<str>, Arc<Sale>>,
}

impl PricesOfFile {
    /// Prices of these invoices.
    pub fn new<'a>(sales: impl IntoIterator<Item = &'a Arc<Sale>>) -> Self {
        let sales = sales
            .into_iter()
            .map(|it| (Arc::clone(&it.invoice), Arc::clone(it)));
        Self {
            sales: sales.collect(),
        }
    }
}

impl Step<QuoteCart> for PricesOfFile {
    type Response = Arc<[PricedLine]>;
    type Error = QuoteError;

    /// # Errors
    ///
    /// [`QuoteRejection::UnknownProduct`] for a line that is not the invoice's,
    /// [`QuoteRejection::NoPrice`] for another currency than the file's.
    async fn run(&self, request: QuoteCart) -> Result<Arc<[PricedLine]>, QuoteError> {
        let sale = self.sales.get(request.reference.as_str());
        let lines = request.lines.iter().enumerate().map(|(line, asked)| {
            let known = sale
                .and_then(|it| it.lines.get(line))
                .filter(|it| it.article == asked.product_id && it.units == asked.quantity);
            let product_id = asked.product_id.clone();
            let Some(known) = known else {
                return Err(QuoteRejection::UnknownProduct { line, product_id });
            };
            if known.price.currency() != request.currency {
                let currency = request.currency;
                return Err(QuoteRejection::NoPrice {
                    line,
                    product_id,
                    currency,
                });
            }
            Ok(PricedLine {
                product_id,
                quantity: known.units,
                unit_price: known.price,
                weight_grams: 0,
                system: StockSystem::Inventory,
                freight_class: None,
            })
        });
        lines.collect::<Result<_, _>>().map_err(PortError::Rejected)
    }
}
