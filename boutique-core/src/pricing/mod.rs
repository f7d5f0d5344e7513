//! What an order comes to: discount, shipping, tax, total, and each line's share of them.

mod allocation;
#[cfg(test)]
mod laws;
mod tax;
mod totals;

pub use allocation::{Allocation, LineShare};
pub use tax::{TaxMode, TaxTable};
pub use totals::Totals;
