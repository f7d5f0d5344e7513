//! What a data file looks like, and how an older one becomes a newer one.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::OpenError;
use super::error::open_error;

/// Marks a file as ours (`PRAGMA application_id`): "BTQE" in ASCII.
pub(super) const APPLICATION_ID: i32 = 0x4254_5145;

/// The first version that is known here; files of an earlier one were never released.
const FIRST: u32 = 3;

/// Every version of the schema, from [`FIRST`] on, as the statements that make it from the one
/// before. A version that has been released is never edited: data files in the world already
/// have it.
const MIGRATIONS: &[&[&str]] = &[
    &[
        include_str!("schema/stock.sql"),
        include_str!("schema/checkout.sql"),
        include_str!("schema/customers.sql"),
        include_str!("schema/signals.sql"),
        include_str!("schema/orders.sql"),
        include_str!("schema/journal.sql"),
        include_str!("schema/shipments.sql"),
        include_str!("schema/broker.sql"),
        include_str!("schema/analytics.sql"),
    ],
    &[include_str!("schema/orders_of_user.sql")],
    &[include_str!("schema/cart_keys.sql")],
    &[include_str!("schema/unsent.sql")],
    &[include_str!("schema/hold_pinned.sql")],
    &[include_str!("schema/outbox_told.sql")],
];

/// The newest version known here.
fn ours() -> u32 {
    u32::try_from(MIGRATIONS.len()).map_or(u32::MAX, |it| FIRST - 1 + it)
}

/// The version `connection`'s file has; 0 for an empty one.
///
/// It only reads: a file that is not ours must stay as it is.
fn version(connection: &Connection, path: &Path) -> Result<u32, OpenError> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let read = || -> rusqlite::Result<_> {
        Ok((
            number("SELECT count(*) FROM sqlite_schema")?,
            number("PRAGMA application_id")?,
            number("PRAGMA user_version")?,
        ))
    };
    let file = || path.to_owned();
    match read().map_err(|it| open_error(file(), it))? {
        (0, 0, 0) => Ok(0),
        (_, application, _) if application != i64::from(APPLICATION_ID) => {
            Err(OpenError::ForeignFile { file: file() })
        }
        // Ours is marked in the transaction that makes its first version.
        (_, _, ..1) => Err(OpenError::Corrupt { file: file() }),
        (_, _, found) => {
            let found = u32::try_from(found).unwrap_or(u32::MAX);
            let ours = ours();
            if found > ours {
                return Err(OpenError::NewerVersion {
                    file: file(),
                    found,
                    ours,
                });
            }
            if found < FIRST {
                return Err(OpenError::TooOld {
                    file: file(),
                    found,
                    first: FIRST,
                });
            }
            Ok(found)
        }
    }
}

/// Refuses a file this program cannot read as it is.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let (found, ours) = (version(connection, path)?, ours());
    if found == 0 {
        return Err(OpenError::Empty {
            file: path.to_owned(),
        });
    }
    if found < ours {
        let file = path.to_owned();
        return Err(OpenError::OlderVersion { file, found, ours });
    }
    Ok(())
}

/// Refuses a file that is not ours, before anything is written to it.
pub(super) fn check_writable(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    version(connection, path).map(drop)
}

/// Brings the file to the newest version, in one transaction.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let found = version(connection, path)?;
    if found == ours() {
        return Ok(());
    }
    let done = found.saturating_sub(FIRST - 1) as usize;
    let mut apply = || -> rusqlite::Result<()> {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for statements in MIGRATIONS.iter().skip(done).copied().flatten() {
            tx.execute_batch(statements)?;
        }
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", ours())?;
        tx.commit()
    };
    apply().map_err(|it| open_error(path.to_owned(), it))
}
