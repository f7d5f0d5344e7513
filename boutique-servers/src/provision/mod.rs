//! `boutique provision gcp`: what a boutique needs in a project of Google Cloud, made and kept as
//! it shall be.
//!
//! [`Desired`] is a plain value, [`Actual`] what is there, [`Plan`] what lies between; of the data
//! warehouse's tables that is [`Design`](boutique_transport::bigquery::Design) and what belongs to
//! it. A plan makes what is missing and changes what can be changed. What only a new subscription could have
//! otherwise is told and left alone, and so is what nobody here knows: nothing is deleted.

mod command;
mod desired;
mod google;
mod plan;

pub use command::{GcpArgs, Provision, writer};
pub use desired::{Desired, TableWriter};
pub use google::{apply, look};
pub use plan::{Action, Actual, Plan, Step, Thing};
