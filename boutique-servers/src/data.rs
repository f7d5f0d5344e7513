//! Opening a data file.

use std::path::Path;
use std::sync::Arc;

use boutique_core::assembly::Ports;
use boutique_core::clock::Clock;
use boutique_transport::sources::{NamedIds, SystemClock};
use boutique_transport::sqlite::{SqliteOptions, SqliteStore};

use crate::exit::Failure;

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

/// Opens the data file at `path` to look into it, also while another process uses it.
///
/// # Errors
///
/// [`Failure::Data`], also if there is no such file.
pub fn look_into(path: &Path) -> Result<Ports, Failure> {
    let clock = Arc::new(SystemClock::default());
    Ok(SqliteStore::open_read_only(path, clock)?.ports(Arc::new(NamedIds)))
}
