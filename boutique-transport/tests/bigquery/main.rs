//! BigQuery, tried on an emulator: `cargo xtask test` starts one and says where it is.
#![cfg(feature = "bigquery")]

mod provisioning;
mod schema;
mod support;
