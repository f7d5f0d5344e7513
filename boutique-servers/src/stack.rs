//! The edges of a server: whom it asks over HTTP, and what stands between.
//!
//! The layers and their order are in [`boutique_transport::http::edge`]; here they are only given
//! what the configuration says.

use std::time::Duration;

use boutique_core::fault::Fault;
use boutique_transport::gateway::GatewayUpstream;
use boutique_transport::http::edge::{
    CircuitSettings, DeadlineSettings, Edge, EdgeSettings, EdgeState, HedgeSettings, RetrySettings,
    Stack,
};
use boutique_transport::http::exchange::{Reqwest, Upstream};
use boutique_transport::http::gate::GateSize;
use url::Url;

use crate::config::{EdgeConfig, Server};

/// A server that is asked, behind its stack.
pub type Asked = Upstream<Edge<Reqwest>>;

/// Makes the edges of one server. All share the connections' pool; each upstream has its own
/// budget, breaker and places.
pub struct Edges {
    exchange: Reqwest,
    settings: EdgeSettings,
    hedge: bool,
    states: Vec<EdgeState>,
}

impl Edges {
    /// Edges as `config` says; no request takes longer than `longest`.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the client cannot be set up.
    pub fn new(config: &EdgeConfig, longest: Duration) -> Result<Self, Fault> {
        let settings = EdgeSettings {
            deadline: DeadlineSettings {
                longest,
                ..DeadlineSettings::default()
            },
            ..settings(config)
        };
        Ok(Self {
            exchange: Reqwest::new(config.connect_timeout)?,
            settings,
            hedge: config.hedge,
            states: Vec::new(),
        })
    }

    /// The edge to `server` at `url`.
    pub fn to(&mut self, server: Server, url: &Url) -> Asked {
        self.with(server, url, self.settings)
    }

    /// The edge to `server` at `url` for pure reads, which are hedged if the configuration says
    /// so.
    pub fn reading(&mut self, server: Server, url: &Url) -> Asked {
        let hedge = self.hedge.then(HedgeSettings::default);
        let settings = EdgeSettings {
            hedge,
            ..self.settings
        };
        self.with(server, url, settings)
    }

    fn with(&mut self, server: Server, url: &Url, settings: EdgeSettings) -> Asked {
        let stack = Stack::new(server.name(), settings);
        self.states.push(stack.state());
        Upstream::new(url.clone(), stack.over(self.exchange.clone()))
    }

    /// How the upstreams are doing.
    pub fn into_states(self) -> Vec<EdgeState> {
        self.states
    }
}

/// What `config` says of every stack.
fn settings(config: &EdgeConfig) -> EdgeSettings {
    EdgeSettings {
        retry: RetrySettings {
            most: config.retries,
            base: config.retry_backoff,
            share: f32::from(config.retry_percent) / 100.0,
            ..RetrySettings::default()
        },
        circuit: CircuitSettings {
            window: config.breaker_window,
            least: CircuitSettings::default().least.min(config.breaker_window),
            share: config.breaker_percent.into(),
            rest: config.breaker_open,
            ..CircuitSettings::default()
        },
        limit: GateSize {
            concurrency: config.in_flight,
            queue: config.in_flight,
            reserved: config.in_flight * usize::from(config.background_percent) / 100,
        },
        ..EdgeSettings::default()
    }
}

/// How long an upstream of the gateway may be silent before that counts against it: longer than
/// any answer takes when all is well, since a client may choose a deadline as short as it likes.
const GATEWAY_PATIENCE: Duration = Duration::from_secs(1);

/// The edge of the gateway to `server` at `url`, and how it is doing.
///
/// # Errors
///
/// A permanent [`Fault`] if `url` is not the address of a server.
pub fn passing(
    config: &EdgeConfig,
    server: Server,
    url: &Url,
) -> Result<(GatewayUpstream, EdgeState), Fault> {
    let mut settings = settings(config);
    settings.circuit.patience = GATEWAY_PATIENCE;
    let stack = Stack::new(server.name(), settings);
    let upstream = GatewayUpstream::http(url, config.connect_timeout, &stack)
        .map_err(|error| Fault::permanent("the upstream's address is wrong").because(error))?;
    Ok((upstream, stack.state()))
}
