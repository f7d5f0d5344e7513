//! The nine servers: each opens its store, makes its edges and composes its part.

mod accounting;
mod checkout;
mod crm;
mod fraud;
mod gateway;
mod oms;
mod stock;
mod warehouse;

use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use boutique_core::clock::Clock;
use boutique_transport::sources::SystemClock;
use clap::{CommandFactory, FromArgMatches, Parser};
use tokio_util::task::TaskTracker;

use crate::admin::{Dependency, Meter};
use crate::config::{ConfigArgs, Configured, Server, load};
use crate::exit::{self, EXIT_CODES, Failure};
use crate::parts::Part;
use crate::serve;

/// A server that is composed, and what is watched of it.
pub struct Composed {
    /// The server itself.
    pub part: Part,
    /// More paths for the admin port.
    pub more: Router,
    /// What it depends on.
    pub dependencies: Vec<Dependency>,
    /// What is measured of it.
    pub meters: Vec<Meter>,
    /// What it still does after it has answered; ended before the process is.
    pub tasks: TaskTracker,
}

/// Runs `server` until it is told to end, or only checks it.
///
/// # Errors
///
/// [`Failure`]: of the configuration, the store, the ports, or, when checking, a dependency.
pub fn run(server: Server, args: &ConfigArgs, how: serve::How) -> Result<(), Failure> {
    let quiet = || Ok(());
    macro_rules! run {
        ($compose:expr) => {
            serve::run(&configured(server, args)?, how, $compose, quiet)
        };
    }
    match server {
        Server::Gateway => run!(gateway::compose),
        Server::Checkout => run!(checkout::compose),
        Server::Crm => run!(crm::compose),
        Server::Inventory | Server::Furniture => run!(stock::compose),
        Server::Fraud => run!(fraud::compose),
        Server::Oms => run!(oms::compose),
        Server::Accounting => run!(accounting::compose),
        Server::Warehouse => run!(warehouse::compose),
        Server::Boutique => {
            let text = "all servers in one process are started by `boutique up`";
            Err(Failure::Input(text.to_owned()))
        }
    }
}

/// The options of a program that is one server.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES)]
struct ServerArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

/// The whole of a program that is `server`.
pub fn main(server: Server) -> ExitCode {
    let name = format!("boutique-{}", server.name());
    let command = ServerArgs::command().name(name.clone());
    let args = ServerArgs::from_arg_matches(&command.get_matches());
    let args = args.unwrap_or_else(|error| error.exit());
    let how = serve::How {
        check: args.config.check,
        ..serve::How::default()
    };
    exit::end(&name, run(server, &args.config, how))
}

fn configured<T: Configured>(server: Server, args: &ConfigArgs) -> Result<T, Failure> {
    Ok(load(server, args)?)
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::default())
}
