//! The stores and sources a boutique stands on.

use std::sync::Arc;

use crate::accounting::{Journal, MemoryJournal};
use crate::analytics::{AnalyticsStore, MemoryAnalytics};
use crate::broker::{Broker, MemoryBroker};
use crate::carts::Carts;
use crate::checkout::{CheckoutStore, MemoryCheckout};
use crate::clock::Clock;
use crate::customer::{CustomerDirectory, MemoryDirectory};
use crate::fraud::{MemorySignals, SignalStore};
use crate::ids::IdSource;
use crate::orders::{MemoryOrders, OrderStore};
use crate::stock::{MemoryLedger, StockLedger, StockRouter, StockSystem};
use crate::warehouse::{MemoryShipments, ShipmentStore};

/// One implementation of every port. Replace any of them: each edge moves by itself.
#[derive(Clone)]
pub struct Ports {
    /// The stock system of parcels.
    pub inventory: Arc<dyn StockLedger>,
    /// The stock system of bulky goods.
    pub furniture: Arc<dyn StockLedger>,
    /// Saga records and outbox.
    pub checkout: Arc<dyn CheckoutStore>,
    /// Carts; usually the same object as `checkout`, which empties them.
    pub carts: Arc<dyn Carts>,
    /// Customers.
    pub customers: Arc<dyn CustomerDirectory>,
    /// What velocity windows count.
    pub signals: Arc<dyn SignalStore>,
    /// Order management.
    pub orders: Arc<dyn OrderStore>,
    /// Accounting.
    pub journal: Arc<dyn Journal>,
    /// The warehouse.
    pub shipments: Arc<dyn ShipmentStore>,
    /// The data warehouse.
    pub analytics: Arc<dyn AnalyticsStore>,
    /// The event broker.
    pub broker: Arc<dyn Broker>,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Names.
    pub ids: Arc<dyn IdSource>,
}

impl Ports {
    /// Everything in memory, gone when the last clone is dropped.
    pub fn memory(clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>) -> Self {
        let checkout = Arc::new(MemoryCheckout::default());
        Self {
            inventory: Arc::new(MemoryLedger::new(Arc::clone(&clock))),
            furniture: Arc::new(MemoryLedger::new(Arc::clone(&clock))),
            checkout: Arc::clone(&checkout) as Arc<dyn CheckoutStore>,
            carts: checkout,
            customers: Arc::new(MemoryDirectory::default()),
            signals: Arc::new(MemorySignals::default()),
            orders: Arc::new(MemoryOrders::default()),
            journal: Arc::new(MemoryJournal::default()),
            shipments: Arc::new(MemoryShipments::default()),
            analytics: Arc::new(MemoryAnalytics::default()),
            broker: Arc::new(MemoryBroker::new(Arc::clone(&clock))),
            clock,
            ids,
        }
    }

    /// The ledger of `system`.
    pub fn ledger(&self, system: StockSystem) -> &Arc<dyn StockLedger> {
        match system {
            StockSystem::Inventory => &self.inventory,
            StockSystem::Furniture => &self.furniture,
        }
    }

    /// Both ledgers behind one router.
    pub fn stock(&self) -> StockRouter {
        StockRouter::new(Arc::clone(&self.inventory), Arc::clone(&self.furniture))
    }
}
