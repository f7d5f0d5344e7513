//! Commands that look into a data file, or ask a server that has one.

mod audit;
mod journal;
mod letters;
mod order;
mod orders;
mod stock;

pub use audit::{audit, audit_json, print_audit};
pub use journal::{journal, print_trial_balance, trial_balance_json};
pub use letters::{dead_letters, replay_letter, replay_served, served_letters};
pub use order::order;
pub use orders::orders;
pub use stock::{print_stock, stock};

/// Rows read at a time.
const PAGE: usize = 512;
