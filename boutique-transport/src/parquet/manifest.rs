//! Which files a table consists of.

use serde::{Deserialize, Serialize};

/// Its name in the table's folder.
pub(super) const MANIFEST: &str = "manifest.json";

/// What the name of a file ends in that is being written.
pub(super) const UNFINISHED: &str = ".tmp";

/// The form of manifests that this program writes.
pub(super) const FORMAT: u32 = 1;

/// What the folders of days are called before the day.
const DAY: &str = "publish_day=";

/// The files of a table, and the number of the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) format: u32,
    pub(super) next: u64,
    pub(super) parts: Vec<Part>,
}

/// A file of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// The day its rows were published, such as `2010-12-01`.
    pub(super) day: String,
    /// Its number, never given twice in a table.
    pub(super) number: u64,
    /// How many rows it has.
    pub(super) rows: u64,
    /// How long it is.
    pub(super) bytes: u64,
}

/// What is said of the form before anything else is read.
#[derive(Deserialize)]
struct Form {
    format: u32,
}

/// Why a text is not a manifest.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoManifest {
    Newer,
    Unreadable,
}

impl Manifest {
    /// The manifest of an empty table.
    pub(super) const fn empty() -> Self {
        Self {
            format: FORMAT,
            next: 0,
            parts: Vec::new(),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        // Numbers, texts and lists of them: there is nothing that JSON cannot say.
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }

    pub(super) fn decode(text: &[u8]) -> Result<Self, NoManifest> {
        let form: Form = serde_json::from_slice(text).map_err(|_| NoManifest::Unreadable)?;
        if form.format > FORMAT {
            return Err(NoManifest::Newer);
        }
        let this: Self = serde_json::from_slice(text).map_err(|_| NoManifest::Unreadable)?;
        let known = |it: &Part| is_day(&day_folder(&it.day)) && it.number < this.next;
        if this.parts.iter().all(known) {
            Ok(this)
        } else {
            Err(NoManifest::Unreadable)
        }
    }
}

impl Part {
    /// Where it is in the table's folder.
    pub(super) fn name(&self) -> String {
        let folder = day_folder(&self.day);
        format!("{folder}/part-{:012}.parquet", self.number)
    }
}

/// The name of the folder of a day.
pub(super) fn day_folder(day: &str) -> String {
    format!("{DAY}{day}")
}

/// Whether a folder's name is that of a day.
pub(super) fn is_day(name: &str) -> bool {
    name.strip_prefix(DAY)
        .is_some_and(|it| !it.is_empty() && it.chars().all(|it| it.is_ascii_digit() || it == '-'))
}

/// Whether a file's name is one that a part has or had, or one that is not finished.
pub(super) fn is_part(name: &str) -> bool {
    digits_of(name).is_some_and(|it| !it.is_empty() && it.chars().all(|it| it.is_ascii_digit()))
}

/// The number in the path of a part's file, or of one that is not finished.
pub(super) fn number_of(path: &str) -> Option<u64> {
    let name = path.rsplit('/').next().unwrap_or(path);
    digits_of(name).and_then(|it| it.parse().ok())
}

fn digits_of(name: &str) -> Option<&str> {
    name.strip_prefix("part-")
        .map(|it| it.strip_suffix(UNFINISHED).unwrap_or(it))
        .and_then(|it| it.strip_suffix(".parquet"))
}
