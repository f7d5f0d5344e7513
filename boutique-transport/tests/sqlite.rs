//! The stores in a data file are what the ports say, case by case.

#![cfg(feature = "sqlite")]

use std::sync::Arc;

use boutique_testkit::ManualClock;
use boutique_transport::sqlite::{SqliteOptions, SqliteStore};

/// A fresh data file, in a directory that goes when the case is over.
fn store(clock: Arc<ManualClock>) -> (SqliteStore, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("boutique.db");
    let store = SqliteStore::open(file, clock, SqliteOptions::default()).expect("a new data file");
    (store, directory)
}

mod stock {
    use std::sync::Arc;

    use boutique_core::stock::StockSystem;

    boutique_testkit::ledger_conformance!(async |clock| {
        let (store, directory) = super::store(clock);
        (Arc::new(store.stock(StockSystem::Inventory)), directory)
    });
}

mod carts {
    use std::sync::Arc;

    boutique_testkit::carts_conformance!(async |clock| {
        let (store, directory) = super::store(clock);
        (Arc::new(store.checkout()), directory)
    });
}

mod checkout {
    use std::sync::Arc;

    boutique_testkit::checkout_conformance!(async |clock| {
        let (store, directory) = super::store(clock);
        (Arc::new(store.checkout()), directory)
    });
}

mod journal {
    use std::sync::Arc;

    boutique_testkit::journal_conformance!(async |clock| {
        let (store, directory) = super::store(clock);
        (Arc::new(store.journal()), directory)
    });
}

mod shipments {
    use std::sync::Arc;

    boutique_testkit::shipments_conformance!(async |clock| {
        let (store, directory) = super::store(clock);
        (Arc::new(store.shipments()), directory)
    });
}

mod signals {
    use std::sync::Arc;

    boutique_testkit::signals_conformance!(async |clock| {
        let (store, directory) = super::store(clock);
        (Arc::new(store.signals()), directory)
    });
}

mod orders {
    use std::sync::Arc;

    boutique_testkit::orders_conformance!(async |clock| {
        let (store, directory) = super::store(clock);
        (Arc::new(store.orders()), directory)
    });
}

mod customers {
    use std::sync::Arc;

    boutique_testkit::customers_conformance!(async |clock| {
        let (store, directory) = super::store(clock);
        (Arc::new(store.customers()), directory)
    });
}

mod broker {
    use std::sync::Arc;

    boutique_testkit::broker_conformance!(async |clock| {
        let (store, directory) = super::store(clock);
        (Arc::new(store.broker()), directory)
    });
}

mod analytics {
    use std::sync::Arc;

    boutique_testkit::analytics_conformance!(async |clock| {
        let (store, directory) = super::store(clock);
        (Arc::new(store.analytics()), directory)
    });
}
