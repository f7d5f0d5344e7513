//! What a server is configured with: from the environment, and from a TOML file if one is named.
//!
//! The environment wins. Every error is reported at once, by the name of the variable and of the
//! key, with the remedy; no value is ever printed, since some are secrets. The settings are one
//! [table](table::ALL), which `docs/configuration.md` repeats and a test compares.

mod broker;
mod form;
mod groups;
mod read;
mod servers;
mod source;
pub mod table;

use std::fmt;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use url::Url;

pub use broker::{Broker, PubSubConfig};
pub use form::{Form, StoreUrl};
pub use groups::{
    Background, CheckoutPolicy, Common, EdgeConfig, Jwt, LogFormat, Logs, Push, PushSigning, Rates,
    Serving, Store, Traces,
};
pub use read::Reader;
pub use servers::{
    AccountingConfig, CheckoutConfig, CrmConfig, FraudConfig, GatewayConfig, OmsConfig,
    StockConfig, UpConfig, WarehouseConfig,
};
pub use source::Source;
pub use table::Setting;

use crate::exit::Failure;

/// A program that is configured: the nine servers, and all of them in one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum Server {
    /// Checks tokens and forwards to the others.
    Gateway,
    /// Sells.
    Checkout,
    /// Knows customers.
    Crm,
    /// The stock system of parcels.
    Inventory,
    /// The stock system of bulky goods.
    Furniture,
    /// Scores fraud.
    Fraud,
    /// Order management.
    Oms,
    /// Keeps the books.
    Accounting,
    /// Ships.
    Warehouse,
    /// Everything in one process, behind the gateway on one port.
    #[value(skip)]
    Boutique,
}

impl Server {
    /// The nine servers in the order of their default ports.
    pub const NINE: [Self; 9] = [
        Self::Gateway,
        Self::Checkout,
        Self::Crm,
        Self::Inventory,
        Self::Furniture,
        Self::Fraud,
        Self::Oms,
        Self::Accounting,
        Self::Warehouse,
    ];

    /// Its name: in `GET /health`, in metrics, as a table of the configuration file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Checkout => "checkout",
            Self::Crm => "crm",
            Self::Inventory => "inventory",
            Self::Furniture => "furniture",
            Self::Fraud => "fraud",
            Self::Oms => "oms",
            Self::Accounting => "accounting",
            Self::Warehouse => "warehouse",
            Self::Boutique => "boutique",
        }
    }

    /// The port it listens on if nobody says otherwise; the admin port is [`ADMIN_ABOVE`] it.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Gateway | Self::Boutique => 8080,
            Self::Checkout => 8081,
            Self::Crm => 8082,
            Self::Inventory => 8083,
            Self::Furniture => 8084,
            Self::Fraud => 8085,
            Self::Oms => 8086,
            Self::Accounting => 8087,
            Self::Warehouse => 8088,
        }
    }
}

/// How far above its API port a server's admin port is.
pub const ADMIN_ABOVE: u16 = 1_000;

/// The options that every server takes on its command line.
#[derive(Clone, Debug, Default, Args)]
pub struct ConfigArgs {
    /// Read settings from this TOML file, else from the one BOUTIQUE_CONFIG names; the
    /// environment wins.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Check the configuration and what the server depends on, say what was found, and exit.
    #[arg(long)]
    pub check: bool,
}

impl ConfigArgs {
    /// For a command that only reads settings.
    pub const fn of(config: Option<PathBuf>) -> Self {
        Self {
            config,
            check: false,
        }
    }
}

/// What can be read from settings.
pub trait Configured: Sized {
    /// Reads it. A setting that is wrong is noted with the reader and replaced by anything.
    fn read(reader: &mut Reader<'_>) -> Self;
}

/// The configuration of a program.
pub trait Program: Configured {
    /// What every server has.
    fn common(&self) -> &Common;

    /// Where it keeps its data, if it keeps any.
    fn store(&self) -> Option<&Store>;

    /// The servers it asks.
    fn asks(&self) -> Vec<Asked>;

    /// The broker it publishes on or takes from; none of its business for the others.
    fn broker(&self) -> Option<&Broker> {
        None
    }
}

/// A server that another asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its name.
    pub name: &'static str,
    /// Where it is.
    pub url: Url,
    /// Whether every request would fail without it.
    pub needed: bool,
}

impl ConfigArgs {
    /// The environment and the file, and before both what the command line `said`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the file cannot be read.
    pub fn source(&self, said: Vec<(&'static str, String)>) -> Result<Source, ConfigError> {
        let named = || std::env::var_os("BOUTIQUE_CONFIG").filter(|it| !it.is_empty());
        let file = self.config.clone().or_else(|| named().map(PathBuf::from));
        let said = said
            .into_iter()
            .map(|(name, text)| (name.into(), text.into()));
        Source::open(file.as_deref(), std::env::vars_os().chain(said))
    }
}

/// Reads the configuration of `server` from the environment and the file that `args` name.
///
/// # Errors
///
/// [`ConfigError`] with everything that is wrong.
pub fn load<T: Configured>(server: Server, args: &ConfigArgs) -> Result<T, ConfigError> {
    read(server, &args.source(Vec::new())?)
}

/// Reads the configuration of `server` from `source`.
///
/// # Errors
///
/// [`ConfigError`] with everything that is wrong.
pub fn read<T: Configured>(server: Server, source: &Source) -> Result<T, ConfigError> {
    let mut reader = Reader::new(server, source);
    let config = T::read(&mut reader);
    reader.finish().map(|()| config)
}

/// Everything that is wrong with a configuration. No text of it repeats a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// One line each: the name, what is wrong, the remedy.
    pub errors: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { errors } = self;
        let s = if errors.len() == 1 { "" } else { "s" };
        write!(f, "the configuration has {} error{s}:", errors.len())?;
        errors.iter().try_for_each(|it| write!(f, "\n  {it}"))
    }
}

impl std::error::Error for ConfigError {}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Input(error.to_string())
    }
}
