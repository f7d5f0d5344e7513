//! A request on its way through the stack, and why the stack itself may refuse it.

use std::fmt;

use boutique_core::fault::Fault;
use tokio::time::Instant;

use super::super::call::Lane;
use super::super::exchange::Sent;
use super::repeat;

/// A request on its way out, with what the layers go by.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The request.
    pub request: Sent,
    /// When nobody waits for its answer any more.
    pub until: Instant,
    /// Which share of the places it may use.
    pub lane: Lane,
    /// Whether to carry it out twice is to carry it out once: see [`repeat`].
    pub repeatable: bool,
    /// Whether to carry it out changes nothing at all.
    pub pure: bool,
}

impl Outgoing {
    /// `request`, whose answer somebody waits for `until` then.
    pub fn new(request: Sent, until: Instant, lane: Lane) -> Self {
        let pure = repeat::pure(&request);
        let repeatable = pure || repeat::repeatable(&request);
        Self {
            request,
            until,
            lane,
            repeatable,
            pure,
        }
    }
}

/// A refusal by the stack itself: the request was never sent.
///
/// It is the source of the [`Fault`] that tells of it, which is
/// [`Unavailable`](boutique_core::fault::FaultKind::Unavailable). A refusal says nothing of the
/// upstream, so a circuit does not count it, and it is not tried again: whoever refused already
/// decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Too little is left of the caller's time.
    Late,
    /// The circuit is open.
    Open,
    /// Too many are in flight, and too many wait.
    Full,
}

impl Refusal {
    /// The refusal that a fault tells of, if it does.
    pub fn of(fault: &Fault) -> Option<Self> {
        std::error::Error::source(fault)?.downcast_ref().copied()
    }

    /// The fault that tells of it.
    pub(crate) fn fault(self) -> Fault {
        let context = match self {
            Self::Late => "too little time is left to ask the upstream",
            Self::Open => "the upstream has been failing and is given a rest",
            Self::Full => "too many requests to the upstream are in flight",
        };
        Fault::unavailable(context).because(self)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Late => "refused for lack of time",
            Self::Open => "refused by an open circuit",
            Self::Full => "shed",
        })
    }
}

impl std::error::Error for Refusal {}
