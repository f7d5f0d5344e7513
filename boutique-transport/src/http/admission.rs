//! How many requests a server works on at once. The rest waits a little or is turned away,
//! before anything durable has happened.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use boutique_core::fault::Fault;
use boutique_core::flow::BoxFuture;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::call::Lane;
use super::gate::{Entry, Gate, Place};
use super::problem::Problem;

/// Lets requests in by a [`Gate`], those of [`Lane::Background`] also into its reserved share.
/// What finds the queue full is answered 503 with `Retry-After`, as a fault by which nothing
/// has happened.
///
/// `GET /health` is always let in: a server that is busy is not dead.
///
/// The wait for a place is part of the request's time where this layer is inside of what bounds
/// it: see [`api::admitting`](super::api::admitting).
#[derive(Clone, Debug)]
pub struct Admission {
    gate: Gate,
    /// The lane of every request, where requests do not choose theirs.
    lane: Option<Lane>,
}

impl Admission {
    /// Lets in whom the gateway or another server sends: their headers say in which lane, since
    /// the gateway strips that of strangers.
    pub const fn new(gate: Gate) -> Self {
        Self { gate, lane: None }
    }

    /// Lets in strangers: all of them in [`Lane::Client`], whatever their headers say.
    pub const fn of_clients(gate: Gate) -> Self {
        let lane = Some(Lane::Client);
        Self { gate, lane }
    }
}

impl<S> Layer<S> for Admission {
    type Service = Admit<S>;

    fn layer(&self, inner: S) -> Admit<S> {
        let Self { gate, lane } = self.clone();
        Admit { inner, gate, lane }
    }
}

/// A service behind an [`Admission`].
#[derive(Clone, Debug)]
pub struct Admit<S> {
    inner: S,
    gate: Gate,
    lane: Option<Lane>,
}

impl<S> Service<Request> for Admit<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone,
{
    type Response = Response;
    type Error = Infallible;
    type Future = AdmitFuture<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if request.uri().path() == "/health" {
            let work = self.inner.call(request);
            let place = None;
            return AdmitFuture {
                state: State::Working { work, place },
            };
        }
        let lane = self.lane.unwrap_or_else(|| Lane::of(request.headers()));
        let state = match self.gate.enter(lane) {
            Entry::In(place) => State::Working {
                work: self.inner.call(request),
                place: Some(place),
            },
            Entry::Wait(wait) => {
                let clone = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, clone);
                State::Waiting {
                    wait,
                    waiting: Some((ready, request)),
                }
            }
            Entry::Full => State::Full,
        };
        AdmitFuture { state }
    }
}

pin_project! {
    /// The answer, after a wait, or that there are too many.
    pub struct AdmitFuture<S: Service<Request>> {
        #[pin]
        state: State<S, S::Future>,
    }
}

pin_project! {
    #[project = Project]
    enum State<S, F> {
        Full,
        Waiting { wait: BoxFuture<'static, Place>, waiting: Option<(S, Request)> },
        Working { #[pin] work: F, place: Option<Place> },
    }
}

impl<S: Service<Request>> std::fmt::Debug for AdmitFuture<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AdmitFuture")
    }
}

impl<S> Future for AdmitFuture<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                Project::Full => return Poll::Ready(Ok(full())),
                Project::Working { work, place } => {
                    let answer = ready!(work.poll(cx));
                    // A body that is still being sent holds no place.
                    *place = None;
                    return Poll::Ready(answer);
                }
                Project::Waiting { wait, waiting } => {
                    let place = Some(ready!(wait.as_mut().poll(cx)));
                    let waiting = waiting.take();
                    let (mut service, request) = waiting.expect("is there until the place is");
                    let work = service.call(request);
                    state.set(State::Working { work, place });
                }
            }
        }
    }
}

fn full() -> Response {
    Problem::from(Fault::unavailable("the server is busy: try again later")).into_response()
}
