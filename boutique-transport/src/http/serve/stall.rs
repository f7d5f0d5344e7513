//! A body that may stall only so long.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};

/// The body of a request; an error once nothing of it has come for too long.
#[derive(Debug)]
pub(super) struct Paced {
    inner: Incoming,
    patience: Duration,
    due: Due,
    /// Made only when something has to be waited for: most bodies come with their head.
    stalled: Option<Pin<Box<Sleep>>>,
}

/// Whether something of a request's body is still to be read. Clones are of the same body.
#[derive(Clone, Debug)]
pub(super) struct Due(Option<Arc<AtomicBool>>);

impl Due {
    pub(super) fn of(body: &Incoming) -> Self {
        // Most requests that ask for something have none.
        Self((!body.is_end_stream()).then(|| Arc::new(AtomicBool::new(true))))
    }

    /// Whether there is.
    pub(super) fn is_some(&self) -> bool {
        let due = self.0.as_ref();
        due.is_some_and(|it| it.load(Ordering::Relaxed))
    }

    fn none_is_left(&self) {
        if let Some(due) = &self.0 {
            // The connection is one task: whoever asks does so after it was read.
            due.store(false, Ordering::Relaxed);
        }
    }
}

/// Nothing of a body came for too long.
#[derive(Debug, thiserror::Error)]
#[error("the body did not come in time")]
struct Stalled;

/// Whether `error`, of reading a body, means that it did not come in time.
pub fn is_stalled(error: &(dyn Error + 'static)) -> bool {
    error.is::<Stalled>() || error.source().is_some_and(is_stalled)
}

impl Paced {
    pub(super) const fn new(inner: Incoming, patience: Duration, due: Due) -> Self {
        Self {
            inner,
            patience,
            due,
            stalled: None,
        }
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) {
            this.stalled = None;
            if frame.is_none() || this.inner.is_end_stream() {
                this.due.none_is_left();
            }
            return Poll::Ready(frame.map(|it| it.map_err(Into::into)));
        }
        let patience = this.patience;
        let stalled = this
            .stalled
            .get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Some(Err(Stalled.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
