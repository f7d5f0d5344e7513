//! The files of `boutique-servers/deploy`, compared with the programs that they deploy.
//!
//! Tools that judge them better than we can are asked where they are: `systemd-analyze`,
//! `kubectl`, `terraform`, and Kubernetes' own schemas.

mod cloud_run;
mod containers;
mod environment;
mod files;
mod gke;
mod provisioned;
mod schemas;
mod settings;
#[path = "../support/mod.rs"]
mod support;
mod terraform;
mod units;
