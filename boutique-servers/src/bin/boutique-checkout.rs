//! The checkout server as a program of its own.

use std::process::ExitCode;

use boutique_servers::config::Server;
use boutique_servers::servers;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    servers::main(Server::Checkout)
}
