//! What is found on a disk that lost its power: opened as the product opens it, and judged.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use boutique_core::audit::AuditScope;
use boutique_testkit::sources::ManualClock;
use boutique_transport::sqlite::{SqliteOptions, SqliteStore};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use crate::disk::Image;
use crate::facts::Fact;
use crate::load::{BEGIN, DATA_FILE, compose, rest};

/// Every row of every table, as one number.
pub(crate) type Digest = u64;

/// What is wrong with an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wrong {
    /// The product does not open it.
    DoesNotOpen(String),
    /// It is not a whole database.
    Damaged(String),
    /// It is in no state that the load ever committed: something is half there.
    HalfThere,
    /// Something acknowledged is missing, the nth.
    Lost(usize),
}

/// A state that the load committed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    /// So many of the first acknowledgements are true of it.
    pub(crate) facts: usize,
}

/// Every state that the load committed.
pub(crate) type States = BTreeMap<Digest, State>;

/// Opens an image in `folder` with the product's own code and reads everything in it.
pub(crate) fn reopen(folder: &Path, image: &Image) -> Result<Digest, Wrong> {
    lay_out(folder, image);
    let store = open(folder, Arc::new(ManualClock::new(BEGIN)))?;
    let digest = read(&folder.join(DATA_FILE));
    drop(store);
    digest
}

/// Judges a state that no power cut has touched: its audit is clean; it is recovered, comes to
/// rest, and its audit is clean again. Answers how many of the first facts are true of it.
pub(crate) async fn judge(folder: &Path, image: &Image, facts: &[Fact]) -> usize {
    lay_out(folder, image);
    let clock = Arc::new(ManualClock::new(BEGIN.after(Duration::from_secs(86_400))));
    let boutique = compose(&open(folder, Arc::<ManualClock>::clone(&clock)).expect("opens"));
    let running = boutique.audit(AuditScope::Running).await.expect("audits");
    assert!(running.is_clean(), "{:#?}", running.violations);
    let mut first_missing = facts.len();
    for after_recovery in [false, true] {
        if after_recovery {
            boutique.start().await.expect("recovers");
        }
        for (nth, fact) in facts.iter().enumerate().take(first_missing) {
            if fact.needs_recovery() == after_recovery && !fact.holds(boutique.ports()).await {
                first_missing = nth;
                break;
            }
        }
    }
    rest(&boutique, &clock).await;
    let at_rest = boutique.audit(AuditScope::AtRest).await.expect("audits");
    assert!(at_rest.is_clean(), "{:#?}", at_rest.violations);
    first_missing
}

fn open(folder: &Path, clock: Arc<ManualClock>) -> Result<SqliteStore, Wrong> {
    // As few connections as there can be: what they find is the same.
    let options = SqliteOptions {
        readers: 1,
        ..SqliteOptions::default()
    };
    let store = SqliteStore::open(folder.join(DATA_FILE), clock, options);
    store.map_err(|error| Wrong::DoesNotOpen(format!("{error:?}")))
}

/// Puts an image in the place of whatever was there.
fn lay_out(folder: &Path, image: &Image) {
    for entry in fs::read_dir(folder).expect("listed") {
        fs::remove_file(entry.expect("listed").path()).expect("removed");
    }
    for (name, content) in image {
        fs::write(folder.join(name), content).expect("written");
    }
}

/// Checks the database as a whole and reads all of it.
fn read(file: &Path) -> Result<Digest, Wrong> {
    let damaged = |error: rusqlite::Error| Wrong::Damaged(error.to_string());
    let db =
        Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(damaged)?;
    let found: String = db
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .map_err(damaged)?;
    if found != "ok" {
        return Err(Wrong::Damaged(found));
    }
    digest(&db).map_err(damaged)
}

fn digest(db: &Connection) -> rusqlite::Result<Digest> {
    let mut hasher = DefaultHasher::new();
    let mut tables =
        db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")?;
    let tables = tables.query_map([], |row| row.get::<_, String>(0))?;
    for table in tables {
        let table = table?;
        table.hash(&mut hasher);
        let mut rows = db.prepare(&format!("SELECT * FROM \"{table}\""))?;
        let columns = rows.column_count();
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                match row.get_ref(column)? {
                    ValueRef::Null => 0_u8.hash(&mut hasher),
                    ValueRef::Integer(it) => (1_u8, it).hash(&mut hasher),
                    ValueRef::Real(it) => (2_u8, it.to_bits()).hash(&mut hasher),
                    ValueRef::Text(it) => (3_u8, it).hash(&mut hasher),
                    ValueRef::Blob(it) => (4_u8, it).hash(&mut hasher),
                }
            }
        }
    }
    Ok(hasher.finish())
}
