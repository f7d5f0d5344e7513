//! What servers are made of: one file per server, each the same whatever its edges are.
//!
//! A [`Part`] is a server before it listens: its paths, what it does behind its clients' backs,
//! and what it depends on. [`serve`](crate::serve) lets one listen; `boutique up` puts all of
//! them into one process.

mod accounting;
mod checkout;
mod crm;
mod duty;
mod fraud;
mod gateway;
mod oms;
mod push;
mod stock;
mod wake;
mod warehouse;

use std::sync::Arc;

use axum::Router;
use boutique_core::clock::Clock;
use boutique_transport::http::admission::Admission;
use boutique_transport::http::api::Limits;
use boutique_transport::http::api::admitting;
use boutique_transport::http::edge::EdgeState;
use boutique_transport::http::gate::{Gate, GateSize};
use utoipa_axum::router::OpenApiRouter;

pub use accounting::accounting;
pub use checkout::{CheckoutStores, checkout, finish};
pub use crm::crm;
pub use duty::{Duty, Pace, Pulse};
pub use fraud::fraud;
pub use gateway::{gateway, verifier};
pub use oms::oms;
pub use push::{push_credential, push_verifier};
pub use stock::{Stock, open_shelves, stock};
pub use warehouse::warehouse;

use crate::config::{Background, Server};

/// A server before it listens.
pub struct Part {
    /// Which server.
    pub server: Server,
    /// Its paths.
    pub router: Router,
    /// What it does behind its clients' backs.
    pub duties: Vec<Duty>,
    /// How it asks others, where it does so over a network.
    pub edges: Vec<EdgeState>,
    /// How many requests it works on.
    pub gate: Gate,
}

/// What every part is made with.
#[derive(Clone)]
pub struct Making {
    /// What a request may take.
    pub limits: Limits,
    /// How many requests each part works on at once.
    pub admission: GateSize,
    /// The present.
    pub clock: Arc<dyn Clock>,
}

impl Making {
    /// The part that serves `routes`.
    fn part<S>(&self, server: Server, routes: OpenApiRouter<S>, state: S, duties: Vec<Duty>) -> Part
    where
        S: Clone + Send + Sync + 'static,
    {
        let gate = Gate::new(self.admission);
        let admission = Admission::new(gate.clone());
        Part {
            server,
            router: admitting(server.name(), routes, state, self.limits, &admission),
            duties,
            edges: Vec::new(),
            gate,
        }
    }
}

impl Background {
    /// The pace of what follows from what clients do.
    pub(crate) fn working(&self) -> Pace {
        Pace {
            busy: self.work_pause,
            idle: self.work_every,
            failed: self.work_every,
        }
    }

    /// The pace of what looks after things.
    pub(crate) const fn tidying(&self) -> Pace {
        Pace {
            busy: self.tidy_every,
            idle: self.tidy_every,
            failed: self.tidy_every,
        }
    }
}
