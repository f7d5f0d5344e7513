//! Bodies on their way through: counted and timed, never kept.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::http::gate::Place;

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
    late: AtomicBool,
}

impl Fate {
    pub(super) fn too_large(&self) -> bool {
        self.0.too_large.load(Ordering::Acquire)
    }

    pub(super) fn broken(&self) -> bool {
        self.0.broken.load(Ordering::Acquire)
    }

    pub(super) fn late(&self) -> bool {
        self.0.late.load(Ordering::Acquire)
    }

    /// Whether the body did not come whole, for whatever reason.
    pub(super) fn cut_off(&self) -> bool {
        self.too_large() || self.broken() || self.late()
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
    _place: Option<Place>,
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
            _place: None,
        }
    }

    /// An answer's body, as long as it likes to be. It keeps its upstream's `place` until it
    /// ends.
    pub(super) const fn answer(body: Body, deadline: Instant, place: Option<Place>) -> Self {
        Self {
            body,
            left: u64::MAX,
            deadline,
            timer: None,
            fate: None,
            _place: place,
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
            self.tell(|it| &it.late);
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

/// A request's body, lent to whoever sends it: as long as nobody has read of it, it can be lent
/// again.
#[derive(Clone)]
pub(super) struct Lent(Arc<Mutex<Slot>>);

struct Slot {
    body: Through,
    /// When it was last read of, if it ever was.
    read: Option<Instant>,
    /// Whether it lets its reader wait.
    waits: bool,
}

impl Lent {
    pub(super) fn new(body: Through) -> Self {
        Self(Arc::new(Mutex::new(Slot {
            body,
            read: None,
            waits: false,
        })))
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody has read of it.
    pub(super) fn is_whole(&self) -> bool {
        self.slot().read.is_none()
    }

    /// Since when it is not the client who is waited for; `None` if it is.
    pub(super) fn quiet_since(&self, begun: Instant) -> Option<Instant> {
        let slot = self.slot();
        (!slot.waits).then(|| slot.read.unwrap_or(begun))
    }
}

impl http_body::Body for Lent {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let mut slot = self.slot();
        let polled = Pin::new(&mut slot.body).poll_frame(cx);
        slot.read = Some(Instant::now());
        slot.waits = polled.is_pending();
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.slot().body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.slot().body.size_hint()
    }
}
