//! Opening, writing, and what is in the way.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Barrier;

use boutique_core::analytics::{ORDERS, SHIPMENTS, Table, TableSink};
use boutique_transport::parquet::{ParquetWarehouse, Snapshot};

use crate::support::{moment, order};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn refused(path: &Path) -> String {
    let refused = ParquetWarehouse::open(path).err().expect("is refused");
    let source = refused.source().map(|it| format!(": {it}"));
    format!("{refused}{}", source.unwrap_or_default())
}

#[tokio::test]
async fn rows_are_files_of_their_day_and_survive_the_writer() {
    let folder = folder();
    let path = folder.path().join("lake");
    let warehouse = ParquetWarehouse::open(&path).expect("opens");
    let rows = vec![order("a", 1, moment(0)), order("b", 2, moment(1))];
    warehouse.append(&ORDERS, rows).await.expect("appends");
    let more = vec![order("c", 3, moment(2))];
    warehouse.append(&ORDERS, more).await.expect("appends");
    drop(warehouse);

    let snapshot = Snapshot::open(&path).expect("reads");
    let tables = snapshot.tables();
    let of = |table: &Table| tables.iter().find(|it| it.table == table).expect("known");
    assert_eq!((of(&ORDERS).rows, of(&SHIPMENTS).rows), (3, 0));
    let day = |it: &Path| {
        it.parent()
            .expect("a folder")
            .file_name()
            .map(ToOwned::to_owned)
    };
    let mut days: Vec<_> = of(&ORDERS).files.iter().filter_map(|it| day(it)).collect();
    days.sort();
    let (november, december) = ("publish_day=2010-11-30", "publish_day=2010-12-01");
    assert_eq!(days, [november, december, december]);
    assert!(of(&ORDERS).files.iter().all(|it| it.is_file()));
}

#[tokio::test]
async fn compaction_leaves_files_alone_that_a_snapshot_reads() {
    let folder = folder();
    let warehouse = ParquetWarehouse::open(folder.path()).expect("opens");
    for name in ["a", "b", "c"] {
        let rows = vec![order(name, 1, moment(1))];
        warehouse.append(&ORDERS, rows).await.expect("appends");
    }
    let before = Snapshot::open(folder.path()).expect("reads");
    warehouse.compact().await.expect("compacts");
    let files = |it: &Snapshot| it.tables()[0].files.clone();
    let after = Snapshot::open(folder.path()).expect("reads");
    assert_eq!((files(&before).len(), files(&after).len()), (3, 1));
    assert_eq!(after.tables()[0].rows, 3);
    let old = files(&before);
    assert!(old.iter().all(|it| it.exists()));
    drop((before, after));
    warehouse.compact().await.expect("compacts");
    assert!(old.iter().all(|it| !it.exists()));
}

#[tokio::test]
async fn a_table_has_one_writer_and_another_program_may_have_another_table() {
    let folder = folder();
    let orders = ParquetWarehouse::open_tables(folder.path(), &[&ORDERS]).expect("opens");
    let shipments = ParquetWarehouse::open_tables(folder.path(), &[&SHIPMENTS]).expect("opens");
    assert!(refused(folder.path()).contains("already being written to"));
    let foreign = shipments.append(&ORDERS, Vec::new()).await;
    assert!(foreign.is_err(), "it does not have that table");
    drop((orders, shipments));
    ParquetWarehouse::open(folder.path()).expect("opens");
}

/// Servers that are started together, each with tables of its own.
#[test]
fn whoever_finds_no_folder_shares_the_one_that_another_makes() {
    for _ in 0..50 {
        let folder = folder();
        let path = folder.path().join("lake");
        let ready = Barrier::new(Table::ALL.len());
        std::thread::scope(|threads| {
            for table in Table::ALL {
                let (path, ready) = (&path, &ready);
                threads.spawn(move || {
                    ready.wait();
                    ParquetWarehouse::open_tables(path, &[table]).expect("opens");
                });
            }
        });
    }
}

#[test]
fn what_is_in_the_way_is_named_and_not_touched() {
    let folder = folder();
    let file = folder.path().join("shop.db");
    fs::write(&file, "mine").expect("writes");
    assert!(refused(&file).contains("shop.db is no file of a data warehouse"));
    assert!(refused(folder.path()).contains("shop.db is no file of a data warehouse"));
    let below = file.join("lake");
    assert!(
        refused(&below).contains("cannot be created"),
        "{}",
        refused(&below)
    );
    assert_eq!(fs::read_dir(folder.path()).expect("reads").count(), 1);

    let none = Snapshot::open(folder.path().join("none"))
        .err()
        .expect("is refused");
    assert!(none.to_string().contains("there is no data warehouse in"));
}

#[cfg(unix)]
#[test]
fn what_is_written_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let path = folder.path().join("lake");
    drop(ParquetWarehouse::open(&path).expect("opens"));
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("orders")), 0o700);
    assert_eq!(mode(&path.join("orders/manifest.json")), 0o600);
}
