//! The edges of a server: whom it asks over HTTP, and what stands between.
//!
//! The layers and their order are in [`boutique_transport::http::edge`]; here they are only given
//! what the configuration says.

use std::time::Duration;

use boutique_core::fault::Fault;
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
            hedge: None,
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
