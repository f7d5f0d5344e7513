//! The project's own commands: `cargo xtask test`, `simulate`, `fuzz`, `cost`.

mod bigquery;
mod cost;
mod emulator;
mod fuzz;
mod python;
mod schemas;
mod simulate;

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use bigquery::Warehouse;
use emulator::Emulator;

const HELP: &str = "\
cargo xtask test          the whole test suite, planted mistakes, the whole model, `cargo xtask
                          simulate` and `fuzz`
cargo xtask test ARGS     the tests that ARGS choose: they go to `cargo test`
cargo xtask simulate      5,000 seeded disasters of the whole shop, built for release
cargo xtask cost [ORDERS] what an order costs through nine processes, built for release
cargo xtask fuzz [ARGS]   the fuzz targets, a minute of them; `--help` says more
cargo xtask help          this text

A test that needs a server which cannot be had here says so and passes, unless CI=true or
BOUTIQUE_TEST_REQUIRE_ALL=1: then it fails.";

fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    match args.next().as_deref() {
        Some("test") => test(&args.collect::<Vec<_>>()),
        Some("fuzz") => fuzz::fuzz(&args.collect::<Vec<_>>()),
        Some("simulate") => simulate(),
        Some("cost") => match cost::cost(&args.collect::<Vec<_>>()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("it could not be measured: {error}");
                ExitCode::FAILURE
            }
        },
        Some("help" | "--help" | "-h") | None => {
            say(HELP);
            ExitCode::SUCCESS
        }
        Some(other) => {
            eprintln!("there is no command {other:?}\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

/// Runs every test of every crate, examples and documentation included.
fn test(args: &[String]) -> ExitCode {
    let require_all = is_set("CI") || is_set("BOUTIQUE_TEST_REQUIRE_ALL");
    say("tests of every crate, its examples and its documentation: cargo test --workspace");
    if require_all {
        say("a test that is skipped for want of a server fails");
    }
    let emulator = match pubsub_emulator(require_all) {
        Ok(emulator) => emulator,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let warehouse = match bigquery_emulator(require_all) {
        Ok(warehouse) => warehouse,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let begun = Instant::now();
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        // All that fails is told, not the first of it.
        .args(["test", "--workspace", "--locked", "--no-fail-fast"])
        .args(args)
        .current_dir(root());
    if require_all {
        cargo.env("BOUTIQUE_TEST_REQUIRE_ALL", "1");
    }
    if let Some(emulator) = &emulator {
        cargo.env(emulator::HOST, &emulator.host);
    }
    if let Some(warehouse) = &warehouse {
        cargo.env(bigquery::HOST, &warehouse.host);
    }
    match python_readers(require_all) {
        Ok(Some(python)) => drop(cargo.env(python::PYTHON, python)),
        Ok(None) => {}
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    match kubernetes_schemas(require_all) {
        Ok(Some(program)) => drop(cargo.env(schemas::PROGRAM, program)),
        Ok(None) => {}
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    match cargo.status() {
        Ok(status) if status.success() => {
            say(&format!(
                "all tests passed in {} s",
                begun.elapsed().as_secs()
            ));
            if !args.is_empty() {
                return ExitCode::SUCCESS;
            }
            if let Err(failure) = mutations().and_then(|()| model()) {
                return failure;
            }
            match simulate() {
                ExitCode::SUCCESS => fuzz_a_minute(require_all),
                failure => failure,
            }
        }
        Ok(_) => {
            eprintln!(
                "tests failed: run one again with `cargo test -p PACKAGE NAME -- --nocapture`"
            );
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("cargo could not be started: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Plants every mistake and has it caught. A run of its own: a feature of core that plants bugs
/// must not be on in any other.
fn mutations() -> Result<(), ExitCode> {
    testkit(
        "planted mistakes, each of which has to be caught: a build with the feature `planted`",
        &["--features", "planted", "--test", "mutations"],
        "a planted mistake was not caught: see the test `every_mutation_is_caught`",
    )
}

/// Looks at every state of the model's largest shapes, millions of them: built for release.
fn model() -> Result<(), ExitCode> {
    testkit(
        "every state of the model of two orders over two stock systems, built for release",
        &["--release", "--test", "model", "--", "--ignored"],
        "the model has a state that must not be: see the property that is named",
    )
}

/// Runs tests of the testkit that are not among those of the workspace.
fn testkit(what: &str, args: &[&str], failed: &str) -> Result<(), ExitCode> {
    say(what);
    let begun = Instant::now();
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["test", "--locked", "--package", "boutique-testkit"]);
    match cargo.args(args).current_dir(root()).status() {
        Ok(status) if status.success() => {
            say(&format!("done in {} s", begun.elapsed().as_secs()));
            Ok(())
        }
        Ok(_) => {
            eprintln!("{failed}");
            Err(ExitCode::FAILURE)
        }
        Err(error) => {
            eprintln!("cargo could not be started: {error}");
            Err(ExitCode::FAILURE)
        }
    }
}

/// Starts Google's Pub/Sub emulator, unless one runs already or, where it may be missing, none
/// can be had.
fn pubsub_emulator(required: bool) -> io::Result<Option<Emulator>> {
    if is_set(emulator::HOST) {
        return Ok(None);
    }
    match Emulator::start() {
        Ok(emulator) => {
            say(&format!(
                "Google's Pub/Sub emulator: started at {}",
                emulator.host
            ));
            Ok(Some(emulator))
        }
        Err(error) if !required => {
            say(&format!("tests of Pub/Sub are skipped: {error}"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Starts a BigQuery emulator, unless one runs already or, where it may be missing, none can be
/// had.
fn bigquery_emulator(required: bool) -> io::Result<Option<Warehouse>> {
    if is_set(bigquery::HOST) {
        return Ok(None);
    }
    match Warehouse::start() {
        Ok(warehouse) => {
            say(&format!("BigQuery emulator: started at {}", warehouse.host));
            Ok(Some(warehouse))
        }
        Err(error) if !required => {
            say(&format!("tests of BigQuery are skipped: {error}"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The Python that reads columnar files, unless one is named already or, where it may be missing,
/// none can be had.
fn python_readers(required: bool) -> io::Result<Option<PathBuf>> {
    if is_set(python::PYTHON) {
        return Ok(None);
    }
    match python::environment(python::FOLDER, &python::READERS) {
        Ok(python) => Ok(Some(python)),
        Err(error) => {
            let missing = format!(
                "DuckDB and pyarrow are not here: {error}; or set {} to a Python that has them",
                python::PYTHON
            );
            if required {
                return Err(io::Error::other(missing));
            }
            say(&format!(
                "the tests of other readers of columnar files are skipped: {missing}"
            ));
            Ok(None)
        }
    }
}

/// Installs what judges the files of `deploy/` by Kubernetes' schemas, unless there is one
/// already or, where it may be missing, none can be had.
fn kubernetes_schemas(required: bool) -> io::Result<Option<PathBuf>> {
    if is_set(schemas::PROGRAM) {
        return Ok(None);
    }
    match schemas::install() {
        Ok(program) => Ok(Some(program)),
        Err(error) if !required => {
            say(&format!(
                "tests by Kubernetes' schemas are skipped: {error}"
            ));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Runs the whole shop through seeded disasters.
fn simulate() -> ExitCode {
    say("simulator: the whole shop through seeded disasters, built for release");
    let begun = Instant::now();
    match simulate::simulate() {
        Ok(()) => {
            say(&format!("simulated in {} s", begun.elapsed().as_secs()));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("the simulator found something: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs every fuzz target for its share of a minute, what is known of its inputs first.
fn fuzz_a_minute(require_all: bool) -> ExitCode {
    say("every fuzz target, a minute for all of them: cargo xtask fuzz --seconds 60");
    if let Some(reason) = fuzz::missing().filter(|_| !require_all) {
        say(&format!("skipped: {reason}"));
        return ExitCode::SUCCESS;
    }
    let begun = Instant::now();
    let done = fuzz::fuzz(&["--seconds".to_owned(), "60".to_owned()]);
    say(&format!(
        "fuzzing took {} s, building included",
        begun.elapsed().as_secs()
    ));
    done
}

/// Tells whoever runs it what it is doing; they may have stopped listening.
fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Whether the variable is set to something other than no.
fn is_set(name: &str) -> bool {
    env::var(name).is_ok_and(|it| !matches!(it.as_str(), "" | "0" | "false"))
}

/// The workspace: xtask's folder is one below it.
fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Where cargo puts what it builds.
fn target() -> PathBuf {
    let named: Option<OsString> = env::var_os("CARGO_TARGET_DIR");
    root().join(named.map_or_else(|| PathBuf::from("target"), PathBuf::from))
}
