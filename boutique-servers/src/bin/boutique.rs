//! The `boutique` program: one boutique in one process on one data file.

use std::io::{self, Write};
use std::process::ExitCode;

use boutique_servers::cli::Cli;
use boutique_servers::exit::Failure;
use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = io::BufWriter::new(io::stdout());
    let done = cli.run(&mut out).await;
    // What is known is printed also if the command did not end well.
    let flushed = out.flush().map_err(Failure::from);
    match done.and(flushed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let code = failure.code();
            if code != 0 {
                // Where nobody can be told, the code still says it.
                let _ = writeln!(io::stderr(), "boutique: {failure}");
            }
            ExitCode::from(code)
        }
    }
}
