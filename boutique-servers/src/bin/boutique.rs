//! The `boutique` program: the order flow of a shop, embedded, served or looked into.

use std::io::{self, Write};
use std::process::ExitCode;

use boutique_servers::cli::Cli;
use boutique_servers::exit::{self, Failure};
use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = io::BufWriter::new(io::stdout());
    let done = cli.run(&mut out);
    // What is known is printed also if the command did not end well.
    let flushed = out.flush().map_err(Failure::from);
    exit::end("boutique", done.and(flushed))
}
