//! Runs the built `boutique` program.
#![allow(dead_code, unreachable_pub, reason = "each test file uses some of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The slice of real orders that comes with the project.
pub fn real_orders() -> PathBuf {
    root().join("examples/data/online-retail-2010-12.csv")
}

/// The workspace.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .expect("the crate is in a workspace")
        .to_owned()
}

/// The program.
pub const fn boutique_path() -> &'static str {
    env!("CARGO_BIN_EXE_boutique")
}

/// The program, about to be run.
pub fn boutique() -> Command {
    Command::new(boutique_path())
}

/// Says that a test is skipped and why. Where everything has to be tested it fails instead.
#[track_caller]
pub fn skip(why: &str) {
    let is = |name| std::env::var(name).is_ok_and(|it| it == "1" || it == "true");
    let required = is("CI") || is("BOUTIQUE_TEST_REQUIRE_ALL");
    assert!(!required, "{why}");
    eprintln!("skipped: {why}");
}

/// Whether `program` can be run here. Where everything has to be tested, not to have it fails.
pub fn needs(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        skip(&format!("{program} is not installed"));
    }
    found
}

/// How a run of the program ended.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }
}

impl Ran {
    /// What was printed as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }

    /// Asserts how it ended and what it says.
    #[track_caller]
    pub fn fails(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in {}", self.stderr);
        }
    }

    /// Asserts that it ended well.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        self
    }
}

/// Runs the program to its end.
pub fn run<I, S>(args: I) -> Ran
where
    I: IntoIterator<Item = S>,
    S: AsRef<std::ffi::OsStr>,
{
    boutique()
        .args(args)
        .output()
        .expect("the program starts")
        .into()
}

/// All that the commands show of a data file, in an order that does not depend on when what
/// was done.
#[derive(Debug, PartialEq)]
pub struct Books {
    pub orders: Value,
    pub stock: Value,
    pub entries: Vec<Value>,
    pub trial_balance: Value,
}

impl Books {
    /// Reads a data file.
    pub fn of(data: &Path) -> Self {
        let look = |command: &str| {
            let args = [
                command.as_ref(),
                "--json".as_ref(),
                "--data".as_ref(),
                data.as_os_str(),
            ];
            run(args).succeeds().json()
        };
        let mut journal = look("journal");
        let Value::Array(mut entries) = journal["entries"].take() else {
            panic!("no entries");
        };
        entries.sort_by_key(|it| it["id"].to_string());
        Self {
            orders: look("orders"),
            stock: look("stock"),
            entries,
            trial_balance: journal["trial_balance"].take(),
        }
    }
}
