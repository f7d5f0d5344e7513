//! Other programs read the files: DuckDB and pyarrow.

use std::env;
use std::process::Command;

use boutique_core::analytics::{ORDERS, TableSink};
use boutique_transport::parquet::ParquetWarehouse;

use crate::required::skip;
use crate::support::{moment, order};

/// The Python that has both; `cargo xtask test` makes one.
const PYTHON: &str = "BOUTIQUE_PYTHON";

#[tokio::test]
async fn duckdb_and_pyarrow_read_what_was_written() {
    let Some(python) = env::var_os(PYTHON) else {
        skip(&format!(
            "{PYTHON} is not set: run `cargo xtask test`, which makes one"
        ));
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let warehouse = ParquetWarehouse::open(folder.path()).expect("opens");
    let mut units = 0;
    // Enough that some files are merged ones.
    for at in 0..20 {
        let rows = (0..3).map(|it| order(&format!("o-{at}-{it}"), at, moment(it)));
        warehouse
            .append(&ORDERS, rows.collect())
            .await
            .expect("appends");
        units += 3 * 2 * at;
    }
    warehouse
        .append(&ORDERS, vec![order("o-0-0", 0, moment(5))])
        .await
        .expect("again");

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/parquet/read.py");
    let read = Command::new(python).arg(script).arg(folder.path()).output();
    let read = read.expect("starts");
    let said = String::from_utf8_lossy(&read.stderr);
    assert!(read.status.success(), "{said}");
    // Rows, orders, units of all items, the latest publish_time, the rows of 30 November, and
    // where order o-3-1 went to and what its attributes say.
    let want = format!(
        "[61, 60, {units}, {}, 20, \"Z\\u00fcrich\", \"o-3-1\"]",
        moment(5).as_micros()
    );
    let lines: Vec<_> = std::str::from_utf8(&read.stdout)
        .expect("text")
        .lines()
        .collect();
    assert_eq!(lines, [format!("duckdb {want}"), format!("pyarrow {want}")]);
}
