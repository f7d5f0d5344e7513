//! The simulator as CI runs it: thousands of seeds, then some of them again in two processes.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::{root, say, target};

/// Seeds of a run, of 60 orders each.
const SEEDS: u64 = 5_000;
/// Processes that share them.
const PROCESSES: u64 = 2;
/// Seeds that are run again in another process.
const AGAIN: u64 = 50;
/// What one core may take for all seeds.
const AT_MOST: Duration = Duration::from_secs(180);

/// Builds the simulator for release and runs it; why not, if that fails.
pub(super) fn simulate() -> Result<(), String> {
    let begun = Instant::now();
    let program = build()?;
    say(&format!(
        "built for release in {} s",
        begun.elapsed().as_secs()
    ));

    let share = SEEDS / PROCESSES;
    say(&format!(
        "{SEEDS} seeds of 60 orders, in {PROCESSES} processes"
    ));
    let runs = (0..PROCESSES).map(|at| {
        let mut command = Command::new(&program);
        command.args([at * share, share].map(|it| it.to_string()));
        std::thread::spawn(move || -> io::Result<(Output, Duration)> {
            let begun = Instant::now();
            let output = command.stderr(Stdio::inherit()).output()?;
            Ok((output, begun.elapsed()))
        })
    });
    let runs: Vec<_> = runs.collect();
    let mut one_core = Duration::ZERO;
    let mut failed = false;
    for run in runs {
        let ended = run.join().map_err(|_| "a thread panicked".to_owned())?;
        let (output, took) = ended.map_err(|error| error.to_string())?;
        say(String::from_utf8_lossy(&output.stdout).trim_end());
        failed |= !output.status.success();
        one_core += took;
    }
    say(&format!(
        "{SEEDS} seeds take {:.0} s of one core",
        one_core.as_secs_f64()
    ));
    if failed {
        return Err("a seed failed, or a fault never met an order: see above".to_owned());
    }
    if one_core > AT_MOST {
        // The machine may be busy; what is proved is proved.
        say(&format!(
            "that is more than the {} s it ought to be",
            AT_MOST.as_secs()
        ));
    }

    say(&format!("{AGAIN} seeds again, in two processes"));
    let (first, second) = (hashes(&program)?, hashes(&program)?);
    if first.len() != AGAIN as usize || first != second {
        let odd = first.iter().zip(&second).find(|it| it.0 != it.1);
        return Err(format!("a seed is not the same in every process: {odd:?}"));
    }
    say(&format!("{AGAIN} hashes are equal"));
    Ok(())
}

/// The example that runs seeds, built for release: the program that has `boutique simulate` is
/// the same simulator and takes ten times as long to build.
fn build() -> Result<PathBuf, String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(&cargo)
        .args(["build", "--release", "--locked", "-p", "boutique-testkit"])
        .args(["--no-default-features", "--features", "simulate"])
        .args(["--example", "seeds"])
        .current_dir(root())
        .status();
    match built {
        Ok(status) if status.success() => Ok(target()
            .join("release/examples")
            .join(format!("seeds{}", env::consts::EXE_SUFFIX))),
        Ok(_) => Err("it does not build".to_owned()),
        Err(error) => Err(format!("cargo could not be started: {error}")),
    }
}

/// The hashes of the first seeds, a line each.
fn hashes(program: &Path) -> Result<Vec<String>, String> {
    let output = Command::new(program)
        .args(["0", &AGAIN.to_string(), "hashes"])
        .output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().map(str::to_owned).collect())
}
