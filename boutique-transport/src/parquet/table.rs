//! The files of one table, and the moves by which they change.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use boutique_core::analytics::{Table, TableRow};
use parquet::errors::ParquetError;

use super::WarehouseError;
use super::adapt::adapt;
use super::disk::Disk;
use super::locks::WRITER;
use super::manifest::{
    MANIFEST, Manifest, NoManifest, Part, UNFINISHED, day_folder, is_day, is_part, number_of,
};
use super::part::{self, PartWriter};
use super::{arrow_schema, compact, rows};

/// Writes the files of a table.
///
/// Whatever fails, the next move begins as an opening does: with what is on the disk.
pub(super) struct TableWriter<D> {
    disk: D,
    table: &'static Table,
    /// What the disk has; `None` if that is not known.
    manifest: Option<Manifest>,
    /// Files that are in no manifest and could not be removed, for somebody reads.
    left: Vec<String>,
}

impl<D: Disk> TableWriter<D> {
    /// Opens the table's folder, and creates it if need be.
    pub(super) fn open(disk: D, table: &'static Table) -> Result<Self, WarehouseError> {
        let mut this = Self {
            disk,
            table,
            manifest: None,
            left: Vec::new(),
        };
        this.manifest = Some(this.recover()?);
        Ok(this)
    }

    /// Appends rows, all or none; they are durable when this returns.
    pub(super) fn append(&mut self, rows: Vec<TableRow>) -> Result<(), WarehouseError> {
        let manifest = self.known()?;
        let manifest = self.merge(manifest, compact::due)?;
        let mut next = manifest.clone();
        for (day, rows) in rows::by_day(self.table, rows)? {
            let batch = rows::columns_of(self.table, rows)?;
            let path = self.disk.path(self.table.name);
            let encoded = PartWriter::new(batch.schema())
                .and_then(|mut it| it.write(&batch).and_then(|()| it.finish()));
            let (contents, rows) = encoded.map_err(|error| failed(path, error))?;
            self.publish(&mut next, day, rows, &contents)?;
        }
        self.manifest = Some(if next == manifest {
            manifest
        } else {
            self.commit(next)?
        });
        Ok(())
    }

    /// Merges what can be merged.
    pub(super) fn compact(&mut self) -> Result<(), WarehouseError> {
        let manifest = self.known()?;
        self.manifest = Some(self.merge(manifest, compact::possible)?);
        Ok(())
    }

    /// What the disk has. Until a move has succeeded it is not known again.
    fn known(&mut self) -> Result<Manifest, WarehouseError> {
        match self.manifest.take() {
            Some(manifest) => Ok(manifest),
            None => self.recover(),
        }
    }

    /// Merges the files that `choose` names for as long as it names some.
    fn merge(
        &mut self,
        mut manifest: Manifest,
        choose: fn(&[Part]) -> Option<Vec<u64>>,
    ) -> Result<Manifest, WarehouseError> {
        while let Some(chosen) = choose(&manifest.parts) {
            let (old, kept): (Vec<_>, Vec<_>) = manifest
                .parts
                .iter()
                .cloned()
                .partition(|it| chosen.contains(&it.number));
            let Some(first) = old.first() else { break };
            let (contents, rows) = self.merged(&old)?;
            let mut next = Manifest {
                parts: kept,
                ..manifest
            };
            self.publish(&mut next, first.day.clone(), rows, &contents)?;
            manifest = self.commit(next)?;
            let replaced: Vec<String> = old.iter().map(|it| self.at(&it.name())).collect();
            self.left.extend(replaced);
            self.sweep()?;
        }
        if !self.left.is_empty() {
            self.sweep()?;
        }
        Ok(manifest)
    }

    /// The contents of a file with the rows of these, in their order, and how many they are.
    fn merged(&self, old: &[Part]) -> Result<(Vec<u8>, u64), WarehouseError> {
        let schema = arrow_schema(self.table);
        let folder = self.disk.path(self.table.name);
        let mut writer =
            PartWriter::new(schema.clone()).map_err(|error| failed(folder.clone(), error))?;
        for part in old {
            let name = self.at(&part.name());
            let path = self.disk.path(&name);
            let contents = match self.disk.read(&name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(self.damaged(&name, "it is missing"));
                }
                read => self.io(&name, "read", read)?,
            };
            let damaged = |_: ParquetError| WarehouseError::Damaged {
                path: path.clone(),
                what: "it cannot be read back",
            };
            let mut rows = 0;
            for batch in part::read(contents).map_err(damaged)? {
                let batch = batch.map_err(|error| damaged(error.into()))?;
                rows += batch.num_rows() as u64;
                let batch = adapt(&batch, &schema)
                    .map_err(|_| WarehouseError::Columns { path: path.clone() })?;
                writer
                    .write(&batch)
                    .map_err(|error| failed(folder.clone(), error))?;
            }
            if rows != part.rows {
                return Err(WarehouseError::Damaged {
                    path,
                    what: "rows are missing",
                });
            }
        }
        writer.finish().map_err(|error| failed(folder, error))
    }

    /// Writes a file of the table and adds it to `next`. It is part of the table once that is
    /// committed.
    fn publish(
        &self,
        next: &mut Manifest,
        day: String,
        rows: u64,
        contents: &[u8],
    ) -> Result<(), WarehouseError> {
        let folder = self.at(&day_folder(&day));
        let part = Part {
            day,
            number: next.next,
            rows,
            bytes: contents.len() as u64,
        };
        let name = self.at(&part.name());
        let unfinished = format!("{name}{UNFINISHED}");
        self.io(&folder, "created", self.disk.create_folder(&folder))?;
        self.io(&folder, "synced", self.disk.sync_folder(self.table.name))?;
        self.io(
            &unfinished,
            "written",
            self.disk.write(&unfinished, contents),
        )?;
        self.io(&name, "written", self.disk.rename(&unfinished, &name))?;
        self.io(&folder, "synced", self.disk.sync_folder(&folder))?;
        next.next += 1;
        next.parts.push(part);
        Ok(())
    }

    /// Lets the table be what `next` names.
    fn commit(&self, next: Manifest) -> Result<Manifest, WarehouseError> {
        let name = self.at(MANIFEST);
        let unfinished = format!("{name}{UNFINISHED}");
        let written = self.disk.write(&unfinished, &next.encode());
        self.io(&unfinished, "written", written)?;
        let unsure = |source| WarehouseError::Unsure {
            path: self.disk.path(&name),
            source,
        };
        self.disk.rename(&unfinished, &name).map_err(unsure)?;
        self.disk.sync_folder(self.table.name).map_err(unsure)?;
        Ok(next)
    }

    /// Removes what is in no manifest any more, unless somebody may be reading it.
    fn sweep(&mut self) -> Result<(), WarehouseError> {
        let removed = self.disk.remove_unread(&self.left);
        if self.io(self.table.name, "cleared", removed)? {
            self.left.clear();
        }
        Ok(())
    }

    /// Finds out what the disk has, and removes what a crash left behind.
    fn recover(&mut self) -> Result<Manifest, WarehouseError> {
        let table = self.table.name;
        self.io(table, "created", self.disk.create_folder(table))?;
        self.io(table, "synced", self.disk.sync_folder(""))?;
        let (manifest, found) = self.look()?;
        let mut manifest = match manifest {
            Some(manifest) => manifest,
            None if found.is_empty() => Manifest::empty(),
            None => return Err(self.damaged(&self.at(MANIFEST), "it is missing")),
        };
        for part in &manifest.parts {
            let name = self.at(&part.name());
            if !found.contains(&name) {
                return Err(self.damaged(&name, "it is missing"));
            }
            if self.io(&name, "read", self.disk.size(&name))? != part.bytes {
                return Err(self.damaged(&name, "its length is not that of the manifest"));
            }
        }
        // A file may have been given its number, and the manifest not have come to say so. It
        // stays for as long as somebody reads: another of its name would be removed in its place.
        let given = found.iter().filter_map(|it| number_of(it)).max();
        manifest.next = manifest
            .next
            .max(given.map_or(0, |it| it.saturating_add(1)));
        // What was renamed before a failure may not be durable yet: it is once this returns.
        let manifest = self.commit(manifest)?;
        let named: BTreeSet<String> = manifest
            .parts
            .iter()
            .map(|it| self.at(&it.name()))
            .collect();
        self.left = found.difference(&named).cloned().collect();
        self.sweep()?;
        Ok(manifest)
    }

    /// The manifest, if there is one, and the files of the days.
    fn look(&self) -> Result<(Option<Manifest>, BTreeSet<String>), WarehouseError> {
        let (mut manifest, mut found) = (None, BTreeSet::new());
        let unfinished = format!("{MANIFEST}{UNFINISHED}");
        for (name, is_folder) in self.list(self.table.name)? {
            let path = self.at(&name);
            match is_folder {
                true if is_day(&name) => {
                    for (file, is_folder) in self.list(&path)? {
                        let path = format!("{path}/{file}");
                        if is_folder || !is_part(&file) {
                            return Err(self.foreign(&path));
                        }
                        found.insert(path);
                    }
                }
                false if name == MANIFEST => {
                    let text = self.io(&path, "read", self.disk.read(&path))?;
                    manifest = Some(Manifest::decode(&text).map_err(|it| match it {
                        NoManifest::Newer => WarehouseError::Newer {
                            path: self.disk.path(&path),
                        },
                        NoManifest::Unreadable => self.damaged(&path, "it cannot be read"),
                    })?);
                }
                false if name == unfinished || name == WRITER => {}
                _ => return Err(self.foreign(&path)),
            }
        }
        Ok((manifest, found))
    }

    fn list(&self, folder: &str) -> Result<Vec<(String, bool)>, WarehouseError> {
        self.io(folder, "read", self.disk.list(folder))
    }

    /// A name in the table's folder as one in the warehouse's.
    fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.table.name)
    }

    fn io<T>(
        &self,
        name: &str,
        doing: &'static str,
        done: io::Result<T>,
    ) -> Result<T, WarehouseError> {
        done.map_err(|source| WarehouseError::io(&self.disk.path(name), doing, source))
    }

    fn damaged(&self, name: &str, what: &'static str) -> WarehouseError {
        WarehouseError::Damaged {
            path: self.disk.path(name),
            what,
        }
    }

    fn foreign(&self, name: &str) -> WarehouseError {
        WarehouseError::Foreign {
            path: self.disk.path(name),
        }
    }
}

/// Writing columns to memory fails at nothing but itself.
fn failed(path: PathBuf, error: ParquetError) -> WarehouseError {
    WarehouseError::Io {
        path,
        doing: "written",
        source: io::Error::other(error),
    }
}
