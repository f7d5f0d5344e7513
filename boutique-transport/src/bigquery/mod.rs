//! Google BigQuery, or an emulator: the data warehouse's dataset.
//!
//! [`Design`] is what a boutique needs there, derived from the types of its events: a
//! [`Relation`] for each [`Table`](boutique_core::analytics::Table), a view beside each that has
//! one row for each key, and a view for each
//! [`Question`](boutique_core::analytics::Question). [`BigQuery::plan`] compares it with what is
//! there, [`BigQuery::apply`] makes and extends, and nothing deletes.

mod connect;
mod difference;
mod field;
mod plan;
mod provision;
mod relation;
mod rest;

pub use connect::{BigQuery, ConnectError, EMULATOR_HOST};
pub use difference::Difference;
pub use field::Field;
pub use plan::{Change, Drift, Found, Plan};
pub use relation::{Clustering, Design, Relation, Schema, TimePartitioning, View};
