//! What it takes to prove a program that embeds the order flow.
//!
//! - [`conformance`]: one suite per port. Prove an adapter of your own with one line.
//! - [`generate`]: values of every type of the domain, valid by construction.
//! - [`sources`]: a clock moved by hand, ids that come out the same in every run.
//! - [`script`]: a service that answers from a script, in place of any other.
//! - [`explore`](mod@explore): every outcome of every call of a checkout, one after the other.
//! - [`faulty`]: ports that fail at a chosen call, and a crash at any await.
//! - [`mocks`]: [mockall] mocks of every port.
//! - [`simulate`]: the whole order graph through thousands of seeded disasters.
//!
//! # An adapter of your own
//!
//! Say you keep carts in a store of your own. In `tests/carts.rs` of your crate:
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::{Arc, Mutex, PoisonError};
//!
//! use async_trait::async_trait;
//! use boutique_core::carts::{Cart, CartError, CartKeys, CartLine, Carts};
//! use boutique_core::fault::{Fault, PortError};
//! use boutique_core::ids::{IdempotencyKey, UserId};
//!
//! #[derive(Default)]
//! struct MyCarts(Mutex<BTreeMap<UserId, (Cart, CartKeys)>>);
//!
//! impl MyCarts {
//!     fn with<T>(&self, user: &UserId, action: impl FnOnce(&mut (Cart, CartKeys)) -> T) -> T {
//!         let mut carts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
//!         action(carts.entry(user.clone()).or_default())
//!     }
//! }
//!
//! #[async_trait]
//! impl Carts for MyCarts {
//!     async fn add(
//!         &self,
//!         user: &UserId,
//!         line: CartLine,
//!         key: Option<IdempotencyKey>,
//!     ) -> Result<Cart, CartError> {
//!         self.with(user, |(cart, keys)| {
//!             match key {
//!                 Some(key) => cart.add_once(line, key, keys).map(drop),
//!                 None => cart.add(line),
//!             }
//!             .map_err(PortError::Rejected)?;
//!             Ok(cart.clone())
//!         })
//!     }
//!
//!     async fn cart(&self, user: &UserId) -> Result<Cart, Fault> {
//!         Ok(self.with(user, |(cart, _)| cart.clone()))
//!     }
//!
//!     async fn empty(&self, user: &UserId, version: Option<u64>) -> Result<Cart, Fault> {
//!         Ok(self.with(user, |(cart, _)| {
//!             cart.empty(version);
//!             cart.clone()
//!         }))
//!     }
//! }
//!
//! // The one line: a test per case.
//! boutique_testkit::carts_conformance!(async |_clock| Arc::new(MyCarts::default()));
//!
//! // The cases are values as well.
//! for (name, _) in boutique_testkit::conformance::carts::CASES {
//!     boutique_testkit::conformance::carts::run(async |_| Arc::new(MyCarts::default()), name);
//! }
//! ```

#[cfg(feature = "suites")]
pub mod conformance;
#[cfg(feature = "explore")]
pub mod explore;
pub mod faulty;
#[cfg(feature = "suites")]
pub mod generate;
#[cfg(feature = "suites")]
pub mod mocks;
pub mod script;
#[cfg(feature = "simulate")]
pub mod simulate;
pub mod sources;

pub use faulty::{FaultPlan, Faulty, Yielding, cut_after};
pub use script::Scripted;
pub use sources::{CountingIds, ManualClock};
