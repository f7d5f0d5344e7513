//! A service that answers from a script: it stands in for CRM, fraud engine, catalog,
//! shipping, accounting, warehouse or anything else that is reached through Tower.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use boutique_core::fault::{Fault, FaultKind};
use boutique_core::flow::BoxFuture;
use tower::Service;

type Answer<Q, A, E> = Box<dyn FnOnce(&Q) -> Result<A, E> + Send>;
type Always<Q, A, E> = Arc<dyn Fn(&Q) -> Result<A, E> + Send + Sync>;

enum Line<Q, A, E> {
    Answer(Answer<Q, A, E>),
    Hang,
}

struct State<Q, A, E> {
    lines: VecDeque<Line<Q, A, E>>,
    otherwise: Option<Always<Q, A, E>>,
    requests: Vec<Q>,
}

/// A scripted service. Its clones share the script and the record of requests.
///
/// Each call takes the next line of the script; after the last one, what
/// [`otherwise`](Self::otherwise) says applies. Requests are recorded when they are called,
/// answered or not.
///
/// ```
/// use boutique_core::fault::{Fault, FaultKind};
/// use boutique_core::flow::Ask;
/// use boutique_testkit::Scripted;
///
/// # boutique_testkit::conformance::on_a_runtime(async {
/// let service: Scripted<&str, u8, Fault> = Scripted::new()
///     .fault(FaultKind::Unavailable)
///     .answer(7);
/// assert!(service.ask("first").await.is_err());
/// assert_eq!(service.ask("second").await.expect("scripted"), 7);
/// assert_eq!(service.requests(), ["first", "second"]);
/// # });
/// ```
pub struct Scripted<Q, A, E> {
    state: Arc<Mutex<State<Q, A, E>>>,
}

impl<Q, A, E> Scripted<Q, A, E>
where
    Q: Clone + Send + 'static,
    A: Send + 'static,
    E: Send + 'static,
{
    /// A service with an empty script.
    pub fn new() -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                lines: VecDeque::new(),
                otherwise: None,
                requests: Vec::new(),
            })),
        }
    }

    /// A service that answers every call with what `rule` makes of it.
    pub fn always(rule: impl Fn(&Q) -> Result<A, E> + Send + Sync + 'static) -> Self {
        Self::new().otherwise(rule)
    }

    /// The next call is answered with `answer`.
    #[must_use]
    pub fn answer(self, answer: A) -> Self {
        self.with(move |_| Ok(answer))
    }

    /// The next call is answered with an error.
    #[must_use]
    pub fn fail(self, error: E) -> Self {
        self.with(move |_| Err(error))
    }

    /// The next call is answered with a fault of this kind.
    #[must_use]
    pub fn fault(self, kind: FaultKind) -> Self
    where
        E: From<Fault>,
    {
        self.with(move |_| Err(Fault::new(kind, "the script says so").into()))
    }

    /// The next call is never answered: its future stays pending until it is dropped.
    #[must_use]
    pub fn hang(self) -> Self {
        self.lock().lines.push_back(Line::Hang);
        self
    }

    /// The next call is answered with what `rule` makes of it.
    #[must_use]
    pub fn with(self, rule: impl FnOnce(&Q) -> Result<A, E> + Send + 'static) -> Self {
        self.lock().lines.push_back(Line::Answer(Box::new(rule)));
        self
    }

    /// Every call after the script's last line is answered with what `rule` makes of it.
    #[must_use]
    pub fn otherwise(self, rule: impl Fn(&Q) -> Result<A, E> + Send + Sync + 'static) -> Self {
        self.lock().otherwise = Some(Arc::new(rule));
        self
    }

    /// How often the service was called.
    pub fn calls(&self) -> usize {
        self.lock().requests.len()
    }

    /// What it was called with, oldest first.
    pub fn requests(&self) -> Vec<Q> {
        self.lock().requests.clone()
    }

    /// Lines of the script that were not used.
    pub fn left(&self) -> usize {
        self.lock().lines.len()
    }

    fn lock(&self) -> MutexGuard<'_, State<Q, A, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Q, A, E> Default for Scripted<Q, A, E>
where
    Q: Clone + Send + 'static,
    A: Send + 'static,
    E: Send + 'static,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<Q, A, E> Clone for Scripted<Q, A, E> {
    fn clone(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
        }
    }
}

impl<Q, A, E> fmt::Debug for Scripted<Q, A, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripted").finish_non_exhaustive()
    }
}

impl<Q, A, E> Service<Q> for Scripted<Q, A, E>
where
    Q: Clone + Send + 'static,
    A: Send + 'static,
    E: Send + 'static,
{
    type Response = A;
    type Error = E;
    type Future = BoxFuture<'static, Result<A, E>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    /// # Panics
    ///
    /// If the script is over and nothing was said about what comes then.
    fn call(&mut self, request: Q) -> Self::Future {
        let mut state = self.lock();
        state.requests.push(request.clone());
        let (line, otherwise) = (state.lines.pop_front(), state.otherwise.clone());
        let call = state.requests.len();
        // The rules run without the lock: they may look at this very service.
        drop(state);
        let answer = match (line, otherwise) {
            (Some(Line::Hang), _) => return Box::pin(std::future::pending()),
            (Some(Line::Answer(rule)), _) => rule(&request),
            (None, Some(rule)) => rule(&request),
            (None, None) => panic!("the script has no answer for call {call}"),
        };
        Box::pin(std::future::ready(answer))
    }
}
