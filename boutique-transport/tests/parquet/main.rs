//! The data warehouse in a folder, as its writers and readers meet it.
#![cfg(feature = "parquet")]

mod engines;
mod feed;
mod folder;
#[path = "../required/mod.rs"]
mod required;
mod support;
