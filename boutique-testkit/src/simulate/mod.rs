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
//!
//! # A part of your own
//!
//! Say that your customers are in somebody else's CRM, which you ask through an adapter. Let the
//! whole shop run with it:
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::Arc;
//!
//! use boutique_core::assembly::CrmService;
//! use boutique_core::clock::Timestamp;
//! use boutique_core::customer::{CustomerProfile, LookUpCustomer, Standing, Tier};
//! use boutique_core::fault::Fault;
//! use boutique_core::flow::Step;
//! use boutique_core::ids::CustomerId;
//! use boutique_testkit::simulate::{Run, Shop};
//!
//! /// How they keep a customer: a grade from 0 to 9, and whether there is a dunning letter.
//! struct TheirRecord {
//!     grade: u8,
//!     dunned: bool,
//! }
//!
//! /// Asks them and says it in our words.
//! struct TheirCrm(Arc<BTreeMap<String, TheirRecord>>);
//!
//! impl Step<LookUpCustomer> for TheirCrm {
//!     type Response = Option<CustomerProfile>;
//!     type Error = Fault;
//!
//!     async fn run(&self, request: LookUpCustomer) -> Result<Self::Response, Fault> {
//!         let Some(record) = self.0.get(request.user_id.as_str()) else {
//!             return Ok(None);
//!         };
//!         let id = CustomerId::new(request.user_id.as_str());
//!         Ok(Some(CustomerProfile {
//!             id: id.map_err(|error| Fault::permanent("no id of ours").because(error))?,
//!             tier: if record.grade > 6 { Tier::Gold } else { Tier::Standard },
//!             standing: if record.dunned { Standing::Blocked } else { Standing::Good },
//!             created_at: Timestamp::EPOCH,
//!             orders: 0,
//!             billing: None,
//!         }))
//!     }
//! }
//!
//! // The buyers of a simulated shop are called c0, c1 and so on.
//! let theirs = (0..8).map(|it| (format!("c{it}"), TheirRecord { grade: it, dunned: it == 3 }));
//! let theirs = Arc::new(theirs.collect::<BTreeMap<_, _>>());
//!
//! // It is made anew whenever its process starts, which is often.
//! let shop = Shop::memory()
//!     .with_crm(move |_| CrmService::new(TheirCrm(Arc::clone(&theirs)).into_service()));
//! let run = Run { shop, orders: 20, ..Run::default() };
//! let report = run.seeds(0..4);
//! assert!(report.is_clean(), "{report}");
//!
//! // More seeds, in a test of your own: `report.expect_proof()` also fails if a kind of fault
//! // never met an order in one of its states, and `run.shrink(seed)` makes a failing seed small.
//! ```
//!
//! A stock ledger, a journal, or any other port of your own goes into [`Stores`], see
//! [`Shop::with_stores`].

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
mod shrink;
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
pub use shrink::Shrunk;
pub use site::Site;
pub use stores::{Clocks, Stores};
pub use world::Breach;
