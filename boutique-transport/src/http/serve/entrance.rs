//! What a request has to be before a router sees it.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::future::RouteFuture;
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tower::Service as _;

use super::super::problem::Problem;
use super::options::ServeOptions;
use super::stall::{Due, Paced, Rest};

/// The router behind one connection.
#[derive(Clone, Debug)]
pub(super) struct Entrance {
    pub(super) router: Router,
    pub(super) headers: usize,
    pub(super) target_bytes: usize,
    pub(super) body: Duration,
    pub(super) peer: Option<SocketAddr>,
}

impl Entrance {
    pub(super) fn new(router: Router, options: &ServeOptions, peer: SocketAddr) -> Self {
        Self {
            router,
            headers: options.headers,
            target_bytes: options.target_bytes,
            body: options.body,
            peer: options.peer.then_some(peer),
        }
    }

    /// The problem with this request, if it has one.
    fn problem(&self, request: &Request<Incoming>) -> Option<Problem> {
        let (status, detail) = if request.headers().len() > self.headers {
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            (status, "there are too many header fields")
        } else if target_bytes(request) > self.target_bytes {
            (StatusCode::URI_TOO_LONG, "the target is too long")
        } else if request.headers().get_all(header::HOST).iter().count() != 1 {
            (
                StatusCode::BAD_REQUEST,
                "Host: has to be there exactly once",
            )
        } else {
            return None;
        };
        Some(Problem::new(status, detail))
    }
}

fn target_bytes(request: &Request<Incoming>) -> usize {
    let target = request.uri().path_and_query();
    target.map_or(0, |it| it.as_str().len())
}

impl hyper::service::Service<Request<Incoming>> for Entrance {
    type Response = Response;
    type Error = Infallible;
    type Future = EntranceFuture;

    fn call(&self, mut request: Request<Incoming>) -> EntranceFuture {
        if let Some(problem) = self.problem(&request) {
            // Who writes such requests may mean something else by the next.
            let close = HeaderValue::from_static("close");
            let problem = problem.header(header::CONNECTION, close);
            let (answer, rest) = (Some(problem.into_response()), None);
            return EntranceFuture::Answered { answer, rest };
        }
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        let due = Due::of(&request);
        let request = request.map(|it| Paced::new(it, self.body, due.clone()));
        // A router is always ready.
        let answer = self.router.clone().call(request);
        EntranceFuture::Routed { answer, due }
    }
}

/// Says that the connection cannot be used again: of a request that was answered before its body
/// was read the rest may still be to be sent, and would be read as the next request.
fn closing(mut answer: Response) -> Response {
    let close = HeaderValue::from_static("close");
    answer.headers_mut().insert(header::CONNECTION, close);
    answer
}

pin_project! {
    /// The router's answer, or the entrance's own.
    #[project = Project]
    pub(super) enum EntranceFuture {
        /// A request that is let in.
        Routed { #[pin] answer: RouteFuture<Infallible>, due: Due },
        /// An answer, if it waits at all for a little of the body that is on its way.
        Answered { answer: Option<Response>, rest: Option<Rest> },
    }
}

impl Future for EntranceFuture {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Project::Routed { answer, due } = self.as_mut().project() {
            let Ok(answer) = ready!(answer.poll(cx));
            if !due.is_some() {
                return Poll::Ready(Ok(answer));
            }
            let Some(rest) = due.little() else {
                return Poll::Ready(Ok(closing(answer)));
            };
            let (answer, rest) = (Some(answer), Some(rest));
            self.set(Self::Answered { answer, rest });
        }
        match self.project() {
            Project::Answered { answer, rest } => {
                let whole = match rest {
                    Some(rest) => ready!(Pin::new(rest).poll(cx)),
                    None => true,
                };
                let answer = answer.take().expect("polled after it answered");
                Poll::Ready(Ok(if whole { answer } else { closing(answer) }))
            }
            Project::Routed { .. } => Poll::Pending,
        }
    }
}
