//! What binds the order flow to files, wires and clocks: one additive feature per binding.
//!
//! | feature | module | what it is |
//! |---|---|---|
//! | always | [`sources`] | the present moment and the names of things |
//! | `sqlite` | [`sqlite`] | every port on one SQLite file, with group commit |
//! | `http` | [`http`](mod@http) | every service of the wire contract, both sides |
//! | `jwt` | [`jwt`] | tokens, and the keys they are signed with |
//! | `jwt` | [`gateway`] | the front door |
//! | `parquet` | [`parquet`] | the data warehouse as columnar files in a folder |
//! | `pubsub` | [`pubsub`] | Google Cloud Pub/Sub: publishing, streaming pull, topics |
//! | `bigquery` | [`bigquery`] | Google BigQuery: tables, views and rows of the data warehouse |

pub mod sources;

#[cfg(feature = "sqlite")]
pub mod sqlite;

#[cfg(feature = "http")]
pub mod http;

#[cfg(feature = "jwt")]
pub mod gateway;
#[cfg(feature = "jwt")]
pub mod jwt;

#[cfg(any(feature = "bigquery", feature = "pubsub"))]
mod google;

#[cfg(feature = "parquet")]
pub mod parquet;

#[cfg(feature = "pubsub")]
pub mod pubsub;

#[cfg(feature = "bigquery")]
pub mod bigquery;
