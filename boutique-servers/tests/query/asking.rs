//! What may be asked, and how it is answered.

use std::fs;
use std::path::Path;

use boutique_core::analytics::Question;
use boutique_transport::parquet::ParquetWarehouse;
use serde_json::json;

use crate::answers::{ask, warehouse};
use crate::events::Events;
use crate::support::{Ran, run};

fn query(folder: &Path, sql: &str) -> Ran {
    let folder = folder.to_str().expect("a path");
    run(["query", sql, "--warehouse", folder])
}

#[tokio::test]
async fn nested_columns_are_asked_by_name_and_come_as_they_were() {
    let folder = tempfile::tempdir().expect("a folder");
    warehouse(folder.path(), &Events::new()).await;
    let sql = "SELECT order_id, items, shipping_cost, \
               json_value(attributes, '$.ordering_key') AS key \
               FROM orders_once WHERE shipping_address['city'] = 'c' AND order_id = 'o-7'";
    let cost = |units| json!({"currency_code": "EUR", "units": units, "nanos": 990_000_000});
    let want = json!({
        "order_id": "o-7",
        "items": [{"item": {"product_id": "OLJCESPC7Z", "quantity": 2}, "cost": cost(19)}],
        "shipping_cost": cost(8),
        "key": "o-7",
    });
    assert_eq!(ask(folder.path(), &[sql]), [want]);

    let path = folder.path().to_str().expect("a path");
    let sql = "SELECT order_id, user_id FROM orders_once ORDER BY order_id LIMIT 2";
    let csv = run(["query", sql, "--csv", "--warehouse", path]).succeeds();
    assert_eq!(csv.stdout, "order_id,user_id\no-0,u\no-1,u\n");
    let nested = run([
        "query",
        "SELECT items FROM orders",
        "--csv",
        "--warehouse",
        path,
    ]);
    nested.fails(2, &["items is nested"]);
    let table = query(folder.path(), sql).succeeds().stdout;
    assert!(table.contains("| o-0      | u       |"), "{table}");
    assert!(table.ends_with("2 rows\n"), "{table}");
    let many = "SELECT value FROM generate_series(1, 20000)";
    let first = query(folder.path(), many).succeeds().stdout;
    assert!(first.contains("| 10000 |") && !first.contains("| 10001 |"));
    assert!(first.contains("the first 10000 rows: --json and --csv"));
    assert_eq!(ask(folder.path(), &[many]).len(), 20_000);
    let tables = ask(folder.path(), &["SHOW TABLES"]);
    let known = |name| tables.iter().any(|it| it["table_name"] == name);
    assert!(known("orders") && known("shipments_once") && known("revenue"));
}

#[tokio::test]
async fn wrong_sql_is_told_and_quotes_nothing_of_the_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    warehouse(folder.path(), &Events::new()).await;
    let ask = |sql| query(folder.path(), sql);
    ask("SELEC 1").fails(2, &["SELEC"]);
    ask("SELECT city FROM orders").fails(2, &["city"]);
    ask("SELECT * FROM customers").fails(2, &["customers"]);
    let cast = ask("SELECT CAST(email AS BIGINT) FROM orders");
    cast.fails(2, &["a value cannot be converted"]);
    assert!(!cast.stderr.contains("a@b.example"), "{}", cast.stderr);
}

#[tokio::test]
async fn a_query_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    warehouse(folder.path(), &Events::new()).await;
    let elsewhere = folder.path().join("stolen.csv");
    for sql in [
        "DROP TABLE orders",
        "INSERT INTO orders SELECT * FROM orders",
        "CREATE VIEW mine AS SELECT 1",
        "SET datafusion.execution.batch_size = 1",
        &format!("COPY orders TO '{}'", elsewhere.display()),
        "SELECT 1; DROP TABLE orders",
    ] {
        query(folder.path(), sql).fails(2, &["not"]);
    }
    assert!(!elsewhere.exists());
}

#[test]
fn an_empty_warehouse_answers_with_no_rows_and_none_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    // What is a pattern elsewhere is a name here.
    let lake = folder.path().join("lake [of] *orders?");
    query(&lake, "SELECT 1").fails(3, &["there is no data warehouse in"]);
    drop(ParquetWarehouse::open(&lake).expect("opens"));
    for question in Question::ALL {
        assert_eq!(
            ask(&lake, &["--question", question.name]),
            [] as [serde_json::Value; 0]
        );
    }
    fs::write(lake.join("orders/manifest.json"), "{").expect("writes");
    query(&lake, "SELECT 1").fails(3, &["is damaged"]);
}

#[tokio::test]
async fn a_folder_of_any_name_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = folder.path().join("lake [of] 100% *orders?");
    let events = Events::new();
    warehouse(&lake, &events).await;
    let count = ask(&lake, &["SELECT count(*) AS n FROM orders_once"]);
    assert_eq!(count[0]["n"], json!(events.messages("orders").len()));
}
