//! The one thread that writes, and shares each sync among everything that waits.
//!
//! Per round: take what is queued, `BEGIN IMMEDIATE`, every job, `COMMIT`, then answer. Nobody
//! hears of a change that is not on disk, and a job that fails takes back its own changes only.
//!
//! A job looks and decides before it writes. One that then fails has nothing to take back, so it
//! needs no savepoint, for which SQLite would copy every page it touches. A job that may fail
//! half-way says so and gets one.

use std::cell::Cell;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use boutique_core::clock::Timestamp;
use boutique_core::fault::Fault;
use rusqlite::{Connection, ErrorCode};

use super::error::{fault, take_full};
use super::job::Job;
use super::lock::FileLock;
use super::query::Query;
use super::queue::Queue;
use super::ticker::Ticker;

/// The most jobs that share a commit: it bounds how long the first of them waits.
const GROUP_MAX: usize = 1_024;

/// A job's share of a write transaction. It reads and writes like a connection.
pub(crate) struct Tx<'a> {
    connection: &'a Connection,
    now: Timestamp,
}

impl Tx<'_> {
    /// The moment of this transaction: later than that of every one before in this process, and
    /// than every stock movement in the file. The only present its decisions may know.
    pub(crate) const fn now(&self) -> Timestamp {
        self.now
    }
}

impl Deref for Tx<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.connection
    }
}

/// A job for the writer's thread.
pub(super) type WriteJob = Box<dyn for<'a> Job<Tx<'a>>>;

/// How many requests were committed, and how many commits that took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitStats {
    /// Requests that changed something.
    pub transactions: u64,
    /// Commits they shared; each is one sync of the write-ahead log.
    pub groups: u64,
}

/// [`CommitStats`] as they grow.
#[derive(Default)]
pub(super) struct Commits {
    transactions: AtomicU64,
    groups: AtomicU64,
}

impl Commits {
    pub(super) fn stats(&self) -> CommitStats {
        CommitStats {
            transactions: self.transactions.load(Ordering::Relaxed),
            groups: self.groups.load(Ordering::Relaxed),
        }
    }
}

/// What the writer's thread works with.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) queue: Arc<Queue<WriteJob>>,
    pub(super) ticker: Arc<Ticker>,
    pub(super) commits: Arc<Commits>,
    /// What to say of a full disk: names the file.
    pub(super) full: Arc<str>,
    /// Whether a job has failed half-way that had not said it might. From then on everybody
    /// gets a savepoint, so that such a bug costs one group and not one after the other.
    pub(super) wary: Cell<bool>,
    /// Given back when the last request is done.
    pub(super) lock: FileLock,
}

/// What a group came to.
enum Group {
    /// On disk, with this many jobs that wrote.
    Committed(u64),
    /// Nothing of it happened, for this reason.
    Undone(String),
}

impl Writer {
    /// Serves until the queue is closed and empty, then folds the log into the data file.
    pub(super) fn serve(self) {
        let mut jobs = Vec::with_capacity(GROUP_MAX);
        while self.queue.take(&mut jobs, GROUP_MAX) {
            match self.group(&mut jobs) {
                Group::Committed(wrote) => {
                    if wrote > 0 {
                        self.commits
                            .transactions
                            .fetch_add(wrote, Ordering::Relaxed);
                        self.commits.groups.fetch_add(1, Ordering::Relaxed);
                    }
                    jobs.drain(..).for_each(|job| job.answer());
                }
                Group::Undone(reason) => jobs
                    .drain(..)
                    .for_each(|job| job.fail(Fault::unavailable(reason.clone()))),
            }
        }
        // What cannot be folded now stays in the log, from which the next process reads it.
        let _ = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        drop(self.connection);
        drop(self.lock);
    }

    fn group(&self, jobs: &mut [WriteJob]) -> Group {
        let db = &self.connection;
        take_full();
        let wrote = match self.run(jobs) {
            Ok(wrote) => wrote,
            Err(fault) => {
                self.undo();
                let full = take_full();
                return Group::Undone(if full {
                    self.full.to_string()
                } else {
                    fault.to_string()
                });
            }
        };
        if wrote == 0 {
            // Nothing to keep, so nothing to sync.
            self.undo();
            return Group::Committed(0);
        }
        let committed = db
            .prepare_cached("COMMIT")
            .and_then(|mut it| it.execute([]));
        match committed {
            Ok(_) => Group::Committed(wrote),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => {
                self.undo();
                Group::Undone(self.full.to_string())
            }
            Err(error) => {
                // After a failed sync the system may have dropped what it could not write and
                // say "done" the next time (P. Rebello et al., "Can Applications Recover from
                // fsync Failures?", 2020). Only a restart finds out what is on disk.
                eprintln!(
                    "{}: a commit failed and what is on disk is unknown: {}. Stopping now; on \
                     restart everything that was acknowledged is read back.",
                    db.path().unwrap_or("the data file"),
                    fault(&error),
                );
                std::process::abort();
            }
        }
    }

    /// Runs every job; says how many of them wrote.
    ///
    /// # Errors
    ///
    /// What ended the whole transaction.
    fn run(&self, jobs: &mut [WriteJob]) -> Result<u64, Fault> {
        let db = &self.connection;
        let mut wrote = 0;
        db.run("BEGIN IMMEDIATE", [])?;
        for job in jobs {
            let tx = Tx {
                connection: db,
                now: self.ticker.tick(),
            };
            let before = db.total_changes();
            let in_steps = job.in_steps() || self.wary.get();
            if in_steps {
                db.run("SAVEPOINT job", [])?;
            }
            let done = job.run(&tx);
            if take_full() {
                return Err(Fault::unavailable(self.full.to_string()));
            }
            if db.is_autocommit() {
                // SQLite gives a transaction up by itself when it cannot read or write.
                return Err(Fault::unavailable(
                    "the data file could not be written: check its disk and try again",
                ));
            }
            let changed = db.total_changes() > before;
            if done {
                wrote += u64::from(changed);
            } else if in_steps {
                db.run("ROLLBACK TO job", [])?;
            } else if changed {
                self.wary.set(true);
                return Err(Fault::unavailable(
                    "a request beside this one failed half-way, and both were undone: try again",
                ));
            }
            if in_steps {
                db.run("RELEASE job", [])?;
            }
        }
        Ok(wrote)
    }

    /// Takes back what the open transaction did, if SQLite has not done so itself.
    fn undo(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            eprintln!(
                "the data file cannot be rolled back, stopping: {}",
                fault(&error)
            );
            std::process::abort();
        }
    }
}
