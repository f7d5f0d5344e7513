//! The embedded data warehouse: the tables of [`analytics`](boutique_core::analytics) as columnar
//! files in a folder, with the columns that a BigQuery subscription would write.
//!
//! ```text
//! warehouse/
//!   orders/
//!     manifest.json                             which files the table consists of
//!     publish_day=2010-12-01/part-000000000007.parquet
//!   shipments/ ...
//! ```
//!
//! Records are Parquet structs and lists, moments are microseconds in UTC, JSON is text. Files
//! are compressed with zstd and partitioned by the day a message was published, in Hive's style
//! of names, which DuckDB, pyarrow and DataFusion understand.
//!
//! A table is what its manifest names. Rows are written to a file of their own that is synced,
//! and become part of the table with the manifest that is renamed over the last one: a crash at
//! any moment leaves the table as it was before or after, and at most a file that is not in the
//! manifest, which the next opening removes. Compaction replaces files by the same move, so that
//! the merged file and those it replaces are never both in the table, nor both missing. Files
//! that a [`Snapshot`] may be reading stay until it is closed. Whoever reads without one, by a
//! pattern of names, can meet both for the moment between: its view without repeats is right even
//! then.
//!
//! One process writes to a table, any number read. The files hold personal data; what is newly
//! created can be read by its owner only.

mod adapt;
mod compact;
mod disk;
mod error;
mod locks;
mod manifest;
mod part;
mod rows;
mod schema;
mod snapshot;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use boutique_core::analytics::{Table, TableRow, TableSink};
use boutique_core::fault::Fault;

pub use error::WarehouseError;
pub use schema::arrow_schema;
pub use snapshot::{Snapshot, TableFiles};

use disk::Folder;
use locks::WriterLock;
use table::TableWriter;

/// The data warehouse in a folder, open for writing. Clones share it; the folder can be opened
/// again once the last of them is dropped.
#[derive(Clone)]
pub struct ParquetWarehouse {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    tables: BTreeMap<&'static str, Mutex<TableWriter<Folder>>>,
    _locks: Vec<WriterLock>,
}

impl ParquetWarehouse {
    /// Opens every table in `folder` for this process alone: see [`ParquetWarehouse::open_tables`].
    ///
    /// # Errors
    ///
    /// [`WarehouseError`]; nothing that was there is changed.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, WarehouseError> {
        Self::open_tables(folder, &Table::ALL)
    }

    /// Opens `tables` in `folder` for this process alone; another may have the others. A missing
    /// or empty folder becomes a warehouse. Removes what a crash left behind.
    ///
    /// # Errors
    ///
    /// [`WarehouseError`]: a table is in use, the folder cannot be written, has files of others,
    /// or is damaged. Nothing that was there is changed.
    pub fn open_tables(
        folder: impl AsRef<Path>,
        tables: &[&'static Table],
    ) -> Result<Self, WarehouseError> {
        let folder = folder.as_ref().to_owned();
        let disk = Folder::create(&folder)?;
        let (mut writers, mut locks) = (BTreeMap::new(), Vec::new());
        for &table in tables {
            locks.push(WriterLock::take(&disk, table.name)?);
            let writer = TableWriter::open(disk.clone(), table)?;
            writers.insert(table.name, Mutex::new(writer));
        }
        Ok(Self {
            inner: Arc::new(Inner {
                folder,
                tables: writers,
                _locks: locks,
            }),
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.inner.folder
    }

    /// Merges small files until each day of each table has as few as can be. Appending merges by
    /// itself what has become many; this is for what has become complete. Rows do not change.
    ///
    /// # Errors
    ///
    /// A [`Fault`]; every table is whole, and it may be called again.
    pub async fn compact(&self) -> Result<(), Fault> {
        let open = Table::ALL.into_iter();
        for table in open.filter(|it| self.inner.tables.contains_key(it.name)) {
            let done = self.on(table, TableWriter::compact).await?;
            done.map_err(WarehouseError::into_fault)?;
        }
        Ok(())
    }

    /// Lets `job` work on a table's files, on a thread that may wait for the disk.
    async fn on<T: Send + 'static>(
        &self,
        table: &'static Table,
        job: impl FnOnce(&mut TableWriter<Folder>) -> Result<T, WarehouseError> + Send + 'static,
    ) -> Result<Result<T, WarehouseError>, Fault> {
        let inner = Arc::clone(&self.inner);
        let done = tokio::task::spawn_blocking(move || {
            let Some(writer) = inner.tables.get(table.name) else {
                return Err(WarehouseError::UnknownTable);
            };
            job(&mut writer.lock().unwrap_or_else(PoisonError::into_inner))
        });
        done.await.map_err(|ended| {
            Fault::ambiguous("the data warehouse's thread ended early").because(ended)
        })
    }
}

#[async_trait]
impl TableSink for ParquetWarehouse {
    async fn append(&self, table: &'static Table, rows: Vec<TableRow>) -> Result<(), Fault> {
        let done = self.on(table, move |it| it.append(rows)).await?;
        done.map_err(WarehouseError::into_fault_of_rows)
    }
}
