//! Where requests are passed on to.

use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::uri::{Authority, PathAndQuery, Scheme};
use axum::http::{Request, Response, Uri};
use boutique_core::fault::{Fault, FaultKind};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout_at;
use tower::ServiceExt;
use url::Url;

use super::guard::{Guard, Lost, Onward, Passed};
use crate::http::edge::Stack;
use crate::http::exchange::InvalidBase;

/// Something that answers requests whose bodies are still on their way.
#[derive(Clone)]
pub enum GatewayUpstream {
    /// A server of this process.
    InProcess(Router),
    /// A server on the network.
    Http(Box<HttpUpstream>),
}

/// A server on the network: pooled connections, HTTP/1.1, no redirects.
#[derive(Clone)]
pub struct HttpUpstream {
    scheme: Scheme,
    authority: Authority,
    /// The path before every path, without a slash at its end.
    prefix: Box<str>,
    carrier: Carrier,
    guard: Guard,
}

#[derive(Clone)]
enum Carrier {
    Plain(Client<HttpConnector, Body>),
    Tls(reqwest::Client),
}

impl fmt::Debug for GatewayUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InProcess(_) => f.write_str("InProcess"),
            Self::Http(_) => f.write_str("Http"),
        }
    }
}

impl fmt::Debug for HttpUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpUpstream")
    }
}

/// Below the idle time-outs of the servers, so that they hardly ever close what we reuse.
const IDLE: Duration = Duration::from_secs(15);

impl GatewayUpstream {
    /// The server at `base`, which gives up on a connection after `connect`, behind `stack`: of
    /// its settings those of retry, circuit and limit, since a body on its way can neither be
    /// asked for twice at a time nor wait for an answer that is read whole. What
    /// [`patience`](crate::http::edge::CircuitSettings::patience) there is should be longer than
    /// an answer takes: clients choose their deadlines.
    ///
    /// # Errors
    ///
    /// [`InvalidBase`] if `base` is not the address of one, or TLS cannot be set up.
    pub fn http(base: &Url, connect: Duration, stack: &Stack) -> Result<Self, InvalidBase> {
        let uri: Uri = base.as_str().parse().map_err(|_| InvalidBase)?;
        let carrier = match base.scheme() {
            "http" => {
                let mut connector = HttpConnector::new();
                connector.set_nodelay(true);
                connector.set_connect_timeout(Some(connect));
                let client = Client::builder(TokioExecutor::new())
                    .pool_timer(TokioTimer::new())
                    .pool_idle_timeout(IDLE)
                    .build(connector);
                Carrier::Plain(client)
            }
            "https" => {
                let client = reqwest::Client::builder()
                    .redirect(reqwest::redirect::Policy::none())
                    .no_proxy()
                    .http1_only()
                    .connect_timeout(connect)
                    .pool_idle_timeout(IDLE)
                    .tcp_nodelay(true)
                    .build();
                Carrier::Tls(client.map_err(|_| InvalidBase)?)
            }
            _ => return Err(InvalidBase),
        };
        Ok(Self::Http(Box::new(HttpUpstream {
            scheme: uri.scheme().cloned().ok_or(InvalidBase)?,
            authority: uri.authority().cloned().ok_or(InvalidBase)?,
            prefix: uri.path().trim_end_matches('/').into(),
            carrier,
            guard: Guard::new(stack),
        })))
    }

    /// Passes a request, whose target is a path, on.
    ///
    /// # Errors
    ///
    /// A fault that is [`FaultKind::Unavailable`] if it was never sent, [`FaultKind::Ambiguous`]
    /// if the upstream may have carried it out.
    pub(super) async fn send(&self, onward: Onward) -> Result<Passed, Lost> {
        match self {
            Self::InProcess(router) => {
                let Onward {
                    parts, body, until, ..
                } = onward;
                let body = body.map_or_else(Body::empty, Body::new);
                let asking = router.clone().oneshot(Request::from_parts(parts, body));
                let answer: Result<_, Infallible> =
                    timeout_at(until, asking).await.map_err(|_| Lost::Late)?;
                match answer {
                    Ok(answer) => Ok(Passed {
                        answer,
                        place: None,
                    }),
                    Err(never) => match never {},
                }
            }
            Self::Http(upstream) => {
                let carry = |request| upstream.send(request);
                upstream.guard.send(onward, carry).await
            }
        }
    }
}

impl HttpUpstream {
    async fn send(&self, mut request: Request<Body>) -> Result<Response<Body>, Fault> {
        let misled = |_| Fault::permanent("the upstream's address and path are no URI");
        let mut parts = request.uri().clone().into_parts();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        if !self.prefix.is_empty() {
            let path = parts
                .path_and_query
                .as_ref()
                .map_or("/", PathAndQuery::as_str);
            let path = format!("{}{path}", self.prefix);
            parts.path_and_query = Some(path.parse().map_err(misled)?);
        }
        let uri = Uri::from_parts(parts);
        *request.uri_mut() =
            uri.map_err(|_| Fault::permanent("the upstream's address and path are no URI"))?;
        match &self.carrier {
            Carrier::Plain(client) => {
                let answer = client.request(request).await;
                let answer = answer.map_err(|error| lost(!error.is_connect()))?;
                Ok(answer.map(Body::new))
            }
            Carrier::Tls(client) => {
                let request = request.map(|it| reqwest::Body::wrap_stream(it.into_data_stream()));
                let request = reqwest::Request::try_from(request)
                    .map_err(|_| Fault::permanent("the upstream's address and path are no URI"))?;
                let answer = client.execute(request).await;
                let answer = answer.map_err(|error| lost(!error.is_connect()))?;
                Ok(Response::<reqwest::Body>::from(answer).map(Body::new))
            }
        }
    }
}

fn lost(reached: bool) -> Fault {
    if reached {
        let what = "the upstream broke off: ask again with the same Idempotency-Key";
        Fault::new(FaultKind::Ambiguous, what)
    } else {
        Fault::new(FaultKind::Unavailable, "the upstream is away")
    }
}
