//! What a data file survives, and what it refuses to be.

#![cfg(feature = "sqlite")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use boutique_core::checkout::Told;
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::fault::{FaultKind, PortError};
use boutique_core::ids::{HoldId, ProductId, ReceiptId};
use boutique_core::limits::Units;
use boutique_core::stock::{
    Hold, HoldState, LedgerError, Receive, Reserve, StockLedger, StockLine, StockSystem,
};
use boutique_testkit::ManualClock;
use boutique_transport::sources::{NamedIds, SystemClock};
use boutique_transport::sqlite::{OpenError, SqliteLedger, SqliteOptions, SqliteStore};
use tempfile::TempDir;

fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn file(directory: &TempDir) -> PathBuf {
    directory.path().join("boutique.db")
}

fn open(file: &Path, clock: impl Clock) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(file, Arc::new(clock), SqliteOptions::default())
}

fn inventory(store: &SqliteStore) -> SqliteLedger {
    store.stock(StockSystem::Inventory)
}

fn tea() -> ProductId {
    ProductId::new("TEA").expect("an id")
}

async fn receive(ledger: &SqliteLedger, receipt: &str, quantity: u64) -> Result<u64, LedgerError> {
    let request = Receive {
        receipt_id: ReceiptId::new(receipt).expect("an id"),
        product_id: tea(),
        quantity,
    };
    Ok(ledger.receive(request).await?.on_hand)
}

async fn reserve(ledger: &SqliteLedger, hold: &str) -> Result<Hold, LedgerError> {
    let line = StockLine {
        product_id: tea(),
        quantity: Units::ONE,
    };
    let request = Reserve {
        hold_id: HoldId::new(hold).expect("an id"),
        lines: vec![line],
        ttl: Duration::from_secs(900),
        valid_until: Timestamp::MAX,
    };
    ledger.reserve(request).await
}

/// Changes a data file behind the program's back.
fn tamper(file: &Path, sql: &str) {
    let raw = rusqlite::Connection::open(file).expect("opens");
    raw.execute_batch(sql).expect("runs");
}

#[tokio::test]
async fn a_second_opener_is_told_who_has_the_file() {
    let directory = directory();
    let file = file(&directory);
    let first = open(&file, ManualClock::default()).expect("free");
    let error = open(&file, ManualClock::default()).expect_err("taken");
    let pid = std::process::id().to_string();
    assert!(error.to_string().contains(&pid), "{error}");
    assert!(matches!(error, OpenError::InUse { .. }));
    #[cfg(unix)]
    {
        let other = directory.path().join("other-name.db");
        std::os::unix::fs::symlink(&file, &other).expect("links");
        let error = open(&other, ManualClock::default()).expect_err("the same file");
        assert!(matches!(error, OpenError::InUse { .. }));
    }
    drop(first);
    open(&file, ManualClock::default()).expect("free again");
}

#[test]
fn a_file_of_a_newer_program_is_left_as_it_is() {
    let directory = directory();
    let file = file(&directory);
    drop(open(&file, ManualClock::default()).expect("new"));
    tamper(&file, "PRAGMA user_version = 99");
    let before = std::fs::read(&file).expect("reads");
    for error in [
        open(&file, ManualClock::default()).expect_err("newer"),
        SqliteStore::open_read_only(&file, Arc::new(ManualClock::default())).expect_err("newer"),
    ] {
        assert!(
            matches!(error, OpenError::NewerVersion { found: 99, .. }),
            "{error:?}"
        );
    }
    assert_eq!(std::fs::read(&file).expect("reads"), before);
}

#[tokio::test]
async fn a_file_of_an_earlier_release_becomes_one_of_this() {
    let directory = directory();
    let file = file(&directory);
    drop(open(&file, ManualClock::default()).expect("new"));
    // As it was before a buyer's orders could be looked up, carts kept keys, deliveries that
    // nobody saw were told apart, pinned holds counted and refusals leased by themselves.
    tamper(
        &file,
        r#"DROP INDEX outbox_oldest; ALTER TABLE outbox DROP COLUMN refused;
           CREATE INDEX outbox_oldest ON outbox (created_at);
           INSERT INTO outbox (order_id, created_at, data, attributes)
           VALUES ('o', 1, '{}', '{"ce-type":"boutique.order.refused.v1"}');
           DROP INDEX hold_pinned; ALTER TABLE delivery DROP COLUMN unsent;
           DROP TABLE cart_keys; DROP INDEX placed_order_of_user; PRAGMA user_version = 3"#,
    );
    let read_only = || SqliteStore::open_read_only(&file, Arc::new(ManualClock::default()));
    let error = read_only().expect_err("whoever only reads cannot change it");
    assert!(
        matches!(error, OpenError::OlderVersion { found: 3, .. }),
        "{error:?}"
    );
    let store = open(&file, ManualClock::default()).expect("brought up");
    let outbox = store.ports(Arc::new(NamedIds)).checkout;
    let minute = Duration::from_secs(60);
    let leased = outbox.lease_outbox(Told::Refused, 9, Timestamp::EPOCH, minute);
    assert_eq!(leased.await.expect("readable").len(), 1);
    drop((outbox, store));
    read_only().expect("one of this release");
}

#[test]
fn a_file_of_before_the_first_release_is_refused_and_left_as_it_is() {
    let directory = directory();
    let file = file(&directory);
    drop(open(&file, ManualClock::default()).expect("new"));
    tamper(&file, "PRAGMA user_version = 1");
    let before = std::fs::read(&file).expect("reads");
    for error in [
        open(&file, ManualClock::default()).expect_err("too old"),
        SqliteStore::open_read_only(&file, Arc::new(ManualClock::default())).expect_err("too old"),
    ] {
        assert!(
            matches!(error, OpenError::TooOld { found: 1, .. }),
            "{error:?}"
        );
    }
    assert_eq!(std::fs::read(&file).expect("reads"), before);
}

#[test]
fn a_file_of_another_program_is_left_as_it_is() {
    let directory = directory();
    let text = directory.path().join("letter.txt");
    let letter = "Dear Sir or Madam, ".repeat(100);
    std::fs::write(&text, &letter).expect("writes");
    let database = directory.path().join("other.db");
    tamper(&database, "CREATE TABLE theirs (x)");
    for file in [&text, &database] {
        let before = std::fs::read(file).expect("reads");
        let error = open(file, ManualClock::default()).expect_err("foreign");
        assert!(matches!(error, OpenError::ForeignFile { .. }), "{error:?}");
        let error = SqliteStore::open_read_only(file, Arc::new(ManualClock::default()));
        let error = error.expect_err("foreign");
        assert!(matches!(error, OpenError::ForeignFile { .. }), "{error:?}");
        assert_eq!(std::fs::read(file).expect("reads"), before);
    }
}

#[test]
fn a_wrong_path_says_so() {
    let directory = directory();
    let missing = directory.path().join("none/boutique.db");
    let error = open(&missing, ManualClock::default()).expect_err("no directory");
    assert!(matches!(error, OpenError::DirectoryMissing { .. }));
    let error = SqliteStore::open_read_only(file(&directory), Arc::new(ManualClock::default()));
    assert!(matches!(error, Err(OpenError::NotThere { .. })));
    assert!(!file(&directory).exists(), "looking creates nothing");
}

#[cfg(unix)]
#[test]
fn a_new_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let directory = directory();
    let _store = open(&file(&directory), ManualClock::default()).expect("new");
    for name in ["boutique.db", "boutique.db-wal"] {
        let metadata = std::fs::metadata(directory.path().join(name)).expect("exists");
        assert_eq!(metadata.permissions().mode() & 0o077, 0, "{name}");
    }
}

#[tokio::test]
async fn a_full_file_refuses_changes_nothing_and_works_again_with_room() {
    let directory = directory();
    let file = file(&directory);
    drop(open(&file, ManualClock::default()).expect("new"));
    let size = std::fs::metadata(&file).expect("exists").len();
    let limited = SqliteOptions {
        size_limit: Some(size + 65_536),
        ..SqliteOptions::default()
    };
    let clock = Arc::new(ManualClock::default());
    let store = SqliteStore::open(&file, clock.clone(), limited).expect("opens");
    let ledger = inventory(&store);
    receive(&ledger, "r", 1_000_000).await.expect("fits");

    let mut taken = Vec::new();
    let refused = loop {
        // Several at a time: those that share a commit fail together.
        let at = taken.len();
        let names: Vec<String> = (0..8).map(|it| format!("hold-{at}-{it}")).collect();
        let (a, b) = tokio::join!(reserve(&ledger, &names[0]), reserve(&ledger, &names[1]));
        let mut refusals = Vec::new();
        for answer in [a, b] {
            match answer {
                Ok(hold) => taken.push(hold.id),
                Err(error) => refusals.push(error),
            }
        }
        if let Some(error) = refusals.pop() {
            break error;
        }
        assert!(taken.len() < 100_000, "the limit is kept");
    };
    let PortError::Fault(fault) = refused else {
        panic!("a full file is a failure, not an answer: {refused}")
    };
    assert_eq!(fault.kind(), FaultKind::Unavailable);
    assert!(fault.to_string().contains("boutique.db"), "{fault}");
    assert!(fault.to_string().contains("free space"), "{fault}");

    let level = ledger.level(&tea()).await.expect("reads").expect("listed");
    assert_eq!(
        level.held,
        taken.len() as u64,
        "the refused hold took nothing"
    );
    ledger
        .confirm(&taken[0], None)
        .await
        .expect("needs no room");
    drop((ledger, store));

    let store = SqliteStore::open(&file, clock, SqliteOptions::default()).expect("opens");
    let ledger = inventory(&store);
    reserve(&ledger, "after").await.expect("there is room");
    let level = ledger.level(&tea()).await.expect("reads").expect("listed");
    assert_eq!(level.held + level.committed, taken.len() as u64 + 1);
    assert_eq!(ledger.audit().await.expect("reads").violations, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn everyone_sees_their_own_writes() {
    let directory = directory();
    let store = open(&file(&directory), SystemClock::default()).expect("new");
    let ledger = inventory(&store);
    receive(&ledger, "r", 100).await.expect("received");
    let buyers: Vec<_> = (0..120)
        .map(|at| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                let hold = match reserve(&ledger, &format!("hold-{at}")).await {
                    Ok(hold) => hold,
                    Err(PortError::Rejected(_)) => return 0,
                    Err(PortError::Fault(fault)) => panic!("{fault}"),
                };
                let seen = ledger.hold(&hold.id).await.expect("reads");
                assert_eq!(seen.as_ref(), Some(&hold));
                let sold = ledger.confirm(&hold.id, None).await.expect("sold");
                assert_eq!(ledger.hold(&hold.id).await.expect("reads"), Some(sold));
                1
            })
        })
        .collect();
    let mut sold = 0;
    for buyer in buyers {
        sold += buyer.await.expect("ran");
    }
    assert_eq!(sold, 100, "not one more than there is, nor one less");
    let commits = store.commits();
    assert_eq!(commits.transactions, 201);
    assert!(commits.groups < commits.transactions, "{commits:?}");
}

#[tokio::test]
async fn ledger_time_does_not_go_back_with_the_clock_nor_with_a_restart() {
    let directory = directory();
    let file = file(&directory);
    let clock = Arc::new(ManualClock::default());
    let start = clock.now();
    let mut last = Timestamp::EPOCH;
    for restart in 0..3 {
        let options = SqliteOptions::default();
        let store = SqliteStore::open(&file, clock.clone(), options).expect("opens");
        let ledger = inventory(&store);
        for at in 0..3 {
            receive(&ledger, &format!("{restart}-{at}"), 1)
                .await
                .expect("received");
            let level = ledger.level(&tea()).await.expect("reads").expect("listed");
            assert!(level.updated_at > last);
            last = level.updated_at;
            clock.set(start.before(Duration::from_secs(60 * (restart * 3 + at))));
        }
    }
}

#[tokio::test]
async fn whoever_looks_sees_the_present_and_changes_nothing() {
    let directory = directory();
    let file = file(&directory);
    let clock = Arc::new(ManualClock::default());
    let store = SqliteStore::open(&file, clock.clone(), SqliteOptions::default()).expect("new");
    let ledger = inventory(&store);
    receive(&ledger, "r", 5).await.expect("received");
    let hold = reserve(&ledger, "h").await.expect("held");

    let looking = SqliteStore::open_read_only(&file, clock.clone()).expect("shares the file");
    let looking = inventory(&looking);
    let held = looking
        .level(&tea())
        .await
        .expect("reads")
        .expect("listed")
        .held;
    assert_eq!(held, 1);
    clock.advance(Duration::from_secs(901));
    let seen = looking.hold(&hold.id).await.expect("reads").expect("known");
    assert_eq!(seen.state, HoldState::Expired);
    let levels = looking.levels(None, 10).await.expect("reads");
    assert_eq!(levels[0].1.held, 0);
    let refused = receive(&looking, "r2", 1).await.expect_err("reads only");
    assert_eq!(
        refused.fault().map(|it| it.kind()),
        Some(FaultKind::Permanent)
    );

    let raw = rusqlite::Connection::open(&file).expect("opens");
    let states = |sql| {
        raw.query_row(sql, [], |row| row.get::<_, i64>(0))
            .expect("counts")
    };
    let lapsed = "SELECT count(*) FROM hold WHERE state = 'held'";
    assert_eq!(states(lapsed), 1, "looking expired nothing for good");
    let level = ledger.level(&tea()).await.expect("reads").expect("listed");
    assert_eq!(level.held, 0);
    assert_eq!(states(lapsed), 0, "whoever has the file did");
}

#[tokio::test]
async fn goods_of_many_holds_that_lapse_together_can_be_sold_at_once() {
    let directory = directory();
    let clock = Arc::new(ManualClock::default());
    let options = SqliteOptions::default();
    let store = SqliteStore::open(file(&directory), clock.clone(), options).expect("new");
    let ledger = inventory(&store);
    receive(&ledger, "r", 300).await.expect("received");
    for at in 0..300 {
        reserve(&ledger, &format!("hold-{at}")).await.expect("held");
    }
    reserve(&ledger, "too-late").await.expect_err("sold out");
    clock.advance(Duration::from_secs(901));
    let line = StockLine {
        product_id: tea(),
        quantity: Units::new(300).expect("units"),
    };
    let everything = Reserve {
        hold_id: HoldId::new("everything").expect("an id"),
        lines: vec![line],
        ttl: Duration::from_secs(1),
        valid_until: Timestamp::MAX,
    };
    ledger.reserve(everything).await.expect("all of it is free");
    assert_eq!(ledger.audit().await.expect("reads").violations, []);
}

const CHILD: &str = "BOUTIQUE_TEST_DATA_FILE";

/// Not a test of its own: what [`a_killed_process_loses_nothing_it_acknowledged`] kills.
#[tokio::test]
async fn child_that_receives_until_it_is_killed() {
    let Some(file) = std::env::var_os(CHILD) else {
        return;
    };
    let store = open(Path::new(&file), SystemClock::default()).expect("opens");
    let ledger = inventory(&store);
    for at in 0_u64.. {
        receive(&ledger, &format!("{}-{at}", std::process::id()), 1)
            .await
            .expect("received");
        let mut out = std::io::stdout().lock();
        if writeln!(out, "\nreceived")
            .and_then(|()| out.flush())
            .is_err()
        {
            return;
        }
    }
}

#[tokio::test]
async fn a_killed_process_loses_nothing_it_acknowledged() {
    let directory = directory();
    let file = file(&directory);
    let mut acknowledged = 0;
    for round in 1..=5 {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args([
                "child_that_receives_until_it_is_killed",
                "--exact",
                "--nocapture",
            ])
            .env(CHILD, &file)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut seen = 0;
        while seen < 10 * round {
            let line = lines
                .next()
                .expect("it goes on until killed")
                .expect("text");
            seen += u64::from(line == "received");
        }
        child.kill().expect("kills");
        child.wait().expect("gone");
        acknowledged += seen
            + lines
                .map_while(Result::ok)
                .filter(|it| it == "received")
                .count() as u64;

        let store = open(&file, SystemClock::default()).expect("the lock went with the process");
        let ledger = inventory(&store);
        let level = ledger.level(&tea()).await.expect("reads").expect("listed");
        assert!(
            level.on_hand >= acknowledged,
            "{level:?}, {acknowledged} acknowledged"
        );
        assert_eq!(ledger.audit().await.expect("reads").violations, []);
        acknowledged = level.on_hand;
    }
}
