//! The journal as a plain value.

use std::collections::BTreeMap;

use super::Account;
use crate::money::{Currency, Money};

/// Debits and credits of every account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrialBalance {
    /// Per currency and account: the sum of the debits and the sum of the credits, both
    /// positive. Currencies by code, accounts by number.
    pub rows: BTreeMap<(Currency, Account), (Money, Money)>,
    /// Entries in the journal.
    pub entries: u64,
}
