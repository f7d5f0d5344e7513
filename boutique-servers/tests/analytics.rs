//! `--warehouse`: what is published becomes rows of the data warehouse, whoever sells.

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use boutique_servers::up::free_ports;
use boutique_transport::parquet::{ParquetWarehouse, Snapshot};
use support::{boutique, real_orders, run};

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

/// How many rows a table has, repeats included.
fn rows(folder: &Path, table: &str) -> u64 {
    let snapshot = Snapshot::open(folder).expect("a data warehouse");
    let of = snapshot.tables().iter().find(|it| it.table.name == table);
    of.expect("a table").rows
}

#[test]
fn the_demo_tells_of_every_order_what_became_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, lake) = (folder.path().join("demo.db"), folder.path().join("lake"));
    run(["demo", "--data", text(&data), "--warehouse", text(&lake)]).succeeds();
    let orders = run(["orders", "--json", "--data", text(&data)])
        .succeeds()
        .json();
    let orders = orders.as_array().expect("a list");
    let said = |it: &serde_json::Value| it["checkout"].as_str().expect("text").to_owned();
    let confirmed = orders.iter().filter(|it| said(it) == "confirmed").count() as u64;
    let refused = orders
        .iter()
        .filter(|it| said(it).starts_with("refused"))
        .count() as u64;
    assert!(confirmed > 0 && refused > 0, "{confirmed} and {refused}");
    // Every third message was published twice, and so there is a row more for each.
    for (table, least) in [
        ("orders", confirmed),
        ("refusals", refused),
        ("shipments", confirmed),
    ] {
        let rows = rows(&lake, table);
        assert!(rows > least, "{table}: {rows} rows of {least}");
    }
}

#[test]
fn a_replay_that_is_run_again_tells_nothing_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, lake) = (folder.path().join("shop.db"), folder.path().join("lake"));
    let orders = real_orders();
    for _ in 0..2 {
        let told = run([
            "replay",
            text(&orders),
            "--data",
            text(&data),
            "--warehouse",
            text(&lake),
        ]);
        told.succeeds();
        assert_eq!(rows(&lake, "orders"), 439);
    }
}

#[test]
fn a_folder_that_is_none_is_refused_before_anything_is_sold() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("shop.db");
    std::fs::write(folder.path().join("notes.txt"), "mine").expect("writes");
    let orders = real_orders();
    let here = text(folder.path());
    let told = run([
        "replay",
        text(&orders),
        "--data",
        text(&data),
        "--warehouse",
        here,
    ]);
    told.fails(3, &["is no file of a data warehouse: move it away"]);
    let sold = run(["orders", "--json", "--data", text(&data)])
        .succeeds()
        .json();
    assert_eq!(sold, serde_json::json!([]));
}

/// Servers that end with us.
struct Up(Child);

impl Up {
    fn start(folder: &Path, port: u16, how: &[&str]) -> Self {
        let data = if how.is_empty() { "shop.db" } else { "data" };
        let mut child = boutique()
            .args(["up", "--dev-issuer", "--with-parent", "--stock", "1000"])
            .args(["--port", &port.to_string(), "--data", data])
            .args(["--warehouse", "lake"])
            .args(how)
            .current_dir(folder)
            .env("BOUTIQUE_DEV_KEY", folder.join("dev.key"))
            .env("TIDY_EVERY", "50ms")
            .env("LOG_LEVEL", "error")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let first = lines.next().expect("says that it is up").expect("text");
        assert!(first.contains("boutique is up"), "{first}");
        Self(child)
    }

    fn end(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().expect("ends").success());
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn servers_tell_in_one_process_and_in_nine() {
    const ORDERS: u64 = 20;
    for how in [&[] as &[&str], &["--processes"]] {
        let folder = tempfile::tempdir().expect("a folder");
        let lake = folder.path().join("lake");
        let port = free_ports().expect("free ports");
        let up = Up::start(folder.path(), port, how);
        let (url, key) = (
            format!("http://127.0.0.1:{port}"),
            folder.path().join("dev.key"),
        );
        let many = ORDERS.to_string();
        let load = [
            "load",
            "--url",
            &url,
            "--dev-key",
            text(&key),
            "--orders",
            &many,
        ];
        run(load).succeeds();
        let begun = Instant::now();
        while rows(&lake, "orders") < ORDERS {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{how:?}: rows are missing"
            );
            sleep(Duration::from_millis(20));
        }
        up.end();
        // Nobody writes to it any more.
        ParquetWarehouse::open(&lake).expect("opens");
    }
}
