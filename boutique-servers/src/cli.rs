//! The command line of `boutique`.

use std::path::PathBuf;

use boutique_core::limits::UNITS_ON_HAND_MAX;
use boutique_transport::http::exchange::base;
use clap::{Args, Parser, Subcommand};
use url::Url;

use crate::config::{ConfigArgs, Server};
use crate::exit::{EXIT_CODES, Failure};
use crate::gateway_spec::SpecArgs;
use crate::load::LoadArgs;
use crate::output::Output;
#[cfg(feature = "provision")]
use crate::provision::Provision;
use crate::query::QueryArgs;
use crate::replay::DateOrder;
use crate::runtime::runtime;
use crate::serve::How;
#[cfg(feature = "simulate")]
use crate::simulate::SimulateArgs;
use crate::token::TokenArgs;
use crate::up::UpArgs;
use crate::{data, demo, gateway_spec, inspect, replay, servers, token};

/// The order flow of a shop, embedded in one program and one data file.
#[derive(Debug, Parser)]
#[command(name = "boutique", version, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sell a few hundred orders of every fate in a fresh boutique and audit the result.
    #[command(after_help = EXIT_CODES)]
    Demo {
        /// Keep the data file under this name; it must not exist yet.
        #[arg(long, value_name = "FILE")]
        data: Option<PathBuf>,
        /// Keep what is published as tables of columnar files in this folder too.
        #[arg(long, value_name = "FOLDER")]
        warehouse: Option<PathBuf>,
    },
    /// Run all servers: in one process behind the gateway, or each as a process of its own.
    #[command(after_help = EXIT_CODES)]
    Up(UpArgs),
    /// Run one server, as `boutique-SERVER` does.
    #[command(after_help = EXIT_CODES)]
    Serve {
        /// Which.
        server: Server,
        /// End when standard input does.
        #[arg(long, hide = true)]
        with_parent: bool,
        /// The servers that it asks are started with it.
        #[arg(long, hide = true)]
        planned: bool,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Place orders through a gateway, as many at a time as wanted, and audit the result.
    #[command(after_help = EXIT_CODES)]
    Load(LoadArgs),
    /// Sell the orders of a CSV file in the form of UCI's "Online Retail" again.
    #[command(after_help = EXIT_CODES)]
    Replay(ReplayArgs),
    /// Run the whole boutique through seeded disasters, in virtual time.
    #[cfg(feature = "simulate")]
    #[command(after_help = EXIT_CODES)]
    Simulate(SimulateArgs),
    /// List all orders of a data file.
    #[command(after_help = EXIT_CODES)]
    Orders(Look),
    /// Show all that is known of one order.
    #[command(after_help = EXIT_CODES)]
    Order {
        /// Its id, or the key (for a replayed order, the invoice number) it was placed with.
        id: String,
        #[command(flatten)]
        look: Look,
    },
    /// Show what both stock systems keep.
    #[command(after_help = EXIT_CODES)]
    Stock(Look),
    /// Show the journal and its trial balance.
    #[command(after_help = EXIT_CODES)]
    Journal(Look),
    /// Check everything that must hold of a data file.
    #[command(after_help = EXIT_CODES)]
    Audit {
        /// No process works on the file: also check that nothing is left to do.
        #[arg(long)]
        at_rest: bool,
        #[command(flatten)]
        look: Look,
    },
    /// Ask the data warehouse of `up`, `demo` or `replay --warehouse` in SQL.
    #[command(after_help = EXIT_CODES)]
    Query(QueryArgs),
    /// Make a token of the development issuer, which has to be asked for with
    /// BOUTIQUE_DEV_ISSUER=true.
    #[command(after_help = EXIT_CODES)]
    Token(TokenArgs),
    /// Write the gateway's routes as a document for Google API Gateway.
    #[command(after_help = EXIT_CODES)]
    GatewaySpec(SpecArgs),
    /// Make what a boutique needs in somebody's cloud, and keep it as it shall be.
    #[cfg(feature = "provision")]
    #[command(after_help = EXIT_CODES)]
    Provision {
        #[command(subcommand)]
        what: Provision,
    },
    /// List the messages that could not be taken in, or deliver one of them again.
    #[command(after_help = EXIT_CODES)]
    DeadLetters {
        /// The data file; to list, it may be in use by another process. To replay, it has to be
        /// that of a whole boutique: of order management alone, use --url.
        #[arg(long, value_name = "FILE", global = true)]
        data: Option<PathBuf>,
        /// Instead of a file, an order management that runs, such as http://127.0.0.1:8086, or
        /// that of `up` at http://127.0.0.1:9080/services/oms: what follows from a letter is then
        /// done by the servers it works with.
        #[arg(long, global = true, conflicts_with = "data", value_parser = base)]
        url: Option<Url>,
        /// Print JSON.
        #[arg(long, global = true)]
        json: bool,
        #[command(subcommand)]
        action: Option<LetterAction>,
    },
}

impl Command {
    /// Whether JSON was asked for.
    const fn json(&self) -> bool {
        match self {
            Self::Demo { .. }
            | Self::Token(_)
            | Self::GatewaySpec(_)
            | Self::Up(_)
            | Self::Serve { .. } => false,
            Self::Load(args) => args.json,
            Self::Query(args) => args.json,
            Self::Replay(args) => args.json,
            #[cfg(feature = "simulate")]
            Self::Simulate(args) => args.json,
            Self::Orders(look) | Self::Stock(look) | Self::Journal(look) => look.json,
            Self::Order { look, .. } | Self::Audit { look, .. } => look.json,
            #[cfg(feature = "provision")]
            Self::Provision { what } => what.json(),
            Self::DeadLetters { json, .. } => *json,
        }
    }
}

#[derive(Debug, Subcommand)]
enum LetterAction {
    /// Deliver a letter again; it is gone once it was taken in.
    Replay {
        /// The letter.
        id: String,
    },
}

async fn letters(
    data: Option<PathBuf>,
    url: Option<Url>,
    action: Option<LetterAction>,
    out: &mut Output<'_>,
) -> Result<(), Failure> {
    let missing = "name the data file with --data FILE, or a server that runs with --url URL";
    match (data, url, action) {
        (_, Some(url), None) => inspect::served_letters(url, out).await,
        (_, Some(url), Some(LetterAction::Replay { id })) => {
            inspect::replay_served(url, &id, out).await
        }
        (Some(data), _, None) => inspect::dead_letters(&data::look_into(&data)?, out).await,
        (Some(data), _, Some(LetterAction::Replay { id })) => {
            inspect::replay_letter(&data, &id, out).await
        }
        (None, None, _) => Err(Failure::Input(missing.to_owned())),
    }
}

#[derive(Debug, Args)]
struct Look {
    /// The data file; it may be in use by another process.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What `boutique replay` is asked to do.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The file of invoices.
    pub file: PathBuf,
    /// Keep what was sold in this data file; running again adds nothing to it.
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// The most bytes the data file may grow to; running again with more goes on.
    #[arg(long, value_name = "BYTES")]
    pub data_limit: Option<u64>,
    /// Keep what is published as tables of columnar files in this folder too.
    #[arg(long, value_name = "FOLDER")]
    pub warehouse: Option<PathBuf>,
    /// Stock this many units of each article instead of what the file needs.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(..=UNITS_ON_HAND_MAX))]
    pub stock: Option<u64>,
    /// Which number of an ambiguous date comes first.
    #[arg(long, value_name = "ORDER")]
    pub date_order: Option<DateOrder>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Write each step to stderr as one line of JSON.
    #[arg(long, hide = true)]
    pub progress_json: bool,
}

impl Cli {
    /// Carries the command out and prints to `to`.
    ///
    /// # Errors
    ///
    /// [`Failure`], whose code is the program's exit code.
    pub fn run(self, to: &mut dyn std::io::Write) -> Result<(), Failure> {
        let json = self.command.json();
        let out = &mut Output { to, json };
        match self.command {
            Command::Up(args) => args.run(out),
            Command::Serve {
                server,
                with_parent,
                planned,
                config,
            } => {
                let how = How {
                    check: config.check,
                    planned,
                    with_parent,
                };
                servers::run(server, &config, how)
            }
            Command::Token(args) => token::token(&args, out),
            #[cfg(feature = "simulate")]
            Command::Simulate(args) => args.run(out),
            Command::GatewaySpec(args) => gateway_spec::gateway_spec(&args, out),
            other => runtime(0)?.block_on(other.run(out)),
        }
    }
}

impl Command {
    /// Carries a command out that runs no server.
    async fn run(self, out: &mut Output<'_>) -> Result<(), Failure> {
        match self {
            // These need none, or have a runtime of their own.
            Self::Up(_) | Self::Serve { .. } | Self::Token(_) | Self::GatewaySpec(_) => Ok(()),
            #[cfg(feature = "simulate")]
            Self::Simulate(_) => Ok(()),
            #[cfg(feature = "provision")]
            Self::Provision { what } => what.run(out).await,
            Self::Load(args) => args.run(out).await,
            Self::Demo { data, warehouse } => {
                demo::demo(data.as_deref(), warehouse.as_deref(), out).await
            }
            Self::Query(args) => args.run(out).await,
            Self::Replay(args) => replay::replay(&args, out).await,
            Self::Orders(look) => {
                let ports = data::look_into(&look.data)?;
                inspect::orders(&ports, out).await
            }
            Self::Order { id, look } => {
                let ports = data::look_into(&look.data)?;
                inspect::order(&ports, &id, out).await
            }
            Self::Stock(look) => {
                let ports = data::look_into(&look.data)?;
                inspect::stock(&ports, out).await
            }
            Self::Journal(look) => {
                let ports = data::look_into(&look.data)?;
                inspect::journal(&ports, out).await
            }
            Self::Audit { at_rest, look } => {
                let ports = data::look_into(&look.data)?;
                inspect::audit(&ports, at_rest, out).await
            }
            Self::DeadLetters {
                data, url, action, ..
            } => letters(data, url, action, out).await,
        }
    }
}
