//! What the programs of Boutique are made of. The programs themselves are thin.

pub mod admin;
pub mod analytics;
pub mod broker;
pub mod cli;
pub mod config;
pub mod data;
pub mod demo;
pub mod exit;
pub mod folder;
pub mod gateway_spec;
pub mod inspect;
pub mod load;
pub mod logs;
pub mod output;
pub mod parts;
#[cfg(feature = "provision")]
pub mod provision;
pub mod query;
pub mod replay;
pub mod runtime;
pub mod serve;
pub mod servers;
#[cfg(feature = "simulate")]
pub mod simulate;
pub mod stack;
pub mod store;
pub mod systemd;
pub mod token;
pub mod up;

/// The README's Rust, compiled and run with the documentation's tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
