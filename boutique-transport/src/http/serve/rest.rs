//! What nobody has read of a request's body.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::{Request, header};
use http_body::Body;
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};

/// What became of a body. Clones are of the same body.
#[derive(Clone, Debug)]
pub(super) struct Fate(Option<Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    /// Whether the client waits to be asked for it.
    expected: bool,
    read: Mutex<Read>,
}

/// How much of a body was read.
#[derive(Debug)]
pub(super) enum Read {
    /// All that there was.
    Whole,
    /// Somebody still reads it, or there is too much of it, or nobody has asked for it.
    Part,
    /// All but a little that is on its way.
    AllBut(Rest),
}

/// The most of a body that is read to keep its connection.
const LITTLE: u64 = 16 << 10;
/// How long it may take: it is on its way already, if it comes at all.
const SOON: Duration = Duration::from_millis(250);

impl Fate {
    pub(super) fn of(request: &Request<Incoming>) -> Self {
        // Most requests that ask for something have no body.
        let has_body = !request.body().is_end_stream();
        let shared = || Shared {
            expected: request.headers().contains_key(header::EXPECT),
            read: Mutex::new(Read::Part),
        };
        Self(has_body.then(|| Arc::new(shared())))
    }

    /// Takes note that it was read to its end.
    pub(super) fn end(&self) {
        if let Some(shared) = &self.0 {
            *shared.read() = Read::Whole;
        }
    }

    /// Takes `body` back, which nobody reads any more.
    pub(super) fn leave(&self, body: Incoming) {
        let Some(shared) = &self.0 else { return };
        let mut read = shared.read();
        let is_little = body.size_hint().upper().is_some_and(|it| it <= LITTLE);
        if matches!(*read, Read::Part) && is_little && !shared.expected {
            *read = Read::AllBut(Rest { body, late: None });
        }
    }

    /// How much was read by now.
    pub(super) fn take(&self) -> Read {
        let read = self.0.as_ref().map(|it| it.read());
        read.map_or(Read::Whole, |mut it| mem::replace(&mut *it, Read::Part))
    }
}

impl Shared {
    fn read(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rest of a body that nobody wants.
#[derive(Debug)]
pub(super) struct Rest {
    body: Incoming,
    late: Option<Pin<Box<Sleep>>>,
}

impl Future for Rest {
    /// Whether all of it came.
    type Output = bool;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let this = self.get_mut();
        while !this.body.is_end_stream() {
            match Pin::new(&mut this.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_))) => return Poll::Ready(false),
                Poll::Ready(None) => return Poll::Ready(true),
                Poll::Pending => {
                    let late = this.late.get_or_insert_with(|| Box::pin(sleep(SOON)));
                    return late.as_mut().poll(cx).map(|()| false);
                }
            }
        }
        Poll::Ready(true)
    }
}
