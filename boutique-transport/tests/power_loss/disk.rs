//! A disk that loses its power.
//!
//! A sync is the only promise: what a file was written before its own sync, and which names a
//! directory had before its own, is there afterwards. Of everything else any part may be.

use std::collections::BTreeMap;

use crate::dice::Dice;
use crate::log::{Log, Operation};

/// The unit in which a disk writes: one that is cut off is old or new, never mixed.
const SECTOR: usize = 512;

/// What becomes of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsynced {
    /// Nothing of it is there.
    None,
    /// All of it is there, as if only the process had died.
    All,
    /// Each write is there or not.
    Subset,
    /// Each sector of each write is there or not.
    Torn,
}

impl Unsynced {
    pub(crate) const ALL: [Self; 4] = [Self::None, Self::All, Self::Subset, Self::Torn];
}

/// Every file's content, by name.
pub(crate) type Image = BTreeMap<String, Vec<u8>>;

/// A file apart from its name.
type Inode = usize;

/// What was done and is not synced.
#[derive(Clone)]
enum Change {
    /// `operation`, the nth of the log, changed this file's content.
    Content(Inode, usize),
    /// The name leads to this file from now on, or to none.
    Name(String, Option<Inode>),
}

/// A disk, after some operations of a log.
pub(crate) struct Disk<'a> {
    log: &'a Log,
    /// What is safe of every file.
    safe: Vec<Vec<u8>>,
    safe_names: BTreeMap<String, Inode>,
    /// What the process sees.
    names: BTreeMap<String, Inode>,
    unsynced: Vec<Change>,
}

impl<'a> Disk<'a> {
    pub(crate) fn new(log: &'a Log) -> Self {
        Self {
            log,
            safe: Vec::new(),
            safe_names: BTreeMap::new(),
            names: BTreeMap::new(),
            unsynced: Vec::new(),
        }
    }

    /// Carries out the `nth` operation of the log.
    pub(crate) fn advance(&mut self, nth: usize) {
        match &self.log.operations[nth] {
            Operation::Create(name) => {
                self.safe.push(Vec::new());
                self.rename(name, Some(self.safe.len() - 1));
            }
            Operation::Write { name, .. } | Operation::Truncate { name, .. } => {
                let inode = self.names[name];
                self.unsynced.push(Change::Content(inode, nth));
            }
            Operation::Remove(name) => self.rename(name, None),
            Operation::Sync(name) => {
                let synced = self.names[name];
                for change in std::mem::take(&mut self.unsynced) {
                    match change {
                        Change::Content(inode, nth) if inode == synced => {
                            apply(self.log, nth, &mut self.safe[inode], |_| true);
                        }
                        other => self.unsynced.push(other),
                    }
                }
            }
            Operation::Acknowledge(_) => {}
            Operation::SyncDirectory => {
                self.unsynced.retain(|it| matches!(it, Change::Content(..)));
                self.safe_names.clone_from(&self.names);
            }
        }
    }

    fn rename(&mut self, name: &str, inode: Option<Inode>) {
        match inode {
            Some(inode) => self.names.insert(name.to_owned(), inode),
            None => self.names.remove(name),
        };
        self.unsynced.push(Change::Name(name.to_owned(), inode));
    }

    /// Whether a power cut at this moment can go wrong in more than one way.
    pub(crate) fn has_unsynced(&self) -> bool {
        !self.unsynced.is_empty()
    }

    /// What is found after a power cut at this moment.
    pub(crate) fn image(&self, unsynced: Unsynced, dice: &mut Dice) -> Image {
        let mut files = self.safe.clone();
        let mut names = self.safe_names.clone();
        for change in &self.unsynced {
            let there = match unsynced {
                Unsynced::None => false,
                Unsynced::All => true,
                Unsynced::Subset | Unsynced::Torn => dice.coin(),
            };
            match change {
                Change::Content(inode, nth) if unsynced == Unsynced::Torn => {
                    apply(self.log, *nth, &mut files[*inode], |_| dice.coin());
                }
                Change::Content(inode, nth) if there => {
                    apply(self.log, *nth, &mut files[*inode], |_| true);
                }
                Change::Name(name, Some(inode)) if there => {
                    names.insert(name.clone(), *inode);
                }
                Change::Name(name, None) if there => {
                    names.remove(name);
                }
                _ => {}
            }
        }
        let content = |(name, inode)| (name, std::mem::take(&mut files[inode]));
        names.into_iter().map(content).collect()
    }
}

/// Writes those sectors of the `nth` operation that `lands` says.
fn apply(log: &Log, nth: usize, file: &mut Vec<u8>, mut lands: impl FnMut(usize) -> bool) {
    match &log.operations[nth] {
        Operation::Write { offset, data, .. } => {
            let data = log.data(data);
            let mut at = 0;
            while at < data.len() {
                let here = offset + at;
                let end = data.len().min(at + SECTOR - here % SECTOR);
                if lands(here / SECTOR) {
                    let until = offset + end;
                    if file.len() < until {
                        file.resize(until, 0);
                    }
                    file[here..until].copy_from_slice(&data[at..end]);
                }
                at = end;
            }
        }
        Operation::Truncate { length, .. } if lands(0) => file.resize(*length, 0),
        _ => {}
    }
}
