//! The order flow of a shop, pure: rules as plain values, stores as ports, verbs as
//! [Tower](tower) services.
//!
//! Nothing here waits on time, reads a clock, draws randomness or opens anything. Modules in
//! reading order:

/// Whether a mutation of [`planted`] is in the process. A constant `false` without the feature.
#[cfg(feature = "planted")]
macro_rules! planted {
    ($mutation:ident) => {
        $crate::planted::is($crate::planted::Mutation::$mutation)
    };
}
#[cfg(not(feature = "planted"))]
macro_rules! planted {
    ($mutation:ident) => {
        false
    };
}

#[cfg(feature = "planted")]
pub mod planted;

pub mod flow;

pub mod clock;
pub mod fault;
pub mod ids;
pub mod limits;
mod lookup;
pub mod money;
pub mod pii;
pub mod schema;
mod shelf;

pub mod carts;
pub mod catalog;
pub mod customer;
pub mod shipping;

pub mod pricing;

pub mod stock;

pub mod fraud;

pub mod event;

pub mod broker;

pub mod checkout;

pub mod accounting;

pub mod warehouse;

pub mod orders;

pub mod analytics;

pub mod audit;

pub mod gateway;

pub mod assembly;
