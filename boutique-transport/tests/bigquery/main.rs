//! BigQuery, tried on an emulator: `cargo xtask test` starts one and says where it is.
#![cfg(feature = "bigquery")]

#[cfg(feature = "pubsub")]
mod arriving;
#[cfg(feature = "pubsub")]
mod events;
mod provisioning;
#[path = "../required/mod.rs"]
mod required;
mod schema;
#[cfg(feature = "http")]
mod service;
mod support;
