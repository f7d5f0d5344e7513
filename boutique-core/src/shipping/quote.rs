//! Shipping quotes from a tariff that is at hand.

use std::sync::Arc;

use super::tariff::TariffError;
use super::{QuoteShipping, ShippingError, ShippingQuote, Tariff};
use crate::fault::{Fault, PortError};
use crate::flow::Step;

/// Quotes shipping by one tariff.
#[derive(Clone, Debug)]
pub struct QuoteByTariff {
    /// The tariff.
    pub tariff: Arc<Tariff>,
}

impl Step<QuoteShipping> for QuoteByTariff {
    type Response = ShippingQuote;
    type Error = ShippingError;

    async fn run(&self, request: QuoteShipping) -> Result<ShippingQuote, ShippingError> {
        let QuoteShipping {
            address,
            currency,
            lines,
        } = request;
        self.tariff
            .quote(&address.expose().country, currency, &lines)
            .map_err(|it| match it {
                TariffError::Rejected(rejection) => PortError::Rejected(rejection),
                TariffError::Money(error) => {
                    Fault::permanent("shipping costs more than an amount can be")
                        .because(error)
                        .into()
                }
            })
    }
}

#[cfg(test)]
mod tests {
    use super::super::ShippingRejection;
    use super::*;
    use crate::customer::Address;
    use crate::money::Currency;
    use crate::pii::Pii;

    #[tokio::test]
    async fn a_currency_without_rates_is_an_answer_not_a_failure() {
        let address = Address {
            street_address: "1 Main Street".to_owned(),
            city: "Springfield".to_owned(),
            state: String::new(),
            country: "United States".to_owned(),
            zip_code: String::new(),
        };
        let ask = |currency| QuoteShipping {
            address: Pii::new(address.clone()),
            currency,
            lines: Arc::new([]),
        };
        let step = QuoteByTariff {
            tariff: Arc::new(Tariff::standard()),
        };
        let quote = step.run(ask(Currency::EUR)).await.expect("has rates");
        assert!(quote.cost.is_zero());
        let error = step.run(ask(Currency::JPY)).await.expect_err("has none");
        let expected = ShippingRejection::NoTariff(Currency::JPY);
        assert_eq!(error.rejection(), Some(&expected));
    }
}
