//! What the threads promise, seen from a job.

use std::future::poll_fn;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::task::Poll;

use boutique_core::fault::{Fault, FaultKind};
use boutique_testkit::ManualClock;

use super::query::{Query, count};
use super::{SqliteOptions, SqliteStore, Tx};

fn open(directory: &Path) -> SqliteStore {
    let clock = Arc::new(ManualClock::default());
    let file = directory.join("boutique.db");
    SqliteStore::open(file, clock, SqliteOptions::default()).expect("a data file")
}

fn fill(tx: &Tx<'_>, user: &str) -> Result<(), Fault> {
    let sql = "INSERT INTO cart (user_id, version, lines) VALUES (?1, 1, '[]')";
    tx.run(sql, [user]).map(drop)
}

async fn carts(store: &SqliteStore) -> u64 {
    let number = |row: &rusqlite::Row<'_>| count(row, 0);
    store
        .read(move |db| db.one("SELECT count(*) FROM cart", [], number))
        .await
        .expect("reads")
        .expect("one row")
}

/// Keeps the writer busy until the sender is dropped, so that what comes next queues up.
fn hold_up(store: &SqliteStore) -> mpsc::Sender<()> {
    let (release, wait) = mpsc::channel::<()>();
    let store = store.clone();
    tokio::spawn(async move {
        let busy = move |_: &Tx<'_>| Ok::<_, Fault>(wait.recv().is_err());
        store.write(busy).await
    });
    release
}

#[tokio::test]
async fn a_request_that_fails_or_panics_takes_back_its_own_changes_only() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let release = hold_up(&store);
    tokio::task::yield_now().await;
    let (fine, refused, panicked, after) = tokio::join!(
        store.write(|tx| fill(tx, "fine")),
        store.write_in_steps(|tx| {
            fill(tx, "refused")?;
            Err::<(), _>(Fault::permanent("no"))
        }),
        store.write_in_steps::<(), Fault>(|tx| {
            fill(tx, "panicked")?;
            panic!("a bug")
        }),
        async {
            let after = store.write(|tx| fill(tx, "after"));
            drop(release);
            after.await
        },
    );
    fine.expect("shares a commit with two that fail");
    after.expect("the writer lives on");
    assert_eq!(refused.expect_err("refused").to_string(), "no");
    let fault = panicked.expect_err("panicked");
    assert_eq!(fault.kind(), FaultKind::Permanent);
    assert_eq!(carts(&store).await, 2);
    assert_eq!(store.commits().transactions, 2);

    let panicked: Result<(), Fault> = store.read(|_| panic!("a bug")).await;
    assert_eq!(panicked.expect_err("panicked").kind(), FaultKind::Permanent);
    assert_eq!(carts(&store).await, 2, "the readers live on");
}

#[tokio::test]
async fn a_request_that_unexpectedly_fails_half_way_takes_back_its_group_and_only_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    for (round, innocent_is_kept) in [("first", false), ("second", true)] {
        let release = hold_up(&store);
        tokio::task::yield_now().await;
        let (broken, refused, innocent) = tokio::join!(
            store.write::<(), Fault>(|tx| {
                fill(tx, "broken")?;
                panic!("a bug")
            }),
            store.write(|_| Err::<(), _>(Fault::permanent("no"))),
            async {
                let innocent = store.write(move |tx| fill(tx, round));
                drop(release);
                innocent.await
            },
        );
        broken.expect_err("never done");
        refused.expect_err("never done");
        match innocent {
            Ok(()) => assert!(innocent_is_kept),
            Err(fault) => {
                assert!(!innocent_is_kept);
                assert_eq!(fault.kind(), FaultKind::Unavailable, "it may try again");
            }
        }
    }
    assert_eq!(carts(&store).await, 1);
}

#[tokio::test]
async fn requests_that_wait_together_share_one_commit() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let release = hold_up(&store);
    tokio::task::yield_now().await;
    let asked = Arc::new(AtomicU64::new(0));
    let writes: Vec<_> = (0..100)
        .map(|at| {
            let (store, asked) = (store.clone(), Arc::clone(&asked));
            tokio::spawn(async move {
                let mut write = pin!(store.write(move |tx| fill(tx, &format!("u{at}"))));
                // The first poll queues the request; the writer is held up, so it is pending.
                let first = poll_fn(|context| Poll::Ready(write.as_mut().poll(context))).await;
                assert!(first.is_pending(), "written while the writer was held up");
                asked.fetch_add(1, Ordering::Relaxed);
                write.await
            })
        })
        .collect();
    while asked.load(Ordering::Relaxed) < 100 {
        tokio::task::yield_now().await;
    }
    drop(release);
    for write in writes {
        write.await.expect("ran").expect("written");
    }
    let commits = store.commits();
    assert_eq!((commits.transactions, commits.groups), (100, 1));
    let looked: Result<u64, Fault> = store.write(|_| Ok(1)).await;
    looked.expect("looked");
    assert_eq!(store.commits(), commits, "a look needs no commit");
}

#[tokio::test]
async fn what_was_asked_is_done_though_nobody_waits_for_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let release = hold_up(&store);
    tokio::task::yield_now().await;
    let abandoned = tokio::spawn({
        let store = store.clone();
        async move { store.write(|tx| fill(tx, "late")).await }
    });
    tokio::task::yield_now().await;
    abandoned.abort();
    assert!(abandoned.await.expect_err("aborted").is_cancelled());
    drop(release);
    drop(store);
    // The task that held the writer up may still have a handle: wait for the lock to be free.
    let store = loop {
        let clock = Arc::new(ManualClock::default());
        let file = directory.path().join("boutique.db");
        match SqliteStore::open(file, clock, SqliteOptions::default()) {
            Ok(store) => break store,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(carts(&store).await, 1);
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let fault = store
        .read(|db| db.run("DELETE FROM cart", []))
        .await
        .expect_err("refused");
    assert_eq!(fault.kind(), FaultKind::Permanent);
}
