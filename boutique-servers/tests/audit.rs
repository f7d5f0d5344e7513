//! `boutique audit`, on data files that somebody has changed.

mod support;

use std::path::Path;

use rusqlite::Connection;
use support::{Ran, run};

/// The order of invoice 1 of [`sold`]; ids are made of names, so it is always the same.
fn order_one(data: &Path) -> String {
    let args = [
        "order",
        "1",
        "--json",
        "--data",
        data.to_str().expect("a path"),
    ];
    let order = run(args).succeeds().json();
    order["order_id"].as_str().expect("an id").to_owned()
}

/// A data file with two orders and a return.
fn sold(folder: &Path) -> std::path::PathBuf {
    let (data, file) = (folder.join("shop.db"), folder.join("orders.csv"));
    let text = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n\
         1,A,x,3,2010-12-01,1.50,7,United Kingdom\n\
         2,B,x,2,2010-12-02,2,8,France\n\
         C3,B,x,-1,2010-12-03,2,8,France\n";
    std::fs::write(&file, text).expect("written");
    let data_name = data.to_str().expect("a path");
    run([
        "replay",
        file.to_str().expect("a path"),
        "--data",
        data_name,
    ])
    .succeeds();
    data
}

fn audit(data: &Path) -> Ran {
    let data = data.to_str().expect("a path");
    run(["audit", "--at-rest", "--json", "--data", data])
}

/// What the audit finds once these statements have been carried out on a copy of `data`.
fn found_after(data: &Path, statements: &str) -> Vec<(String, String)> {
    let copy = data.with_file_name("planted.db");
    std::fs::copy(data, &copy).expect("copied");
    let db = Connection::open(&copy).expect("opens");
    let triggers = "SELECT group_concat('DROP TRIGGER ' || name, ';') FROM sqlite_schema \
                    WHERE type = 'trigger'";
    let drop: Option<String> = db.query_row(triggers, [], |row| row.get(0)).expect("reads");
    db.execute_batch("PRAGMA ignore_check_constraints = 1; PRAGMA foreign_keys = 0")
        .expect("set");
    db.execute_batch(&drop.unwrap_or_default())
        .expect("dropped");
    db.execute_batch(statements).expect("planted");
    db.close().expect("closed");
    let ran = audit(&copy);
    ran.fails(1, &["the audit found"]);
    let report = ran.json();
    let rows = report["found"].as_array().expect("a list").iter();
    rows.map(|it| {
        let text = |name: &str| it[name].as_str().expect("text").to_owned();
        (text("invariant"), text("subject"))
    })
    .collect()
}

#[test]
fn what_somebody_changed_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = sold(folder.path());
    assert_eq!(audit(&data).succeeds().json()["violations"], 0);
    let order = &order_one(&data);
    let level = "WHERE product_id = 'A'";
    let entry = |kind: &str| {
        format!("(SELECT seq FROM journal_entry WHERE order_id = '{order}' AND kind = '{kind}')")
    };
    let (sale, recognition) = (entry("sale"), entry("recognition"));
    let remove = |entry: &str| {
        format!(
            "DELETE FROM journal_line WHERE entry = {entry}; \
             DELETE FROM journal_entry WHERE seq = {entry}"
        )
    };
    for (statements, invariant, subject) in [
        (
            format!("UPDATE stock SET held = 1 {level}"),
            "stock_adds_up",
            "inventory A",
        ),
        (
            format!("UPDATE stock SET shipped = 2, on_hand = on_hand + 1 {level}"),
            "stock_adds_up",
            "inventory A",
        ),
        (
            format!("DELETE FROM stock {level}"),
            "stock_adds_up",
            "inventory A",
        ),
        (
            format!("DELETE FROM hold WHERE id LIKE '{order}%'"),
            "confirmed_is_complete",
            order,
        ),
        (
            format!("DELETE FROM shipment WHERE order_id = '{order}'"),
            "confirmed_is_complete",
            order,
        ),
        (
            format!("DELETE FROM placed_order WHERE order_id = '{order}'"),
            "events_take_effect_once",
            order,
        ),
        (
            format!("UPDATE journal_line SET units = units + 1 WHERE entry = {sale} AND n = 0"),
            "books_balance",
            &format!("{order}.sale"),
        ),
        (remove(&sale), "confirmed_is_complete", order),
        (remove(&recognition), "books_balance", order),
        (
            format!("DELETE FROM analytics_row WHERE order_id = '{order}'"),
            "analytics_agree",
            "the view",
        ),
    ] {
        let found = found_after(&data, &statements);
        let expected = (invariant.to_owned(), subject.to_owned());
        assert!(found.contains(&expected), "{statements}: {found:?}");
    }
}
