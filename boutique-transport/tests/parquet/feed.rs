//! What becomes of messages while the files cannot be written.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use boutique_core::analytics::{ORDERS, TableFeed};
use boutique_core::assembly::Topology;
use boutique_core::broker::{Broker, BrokerError, MemoryBroker, Pumped};
use boutique_core::fault::FaultKind;
use boutique_testkit::ManualClock;
use boutique_transport::parquet::{ParquetWarehouse, Snapshot};

use crate::support::message;

/// So many that every attempt of a message could be used up, and that files are merged often.
const MESSAGES: usize = 60;

/// The first file of the table.
fn first(folder: &Path) -> PathBuf {
    let snapshot = Snapshot::open(folder).expect("reads");
    let tables = snapshot.tables();
    let orders = tables.iter().find(|it| it.table == &ORDERS).expect("known");
    orders.files[0].clone()
}

#[tokio::test]
async fn a_damaged_table_costs_no_message_and_has_every_row_once_it_is_restored() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = folder.path().join("lake");
    let warehouse = ParquetWarehouse::open(&lake).expect("opens");
    let clock = Arc::new(ManualClock::default());
    let broker: Arc<dyn Broker> = Arc::new(MemoryBroker::new(Arc::<ManualClock>::clone(&clock)));
    let topology = Topology::default();
    let made = topology.create_table_feed(&*broker, &ORDERS).await;
    made.expect("created");
    let feed = TableFeed {
        broker: Arc::clone(&broker),
        subscription: Topology::to_table(&ORDERS),
        table: &ORDERS,
        sink: Arc::new(warehouse),
    };
    let round = async |at: usize| -> Result<Pumped, BrokerError> {
        let order = message(&format!("o-{at}"), 1);
        let published = broker.publish(&topology.orders, vec![order]).await;
        published.expect("published");
        clock.advance(Duration::from_secs(600));
        feed.pump(100).await
    };
    round(0).await.expect("fed");

    let (part, kept) = (first(&lake), folder.path().join("backup"));
    fs::rename(&part, &kept).expect("renamed");
    let mut said = Vec::new();
    for at in 1..MESSAGES {
        if let Err(error) = round(at).await {
            let fault = error.fault().expect("no rejection");
            assert_eq!(fault.kind(), FaultKind::Unavailable, "{fault:?}");
            said.push(fault.source().expect("a cause").to_string());
        }
    }
    assert!(said.len() > 20, "it is not noticed: {said:?}");
    assert!(said[0].contains("is damaged"), "{}", said[0]);
    assert!(said[0].contains("restore the folder"), "{}", said[0]);

    fs::rename(&kept, &part).expect("renamed");
    round(MESSAGES).await.expect("fed");
    let snapshot = Snapshot::open(&lake).expect("reads");
    let rows: u64 = snapshot.tables().iter().map(|it| it.rows).sum();
    assert_eq!(rows, MESSAGES as u64 + 1);
    let dead = broker.pull(&Topology::to_dead_rows(), 100).await;
    assert!(dead.expect("known").is_empty());
}
