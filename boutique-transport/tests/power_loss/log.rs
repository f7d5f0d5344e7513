//! What a process did to its files, as `record.c` writes it down.

use std::fs;
use std::ops::Range;
use std::path::Path;

use crate::load::DATA_FILE;

/// The file that stands for whoever is told that something is done.
pub(crate) const ACKNOWLEDGED: &str = "acknowledged";

/// One thing a process did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// A file appeared, empty.
    Create(String),
    /// Bytes of a file were overwritten, or the file grew by them.
    Write {
        name: String,
        offset: usize,
        data: Range<usize>,
    },
    /// A file was cut off, or prolonged with zeros.
    Truncate { name: String, length: usize },
    /// A name went away.
    Remove(String),
    /// A file's content reached the disk.
    Sync(String),
    /// The directory's names reached the disk.
    SyncDirectory,
    /// Somebody was told something: a line of the file [`ACKNOWLEDGED`], which is in no image.
    Acknowledge(Range<usize>),
}

/// Everything that was done, in order.
pub(crate) struct Log {
    bytes: Vec<u8>,
    pub(crate) operations: Vec<Operation>,
}

impl Log {
    /// Reads a log to its end.
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = fs::read(path).expect("the recorder has written a log");
        let mut operations = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let (operation, next) = operation(&bytes, at);
            match operation {
                Operation::Create(name) if name == ACKNOWLEDGED => {}
                Operation::Write { name, data, .. } if name == ACKNOWLEDGED => {
                    operations.push(Operation::Acknowledge(data));
                }
                other => operations.push(other),
            }
            at = next;
        }
        Self { bytes, operations }
    }

    /// What was written.
    pub(crate) fn data(&self, range: &Range<usize>) -> &[u8] {
        &self.bytes[range.clone()]
    }
}

fn operation(bytes: &[u8], at: usize) -> (Operation, usize) {
    let half = |from: usize| {
        let four: [u8; 4] = bytes[at + from..][..4].try_into().expect("four bytes");
        u32::from_ne_bytes(four) as usize
    };
    let whole = |from: usize| {
        let eight: [u8; 8] = bytes[at + from..][..8].try_into().expect("eight bytes");
        usize::try_from(u64::from_ne_bytes(eight)).expect("a 64-bit system")
    };
    let (kind, name_length, offset, length) = (half(0), half(4), whole(8), whole(16));
    let name_at = at + 24;
    let name = String::from_utf8(bytes[name_at..][..name_length].to_vec());
    let name = name.expect("a name of ours");
    let data_at = name_at + name_length;
    let end = |carries: bool| if carries { data_at + length } else { data_at };
    match kind {
        1 => (Operation::Create(name), end(false)),
        2 => {
            let data = data_at..data_at + length;
            (Operation::Write { name, offset, data }, end(true))
        }
        3 => {
            let length = offset;
            (Operation::Truncate { name, length }, end(false))
        }
        4 => (Operation::Remove(name), end(false)),
        5 => (Operation::Sync(name), end(false)),
        6 => (Operation::SyncDirectory, end(false)),
        other => panic!("the recorder wrote a record of kind {other}"),
    }
}

fn is_log(name: &str) -> bool {
    name.ends_with("-wal")
}

impl Log {
    /// What SQLite does with `synchronous=OFF`: the same, but it never syncs.
    pub(crate) fn without_syncs(&self) -> Self {
        self.keeping(|_, it| !matches!(it, Operation::Sync(_) | Operation::SyncDirectory))
    }

    /// What SQLite does with `synchronous=NORMAL`: the log of commits is synced only before it
    /// is folded into the data file, so a sync that another write to it follows is left out.
    pub(crate) fn with_syncs_for_checkpoints_only(&self) -> Self {
        self.keeping(|nth, it| match it {
            Operation::Sync(name) if is_log(name) => {
                let written = self.operations[nth..].iter().find_map(|it| match it {
                    Operation::Write { name, .. } => Some(name),
                    _ => None,
                });
                written.is_none_or(|it| !is_log(it))
            }
            _ => true,
        })
    }

    /// Whether the write-ahead log was folded into the data file and then written from its
    /// beginning again, while it was open.
    pub(crate) fn folds_while_it_grows(&self) -> bool {
        let folds = |it: &Operation| matches!(it, Operation::Sync(name) if name == DATA_FILE);
        let ends = |it: &Operation| matches!(it, Operation::Remove(name) if is_log(name));
        let goes_on = |it: &Operation| matches!(it, Operation::Write { name, .. } if is_log(name));
        let folded = |life: &[Operation]| {
            let first = life.iter().position(goes_on);
            let life = &life[first.unwrap_or(life.len())..];
            let fold = life.iter().position(folds);
            fold.is_some_and(|fold| life[fold..].iter().any(goes_on))
        };
        self.operations.split(ends).any(folded)
    }

    /// Keeps the log, to look into what was found in it.
    pub(crate) fn keep(&self, path: &Path) {
        fs::write(path, &self.bytes).expect("written");
    }

    fn keeping(&self, keeps: impl Fn(usize, &Operation) -> bool) -> Self {
        let operations = self.operations.iter().enumerate();
        let kept = operations.filter(|(nth, it)| keeps(*nth, it));
        Self {
            bytes: self.bytes.clone(),
            operations: kept.map(|(_, it)| it.clone()).collect(),
        }
    }
}
