//! Who writes to a table, and whether somebody reads.
//!
//! Both are locks of the operating system on empty files, which end with the process.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use super::WarehouseError;
use super::disk::{Disk, Folder};

/// In the folder of a table.
pub(super) const WRITER: &str = ".writer";

/// In the folder of the warehouse.
pub(super) const READERS: &str = ".readers";

/// Held by the one process that writes a table.
pub(super) struct WriterLock {
    _file: File,
}

impl WriterLock {
    /// Takes the table in the folder called `table`, which is made if need be.
    pub(super) fn take(disk: &Folder, table: &str) -> Result<Self, WarehouseError> {
        let folder = disk.path(table);
        let made = disk.create_folder(table);
        made.map_err(|source| WarehouseError::io(&folder, "created", source))?;
        let path = folder.join(WRITER);
        let failed = |source| WarehouseError::io(&path, "locked", source);
        let file = open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(WarehouseError::InUse { folder }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

/// Held by everybody who reads, and by the writer for as long as it removes files.
pub(super) struct ReaderLock {
    _file: File,
}

impl ReaderLock {
    /// Reads from now on. Waits while the writer removes files.
    pub(super) fn shared(folder: &Path) -> Result<Self, WarehouseError> {
        let path = folder.join(READERS);
        let file = File::open(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => WarehouseError::NotThere {
                folder: folder.to_owned(),
            },
            _ => WarehouseError::io(&path, "read", source),
        })?;
        file.lock_shared()
            .map_err(|source| WarehouseError::io(&path, "locked", source))?;
        Ok(Self { _file: file })
    }

    /// Keeps readers out, unless there is one.
    pub(super) fn alone(folder: &Path) -> io::Result<Option<Self>> {
        let file = open(&folder.join(READERS))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
