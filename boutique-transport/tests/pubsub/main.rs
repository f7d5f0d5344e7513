//! Pub/Sub, tried on Google's own emulator: `cargo xtask test` starts one and says where it is.
#![cfg(feature = "pubsub")]

mod connecting;
mod flow;
mod messages;
#[path = "../required/mod.rs"]
mod required;
mod support;
mod topology;
