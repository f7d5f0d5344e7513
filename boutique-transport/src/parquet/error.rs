//! What can be wrong with the folder of a data warehouse.

use std::io;
use std::path::{Path, PathBuf};

use boutique_core::fault::Fault;

/// Why the data warehouse does not do what it is asked, with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum WarehouseError {
    /// Another process, or another part of this one, writes to it.
    #[error("{folder} is already being written to: stop the other writer, or name another folder")]
    InUse {
        /// The table's folder.
        folder: PathBuf,
    },
    /// There is none.
    #[error(
        "there is no data warehouse in {folder}: check the path; one appears when a program first writes to it"
    )]
    NotThere {
        /// The folder.
        folder: PathBuf,
    },
    /// It holds something that no data warehouse wrote.
    #[error("{path} is no file of a data warehouse: move it away, or name another folder")]
    Foreign {
        /// What is in the way.
        path: PathBuf,
    },
    /// A newer program has written it.
    #[error("{path} was written by a newer program: use that one")]
    Newer {
        /// The manifest.
        path: PathBuf,
    },
    /// A file is missing or not as it was written.
    #[error("{path} is damaged, {what}: restore the folder from a backup")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The columns of a file cannot be read as the table's.
    #[error("{path} has other columns than the table has today: write to another folder")]
    Columns {
        /// The file.
        path: PathBuf,
    },
    /// A row cannot be written. Nothing of it is repeated.
    #[error("a row of {table} is not its columns")]
    Row {
        /// The table.
        table: &'static str,
    },
    /// The table is none of the warehouse's.
    #[error("the data warehouse has no such table")]
    UnknownTable,
    /// The disk is full.
    #[error("there is no room for {path}: free space, and try again")]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refuses.
    #[error("{path} cannot be {doing}: check that its folder can be read and written")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was to be done to it.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// It may have been done: the system refused after the moment from which it counts.
    #[error("{path} may have been replaced, or not")]
    Unsure {
        /// The manifest.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl WarehouseError {
    /// What the system's refusal means.
    pub(super) fn io(path: &Path, doing: &'static str, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            _ => Self::Io {
                path,
                doing,
                source,
            },
        }
    }

    /// The failure this is to whoever asks something of a whole table.
    pub(super) fn into_fault(self) -> Fault {
        match self {
            Self::Unsure { .. } => Fault::ambiguous(TEXT),
            Self::Full { .. } | Self::Io { .. } | Self::InUse { .. } => Fault::unavailable(TEXT),
            _ => Fault::permanent(TEXT),
        }
        .because(self)
    }

    /// The failure this is to whoever hands in rows, who puts a row away that is refused for good:
    /// what is wrong with the files is not wrong with a row, however lasting it is.
    pub(super) fn into_fault_of_rows(self) -> Fault {
        match self {
            Self::Unsure { .. } => Fault::ambiguous(TEXT),
            Self::Row { .. } => Fault::permanent(TEXT),
            _ => Fault::unavailable(TEXT),
        }
        .because(self)
    }
}

const TEXT: &str = "the data warehouse cannot be written";
