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
use super::rest::{Fate, Read, Rest};
use super::stall::Paced;

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
            let answer = Some(closing(problem.into_response()));
            return EntranceFuture::Refused { answer };
        }
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        let fate = Fate::of(&request);
        let request = request.map(|it| Paced::new(it, self.body, fate.clone()));
        // A router is always ready.
        let answer = self.router.clone().call(request);
        EntranceFuture::Routed { answer, fate }
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
        Refused { answer: Option<Response> },
        Routed { #[pin] answer: RouteFuture<Infallible>, fate: Fate },
        /// It waits for a little of the body that is on its way.
        Reading { answer: Option<Response>, rest: Rest },
    }
}

impl Future for EntranceFuture {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const ONCE: &str = "polled after it answered";
        loop {
            let (answer, rest) = match self.as_mut().project() {
                Project::Refused { answer } => {
                    return Poll::Ready(Ok(answer.take().expect(ONCE)));
                }
                Project::Routed { answer, fate } => {
                    let Ok(answer) = ready!(answer.poll(cx));
                    match fate.take() {
                        Read::Whole => return Poll::Ready(Ok(answer)),
                        Read::Part => return Poll::Ready(Ok(closing(answer))),
                        Read::AllBut(rest) => (Some(answer), rest),
                    }
                }
                Project::Reading { answer, rest } => {
                    let is_whole = ready!(Pin::new(rest).poll(cx));
                    let answer = answer.take().expect(ONCE);
                    let answer = if is_whole { answer } else { closing(answer) };
                    return Poll::Ready(Ok(answer));
                }
            };
            self.set(Self::Reading { answer, rest });
        }
    }
}
