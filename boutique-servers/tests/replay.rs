//! `boutique replay`, as a person sees it.

mod support;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{Books, Ran, real_orders, run};

fn replay(file: &Path, more: &[&str]) -> Ran {
    let mut args = vec!["replay", file.to_str().expect("a path"), "--json"];
    args.extend(more);
    run(args)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

const HEADER: &str =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";

/// A file of these lines below the usual header.
fn file(folder: &Path, lines: &str) -> PathBuf {
    let path = folder.join("orders.csv");
    std::fs::write(&path, format!("{HEADER}\n{lines}")).expect("written");
    path
}

fn skipped(report: &Value) -> Vec<(u64, &str)> {
    let rows = report["skipped"].as_array().expect("a list").iter();
    rows.map(|it| {
        let line = it["line"].as_u64().expect("a number");
        (line, it["reason"].as_str().expect("a reason"))
    })
    .collect()
}

#[test]
fn real_orders_come_to_the_penny_and_come_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("shop.db");
    let first = replay(&real_orders(), &["--data", text(&data)])
        .succeeds()
        .json();
    assert_eq!(first["orders"], 439);
    assert_eq!(first["cancellations"], 43);
    assert_eq!(first["gross"], json!({"GBP": "184239.83"}));
    assert_eq!(first["net"], json!({"GBP": "180659.25"}));
    assert_eq!(first["audit"]["violations"], 0);
    assert_eq!(skipped(&first).len(), 30);
    assert!(
        skipped(&first)
            .iter()
            .all(|(_, why)| why.contains("stock adjustment"))
    );

    let books = Books::of(&data);
    let again = replay(&real_orders(), &["--data", text(&data)])
        .succeeds()
        .json();
    assert_eq!(again, first);
    assert_eq!(Books::of(&data), books, "a second run adds nothing");

    let order = run(["order", "536365", "--json", "--data", text(&data)])
        .succeeds()
        .json();
    assert_eq!(order["total"], "139.12");
    assert_eq!(order["fulfilment"], "shipped");
    let audit = run(["audit", "--at-rest", "--json", "--data", text(&data)]);
    assert_eq!(audit.succeeds().json()["violations"], 0);
    let letters = run(["dead-letters", "--json", "--data", text(&data)]);
    assert_eq!(letters.succeeds().json(), json!([]));
}

#[test]
fn with_little_stock_the_first_come_first_and_refused_lines_are_in_no_sum() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("shop.db");
    let file = file(
        folder.path(),
        "1,A,x,3,13/12/2010,1.00,7,UK\n\
         2,A,x,3,14/12/2010,1.00,8,UK\n\
         C3,A,x,-3,15/12/2010,1.00,8,UK\n\
         C4,A,x,-2,16/12/2010,1.00,7,UK\n\
         5,A,x,4,17/12/2010,1.00,8,UK\n\
         6,A,x,1,18/12/2010,1.00,8,UK\n",
    );
    let args = ["--stock", "5", "--data", text(&data)];
    let report = replay(&file, &args).succeeds().json();
    assert_eq!(
        report["orders"], 2,
        "3 of 5 sold, 2 come back, 4 sold, none is left"
    );
    assert_eq!(report["refused"], 2);
    assert_eq!(report["gross"], json!({"GBP": "7.00"}));
    assert_eq!(report["net"], json!({"GBP": "5.00"}));
    let lines = skipped(&report);
    assert_eq!(lines.iter().map(|it| it.0).collect::<Vec<_>>(), [3, 4, 7]);
    assert!(lines[0].1.contains("A: 3 wanted, 2 left"), "{lines:?}");
    assert!(lines[1].1.contains("invoice 2"), "{lines:?}");
    assert_eq!(replay(&file, &args).succeeds().json(), report);
}

#[test]
fn a_cancellation_pays_back_what_was_paid_and_credits_the_rest() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("shop.db");
    let file = file(
        folder.path(),
        "1,A,x,2,13/12/2010,1.00,7,UK\n\
         2,A,x,1,14/12/2010,3.00,7,UK\n\
         C3,A,x,-2,15/12/2010,3.00,7,UK\n\
         C4,B,x,-1,16/12/2010,9.99,,UK\n",
    );
    let report = replay(&file, &["--data", text(&data)]).succeeds().json();
    assert_eq!(report["credit_notes"], 2);
    assert_eq!(report["net"], json!({"GBP": "-10.99"}));
    let journal = run(["journal", "--json", "--data", text(&data)])
        .succeeds()
        .json();
    let mut amounts: Vec<(String, String)> = Vec::new();
    for entry in journal["entries"].as_array().expect("entries") {
        let kind = entry["kind"].as_str().expect("a kind");
        for line in entry["lines"].as_array().expect("lines") {
            if kind != "sale" && line["account"] == 1100 {
                amounts.push((
                    kind.to_owned(),
                    line["amount"].as_str().expect("text").to_owned(),
                ));
            }
        }
    }
    amounts.sort();
    let pair = |kind: &str, amount: &str| (kind.to_owned(), amount.to_owned());
    assert_eq!(
        amounts,
        [
            pair("credit_note", "-2.00"),
            pair("credit_note", "-9.99"),
            pair("return", "-1.00"),
            pair("return", "-3.00"),
        ]
    );
}

#[test]
fn every_spelling_of_the_file_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("it.csv");
    let plain = format!("{HEADER}\n1,A,x,2,13/12/2010,1.25,7,UK\n2,B,x,1,14/12/2010,3.00,,UK\n");
    let second = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\r\n\
         1,A,x,2,2010-12-13 00:00:00,1.25,7.0,UK\r\n2,B,x,1,2010-12-14 00:00:00,3.00,,UK \r\n";
    let american =
        format!("{HEADER}\n1,A,x,2,12/13/2010 0:00,1.25,7,UK\n2,B,x,1,12/14/2010 0:00,3,,UK\n");
    let mut latin = plain.clone().into_bytes();
    latin.extend(b"3,C,caf\xe9 \xa3,1,15/12/2010,0,,UK\n");
    let marked = [b"\xef\xbb\xbf", plain.as_bytes()].concat();
    for (bytes, orders) in [
        (plain.as_bytes(), 2),
        (second.as_bytes(), 2),
        (american.as_bytes(), 2),
        (&latin, 3),
        (&marked, 2),
    ] {
        std::fs::write(&path, bytes).expect("written");
        let report = replay(&path, &[]).succeeds().json();
        assert_eq!(report["orders"], orders);
        assert_eq!(report["gross"], json!({"GBP": "5.50"}));
        assert_eq!(report["skipped"], json!([]));
    }
}

#[test]
fn dates_that_stay_ambiguous_are_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = file(
        folder.path(),
        "1,A,x,1,3/4/2011,1,7,UK\n2,A,x,1,5/6/2011,1,7,UK\n",
    );
    replay(&file, &[]).fails(2, &["--date-order dmy", "--date-order mdy"]);
    let told = replay(&file, &["--date-order", "mdy"]).succeeds().json();
    assert_eq!(told["date_order"], "mdy");
    replay(&file, &["--date-order", "ymd"]).fails(2, &["dmy", "mdy"]);
}

#[test]
fn lines_that_cannot_be_orders_are_listed_with_the_reason_and_the_rest_is_sold() {
    let folder = tempfile::tempdir().expect("a folder");
    let many = "9,A,x,1,13/12/2010,1,7,UK\n".repeat(10_000);
    let file = file(
        folder.path(),
        &format!(
            "1,A,x,0,13/12/2010,1,7,UK\n\
             2,A,x,-1,13/12/2010,1,7,UK\n\
             3,A,x,one,13/12/2010,1,7,UK\n\
             4,A,x,1,13/12/2010\n\
             5,A,x,2,13/12/2010,1000000000000,7,UK\n\
             6,A,x,20001,13/12/2010,0.01,7,UK\n\
             7,A,x,1,13/12/2010,1,7,U\tK\n\
             {many}\
             C10,A,x,-9223372036854775808,14/12/2010,1,7,UK\n"
        ),
    );
    let report = replay(&file, &[]).succeeds().json();
    assert_eq!(
        report["orders"], 1,
        "a line beyond the ceiling becomes several"
    );
    assert_eq!(report["gross"], json!({"GBP": "200.01"}));
    let lines = skipped(&report);
    assert_eq!(lines.len(), 6 + 10_000 + 1);
    assert!(lines[10_006].1.contains("C10"), "{:?}", lines[10_006]);
    for (at, (line, word)) in [
        (2, "quantity of 0"),
        (3, "below zero"),
        (4, "Quantity"),
        (5, "fields"),
        (6, "amount"),
        (8, "Country"),
        (9, "more than 1000 lines"),
    ]
    .into_iter()
    .enumerate()
    {
        assert!(
            lines[at].0 == line && lines[at].1.contains(word),
            "{:?}",
            lines[at]
        );
    }
}

#[test]
fn another_order_under_a_known_number_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("shop.db");
    let one = file(folder.path(), "1,A,x,1,13/12/2010,1,7,UK\n");
    replay(&one, &["--data", text(&data)]).succeeds();
    let other = file(folder.path(), "1,A,x,2,13/12/2010,1,7,UK\n");
    let report = replay(&other, &["--data", text(&data)]).succeeds().json();
    assert_eq!(report["orders"], 0);
    assert!(skipped(&report)[0].1.contains("a data file of its own"));
}

#[test]
fn another_cancellation_under_a_known_number_is_listed_and_the_rest_is_replayed() {
    let folder = tempfile::tempdir().expect("a folder");
    let sold = "1,A,x,2,13/12/2010,1,7,UK\n";
    for (known, other) in [
        (
            "C2,A,x,-1,14/12/2010,1,7,UK\n",
            "C2,A,x,-2,14/12/2010,1,7,UK\n",
        ),
        (
            "C2,B,x,-1,14/12/2010,1,,UK\n",
            "C2,B,x,-2,14/12/2010,1,,UK\n",
        ),
    ] {
        let data = folder.path().join(format!("{}.db", &known[3..4]));
        let args = ["--data", text(&data)];
        let one = file(folder.path(), &format!("{sold}{known}"));
        replay(&one, &args).succeeds();
        let two = format!("{sold}{other}3,A,x,1,15/12/2010,1,8,UK\n");
        let ran = replay(&file(folder.path(), &two), &args);
        ran.fails(1, &["must agree", "a data file of its own"]);
        let report = ran.json();
        assert_eq!(report["orders"], 2);
        assert_eq!(skipped(&report)[0].0, 3);
        assert!(skipped(&report)[0].1.contains("cancellation C2"));
    }
}

#[test]
fn a_credit_note_of_another_file_under_a_known_number_is_found_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("shop.db");
    let args = ["--data", text(&data)];
    let back = "C2,A,x,-1,14/12/2010,1,7,UK\n";
    replay(&file(folder.path(), back), &args).succeeds();
    let both = file(folder.path(), &format!("1,A,x,2,13/12/2010,1,7,UK\n{back}"));
    replay(&both, &args).fails(1, &["must agree", "a data file of its own"]);
}

#[test]
fn other_prices_under_a_known_number_are_found_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("shop.db");
    let one = file(folder.path(), "1,A,x,1,13/12/2010,1,7,UK\n");
    replay(&one, &["--data", text(&data)]).succeeds();
    let dearer = file(folder.path(), "1,A,x,1,13/12/2010,2,7,UK\n");
    replay(&dearer, &["--data", text(&data)]).fails(1, &["2.00", "1.00", "must agree"]);
}
