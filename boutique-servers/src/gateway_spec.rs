//! `boutique gateway-spec`: the gateway's table as a document of Google API Gateway.

use std::collections::BTreeMap;
use std::path::PathBuf;

use boutique_core::gateway::spec::{Published, openapi2, openapi3};
use boutique_core::gateway::{Algorithm, Issuer, RouteTable, TokenPolicy};
use clap::{Args, ValueEnum};

use crate::config::{ConfigArgs, GatewayConfig, Jwt, Server, load};
use crate::exit::Failure;
use crate::output::Output;

/// Which document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// OpenAPI 2.0.
    Openapi2,
    /// OpenAPI 3.0.
    Openapi3,
}

/// What the document is to say.
#[derive(Debug, Args)]
pub struct SpecArgs {
    /// Which document.
    #[arg(long, value_enum)]
    pub format: Format,
    /// The title of the API.
    #[arg(long, value_name = "TEXT", default_value = "Boutique")]
    pub title: String,
    /// Ask for an API key beside the token, so that Google counts quotas by project.
    #[arg(long)]
    pub api_key: bool,
    /// Read the settings of the gateway from this TOML file, else from the one BOUTIQUE_CONFIG names;
    /// the environment wins.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Prints the document.
///
/// # Errors
///
/// [`Failure::Input`] with every setting that is missing.
pub fn gateway_spec(args: &SpecArgs, out: &mut Output<'_>) -> Result<(), Failure> {
    let config: GatewayConfig = load(Server::Gateway, &ConfigArgs::of(args.config.clone()))?;
    let issuer = match &config.jwt {
        // Its keys are published nowhere.
        Jwt::Development { .. } => {
            let text = "the development issuer is for this machine only: set JWT_ISSUER, \
                        JWT_AUDIENCE and JWT_JWKS_URL, and unset BOUTIQUE_DEV_ISSUER";
            return Err(Failure::Input(text.to_owned()));
        }
        Jwt::Issuer {
            issuer,
            audience,
            jwks_url,
            algorithm,
        } => Issuer {
            issuer: issuer.clone(),
            jwks_uri: jwks_url.to_string(),
            audiences: vec![audience.clone()],
            algorithm: match algorithm.as_str() {
                "ES256" => Algorithm::Es256,
                _ => Algorithm::Rs256,
            },
        },
    };
    let wrong = |error: &dyn std::error::Error| Failure::Input(error.to_string());
    let tokens = TokenPolicy::new(vec![issuer]).map_err(|it| wrong(&it))?;
    let published = Published {
        title: args.title.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        upstreams: BTreeMap::from([
            (
                Server::Checkout.name().to_owned(),
                config.checkout.to_string(),
            ),
            (Server::Oms.name().to_owned(), config.oms.to_string()),
        ]),
        api_key: args.api_key,
    };
    let table = RouteTable::standard();
    let document = match args.format {
        Format::Openapi2 => openapi2(&table, &tokens, &published),
        Format::Openapi3 => openapi3(&table, &tokens, &published),
    };
    let document = document.map_err(|it| wrong(&it))?;
    let text = serde_json::to_string_pretty(&document).map_err(std::io::Error::from)?;
    out.line(&text)
}
