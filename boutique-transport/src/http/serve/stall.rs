//! A body that may stall only so long.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};

use super::rest::Fate;

/// The body of a request; an error once nothing of it has come for too long.
#[derive(Debug)]
pub(super) struct Paced {
    /// There until this is dropped.
    inner: Option<Incoming>,
    patience: Duration,
    fate: Fate,
    /// Made only when something has to be waited for: most bodies come with their head.
    stalled: Option<Pin<Box<Sleep>>>,
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
    pub(super) const fn new(inner: Incoming, patience: Duration, fate: Fate) -> Self {
        Self {
            inner: Some(inner),
            patience,
            fate,
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
            if frame.is_none() || inner.is_end_stream() {
                this.fate.end();
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
        if let Some(inner) = self.inner.take() {
            self.fate.leave(inner);
        }
    }
}
