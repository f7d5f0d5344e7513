//! Velocity windows in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{Features, Observation, SignalStore, VelocityBook};
use crate::clock::Timestamp;
use crate::fault::Fault;

/// Observed orders, remembered as long as the process lasts or until they are forgotten.
#[derive(Debug, Default)]
pub struct MemorySignals {
    book: Mutex<VelocityBook>,
}

impl MemorySignals {
    fn book(&self) -> MutexGuard<'_, VelocityBook> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SignalStore for MemorySignals {
    async fn observe(&self, observation: Observation) -> Result<Features, Fault> {
        Ok(self.book().observe(&observation))
    }

    async fn peek(&self, observation: Observation) -> Result<Features, Fault> {
        Ok(self.book().peek(&observation))
    }

    async fn forget(&self, before: Timestamp) -> Result<u64, Fault> {
        Ok(self.book().forget(before))
    }
}
