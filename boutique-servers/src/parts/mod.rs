//! What servers are made of: one file per server, each the same whatever its edges are.
//!
//! A [`Part`] is a server before it listens: its paths, what it does behind its clients' backs,
//! and what it depends on. [`serve`](crate::serve) lets one listen; `boutique up` puts all of
//! them into one process.

mod checkout;
mod duty;
mod fraud;
mod wake;

use axum::Router;
use boutique_core::clock::Clock;
use boutique_transport::http::edge::EdgeState;
use std::sync::Arc;

pub use checkout::{CheckoutStores, checkout, finish};
pub use duty::{Duty, Pace};
pub use fraud::fraud;

use crate::config::{Background, Server, Serving};

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
}

/// What every part is made with.
#[derive(Clone)]
pub struct Making<'a> {
    /// What requests may take.
    pub serving: &'a Serving,
    /// How work is paced.
    pub background: &'a Background,
    /// The present.
    pub clock: Arc<dyn Clock>,
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
