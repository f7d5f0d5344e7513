//! A body that may stall only so long.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use axum::http::{Request, header};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};

/// The body of a request; an error once nothing of it has come for too long.
#[derive(Debug)]
pub(super) struct Paced {
    /// There until this is dropped.
    inner: Option<Incoming>,
    patience: Duration,
    due: Due,
    /// Made only when something has to be waited for: most bodies come with their head.
    stalled: Option<Pin<Box<Sleep>>>,
}

/// What of a request's body nobody has read. Clones are of the same body.
#[derive(Clone, Debug)]
pub(super) struct Due(Option<Arc<Left>>);

#[derive(Debug)]
struct Left {
    is_due: AtomicBool,
    /// Whether the client waits to be asked for it.
    expected: bool,
    /// The body, once nobody reads it any more.
    rest: Mutex<Option<Incoming>>,
}

impl Due {
    pub(super) fn of(request: &Request<Incoming>) -> Self {
        // Most requests that ask for something have none.
        if request.body().is_end_stream() {
            return Self(None);
        }
        Self(Some(Arc::new(Left {
            is_due: AtomicBool::new(true),
            expected: request.headers().contains_key(header::EXPECT),
            rest: Mutex::new(None),
        })))
    }

    /// Whether there is something.
    pub(super) fn is_some(&self) -> bool {
        let left = self.0.as_ref();
        // The connection is one task: whoever asks does so after it was read.
        left.is_some_and(|it| it.is_due.load(Ordering::Relaxed))
    }

    /// What there is, if it is little and on its way.
    pub(super) fn little(&self) -> Option<Rest> {
        let left = self.0.as_ref().filter(|it| !it.expected)?;
        let mut rest = left.rest.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = rest.take()?;
        Some(Rest { inner, late: None })
    }
}

/// The rest of a body that nobody wants.
#[derive(Debug)]
pub(super) struct Rest {
    inner: Incoming,
    late: Option<Pin<Box<Sleep>>>,
}

/// The most of a body that is read to keep its connection.
const LITTLE: u64 = 16 << 10;
/// How long it may take: it is on its way already, if it comes at all.
const SOON: Duration = Duration::from_millis(250);

impl Future for Rest {
    /// Whether all of it came.
    type Output = bool;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let this = self.get_mut();
        while !this.inner.is_end_stream() {
            match Pin::new(&mut this.inner).poll_frame(cx) {
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
            inner: Some(inner),
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
        let Some(inner) = &mut this.inner else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(frame) = Pin::new(&mut *inner).poll_frame(cx) {
            this.stalled = None;
            if let Some(left) = &this.due.0
                && (frame.is_none() || inner.is_end_stream())
            {
                left.is_due.store(false, Ordering::Relaxed);
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
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let inner = self.inner.as_ref();
        inner.map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        let (Some(left), Some(inner)) = (&self.due.0, self.inner.take()) else {
            return;
        };
        if self.due.is_some() && inner.size_hint().upper().is_some_and(|it| it <= LITTLE) {
            let mut rest = left.rest.lock().unwrap_or_else(PoisonError::into_inner);
            *rest = Some(inner);
        }
    }
}
