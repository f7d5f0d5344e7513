//! What a boutique is configured with.

use std::sync::Arc;
use std::time::Duration;

use tower::util::BoxCloneSyncService;

use crate::catalog::{Catalog, PricedLine, QuoteCart, QuoteError, QuoteFromCatalog};
use crate::checkout::{CheckoutSettings, Finish};
use crate::clock::{NoTimer, Timer};
use crate::flow::Step;
use crate::fraud::RuleSet;
use crate::shipping::{QuoteByTariff, QuoteShipping, ShippingError, ShippingQuote, Tariff};

/// Prices carts.
pub type QuoteService = BoxCloneSyncService<QuoteCart, Arc<[PricedLine]>, QuoteError>;
/// Quotes shipping.
pub type ShippingService = BoxCloneSyncService<QuoteShipping, ShippingQuote, ShippingError>;

/// What a boutique is configured with; start from [`Settings::standard`] and change fields.
#[derive(Clone)]
pub struct Settings {
    /// Prices carts.
    pub quote: QuoteService,
    /// Quotes shipping.
    pub shipping: ShippingService,
    /// The fraud engine's rules.
    pub rules: Arc<RuleSet>,
    /// Limits, taxes, policies and times of the checkout.
    pub checkout: CheckoutSettings,
    /// Who records that an order is sold once its answer is decided.
    pub finish: Finish,
    /// Ends waiting for a dependency of the checkout.
    pub timer: Arc<dyn Timer>,
    /// How many events, deliveries or duties one round of background work takes on.
    pub batch: usize,
    /// How many deliveries are on their way at a time.
    pub in_flight: usize,
    /// An order with open steps is driven again after it has been idle this long.
    pub stuck_after: Duration,
}

impl Settings {
    /// Prices from `catalog`, the standard tariff and fraud rules, no tax, everything inline.
    pub fn standard(catalog: Arc<Catalog>) -> Self {
        Self {
            quote: BoxCloneSyncService::new(QuoteFromCatalog { catalog }.into_service()),
            shipping: Self::tariff(Tariff::standard()),
            rules: Arc::new(RuleSet::standard()),
            checkout: CheckoutSettings::default(),
            finish: Finish::Inline,
            timer: Arc::new(NoTimer),
            batch: 256,
            in_flight: 256,
            stuck_after: Duration::from_secs(5),
        }
    }

    /// Shipping by `tariff`.
    pub fn tariff(tariff: Tariff) -> ShippingService {
        BoxCloneSyncService::new(
            QuoteByTariff {
                tariff: Arc::new(tariff),
            }
            .into_service(),
        )
    }
}
