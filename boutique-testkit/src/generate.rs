//! [proptest] strategies for the types of the domain. What they make is valid by construction:
//! ids within their alphabet and length, amounts within their ceiling, totals that add up,
//! entries that balance, events whose holds cover their items.
//!
//! ```
//! use boutique_testkit::generate;
//! use proptest::prelude::*;
//!
//! proptest! {
//!     fn an_entry_always_balances(entry in generate::entry()) {
//!         prop_assert!(entry.check().is_ok());
//!     }
//! }
//! # an_entry_always_balances();
//! ```

mod basics;
mod orders;
mod people;
mod records;

pub use basics::*;
pub use orders::*;
pub use people::*;
pub use records::*;
