//! The simulated shop over SQLite files, one for every process: slower, and the order of things
//! is the machine's to say, so that a seed is no promise of a trace. What must hold holds.
//!
//! `SEEDS` and `FROM` in the environment choose other seeds.

use std::sync::Arc;

use boutique_testkit::simulate::{Clocks, Run, Shop, Site, Stores};
use boutique_transport::sources::NamedIds;
use boutique_transport::sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;

/// A file for every process that keeps something.
fn stores(clocks: &Clocks, folder: &TempDir) -> Stores {
    let ports = |site: Site| {
        let path = folder.path().join(format!("{site}.db"));
        let store = SqliteStore::open(path, clocks.of(site), SqliteOptions::default());
        store.expect("opens").ports(Arc::new(NamedIds))
    };
    let mut all = ports(Site::Checkout);
    all.inventory = ports(Site::Inventory).inventory;
    all.furniture = ports(Site::Furniture).furniture;
    all.customers = ports(Site::Crm).customers;
    all.signals = ports(Site::Fraud).signals;
    all.orders = ports(Site::Oms).orders;
    all.journal = ports(Site::Accounting).journal;
    all.analytics = ports(Site::Analytics).analytics;
    let warehouse = ports(Site::Warehouse);
    all.shipments = warehouse.shipments;
    Stores {
        ports: all,
        shipments: warehouse.broker,
    }
}

#[test]
fn nothing_breaks_over_real_files_either() {
    let number = |name, otherwise| {
        let text = std::env::var(name).ok();
        text.and_then(|it| it.parse().ok()).unwrap_or(otherwise)
    };
    let (from, seeds): (u64, u64) = (number("FROM", 0), number("SEEDS", 3));
    let folders = Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = Arc::clone(&folders);
    let shop = Shop::memory()
        .with_stores(move |clocks| {
            let folder = tempfile::tempdir().expect("a folder");
            let stores = stores(clocks, &folder);
            // The seed before is over: its folder may go.
            let mut kept = kept.lock().expect("whole");
            kept.clear();
            kept.push(folder);
            stores
        })
        .answering_later();
    let run = Run {
        shop,
        orders: 30,
        ..Run::default()
    };
    let report = run.seeds(from..from + seeds);
    assert!(report.is_clean(), "{report}");
    assert!(report.counts.confirmed > 10 * seeds, "{report}");
}
