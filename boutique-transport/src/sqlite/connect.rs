//! Opening connections, and making the file they open.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

use boutique_core::clock::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::error::open_error;
use super::{OpenError, SqliteOptions, schema};

/// Creates an empty file that only its owner can read, unless there is one.
pub(super) fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Makes the names of new files durable, not only what is in them.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) {
        std::fs::File::open(directory)?.sync_all()?;
    }
    Ok(())
}

/// Opens the connection that writes, brings the file to our version, and says when its latest
/// ledger transaction was.
pub(super) fn open_writer(
    path: &Path,
    options: SqliteOptions,
) -> Result<(Connection, Timestamp), OpenError> {
    let problem = |it| open_error(path.to_owned(), it);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(problem)?;
    schema::check_writable(&connection, path)?;
    configure(&connection).map_err(problem)?;
    let wal: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(problem)?;
    if wal != "wal" {
        return Err(OpenError::Io {
            file: path.to_owned(),
            source: io::Error::other("its file system cannot share memory between processes"),
        });
    }
    connection
        .execute_batch(
            // What was deleted is overwritten where its page is written anyway.
            "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000; \
             PRAGMA secure_delete = FAST",
        )
        .map_err(problem)?;
    if let Some(bytes) = options.size_limit {
        let page: i64 = connection
            .query_row("PRAGMA page_size", [], |row| row.get(0))
            .map_err(problem)?;
        // 4,294,967,294 is the most pages SQLite can have.
        let pages = (bytes / page.unsigned_abs().max(1)).clamp(1, 4_294_967_294);
        connection
            .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
            .map_err(problem)?;
    }
    schema::migrate(&mut connection, path)?;
    if options.end_leases {
        let end = "UPDATE delivery SET state = 'ready' WHERE state = 'leased'";
        connection.execute(end, []).map_err(problem)?;
    }
    let last: Option<i64> = connection
        .query_row("SELECT max(updated_at) FROM stock", [], |row| row.get(0))
        .map_err(problem)?;
    Ok((connection, Timestamp::from_micros(last.unwrap_or(0))))
}

/// Opens a connection that reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        configure(&connection)?;
        Ok(connection)
    };
    open().map_err(|it| open_error(path.to_owned(), it))
}

/// What every connection has in common.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(256);
    // Else SQLite plans a statement anew each time a parameter of its LIMIT is bound.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // 16 MB of pages; temporary tables and sorts stay in memory.
    connection.execute_batch(
        "PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0",
    )
}
