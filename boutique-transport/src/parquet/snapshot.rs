//! Reading what is there.

use std::path::{Path, PathBuf};

use boutique_core::analytics::Table;

use super::WarehouseError;
use super::locks::ReaderLock;
use super::manifest::{MANIFEST, Manifest, NoManifest};

/// The tables as they were at one moment each. While it is open none of its files is removed,
/// so that a program may write meanwhile. Keep it no longer than the reading takes: compaction
/// leaves replaced files where they are for as long.
pub struct Snapshot {
    tables: Vec<TableFiles>,
    _lock: ReaderLock,
}

/// The files of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFiles {
    /// The table.
    pub table: &'static Table,
    /// Its files, each with the columns of [`arrow_schema`](super::arrow_schema) or, if an older
    /// program wrote it, without those that have come since.
    pub files: Vec<PathBuf>,
    /// How many rows they have together, repeats included.
    pub rows: u64,
}

impl Snapshot {
    /// Reads which files the tables in `folder` consist of.
    ///
    /// # Errors
    ///
    /// [`WarehouseError`]: there is no warehouse, or it cannot be read.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, WarehouseError> {
        let folder = folder.as_ref();
        let lock = ReaderLock::shared(folder)?;
        let tables = Table::ALL.map(|table| files(folder, table));
        Ok(Self {
            tables: tables.into_iter().collect::<Result<_, _>>()?,
            _lock: lock,
        })
    }

    /// Every table.
    pub fn tables(&self) -> &[TableFiles] {
        &self.tables
    }
}

fn files(folder: &Path, table: &'static Table) -> Result<TableFiles, WarehouseError> {
    let folder = folder.join(table.name);
    let path = folder.join(MANIFEST);
    let manifest = match std::fs::read(&path) {
        Ok(text) => Manifest::decode(&text).map_err(|error| match error {
            NoManifest::Newer => WarehouseError::Newer { path },
            NoManifest::Unreadable => WarehouseError::Damaged {
                path,
                what: "it cannot be read",
            },
        })?,
        // A program that did not know the table has written the rest.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Manifest::empty(),
        Err(error) => return Err(WarehouseError::io(&path, "read", error)),
    };
    Ok(TableFiles {
        table,
        files: manifest
            .parts
            .iter()
            .map(|it| folder.join(it.name()))
            .collect(),
        rows: manifest.parts.iter().map(|it| it.rows).sum(),
    })
}
