//! What servers are made of.

mod duty;

pub use duty::{Duty, Pace};
