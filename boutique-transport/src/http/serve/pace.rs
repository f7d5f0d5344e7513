//! How long a connection may be silent: before its first byte, within a head, between requests.
//!
//! `hyper` has one timeout for all three, and would make a timer for every request. It asks for
//! that timer where it begins to wait for a head and drops it where it has one, and so tells
//! where a request begins. Here that timer is a marker; the connection has a single real one,
//! which is moved only when it fires too early or is needed sooner.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant as StdInstant};

use hyper::rt::{Sleep as HyperSleep, Timer};
use tokio::time::{Instant, Sleep, sleep};

use super::options::ServeOptions;

/// The timeouts of one connection. Clones are of the same connection.
#[derive(Clone, Debug)]
pub(super) struct Pace(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    first_byte: Duration,
    head: Duration,
    idle: Duration,
    /// Whether a byte has come since the wait for a head began.
    begun: AtomicBool,
    wait: Mutex<Wait>,
}

#[derive(Debug)]
struct Wait {
    since: Instant,
    /// When its first byte was seen without the rest.
    head: Option<Instant>,
    /// Whether it is the connection's first.
    first: bool,
    timer: Pin<Box<Sleep>>,
}

impl Pace {
    /// The pace of a connection that begins now.
    pub(super) fn new(options: &ServeOptions) -> Self {
        Self(Arc::new(Shared {
            first_byte: options.first_byte,
            head: options.head,
            idle: options.idle,
            begun: AtomicBool::new(false),
            wait: Mutex::new(Wait {
                since: Instant::now(),
                head: None,
                first: true,
                timer: Box::pin(sleep(options.first_byte)),
            }),
        }))
    }

    /// Takes note that bytes have come.
    pub(super) fn note(&self) {
        // The connection is one task, so nothing has to be ordered; a load is cheaper.
        if !self.0.begun.load(Ordering::Relaxed) {
            self.0.begun.store(true, Ordering::Relaxed);
        }
    }

    fn begin(&self, now: Instant) -> Pin<Box<dyn HyperSleep>> {
        self.0.begun.store(false, Ordering::Relaxed);
        let mut wait = self.0.wait.lock().unwrap_or_else(PoisonError::into_inner);
        wait.since = now;
        wait.head = None;
        Box::pin(Head(Arc::clone(&self.0)))
    }
}

impl Timer for Pace {
    /// The runtime's clock, which a test may move.
    fn now(&self) -> StdInstant {
        Instant::now().into_std()
    }

    fn sleep(&self, _: Duration) -> Pin<Box<dyn HyperSleep>> {
        self.begin(Instant::now())
    }

    /// `hyper` asks for the moment that is `head` from now.
    fn sleep_until(&self, deadline: StdInstant) -> Pin<Box<dyn HyperSleep>> {
        let deadline = Instant::from_std(deadline);
        self.begin(deadline.checked_sub(self.0.head).unwrap_or(deadline))
    }
}

/// One wait for a head: over when it has taken too long.
struct Head(Arc<Shared>);

impl HyperSleep for Head {}

impl Future for Head {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let shared = &*self.0;
        let mut wait = shared.wait.lock().unwrap_or_else(PoisonError::into_inner);
        let due = if shared.begun.load(Ordering::Relaxed) {
            *wait.head.get_or_insert_with(Instant::now) + shared.head
        } else if wait.first {
            wait.since + shared.first_byte
        } else {
            wait.since + shared.idle
        };
        if wait.timer.deadline() > due {
            wait.timer.as_mut().reset(due);
        }
        loop {
            ready!(wait.timer.as_mut().poll(cx));
            if Instant::now() >= due {
                return Poll::Ready(());
            }
            wait.timer.as_mut().reset(due);
        }
    }
}

impl Drop for Head {
    fn drop(&mut self) {
        let mut wait = self.0.wait.lock().unwrap_or_else(PoisonError::into_inner);
        wait.first = false;
    }
}
