//! The threads that read, each with a connection that cannot write.

use std::sync::Arc;

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
            match snapshot(connection, &mut job) {
                Ok(()) => job.answer(),
                Err(fault) => job.fail(fault),
            }
        }
    }
}

fn snapshot(connection: &Connection, job: &mut ReadJob) -> Result<(), Fault> {
    connection.run("BEGIN", [])?;
    job.run(connection);
    if !connection.is_autocommit() {
        connection.run("ROLLBACK", [])?;
    }
    Ok(())
}
