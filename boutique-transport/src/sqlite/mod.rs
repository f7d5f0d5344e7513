//! Every port of the order flow on one SQLite file.
//!
//! One process has the file (`FILE.lock`); inside it one thread writes and a few read. The
//! writer carries out everything that waits in one transaction, each request all or nothing,
//! and answers after the sync: what was answered survives a power cut, and a hundred clients
//! share one sync. The rules are not written again in SQL: a store loads the rows a move
//! concerns, asks the rule in `boutique-core`, and writes back what it changed.
//!
//! The file holds personal data; a new one can be read by its owner only.

mod analytics;
mod at_hand;
mod broker;
mod carts;
mod checkout;
mod columns;
mod connect;
mod customers;
mod deliveries;
mod error;
mod job;
mod journal;
mod lock;
mod orders;
mod ports;
mod query;
mod queue;
mod reader;
mod schema;
mod shipments;
mod signals;
mod stock;
mod stock_rows;
#[cfg(test)]
mod tests;
mod ticker;
mod writer;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use boutique_core::clock::{Clock, Timestamp};
use boutique_core::fault::Fault;
use rusqlite::Connection;

pub use analytics::SqliteAnalytics;
pub use broker::SqliteBroker;
pub use checkout::SqliteCheckout;
pub use customers::SqliteDirectory;
pub use error::OpenError;
pub use journal::SqliteJournal;
pub use orders::SqliteOrders;
pub use shipments::SqliteShipments;
pub use signals::SqliteSignals;
pub use stock::SqliteLedger;
pub use writer::CommitStats;
pub(crate) use writer::Tx;

use connect::{create, open_reader, open_writer, sync_directory};
use job::Request;
use lock::FileLock;
use queue::Queue;
use reader::{Peepholes, ReadJob};
use ticker::Ticker;
use writer::{Commits, WriteJob, Writer};

/// How a data file is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqliteOptions {
    /// The most bytes the data file may grow to; no limit but the disk's if `None`. A request
    /// beyond it is answered with an `Unavailable` fault and changes nothing. The write-ahead
    /// log beside the file takes some four megabytes more.
    pub size_limit: Option<u64>,
    /// Threads that read lists and sums, each with a connection of its own; at least one. As
    /// many connections more are there for looks by key.
    pub readers: usize,
    /// Whether leases on messages end when the file is opened, so that nobody waits for a
    /// process that is gone: for a program whose subscribers all live in it.
    pub end_leases: bool,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            size_limit: None,
            readers: 2,
            end_leases: false,
        }
    }
}

/// A data file, open. Clones share it; dropping the last one finishes what is queued, folds the
/// write-ahead log into the file and lets go of the lock, which takes as long as that takes.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    /// `None` if the file is open for reading only.
    writes: Option<Arc<Queue<WriteJob>>>,
    reads: Arc<Queue<ReadJob>>,
    peepholes: Peepholes,
    ticker: Arc<Ticker>,
    commits: Arc<Commits>,
    /// Outbox records that are leased, and until when.
    leases: Arc<Mutex<BTreeMap<u64, Timestamp>>>,
    file: PathBuf,
    readers: Vec<JoinHandle<()>>,
    writer: Option<JoinHandle<()>>,
}

impl SqliteStore {
    /// Opens the data file at `path` for this process alone; a missing one is created.
    ///
    /// # Errors
    ///
    /// [`OpenError`], which says what to do. A file that is not ours is left as it is.
    pub fn open(
        path: impl AsRef<Path>,
        clock: Arc<dyn Clock>,
        options: SqliteOptions,
    ) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
        let directory = directory.unwrap_or_else(|| Path::new("."));
        if !directory.is_dir() {
            let file = path.to_owned();
            return Err(OpenError::DirectoryMissing { file });
        }
        refuse_other_things(path)?;
        let io = |source| OpenError::Io {
            file: path.to_owned(),
            source,
        };
        create(path).map_err(io)?;
        // Whatever name leads to the file, its lock has one.
        let path = &path.canonicalize().map_err(io)?;
        let lock = FileLock::take(path)?;
        let (connection, last) = open_writer(path, options)?;
        sync_directory(path.parent().unwrap_or(directory)).map_err(io)?;

        let mut inner = Inner::reading(path, last, clock, options.readers)?;
        let queue = Arc::new(Queue::default());
        let writer = Writer {
            connection,
            queue: Arc::clone(&queue),
            ticker: Arc::clone(&inner.ticker),
            commits: Arc::clone(&inner.commits),
            lock,
            wary: Cell::new(false),
            full: format!("{} is full: free space and try again", path.display()).into(),
        };
        inner.writes = Some(queue);
        inner.writer = Some(spawn(path, "writer", move || writer.serve())?);
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Opens the data file at `path` to look into it, also while another process uses it. Every
    /// write is answered with a permanent fault.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; [`OpenError::NotThere`] if there is no such file.
    pub fn open_read_only(
        path: impl AsRef<Path>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let path = path.as_ref();
        refuse_other_things(path)?;
        if !path.exists() {
            let file = path.to_owned();
            return Err(OpenError::NotThere { file });
        }
        let connection = open_reader(path)?;
        schema::check(&connection, path)?;
        let inner = Inner::reading(path, Timestamp::EPOCH, clock, 1)?;
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Carries out `job` on the writer's thread. Resolves when it is on disk; dropping the
    /// future does not call it off.
    ///
    /// `job` must decide before it writes: whoever shares a commit with one that fails after it
    /// has changed something is undone with it. See [`Self::write_in_steps`].
    ///
    /// # Errors
    ///
    /// What `job` answers. An `Unavailable` fault if there is no room or something that shares
    /// the commit failed half-way, a permanent one if `job` panicked or the file is open for
    /// reading only. In every case nothing has changed.
    pub(crate) async fn write<T, E>(
        &self,
        job: impl FnOnce(&Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        self.submit(job, false).await
    }

    /// [`Self::write`] for a `job` that may fail after it has changed something: its changes are
    /// undone by themselves. It costs a savepoint.
    ///
    /// # Errors
    ///
    /// Those of [`Self::write`].
    pub(crate) async fn write_in_steps<T, E>(
        &self,
        job: impl FnOnce(&Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        self.submit(job, true).await
    }

    async fn submit<T, E>(
        &self,
        job: impl FnOnce(&Tx<'_>) -> Result<T, E> + Send + 'static,
        in_steps: bool,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        let Some(queue) = &self.inner.writes else {
            let file = self.inner.file.display();
            return Err(Fault::permanent(format!("{file} is open for reading only")).into());
        };
        let (request, answer) = Request::new(job, in_steps);
        queue.push(request);
        answer.await.unwrap_or_else(|_| Err(gone().into()))
    }

    /// Carries out `job` on a thread that reads, in one snapshot of everything committed.
    ///
    /// # Errors
    ///
    /// What `job` answers; a permanent fault if it panicked.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let (request, answer) = Request::new(job, false);
        self.inner.reads.push(request);
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Looks up a row or a few by key, in one snapshot of everything committed, on the caller's
    /// thread: two switches of threads would take longer than finding a row whose pages are in
    /// the cache. It blocks for as long as the disk takes if they are not, so lists, sums and
    /// whatever has no bound are left to [`Self::read`].
    ///
    /// # Errors
    ///
    /// What `look` answers.
    pub(crate) fn peek<T>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.inner.peepholes.peek(look)
    }

    /// The clock this store was opened with.
    fn clock(&self) -> &Arc<dyn Clock> {
        self.inner.ticker.clock()
    }

    /// How many requests were committed since the file was opened, and how many commits that
    /// took.
    pub fn commits(&self) -> CommitStats {
        self.inner.commits.stats()
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore")
            .field("file", &self.inner.file)
            .field("commits", &self.commits())
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// Starts the readers.
    fn reading(
        path: &Path,
        last: Timestamp,
        clock: Arc<dyn Clock>,
        readers: usize,
    ) -> Result<Self, OpenError> {
        let readers = readers.max(1);
        let peepholes: Vec<_> = (0..readers)
            .map(|_| open_reader(path))
            .collect::<Result<_, _>>()?;
        // The threads go when `inner` does, also on the way out with an error.
        let mut inner = Self {
            writes: None,
            reads: Arc::new(Queue::default()),
            peepholes: Peepholes::new(peepholes),
            ticker: Arc::new(Ticker::after(last, clock)),
            commits: Arc::default(),
            leases: Arc::default(),
            file: path.to_owned(),
            readers: Vec::new(),
            writer: None,
        };
        for _ in 0..readers {
            let connection = open_reader(path)?;
            let queue = Arc::clone(&inner.reads);
            let reader = move || reader::serve(&connection, &queue);
            inner.readers.push(spawn(path, "reader", reader)?);
        }
        Ok(inner)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.reads.close();
        // The writer goes last: the last connection to close folds the log into the file.
        self.readers.drain(..).for_each(join);
        self.peepholes = Peepholes::new(Vec::new());
        if let Some(queue) = &self.writes {
            queue.close();
        }
        self.writer.take().into_iter().for_each(join);
    }
}

/// A directory or a device is no data file, and no lock file is to be put beside it.
fn refuse_other_things(path: &Path) -> Result<(), OpenError> {
    match path.exists() && !path.is_file() {
        true => Err(OpenError::ForeignFile {
            file: path.to_owned(),
        }),
        false => Ok(()),
    }
}

/// Waits for a thread, unless it is the present one: an answer may wake, and so drop, whoever
/// had the last handle.
fn join(thread: JoinHandle<()>) {
    if thread.thread().id() != thread::current().id() {
        // It does not panic: see `spawn`.
        let _ = thread.join();
    }
}

fn spawn(
    path: &Path,
    role: &str,
    serve: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, OpenError> {
    let name = format!("sqlite-{role}");
    let file = path.to_owned();
    let serve = move || {
        if catch_unwind(AssertUnwindSafe(serve)).is_err() {
            // Everybody who asks would wait for ever.
            eprintln!("{}: a thread of the store failed, stopping", file.display());
            std::process::abort();
        }
    };
    thread::Builder::new()
        .name(name)
        .spawn(serve)
        .map_err(|source| OpenError::Io {
            file: path.to_owned(),
            source,
        })
}

/// A thread ended before it answered.
fn gone() -> Fault {
    Fault::ambiguous("the data file was closed before it answered: open it and ask again")
}
