//! The whole order graph in one thread, in virtual time, through any number of disasters.
//!
//! One seed decides everything: who asks for what and when, whose turn it is among tasks that
//! could all go on, how long a message takes, what is lost, who dies. The product's own code
//! runs: checkout, recovery, relay, brokers, order management, accounting, warehouse, analytics,
//! each system a process of its own that can die at any await, with tower's own layers between
//! them.
//!
//! The auditor looks at every commit, at every answer a client gets, and at everything once
//! faults have stopped and nothing is left to do, which has to be soon.

mod analytics;
mod answers;
mod cluster;
mod counts;
mod coverage;
mod dice;
mod disk;
mod edge;
mod fault;
mod ledger;
mod node;
mod people;
mod report;
mod request;
mod rest;
mod run;
mod shop;
mod site;
mod stores;
mod watch;
mod wire;
mod world;

pub use counts::Counts;
pub use coverage::Coverage;
pub use fault::{FaultKind, Faults};
pub use report::{Failure, Report};
pub use run::{Plan, Run, Seed};
pub use shop::Shop;
pub use site::Site;
pub use stores::{Clocks, Stores};
pub use world::Breach;
