//! `cargo xtask fuzz`: every fuzz target, built by whatever toolchain there is.
//!
//! cargo-fuzz needs a nightly toolchain for its address sanitizer. The code under test has no
//! `unsafe`, so coverage is enough, and the pass that counts it is there on stable as well: these
//! are the flags that cargo-fuzz gives, without the sanitizer.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use crate::{root, say};

/// What `cargo xtask fuzz` is asked for.
struct Asked {
    /// How long each target runs, as libFuzzer is told; none with `--corpus`.
    limit: Option<Limit>,
    targets: Vec<String>,
}

#[derive(Clone, Copy)]
enum Limit {
    /// Of wall-clock time, all targets together.
    Seconds(u64),
    /// Of executions, each target.
    Runs(u64),
}

/// Seconds, unless it is said otherwise.
const SECONDS: u64 = 60;
/// Targets whose inputs are lists of moves, rules or changes: short ones say as much, sooner.
const LISTS: [&str; 3] = ["fraud", "ledger", "sqlite"];
/// How long one input may take before it counts as a hang, in seconds.
const HANG: u64 = 20;

const HELP: &str = "\
cargo xtask fuzz [--seconds N | --runs N | --corpus] [TARGET...]

  --seconds N   N seconds of wall-clock time for all targets together; 60 if nothing is said
  --runs N      N executions of each target
  --corpus      only what is in fuzz/corpus, once";

/// Runs `cargo xtask fuzz ARGS`.
pub(crate) fn fuzz(args: &[String]) -> ExitCode {
    if args.iter().any(|it| matches!(it.as_str(), "--help" | "-h")) {
        say(HELP);
        return ExitCode::SUCCESS;
    }
    let asked = match asked(args) {
        Ok(asked) => asked,
        Err(error) => {
            eprintln!("{error}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match run(&asked) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fuzzing could not be done: {error}");
            ExitCode::FAILURE
        }
    }
}

fn asked(args: &[String]) -> Result<Asked, String> {
    let known = targets().map_err(|error| format!("fuzz/fuzz_targets: {error}"))?;
    let mut asked = Asked {
        limit: Some(Limit::Seconds(SECONDS)),
        targets: Vec::new(),
    };
    let mut args = args.iter();
    while let Some(it) = args.next() {
        let mut number = || {
            let number = args.next().and_then(|it| it.parse().ok());
            number.ok_or_else(|| format!("{it} needs a number"))
        };
        match it.as_str() {
            "--seconds" => asked.limit = Some(Limit::Seconds(number()?)),
            "--runs" => asked.limit = Some(Limit::Runs(number()?)),
            "--corpus" => asked.limit = None,
            target if known.iter().any(|it| it == target) => asked.targets.push(target.to_owned()),
            other => {
                return Err(format!(
                    "there is no target {other}: there are {}",
                    known.join(", ")
                ));
            }
        }
    }
    if asked.targets.is_empty() {
        asked.targets = known;
    }
    Ok(asked)
}

/// Why libFuzzer, which is C++, cannot be built here; `None` if it can.
pub(crate) fn missing() -> Option<String> {
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let started = Command::new(&compiler)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let error = started.err()?;
    Some(format!("there is no C++ compiler {compiler}: {error}"))
}

/// Every target, by name.
fn targets() -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder().join("fuzz_targets"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "rs")
            && let Some(name) = path.file_stem().and_then(|it| it.to_str())
        {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn folder() -> PathBuf {
    root().join("fuzz")
}

/// Builds the targets and runs them, as many at a time as there are processors.
fn run(asked: &Asked) -> Result<bool, String> {
    if let Some(reason) = missing() {
        return Err(reason);
    }
    let programs = build(&asked.targets)?;
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let waiting: VecDeque<&String> = asked.targets.iter().collect();
    let rounds = waiting.len().div_ceil(workers) as u64;
    let waiting = Mutex::new(waiting);
    let next = || {
        waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    };
    let limits = match asked.limit {
        None => vec!["-runs=0".to_owned()],
        Some(Limit::Seconds(seconds)) => {
            vec![format!("-max_total_time={}", (seconds / rounds).max(1))]
        }
        Some(Limit::Runs(runs)) => vec![format!("-runs={runs}")],
    };
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(target) = next() {
                    if let Err(error) = one(target, &programs, &limits) {
                        let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                        failed.push(format!("{target}: {error}"));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.iter().for_each(|it| eprintln!("{it}"));
    Ok(failed.is_empty())
}

/// Builds the targets with coverage; answers where they are.
fn build(targets: &[String]) -> Result<PathBuf, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("-vV").output();
    let version = version.map_err(|error| format!("rustc could not be started: {error}"))?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version.lines().find_map(|it| it.strip_prefix("host: "));
    let host = host.ok_or("rustc -vV names no host")?;
    let flags = [
        "--cfg",
        "fuzzing",
        "-Cpasses=sancov-module",
        "-Cllvm-args=-sanitizer-coverage-level=4",
        "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
        "-Cllvm-args=-sanitizer-coverage-pc-table",
        "-Cllvm-args=-sanitizer-coverage-trace-compares",
        // Else the linker drops counters that others refer to.
        "-Ccodegen-units=1",
        "-Cdebug-assertions=on",
        "-Coverflow-checks=on",
    ];
    let begun = Instant::now();
    say("building the fuzz targets with coverage, which takes minutes the first time");
    let out = std::env::var_os("CARGO_TARGET_DIR");
    let out = out.map_or_else(|| folder().join("target"), |it| root().join(it));
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--release", "--quiet", "--locked"])
        // With a target named, build scripts and macros are built without the flags.
        .args(["--target", host])
        .args(targets.iter().flat_map(|it| ["--bin", it]))
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .env("CARGO_TARGET_DIR", &out)
        .current_dir(folder());
    let built = cargo
        .status()
        .map_err(|error| format!("cargo could not be started: {error}"))?;
    if !built.success() {
        return Err("the targets do not build".to_owned());
    }
    say(&format!("built in {} s", begun.elapsed().as_secs()));
    Ok(out.join(host).join("release"))
}

/// Runs one target: what is in its corpus first, then what follows from it.
fn one(target: &str, programs: &Path, limits: &[String]) -> Result<(), String> {
    let io = |what: &'static str| move |error| format!("{what}: {error}");
    let found = programs.join("fuzz").join(target);
    let artifacts = folder().join("artifacts").join(target);
    fs::create_dir_all(&found).map_err(io("its working corpus"))?;
    fs::create_dir_all(&artifacts).map_err(io("its artifacts"))?;
    let log_path = programs.join("fuzz").join(format!("{target}.log"));
    let log = File::create(&log_path).map_err(io("its log"))?;
    let mut program = Command::new(programs.join(target));
    program
        .args(limits)
        .args(["-print_final_stats=1", "-len_control=20"])
        .arg(if LISTS.contains(&target) {
            "-max_len=192"
        } else {
            "-max_len=4096"
        })
        .arg(format!("-timeout={HANG}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()));
    let words = folder().join("dictionaries").join(format!("{target}.dict"));
    if words.exists() {
        program.arg(format!("-dict={}", words.display()));
    }
    let corpus = folder().join("corpus").join(target);
    if limits[0] != "-runs=0" {
        // What is found goes into the first one.
        program.arg(&found);
    }
    if !corpus.is_dir() {
        return Err(format!("{} is missing", corpus.display()));
    }
    program.arg(&corpus);
    program.stdout(Stdio::null()).stderr(log);
    let begun = Instant::now();
    let status = program.status().map_err(io("it could not be started"))?;
    let seconds = begun.elapsed().as_secs_f64();
    let mut text = Vec::new();
    let read = File::open(&log_path).and_then(|mut it| it.read_to_end(&mut text));
    read.map_err(io("its log"))?;
    let text = String::from_utf8_lossy(&text);
    if !status.success() {
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(40)..].join("\n");
        return Err(format!(
            "{last}\n{status}; again: {} FILE",
            programs.join(target).display()
        ));
    }
    let runs = text
        .lines()
        .find_map(|it| it.strip_prefix("stat::number_of_executed_units: "));
    let runs: f64 = runs.and_then(|it| it.trim().parse().ok()).unwrap_or(0.0);
    say(&format!(
        "{target}: {runs} executions in {seconds:.0} s, {:.0} a second",
        runs / seconds.max(0.001)
    ));
    Ok(())
}
