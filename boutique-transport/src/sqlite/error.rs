//! What SQLite reports, as failures of this workspace.

use std::cell::Cell;
use std::io;
use std::path::PathBuf;

use boutique_core::fault::Fault;
use rusqlite::{Error, ErrorCode};

/// Why a data file cannot be opened, with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "{file} is in use by process {pid}: stop that one, or give this one a data file of its own"
    )]
    InUse {
        /// The data file.
        file: PathBuf,
        /// The process, as its lock file says.
        pid: String,
    },
    /// A newer program has written it.
    #[error(
        "{file} has schema version {found}, and this program knows versions up to {ours}: use the newer program"
    )]
    NewerVersion {
        /// The data file.
        file: PathBuf,
        /// The version it has.
        found: u32,
        /// The newest version known here.
        ours: u32,
    },
    /// A program before the first release has written it.
    #[error(
        "{file} has schema version {found}, and this program upgrades files from version {first} on: start with a new file, or use the program that made this one"
    )]
    TooOld {
        /// The data file.
        file: PathBuf,
        /// The version it has.
        found: u32,
        /// The first version that can be upgraded.
        first: u32,
    },
    /// An older program has written it, and it may only be read.
    #[error(
        "{file} has schema version {found}, and this program reads version {ours}: open it for writing once, which upgrades it"
    )]
    OlderVersion {
        /// The data file.
        file: PathBuf,
        /// The version it has.
        found: u32,
        /// The version read here.
        ours: u32,
    },
    /// It is a database of another program, or none.
    #[error("{file} is not a data file of this program: name another file, or move it away")]
    ForeignFile {
        /// The file.
        file: PathBuf,
    },
    /// It is there, but nothing was ever written to it.
    #[error("{file} is empty: it becomes a data file when a program first sells with it")]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// There is no such file to read.
    #[error(
        "{file} does not exist: check the path; a data file appears when a server first uses it"
    )]
    NotThere {
        /// The file.
        file: PathBuf,
    },
    /// The directory it should be in is missing.
    #[error("the directory of {file} does not exist: create it, or name another file")]
    DirectoryMissing {
        /// The file.
        file: PathBuf,
    },
    /// Its contents are damaged.
    #[error("{file} is damaged: restore it from a backup")]
    Corrupt {
        /// The data file.
        file: PathBuf,
    },
    /// The disk is full, or the size limit is below what is in the file.
    #[error("there is no room for {file}: free space or raise its size limit, and try again")]
    Full {
        /// The data file.
        file: PathBuf,
    },
    /// The operating system refuses.
    #[error("cannot open {file}: check that it and its directory can be read and written")]
    Io {
        /// The data file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Why `error` keeps `file` from being opened.
pub(super) fn open_error(file: PathBuf, error: Error) -> OpenError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::ForeignFile { file },
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Corrupt { file },
        Some(ErrorCode::DiskFull) => OpenError::Full { file },
        _ => OpenError::Io {
            file,
            source: io::Error::other(error),
        },
    }
}

thread_local! {
    /// Whether a statement of this thread found no room since [`take_full`] was last asked.
    static FULL: Cell<bool> = const { Cell::new(false) };
}

/// Whether a statement of this thread found no room since this was last asked.
pub(super) fn take_full() -> bool {
    FULL.take()
}

/// Turns what SQLite reports into a failure. The text names codes and constraints, never a
/// value: values may be personal.
pub(super) fn fault(error: &Error) -> Fault {
    let Error::SqliteFailure(code, message) = error else {
        return match error {
            Error::FromSqlConversionFailure(column, ..)
            | Error::InvalidColumnType(column, ..)
            | Error::IntegralValueOutOfRange(column, ..) => Fault::permanent(format!(
                "column {column} of a stored row cannot be read back: another program has changed the \
                 data file, or it is damaged; restore it from a backup"
            )),
            _ => Fault::permanent("the data file was asked in a way it does not understand"),
        };
    };
    match code.code {
        ErrorCode::DiskFull => {
            FULL.set(true);
            Fault::unavailable("the data file is full: free space and try again")
        }
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            Fault::unavailable("the data file is locked by another program: try again")
        }
        ErrorCode::ReadOnly => Fault::permanent("the data file is open for reading only"),
        // SQLite names the constraint or the table's columns here, not what was in them.
        ErrorCode::ConstraintViolation => Fault::permanent(format!(
            "a stored rule forbids it: {}",
            message.as_deref().unwrap_or("constraint")
        )),
        other => Fault::permanent(format!(
            "the data file reports {other:?} (code {})",
            code.extended_code
        )),
    }
}
