//! `boutique query`: SQL over the data warehouse's files.
//!
//! The engine is [DataFusion](https://datafusion.apache.org), which is worth a hundred crates and
//! is there only with the feature `query`.

mod command;
#[cfg(feature = "query")]
mod engine;
#[cfg(feature = "query")]
mod failure;
#[cfg(feature = "query")]
mod json_value;
#[cfg(feature = "query")]
mod print;

pub use command::QueryArgs;
