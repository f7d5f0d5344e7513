//! Every port on one data file.

use std::sync::Arc;

use boutique_core::assembly::Ports;
use boutique_core::carts::Carts;
use boutique_core::checkout::CheckoutStore;
use boutique_core::ids::IdSource;
use boutique_core::stock::StockSystem;

use super::SqliteStore;

impl SqliteStore {
    /// Every port on this data file, by the clock it was opened with. Whatever commits at the
    /// same time shares a sync, whichever ports it belongs to.
    pub fn ports(&self, ids: Arc<dyn IdSource>) -> Ports {
        let checkout = Arc::new(self.checkout());
        Ports {
            inventory: Arc::new(self.stock(StockSystem::Inventory)),
            furniture: Arc::new(self.stock(StockSystem::Furniture)),
            checkout: Arc::clone(&checkout) as Arc<dyn CheckoutStore>,
            carts: checkout as Arc<dyn Carts>,
            customers: Arc::new(self.customers()),
            signals: Arc::new(self.signals()),
            orders: Arc::new(self.orders()),
            journal: Arc::new(self.journal()),
            shipments: Arc::new(self.shipments()),
            analytics: Arc::new(self.analytics()),
            broker: Arc::new(self.broker()),
            clock: Arc::clone(self.clock()),
            ids,
        }
    }
}
