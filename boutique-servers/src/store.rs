//! Opening stores by URL.

use std::sync::Arc;

use boutique_core::assembly::Ports;
use boutique_core::clock::Clock;
use boutique_transport::sources::NamedIds;
use boutique_transport::sqlite::{OpenError, SqliteOptions};

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

/// Looks at a store without making or changing anything, and says what is there. It may be in
/// use. Its folder may be missing if it is `planned`.
///
/// # Errors
///
/// [`Failure::Data`] if it could not be opened.
pub fn look(store: &Store, planned: bool) -> Result<String, Failure> {
    let StoreUrl::Sqlite(path) = &store.url else {
        return Ok("memory: gone when the server ends".to_owned());
    };
    let shown = path.display();
    match data::look_into(path) {
        Ok(_) => Ok(format!("{shown}: can be used")),
        Err(Failure::Data(OpenError::NotThere { .. })) => {
            let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
            if !planned && directory.is_some_and(|it| !it.is_dir()) {
                let file = path.clone();
                return Err(OpenError::DirectoryMissing { file }.into());
            }
            Ok(format!("{shown}: is made at the start"))
        }
        Err(failure) => Err(failure),
    }
}
