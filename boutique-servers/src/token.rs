//! `boutique token`: a token of the development issuer, for whoever has its key file.

use std::path::PathBuf;
use std::time::Duration;

use boutique_core::clock::Clock;
use boutique_core::gateway::SHOPPER_SCOPES;
use boutique_core::ids::UserId;
use boutique_transport::jwt::{DevIssuer, Mint};
use boutique_transport::sources::SystemClock;
use clap::Args;

use crate::config::{ConfigArgs, Jwt, Server, UpConfig, load};
use crate::exit::Failure;
use crate::output::Output;

/// Whose token, and what for.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// Whom it names: their user id.
    #[arg(long, value_name = "ID")]
    pub user: UserId,
    /// What it is good for, once for each scope; all that a shopper needs if there is none.
    #[arg(long, value_name = "SCOPE")]
    pub scope: Vec<String>,
    /// How many minutes it is good.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=10_080))]
    pub minutes: u16,
    /// Read the settings of `boutique up` from this TOML file, else from the one BOUTIQUE_CONFIG names;
    /// the environment wins.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Makes a token and prints it.
///
/// # Errors
///
/// [`Failure::Input`] if nobody has asked for the development issuer, or its key cannot be used.
pub fn token(args: &TokenArgs, out: &mut Output<'_>) -> Result<(), Failure> {
    let refused = |why: &str| Failure::Input(format!("no token is made: {why}"));
    let config = load::<UpConfig>(Server::Boutique, &ConfigArgs::of(args.config.clone()));
    let config = config.map_err(|error| refused(&error.to_string()))?;
    let Jwt::Development { key } = &config.jwt else {
        return Err(refused(
            "the gateway believes another issuer: unset JWT_ISSUER, JWT_AUDIENCE and JWT_JWKS_URL and set BOUTIQUE_DEV_ISSUER=true",
        ));
    };
    let failed = |error| Failure::Input(format!("BOUTIQUE_DEV_KEY: {}: {error}", key.display()));
    let issuer = DevIssuer::open(key).map_err(failed)?;
    let scopes: Vec<&str> = match &*args.scope {
        [] => SHOPPER_SCOPES.to_vec(),
        named => named.iter().flat_map(|it| it.split_whitespace()).collect(),
    };
    let mint = Mint {
        user: &args.user,
        scopes: &scopes,
        now: SystemClock::default().now(),
        valid_for: Duration::from_secs(60 * u64::from(args.minutes)),
    };
    out.line(&issuer.token(&mint).map_err(failed)?)
}
