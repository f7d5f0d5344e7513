//! What SQLite does: group commit with nothing around it.
//!
//! Not the store of the data file, on purpose: what that one wastes must not lower the mark it
//! is measured by. The transaction is the one that a checkout at its barest would make: a stock
//! update, a hold, a record of 220 bytes and an outbox row of 600. One thread writes, as many
//! as wait share a commit, each in a savepoint, and everybody is answered after the sync.

use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// The most transactions that share a commit.
const GROUP_MAX: usize = 1_024;
const ARTICLES: u64 = 800;

type Job = (u64, oneshot::Sender<()>);

pub(crate) struct Bare {
    transactions: u64,
    commits: u64,
    took: Duration,
}

impl Bare {
    pub(crate) fn per_second(&self) -> f64 {
        self.transactions as f64 / self.took.as_secs_f64()
    }

    pub(crate) fn per_commit(&self) -> f64 {
        self.transactions as f64 / self.commits as f64
    }
}

/// Commits `transactions`, with `in_flight` writers that each wait for their own.
pub(crate) fn run(runtime: &Runtime, directory: &Path, transactions: u64, in_flight: u64) -> Bare {
    let path = directory.join("bare.db");
    let connection = open(&path).expect("a database");
    let (queue, jobs) = mpsc::channel();
    let writer = thread::spawn(move || serve(&connection, &jobs).expect("committed"));
    let begun = Instant::now();
    runtime.block_on(async {
        let writers: Vec<_> = (0..in_flight)
            .map(|first| {
                let queue = queue.clone();
                tokio::spawn(async move {
                    for n in (first..transactions).step_by(in_flight as usize) {
                        let (done, answer) = oneshot::channel();
                        queue.send((n, done)).expect("the writer is there");
                        answer.await.expect("committed");
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.expect("wrote");
        }
    });
    let took = begun.elapsed();
    drop(queue);
    let commits = writer.join().expect("the writer ends");
    for ending in ["", "-wal", "-shm"] {
        drop(std::fs::remove_file(
            directory.join(format!("bare.db{ending}")),
        ));
    }
    Bare {
        transactions,
        commits,
        took,
    }
}

/// The same pragmas as the data file has.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open(path)?;
    db.set_prepared_statement_cache_capacity(64);
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000;
         PRAGMA secure_delete = FAST; PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY;
         CREATE TABLE stock (sku TEXT PRIMARY KEY, on_hand INTEGER NOT NULL,
             available INTEGER NOT NULL CHECK (available >= 0), reserved INTEGER NOT NULL)
             STRICT, WITHOUT ROWID;
         CREATE TABLE hold (id TEXT PRIMARY KEY, sku TEXT NOT NULL, qty INTEGER NOT NULL,
             expires_at INTEGER NOT NULL, state TEXT NOT NULL) STRICT;
         CREATE TABLE saga (order_id TEXT PRIMARY KEY, idem_key TEXT NOT NULL UNIQUE,
             state TEXT NOT NULL, body TEXT NOT NULL) STRICT;
         CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL,
             payload TEXT NOT NULL) STRICT;",
    )?;
    for n in 0..ARTICLES {
        db.execute(
            "INSERT INTO stock VALUES (?1, ?2, ?2, 0)",
            params![format!("P{n:03}"), 1_i64 << 40],
        )?;
    }
    Ok(db)
}

/// Serves until nobody can ask any more; answers with the number of commits.
fn serve(db: &Connection, jobs: &mpsc::Receiver<Job>) -> rusqlite::Result<u64> {
    let run = |sql, params: &[&dyn rusqlite::ToSql]| db.prepare_cached(sql)?.execute(params);
    let (record, event) = ("s".repeat(220), "e".repeat(600));
    let mut commits = 0;
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        group.extend(jobs.try_iter().take(GROUP_MAX - 1));
        run("BEGIN IMMEDIATE", &[])?;
        for (n, _) in &group {
            // Ids come in no order, as those of orders do.
            let scattered = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let id = format!("{scattered:016x}-{n:019}");
            let key = format!("key-{n}");
            let sku = format!("P{:03}", n % ARTICLES);
            run("SAVEPOINT job", &[])?;
            run(
                "UPDATE stock SET available = available - 1, reserved = reserved + 1
                 WHERE sku = ?1 AND available >= 1",
                &[&sku],
            )?;
            run(
                "INSERT INTO hold (id, sku, qty, expires_at, state) VALUES (?1, ?2, 1, ?3, 'held')",
                &[&id, &sku, &900_000_000_i64],
            )?;
            run(
                "INSERT INTO saga (order_id, idem_key, state, body) VALUES (?1, ?2, 'started', ?3)",
                &[&id, &key, &record],
            )?;
            run(
                "INSERT INTO outbox (event_id, payload) VALUES (?1, ?2)",
                &[&id, &event],
            )?;
            run("RELEASE job", &[])?;
        }
        run("COMMIT", &[])?;
        commits += 1;
        for (_, done) in group {
            let _ = done.send(());
        }
    }
    Ok(commits)
}
