//! Opening a data file.

use std::path::Path;
use std::sync::Arc;

use boutique_core::assembly::Ports;
use boutique_core::clock::Clock;
use boutique_transport::sources::{NamedIds, SystemClock};
use boutique_transport::sqlite::{SqliteOptions, SqliteStore};

use crate::exit::Failure;
use crate::folder;

/// The tenant of everything this program sells.
pub const TENANT: &str = "boutique";

/// Opens the data file at `path` for this process alone; a missing one is created.
///
/// # Errors
///
/// [`Failure::Data`]; the file is unchanged.
pub fn open(path: &Path, clock: Arc<dyn Clock>, options: SqliteOptions) -> Result<Ports, Failure> {
    // Everything that takes messages in lives in the process that has the file.
    let options = SqliteOptions {
        end_leases: true,
        ..options
    };
    Ok(SqliteStore::open(path, clock, options)?.ports(Arc::new(NamedIds)))
}

/// Opens the data at `path` to look into it, also while other processes use it: a file, or the
/// folder in which the servers of `boutique up --processes` keep theirs.
///
/// # Errors
///
/// [`Failure::Data`], also if there is no such file.
pub fn look_into(path: &Path) -> Result<Ports, Failure> {
    match path.join("checkout.db").exists() {
        true => folder::look_into(path),
        false => look_into_file(path),
    }
}

pub(crate) fn look_into_file(path: &Path) -> Result<Ports, Failure> {
    let clock = Arc::new(SystemClock::default());
    Ok(SqliteStore::open_read_only(path, clock)?.ports(Arc::new(NamedIds)))
}
