//! Seeds of the standard shop, one after the other: what CI runs, and a start for a runner of
//! your own. `cargo run --release -p boutique-testkit --example seeds -- FROM COUNT [hashes]`

use std::env;
use std::error::Error;
use std::io::{Write, stdout};
use std::process::ExitCode;

use boutique_testkit::simulate::Run;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let (from, count, hashes) = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [from, count] => (from.parse()?, count.parse::<u64>()?, false),
        [from, count, "hashes"] => (from.parse()?, count.parse()?, true),
        _ => return Err("it takes the first seed, how many, and perhaps `hashes`".into()),
    };
    let run = Run::default();
    let mut lines = Vec::new();
    let report = run.seeds_with(from..from + count, |it| {
        if hashes {
            lines.push(format!("{} {:016x}", it.seed, it.hash));
        }
    });
    let mut out = stdout().lock();
    if hashes {
        writeln!(out, "{}", lines.join("\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    write!(out, "{report}")?;
    if let Some(failure) = report.failures.first() {
        if let Some(smaller) = run.shrink(failure.seed) {
            write!(out, "{smaller}")?;
        }
        return Ok(ExitCode::FAILURE);
    }
    let missing = report.missing();
    if !missing.is_empty() {
        writeln!(out, "vacuous: these never met: {missing:?}")?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
