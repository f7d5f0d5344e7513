//! A journal in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{BookError, Booked, Entry, Journal, JournalBook, SalesTotal, TrialBalance};
use crate::fault::{Fault, PortError};
use crate::ids::{EntryId, OrderId};

/// Keeps the journal in memory, for tests and for one process that may forget.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    book: Mutex<JournalBook>,
}

impl MemoryJournal {
    fn book(&self) -> MutexGuard<'_, JournalBook> {
        // The book changes only after every check, so it is whole even if a thread panicked.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn post(&self, entry: Entry) -> Result<Booked, BookError> {
        self.book().post(entry).map_err(PortError::Rejected)
    }

    async fn entry(&self, id: &EntryId) -> Result<Option<Entry>, Fault> {
        Ok(self.book().entry(id).cloned())
    }

    async fn entries_of(&self, order_id: &OrderId) -> Result<Vec<Entry>, Fault> {
        Ok(self.book().entries_of(order_id).cloned().collect())
    }

    async fn entries(&self, after: Option<u64>, limit: usize) -> Result<Vec<(u64, Entry)>, Fault> {
        let book = self.book();
        let entries = book.entries(after).take(limit);
        Ok(entries.map(|(seq, it)| (seq, it.clone())).collect())
    }

    async fn sales(&self, after: Option<u64>, limit: usize) -> Result<Vec<(u64, Entry)>, Fault> {
        let book = self.book();
        let sales = book.sales(after).take(limit);
        Ok(sales.map(|(seq, it)| (seq, it.clone())).collect())
    }

    async fn sales_total(&self) -> Result<SalesTotal, Fault> {
        self.book()
            .sales_total()
            .map_err(|it| Fault::permanent("the sales of a currency do not add up").because(it))
    }

    async fn trial_balance(&self) -> Result<TrialBalance, Fault> {
        Ok(self.book().trial_balance().clone())
    }
}
