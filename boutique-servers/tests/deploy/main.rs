//! The files of `boutique-servers/deploy`, compared with the programs that they deploy.
//!
//! Tools that judge them better than we can, such as `systemd-analyze`, are asked where they are.

mod containers;
mod environment;
mod files;
mod settings;
#[path = "../support/mod.rs"]
mod support;
mod units;
