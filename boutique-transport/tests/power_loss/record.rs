//! Runs the load in a process of its own, under the recorder, and reads what it did.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::dice::Dice;
use crate::disk::{Disk, Image, Unsynced};
use crate::load::Load;
use crate::log::{ACKNOWLEDGED, Log};

/// Set in the process that is recorded: where its files are.
pub(crate) const FOLDER: &str = "BOUTIQUE_TEST_POWER_FOLDER";
/// Set in the process that is recorded: how many orders, and which.
pub(crate) const ORDERS: &str = "BOUTIQUE_TEST_POWER_ORDERS";
/// Set in the process that is recorded: the seed.
pub(crate) const SEED: &str = "BOUTIQUE_TEST_POWER_SEED";

/// A folder in memory where there is one: nothing here depends on a real disk's syncs.
pub(crate) fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let within = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    let folder = tempfile::Builder::new()
        .prefix("boutique-power-")
        .tempdir_in(within);
    folder.expect("a temporary directory")
}

/// Builds the recorder; says why not, if there is no C compiler.
pub(crate) fn recorder() -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/power_loss/record.c");
    let library = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let library = library.join(format!("record-{}.so", std::process::id()));
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let built = Command::new(&compiler)
        .args(["-O2", "-shared", "-fPIC", "-pthread", "-o"])
        .arg(&library)
        .arg(source)
        .status();
    match built {
        Ok(status) if status.success() => Ok(library),
        Ok(status) => panic!("{compiler} cannot compile the recorder: {status}"),
        Err(error) => Err(format!("there is no C compiler {compiler}: {error}")),
    }
}

/// Records one run of the load.
pub(crate) fn record(recorder: &Path, load: Load) -> Log {
    let scratch = scratch();
    let folder = scratch.path().canonicalize().expect("it is there");
    let folder = folder.join("files");
    fs::create_dir(&folder).expect("created");
    let log = scratch.path().join("log");
    let status = Command::new(std::env::current_exe().expect("this test"))
        .args(["child_that_is_recorded", "--exact", "--nocapture"])
        .env("LD_PRELOAD", recorder)
        .env("BOUTIQUE_RECORD_LOG", &log)
        .env("BOUTIQUE_RECORD_DIRECTORY", &folder)
        .env(FOLDER, &folder)
        .env(ORDERS, load.orders.to_string())
        .env(SEED, load.seed.to_string())
        .stdout(Stdio::null())
        .status();
    assert!(status.expect("starts").success(), "the load failed");
    let log = Log::read(&log);
    assert_complete(&log, &folder);
    log
}

/// What the log says is there is what is there: nothing went past the recorder.
fn assert_complete(log: &Log, folder: &Path) {
    let mut disk = Disk::new(log);
    (0..log.operations.len()).for_each(|nth| disk.advance(nth));
    let mut there = Image::new();
    for entry in fs::read_dir(folder).expect("listed") {
        let entry = entry.expect("listed");
        let name = entry.file_name().into_string().expect("a name of ours");
        if name != ACKNOWLEDGED && !name.ends_with("-shm") {
            there.insert(name, fs::read(entry.path()).expect("read"));
        }
    }
    let said = disk.image(Unsynced::All, &mut Dice::new(0, 0));
    let names = |it: &Image| it.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&said), names(&there));
    for (name, content) in &said {
        assert!(
            *content == there[name],
            "{name} was changed past the recorder"
        );
    }
}
