//! Pub/Sub, tried on Google's own emulator: `cargo xtask test` starts one and says where it is.
#![cfg(feature = "pubsub")]

mod connecting;
mod flow;
mod messages;
mod support;
mod topology;
