//! A disk in memory that fails or loses power at any step.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::disk::Disk;

/// Paths, and what is there: a file's contents, or a folder.
type Tree = BTreeMap<String, Option<Vec<u8>>>;

/// What happens at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The step fails, and the next ones work.
    Fails,
    /// The power goes: the step is done by half, and nothing after it.
    PowerGoes,
}

/// What is left of what was not synced when the power went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsynced {
    Lost,
    Kept,
}

#[derive(Clone, Default)]
struct State {
    /// What programs see.
    seen: Tree,
    /// What is there after the power went.
    durable: Tree,
    steps: usize,
    trouble: Option<(usize, Trouble)>,
    dark: bool,
    read: bool,
}

/// Clones share it.
#[derive(Clone, Default)]
pub(super) struct TestDisk(Arc<Mutex<State>>);

impl TestDisk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another disk with the same on it.
    pub(super) fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.state().clone())))
    }

    /// How many steps there were.
    pub(super) fn steps(&self) -> usize {
        self.state().steps
    }

    /// Lets something happen at the step after `steps` others.
    pub(super) fn plan(&self, steps: usize, trouble: Trouble) {
        let mut state = self.state();
        (state.steps, state.trouble) = (0, Some((steps, trouble)));
    }

    /// The machine starts again.
    pub(super) fn restart(&self, unsynced: Unsynced) {
        let mut state = self.state();
        (state.trouble, state.dark) = (None, false);
        match unsynced {
            Unsynced::Kept => state.durable = state.seen.clone(),
            Unsynced::Lost => {
                let durable = state.durable.clone();
                let reachable = |path: &str| {
                    let folders = path.match_indices('/').map(|(at, _)| &path[..at]);
                    folders.into_iter().all(|it| durable.contains_key(it))
                };
                let kept = durable.iter().filter(|(path, _)| reachable(path));
                state.seen = kept.map(|(path, it)| (path.clone(), it.clone())).collect();
                state.durable = state.seen.clone();
            }
        }
    }

    /// Whether somebody reads.
    pub(super) fn set_read(&self, read: bool) {
        self.state().read = read;
    }

    /// Every file.
    pub(super) fn files(&self) -> Vec<String> {
        let state = self.state();
        let files = state.seen.iter().filter(|(_, it)| it.is_some());
        files.map(|(path, _)| path.clone()).collect()
    }

    /// Takes a step: `act` does it wholly, or by half if it is told so.
    fn step<T>(&self, act: impl FnOnce(&mut State, bool) -> T) -> io::Result<T> {
        let mut state = self.state();
        let refused = || Err(io::Error::from(io::ErrorKind::StorageFull));
        if state.dark {
            return refused();
        }
        let here = state.steps;
        state.steps += 1;
        match state.trouble {
            Some((at, trouble)) if at == here => {
                state.dark = trouble == Trouble::PowerGoes;
                if state.dark {
                    act(&mut state, true);
                }
                refused()
            }
            _ => Ok(act(&mut state, false)),
        }
    }
}

impl Disk for TestDisk {
    fn path(&self, name: &str) -> PathBuf {
        name.into()
    }

    fn list(&self, folder: &str) -> io::Result<Vec<(String, bool)>> {
        let prefix = format!("{folder}/");
        let state = self.state();
        let below = state.seen.iter().filter_map(|(path, it)| {
            let name = path.strip_prefix(&prefix)?;
            (!name.contains('/')).then(|| (name.to_owned(), it.is_none()))
        });
        Ok(below.collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let found = self.state().seen.get(name).cloned().flatten();
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn size(&self, name: &str) -> io::Result<u64> {
        Ok(self.read(name)?.len() as u64)
    }

    fn create_folder(&self, name: &str) -> io::Result<()> {
        self.step(|state, _| {
            state.seen.entry(name.to_owned()).or_default();
        })
    }

    fn write(&self, name: &str, contents: &[u8]) -> io::Result<()> {
        self.step(|state, half| {
            let length = contents.len() / if half { 2 } else { 1 };
            let contents = Some(contents[..length].to_vec());
            state.seen.insert(name.to_owned(), contents.clone());
            if let Some(durable) = state.durable.get_mut(name) {
                *durable = contents;
            }
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.step(|state, half| {
            if !half && let Some(file) = state.seen.remove(from) {
                state.seen.insert(to.to_owned(), file);
            }
        })
    }

    fn sync_folder(&self, name: &str) -> io::Result<()> {
        let prefix = if name.is_empty() {
            String::new()
        } else {
            format!("{name}/")
        };
        self.step(|state, half| {
            let State { seen, durable, .. } = state;
            let inside = |path: &str| {
                let name = path.strip_prefix(&prefix);
                name.is_some_and(|it| !it.contains('/'))
            };
            if half {
                return;
            }
            durable.retain(|path, _| !inside(path) || seen.contains_key(path));
            for (path, it) in seen.iter().filter(|(path, _)| inside(path)) {
                durable.insert(path.clone(), it.clone());
            }
        })
    }

    fn remove_unread(&self, names: &[String]) -> io::Result<bool> {
        if self.state().read {
            return Ok(false);
        }
        self.step(|state, half| {
            let count = names.len() / if half { 2 } else { 1 };
            for name in &names[..count] {
                state.seen.remove(name);
            }
        })?;
        Ok(true)
    }
}
