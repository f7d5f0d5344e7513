//! Opening stores by URL.

use std::sync::Arc;

use boutique_core::assembly::Ports;
use boutique_core::clock::Clock;
use boutique_transport::sources::NamedIds;
use boutique_transport::sqlite::SqliteOptions;

use crate::config::{Store, StoreUrl};
use crate::data;
use crate::exit::Failure;

/// Opens every port at the store's address, for this process alone. A server uses those that
/// are its own.
///
/// # Errors
///
/// [`Failure::Data`]; the file is unchanged.
pub fn open(store: &Store, clock: Arc<dyn Clock>) -> Result<Ports, Failure> {
    match &store.url {
        StoreUrl::Memory => Ok(Ports::memory(clock, Arc::new(NamedIds))),
        StoreUrl::Sqlite(path) => {
            let options = SqliteOptions {
                size_limit: store.bytes,
                ..SqliteOptions::default()
            };
            data::open(path, clock, options)
        }
    }
}
