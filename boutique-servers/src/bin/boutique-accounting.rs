//! The accounting server as a program of its own.

use std::process::ExitCode;

use boutique_servers::config::Server;
use boutique_servers::servers;

fn main() -> ExitCode {
    servers::main(Server::Accounting)
}
