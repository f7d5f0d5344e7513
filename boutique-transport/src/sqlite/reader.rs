//! Reading on connections that cannot write: threads for lists and sums, and a few connections
//! for looks by key, which are over before a thread would be awake.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use boutique_core::fault::Fault;
use rusqlite::Connection;

use super::job::Job;
use super::query::Query;
use super::queue::Queue;

/// A job for one of the readers' threads.
pub(super) type ReadJob = Box<dyn Job<Connection>>;

/// Serves until the queue is closed and empty. Every job sees one snapshot.
pub(super) fn serve(connection: &Connection, queue: &Arc<Queue<ReadJob>>) {
    let mut jobs = Vec::with_capacity(1);
    while queue.take(&mut jobs, 1) {
        for mut job in jobs.drain(..) {
            match snapshot(connection, |it| job.run(it)) {
                Ok(_) => job.answer(),
                Err(fault) => job.fail(fault),
            }
        }
    }
}

/// Connections for looks by key.
pub(super) struct Peepholes {
    connections: Vec<Mutex<Connection>>,
    next: AtomicUsize,
}

impl Peepholes {
    /// At least one connection is needed.
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        Self {
            connections: connections.into_iter().map(Mutex::new).collect(),
            next: AtomicUsize::new(0),
        }
    }

    /// Looks through one that is free, in one snapshot.
    pub(super) fn peek<T>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let connection = self.one();
        if !connection.is_autocommit() {
            // The look before this one panicked.
            connection.run("ROLLBACK", [])?;
        }
        snapshot(&connection, look)?
    }

    fn one(&self) -> MutexGuard<'_, Connection> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let count = self.connections.len();
        let nth = |it: usize| &self.connections[(first.wrapping_add(it)) % count];
        (0..count)
            .find_map(|it| match nth(it).try_lock() {
                Ok(free) => Some(free),
                Err(TryLockError::Poisoned(free)) => Some(free.into_inner()),
                Err(TryLockError::WouldBlock) => None,
            })
            .unwrap_or_else(|| nth(0).lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn snapshot<T>(connection: &Connection, read: impl FnOnce(&Connection) -> T) -> Result<T, Fault> {
    connection.run("BEGIN", [])?;
    let seen = read(connection);
    if !connection.is_autocommit() {
        connection.run("ROLLBACK", [])?;
    }
    Ok(seen)
}
