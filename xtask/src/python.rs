//! Python packages that tests want, in an environment of their own below the target directory.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{say, target};

/// In the folder, once everything is installed.
const MARK: &str = "installed";

/// The variable by which tests of columnar files learn which Python to use.
pub(crate) const PYTHON: &str = "BOUTIQUE_PYTHON";

/// What reads columnar files beside our own programs, and where it is installed.
pub(crate) const READERS: [&str; 2] = ["duckdb==1.5.6", "pyarrow==26.0.1"];
pub(crate) const FOLDER: &str = "columnar-readers-1";

/// The Python of the environment called `name`, which has `packages` of PyPI: made with `venv` and
/// filled by `pip` unless it is there already. Another one for other packages: another `name`.
pub(crate) fn environment(name: &str, packages: &[&str]) -> io::Result<PathBuf> {
    let folder = target().join(name);
    let python = folder.join("bin").join("python");
    if folder.join(MARK).is_file() {
        return Ok(python);
    }
    say(&format!(
        "installing, once: {} from PyPI into {}",
        packages.join(", "),
        folder.display()
    ));
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let mut venv = Command::new("python3");
    run(venv.args(["-m", "venv"]).arg(&folder), &folder)?;
    let mut pip = Command::new(&python);
    pip.args("-m pip install --quiet --disable-pip-version-check".split(' '));
    run(pip.args(packages), &folder)?;
    File::create(folder.join(MARK))?;
    Ok(python)
}

fn run(command: &mut Command, folder: &Path) -> io::Result<()> {
    let failed = match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    drop(fs::remove_dir_all(folder));
    Err(io::Error::other(format!(
        "Python packages cannot be installed ({failed}): that needs Python 3.11 with venv and pip, \
         and PyPI"
    )))
}
