//! The gateway.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use boutique_core::clock::Clock;
use boutique_core::fault::Fault;
use boutique_core::gateway::{Algorithm, Issuer, Rate, RouteTable, TokenPolicy};
use boutique_transport::gateway::{Gateway, GatewayOptions, GatewayUpstream};
use boutique_transport::http::admission::Admission;
use boutique_transport::http::exchange::{BoxExchange, InProcess, Reqwest};
use boutique_transport::http::gate::Gate;
use boutique_transport::jwt::{DevIssuer, JwksOptions, Verifier};

use super::{Making, Part};
use crate::config::{Jwt, Rates, Server};
use crate::exit::Failure;

/// Where the development issuer's keys are said to be; they never leave the process.
const DEV_BASE: &str = "http://127.0.0.1";

/// Believes the tokens that `jwt` says.
///
/// # Errors
///
/// [`Failure::Input`] naming the setting that is wrong.
pub fn verifier(jwt: &Jwt, clock: Arc<dyn Clock>, connect: Duration) -> Result<Verifier, Failure> {
    let (issuer, exchange) = match jwt {
        Jwt::Development { key } => {
            let dev = DevIssuer::open(key).map_err(|error| {
                Failure::Input(format!("BOUTIQUE_DEV_KEY: {}: {error}", key.display()))
            })?;
            let keys = BoxExchange::new(InProcess(dev.router()));
            (DevIssuer::issuer(DEV_BASE), keys)
        }
        Jwt::Issuer {
            issuer,
            audience,
            jwks_url,
            algorithm,
        } => {
            let issuer = Issuer {
                issuer: issuer.clone(),
                jwks_uri: jwks_url.to_string(),
                audiences: vec![audience.clone()],
                algorithm: match algorithm.as_str() {
                    "ES256" => Algorithm::Es256,
                    _ => Algorithm::Rs256,
                },
            };
            (issuer, BoxExchange::new(Reqwest::new(connect)?))
        }
    };
    let policy = TokenPolicy::new(vec![issuer])
        .map_err(|error| Failure::Input(format!("JWT_ISSUER, JWT_AUDIENCE: {error}")))?;
    Verifier::new(&policy, &exchange, clock, JwksOptions::default())
        .map_err(|error| Failure::Input(format!("JWT_JWKS_URL: {error}")))
}

/// The gateway of the standard table, in front of the checkout and order management.
///
/// # Errors
///
/// A permanent [`Fault`] if the table leads elsewhere.
pub fn gateway(
    verifier: Verifier,
    checkout: GatewayUpstream,
    oms: GatewayUpstream,
    rates: Rates,
    making: &Making,
) -> Result<Part, Fault> {
    let upstreams = BTreeMap::from([
        (Server::Checkout.name().to_owned(), checkout),
        (Server::Oms.name().to_owned(), oms),
    ]);
    let standard = GatewayOptions::default();
    let a_second = |rate: u32| Rate::new(rate.saturating_mul(60), rate.max(1));
    let options = GatewayOptions {
        address: rates.address.map(a_second).or(standard.address),
        principal: rates.principal.map(a_second).or(standard.principal),
        own: rates.address.map(a_second).or(standard.own),
        // Whoever sets a rate for principals means that rate.
        route_rates: rates.principal.is_none(),
        body: making.limits.body as u64,
        trusted_hops: rates.trusted_hops,
    };
    let gateway = Gateway::new(RouteTable::standard(), verifier, &upstreams, options)
        .map_err(|error| Fault::permanent("the gateway cannot be composed").because(error))?;
    let gate = Gate::new(making.admission);
    Ok(Part {
        server: Server::Gateway,
        router: gateway.server(making.limits, Some(Admission::of_clients(gate.clone()))),
        duties: Vec::new(),
        edges: Vec::new(),
        gate,
    })
}
