//! What travels beside a request: the caller's deadline, its trace, its name.
//!
//! Ports and steps have no room for it, and should not: it is kept with the task that carries
//! the request out. A router opens a scope, a client reads it.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

/// What is left of the caller's time, in whole milliseconds.
pub const DEADLINE: HeaderName = HeaderName::from_static("x-deadline-ms");
/// The caller's name for the request; ours if it has none.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// W3C trace context.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Which share of a server's capacity the request may use: see [`Lane`].
pub const LANE: HeaderName = HeaderName::from_static("x-boutique-lane");

/// Which share of a server's capacity a request may use. Recovery and relay have a reserved
/// one, so that clients cannot keep them from cleaning up behind clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lane {
    /// Somebody waits for the answer.
    #[default]
    Client,
    /// Recovery, relay, deliveries: what brings the system to rest.
    Background,
}

impl Lane {
    /// What the headers of a request say; the gateway strips it from those of strangers.
    pub fn of(headers: &HeaderMap) -> Self {
        match headers.get(&LANE).map(HeaderValue::as_bytes) {
            Some(b"background") => Self::Background,
            _ => Self::Client,
        }
    }
}

/// A W3C trace context: 16 bytes of trace, 8 of span, and flags.
///
/// <https://www.w3.org/TR/trace-context/#traceparent-header>, version 00.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// The trace: the same on every hop. Never zero.
    pub trace: u128,
    /// The span: another on every hop. Never zero.
    pub span: u64,
    /// Whether somebody records it.
    pub sampled: bool,
}

/// Traces begun here are recorded if 32 random bits are below this.
static SAMPLED: AtomicU64 = AtomicU64::new(0);

/// Lets this percentage of the traces that begin in this process be recorded; none unless
/// called. Whoever continues a trace follows whoever began it.
pub fn sample(percent: u8) {
    let below = u64::from(percent.min(100)) * (1 << 32) / 100;
    SAMPLED.store(below, Ordering::Relaxed);
}

impl Trace {
    /// The start of a trace, recorded as [`sample`] says.
    pub fn fresh() -> Self {
        Self {
            trace: (u128::from(draw()) << 64) | u128::from(draw()),
            span: draw(),
            sampled: SAMPLED.load(Ordering::Relaxed) > draw() >> 32,
        }
    }

    /// The next hop of this trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self {
            span: draw(),
            ..self
        }
    }

    /// Reads a `traceparent`; `None` if it is not one, which starts a new trace, as the
    /// specification asks.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace) = (parts.next()?, parts.next()?);
        let (span, flags) = (parts.next()?, parts.next()?);
        let lower = |it: &str| it.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
        let shaped = [(version, 2), (trace, 32), (span, 16), (flags, 2)]
            .iter()
            .all(|(part, length)| part.len() == *length && lower(part));
        // A later version may have more parts; version 00 has exactly four.
        if !shaped || version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        let trace = u128::from_str_radix(trace, 16).ok()?;
        let span = u64::from_str_radix(span, 16).ok()?;
        let flags = u8::from_str_radix(flags, 16).ok()?;
        (trace != 0 && span != 0).then_some(Self {
            trace,
            span,
            sampled: flags & 1 == 1,
        })
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            trace,
            span,
            sampled,
        } = self;
        write!(f, "00-{trace:032x}-{span:016x}-{:02x}", u8::from(*sampled))
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Names need to be different, not secret: SplitMix64 (Steele, Lea, Flood 2014) over a random
/// start, at a few nanoseconds a name.
pub(crate) fn draw() -> u64 {
    static START: OnceLock<u64> = OnceLock::new();
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    let start = START.get_or_init(|| uuid::Uuid::now_v7().as_u64_pair().1);
    let at = DRAWN.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
    let mut z = start.wrapping_add(at);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)).max(1)
}

/// What travels beside one request.
#[derive(Clone, Debug)]
pub struct Call {
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
    /// Our hop of the trace.
    pub trace: Trace,
    /// The request's name: at most 128 letters, digits and `-_.:=+/`.
    pub request_id: Arc<str>,
    /// Which share of capacity it may use.
    pub lane: Lane,
}

tokio::task_local! {
    static CALL: Call;
}

/// A request id that somebody else made up is only believed up to here, and only if it has the
/// letters of an id: it is in every line of the log, where an e-mail address must not be.
const REQUEST_ID_BYTES_MAX: usize = 128;

impl Call {
    /// A call that nobody asked for: of the background, without a deadline.
    pub fn background() -> Self {
        let trace = Trace::fresh();
        Self {
            deadline: None,
            trace,
            request_id: format!("{:016x}", trace.span).into(),
            lane: Lane::Background,
        }
    }

    /// The same, given up after `limit`.
    pub fn at_most(limit: Duration) -> Self {
        Self {
            deadline: Some(Instant::now() + limit),
            ..Self::background()
        }
    }

    /// What the headers of a request say. What is missing or malformed is made anew, except for
    /// a deadline: it is at most `longest` from now, and that if there is none.
    pub fn of(headers: &HeaderMap, longest: Duration) -> Self {
        let text = |name: &HeaderName| headers.get(name).and_then(|it| it.to_str().ok());
        let trace = text(&TRACEPARENT).and_then(Trace::parse);
        let trace = trace.map_or_else(Trace::fresh, Trace::child);
        let believed = |it: &&str| {
            (1..=REQUEST_ID_BYTES_MAX).contains(&it.len())
                && it
                    .bytes()
                    .all(|it| it.is_ascii_alphanumeric() || b"-_.:=+/".contains(&it))
        };
        let request_id = text(&REQUEST_ID)
            .filter(believed)
            .map_or_else(|| format!("{:016x}", trace.span).into(), Arc::<str>::from);
        let left = text(&DEADLINE)
            .and_then(|it| it.trim().parse().ok())
            .map_or(longest, Duration::from_millis);
        Self {
            deadline: Some(Instant::now() + left.min(longest)),
            trace,
            request_id,
            lane: Lane::of(headers),
        }
    }

    /// The call this task works on, if it works on one.
    pub fn current() -> Option<Self> {
        CALL.try_with(Self::clone).ok()
    }

    /// Carries `work` out as part of this call.
    pub fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CALL.scope(self, work)
    }

    /// Carries `work`, which waits for nothing, out as part of this call.
    pub fn within<T>(self, work: impl FnOnce() -> T) -> T {
        CALL.sync_scope(self, work)
    }

    /// The same call without its deadline, for work that outlives the answer.
    #[must_use]
    pub fn detached(self) -> Self {
        Self {
            deadline: None,
            lane: Lane::Background,
            ..self
        }
    }

    /// What is left of the caller's time; `None` if it never ends.
    pub fn left(&self) -> Option<Duration> {
        let deadline = self.deadline?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    /// Writes the headers by which the next hop is part of this call.
    pub fn write(&self, headers: &mut HeaderMap) {
        let mut put = |name: HeaderName, text: &str| {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        };
        put(TRACEPARENT, &self.trace.to_string());
        put(REQUEST_ID, &self.request_id);
        if self.lane == Lane::Background {
            put(LANE, "background");
        }
        if let Some(left) = self.left() {
            let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            headers.insert(DEADLINE, millis.into());
        }
    }
}

/// The deadline and the lane of the present call, or of one that nobody asked for.
pub(crate) fn terms() -> (Option<Instant>, Lane) {
    let terms = CALL.try_with(|it| (it.deadline, it.lane));
    terms.unwrap_or((None, Lane::Background))
}

/// Runs `work` on a task of its own, as part of the present call but without its deadline.
pub fn spawn<F>(work: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let call = Call::current().map_or_else(Call::background, Call::detached);
    tokio::spawn(call.scope(work))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_passed_on_with_a_span_of_its_own() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let trace = Trace::parse(text).expect("the example of the specification");
        assert_eq!(trace.to_string(), text);
        let child = trace.child();
        assert_eq!((child.trace, child.sampled), (trace.trace, true));
        assert_ne!(child.span, trace.span);
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Trace::parse(bad), None, "{bad}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_of_the_time_shrinks_on_the_way() {
        let longest = Duration::from_secs(10);
        let mut headers = HeaderMap::new();
        headers.insert(DEADLINE, 800.into());
        let call = Call::of(&headers, longest);
        tokio::time::advance(Duration::from_millis(300)).await;
        let mut next = HeaderMap::new();
        call.write(&mut next);
        assert_eq!(next[&DEADLINE], "500");
        assert_eq!(next[&REQUEST_ID], *call.request_id);

        // Nobody may wait longer than the server lets them.
        headers.insert(DEADLINE, 60_000.into());
        assert_eq!(Call::of(&headers, longest).left(), Some(longest));
        headers.insert(DEADLINE, HeaderValue::from_static("soon"));
        assert_eq!(Call::of(&headers, longest).left(), Some(longest));
        for id in ["a b", "ada@example.com", "x\";drop"] {
            headers.insert(REQUEST_ID, HeaderValue::from_static(id));
            assert_ne!(&*Call::of(&headers, longest).request_id, id);
        }
    }
}
