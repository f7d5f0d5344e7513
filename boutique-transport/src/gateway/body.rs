//! Bodies on their way through: counted and timed, never kept.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Cut {
    #[error("the body is too large")]
    TooLarge,
    #[error("the deadline has passed")]
    Late,
    #[error("the body broke off")]
    Broken,
}

/// What became of a request's body, for whoever answers it.
#[derive(Clone, Debug, Default)]
pub(super) struct Fate(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    too_large: AtomicBool,
    broken: AtomicBool,
}

impl Fate {
    pub(super) fn too_large(&self) -> bool {
        self.0.too_large.load(Ordering::Acquire)
    }

    pub(super) fn broken(&self) -> bool {
        self.0.broken.load(Ordering::Acquire)
    }
}

/// A body of at most so many bytes, that ends at a deadline.
pub(super) struct Through {
    body: Body,
    left: u64,
    deadline: Instant,
    /// Made only when the body lets us wait: most do not.
    timer: Option<Pin<Box<Sleep>>>,
    fate: Option<Fate>,
}

impl Through {
    /// A request's body.
    pub(super) const fn request(body: Body, most: u64, deadline: Instant, fate: Fate) -> Self {
        Self {
            body,
            left: most,
            deadline,
            timer: None,
            fate: Some(fate),
        }
    }

    /// An answer's body, as long as it likes to be.
    pub(super) const fn answer(body: Body, deadline: Instant) -> Self {
        Self {
            body,
            left: u64::MAX,
            deadline,
            timer: None,
            fate: None,
        }
    }

    fn tell(&self, flag: impl Fn(&Flags) -> &AtomicBool) {
        if let Some(fate) = &self.fate {
            flag(&fate.0).store(true, Ordering::Release);
        }
    }
}

impl http_body::Body for Through {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if polled.is_pending() {
            let deadline = self.deadline;
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            ready!(timer.as_mut().poll(cx));
            return Poll::Ready(Some(Err(Cut::Late)));
        }
        let frame = match ready!(polled) {
            None => return Poll::Ready(None),
            Some(Ok(frame)) => frame,
            Some(Err(_)) => {
                self.tell(|it| &it.broken);
                return Poll::Ready(Some(Err(Cut::Broken)));
            }
        };
        let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => {
                self.tell(|it| &it.too_large);
                return Poll::Ready(Some(Err(Cut::TooLarge)));
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
