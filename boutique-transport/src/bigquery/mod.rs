//! Google BigQuery, or an emulator: the data warehouse's dataset.
//!
//! [`Design`] is what a boutique needs there, derived from the types of its events: a
//! [`Relation`] for each [`Table`](boutique_core::analytics::Table), a view beside each that has
//! one row for each key, and a view for each
//! [`Question`](boutique_core::analytics::Question). [`BigQuery::plan`] compares it with what is
//! there, [`BigQuery::apply`] makes and extends, and nothing deletes.
//!
//! Rows come by a BigQuery subscription of Pub/Sub, which Google carries out. Where there is none, a
//! program of yours may pull messages into [`IngestRows`] and that into a [`BigQuerySink`]; no
//! server of ours does.

#[cfg(feature = "pubsub")]
mod bridge;
mod connect;
mod difference;
mod field;
mod gather;
mod ingest;
mod insert;
mod plan;
mod provision;
mod relation;
mod rest;
mod row;

#[cfg(feature = "pubsub")]
pub use bridge::Bridge;
pub use connect::{BigQuery, ConnectError, EMULATOR_HOST};
pub use difference::Difference;
pub use field::Field;
pub use ingest::IngestRows;
pub use insert::BigQuerySink;
pub use plan::{Change, Drift, Found, Plan};
pub use relation::{Clustering, Design, Relation, Schema, TimePartitioning, View};
