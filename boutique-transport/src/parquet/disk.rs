//! The few things that are done to a folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use boutique_core::analytics::Table;

use super::WarehouseError;
use super::locks::{READERS, ReaderLock};
use super::manifest::MANIFEST;

/// Folders that are in the way of nothing.
const EXPECTED: [&str; 1] = ["lost+found"];

/// A folder with files and folders, named by paths below it.
///
/// What a crash leaves: a file that was not written to its end may have any length; a name that
/// was given or taken since the last [`Disk::sync_folder`] of its folder may or may not be there.
pub(super) trait Disk {
    /// The path of `name`, for people.
    fn path(&self, name: &str) -> PathBuf;

    /// What is in a folder: names, and whether they are folders.
    fn list(&self, folder: &str) -> io::Result<Vec<(String, bool)>>;

    /// The contents of a file.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;

    /// How long a file is.
    fn size(&self, name: &str) -> io::Result<u64>;

    /// Creates a folder; fine if it is there.
    fn create_folder(&self, name: &str) -> io::Result<()>;

    /// Writes a file, a new one or over an old one, and syncs its contents.
    fn write(&self, name: &str, contents: &[u8]) -> io::Result<()>;

    /// Gives a file another name, whose file if there is one is gone at the same moment.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Makes names in a folder durable.
    fn sync_folder(&self, name: &str) -> io::Result<()>;

    /// Removes files, unless somebody reads; whether it did.
    fn remove_unread(&self, names: &[String]) -> io::Result<bool>;
}

/// A folder of the operating system.
#[derive(Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Creates the folder unless it is there, and sees that nothing of others is in it.
    pub(super) fn create(root: &Path) -> Result<Self, WarehouseError> {
        let this = Self {
            root: root.to_owned(),
        };
        let failed = |source| WarehouseError::io(root, "created", source);
        if root.is_file() {
            return Err(WarehouseError::Foreign {
                path: root.to_owned(),
            });
        }
        if !root.is_dir() {
            new_folder(root).map_err(failed)?;
            // A folder that is given no parent is in the current one.
            let parent = root.parent().filter(|it| !it.as_os_str().is_empty());
            sync(parent.unwrap_or_else(|| Path::new("."))).map_err(failed)?;
        }
        let entries = this
            .list("")
            .map_err(|source| WarehouseError::io(root, "read", source))?;
        for (name, is_folder) in entries {
            let ours = match is_folder {
                // Another program may know more tables; a volume of its own has a folder for
                // what a repair finds.
                true => this.path(&name).join(MANIFEST).exists() || EXPECTED.contains(&&*name),
                false => name == READERS,
            };
            if !ours && !Table::ALL.iter().any(|it| it.name == name) {
                return Err(WarehouseError::Foreign {
                    path: root.join(name),
                });
            }
        }
        Ok(this)
    }
}

impl Disk for Folder {
    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<(String, bool)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.path(folder))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            found.push((name, entry.file_type()?.is_dir()));
        }
        found.sort();
        Ok(found)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.path(name))
    }

    fn size(&self, name: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.path(name))?.len())
    }

    fn create_folder(&self, name: &str) -> io::Result<()> {
        let path = self.path(name);
        if path.is_dir() {
            return Ok(());
        }
        new_folder(&path)
    }

    fn write(&self, name: &str, contents: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(self.path(name))?;
        file.write_all(contents)?;
        file.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn sync_folder(&self, name: &str) -> io::Result<()> {
        sync(&self.path(name))
    }

    fn remove_unread(&self, names: &[String]) -> io::Result<bool> {
        let Some(_alone) = ReaderLock::alone(&self.root)? else {
            return Ok(false);
        };
        for name in names {
            match fs::remove_file(self.path(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(true)
    }
}

/// Creates a folder; fine if another process has done so in the meantime.
fn new_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        done => done,
    }
}

/// Makes the names in a folder durable, where the system can.
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
