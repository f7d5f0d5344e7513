//! One HTTP exchange as a Tower service, whoever carries it, and what its failures mean.
//!
//! Clients are generic over an [`Exchange`]: [`Reqwest`] by default, [`InProcess`] for a router
//! of the same process, a simulated network in a test. An exchange answers whatever status the
//! other side sent; [`Upstream`] tells answers from failures.

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::uri::Scheme;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use boutique_core::fault::{Fault, FaultKind, PortError};
use boutique_core::flow::{Ask, BoxFuture};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};
use url::{Host, Url};

use super::call::Call;
use super::problem::Problem;

/// A request with its whole body, so that it can be sent again.
pub type Sent = Request<Bytes>;
/// An answer with its whole body.
pub type Received = Response<Bytes>;

/// Carries a request to a server and its answer back.
///
/// An error is a [`Fault`]: [`FaultKind::Unavailable`] if the request was never sent,
/// [`FaultKind::Ambiguous`] if the server may have carried it out.
pub trait Exchange: Ask<Sent, Response = Received, Error = Fault> + Clone {}
impl<S> Exchange for S where S: Ask<Sent, Response = Received, Error = Fault> + Clone {}

/// An exchange whose type is of no interest.
pub type BoxExchange = BoxCloneSyncService<Sent, Received, Fault>;

/// The largest answer that is read.
pub const ANSWER_BYTES_MAX: usize = 16 << 20;

/// How a request that never reached a server, or whose answer never came, is told.
pub(crate) fn broken(reached: bool, what: &'static str) -> Fault {
    let kind = if reached {
        FaultKind::Ambiguous
    } else {
        FaultKind::Unavailable
    };
    Fault::new(kind, what)
}

/// The exchange over the network: pooled connections, HTTP/1.1 or what TLS agrees on, no
/// redirects, no proxies.
///
/// [`reqwest`] carries `https`. Plain `http`, which servers speak among themselves, goes straight
/// to the client that reqwest is built on: what reqwest adds for the open internet costs a call
/// 2 to 5 µs.
#[derive(Clone, Debug)]
pub struct Reqwest {
    plain: Plain<HttpConnector>,
    tls: reqwest::Client,
}

/// The exchange of plain HTTP/1.1 over pooled connections that `C` makes: the system's, or those
/// of a simulated network.
#[derive(Clone, Debug)]
pub struct Plain<C>(Client<C, Full<Bytes>>);

impl<C: Connect + Clone> Plain<C> {
    /// A client whose connections come from `connector`.
    pub fn new(connector: C) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Self(client)
    }
}

impl<C: Connect + Clone + Send + Sync + 'static> Service<Sent> for Plain<C> {
    type Response = Received;
    type Error = Fault;
    type Future = BoxFuture<'static, Result<Received, Fault>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Sent) -> Self::Future {
        let answer = self.0.request(request.map(Full::new));
        Box::pin(async move {
            let answer = answer.await;
            collect(answer.map_err(|error| broken(!error.is_connect(), LOST))?).await
        })
    }
}

/// Errors name the URL, which may name a person: they are not kept.
const LOST: &str = "no answer from the upstream";

/// How long a connection without a request is kept.
const IDLE: Duration = Duration::from_secs(30);

impl Reqwest {
    /// A client that gives up on a connection after `connect`.
    ///
    /// # Errors
    ///
    /// A permanent [`Fault`] if TLS cannot be set up.
    pub fn new(connect: Duration) -> Result<Self, Fault> {
        let tls = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(connect)
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true)
            .build();
        let tls = tls
            .map_err(|error| Fault::permanent("the HTTP client cannot be set up").because(error))?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(connect));
        Ok(Self {
            plain: Plain::new(connector),
            tls,
        })
    }
}

impl Service<Sent> for Reqwest {
    type Response = Received;
    type Error = Fault;
    type Future = BoxFuture<'static, Result<Received, Fault>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Sent) -> Self::Future {
        if request.uri().scheme() == Some(&Scheme::HTTP) {
            return self.plain.call(request);
        }
        let client = self.tls.clone();
        Box::pin(async move {
            let request = reqwest::Request::try_from(request)
                .map_err(|_| Fault::permanent("the upstream's address is not a URL"))?;
            let answer = client.execute(request).await;
            let answer = answer.map_err(|error| broken(!error.is_connect(), LOST))?;
            collect(Response::<reqwest::Body>::from(answer)).await
        })
    }
}

/// The exchange with a router of this process: the same bytes, without a socket.
#[derive(Clone)]
pub struct InProcess(pub axum::Router);

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}

impl Service<Sent> for InProcess {
    type Response = Received;
    type Error = Fault;
    type Future = BoxFuture<'static, Result<Received, Fault>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Sent) -> Self::Future {
        let router = self.0.clone();
        Box::pin(async move {
            let request = request.map(|it| axum::body::Body::new(Full::new(it)));
            let answer: Result<_, Infallible> = router.oneshot(request).await;
            match answer {
                Ok(answer) => collect(answer).await,
                Err(never) => match never {},
            }
        })
    }
}

async fn collect<B>(answer: Response<B>) -> Result<Received, Fault>
where
    B: http_body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let (parts, body) = answer.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| {
        if error.is::<LengthLimitError>() {
            Fault::permanent("the upstream's answer is larger than 16 MiB")
        } else {
            broken(true, "the upstream's answer broke off")
        }
    })?;
    Ok(Response::from_parts(parts, body.to_bytes()))
}

/// A server that is asked: where it is and what carries the requests.
#[derive(Clone, Debug)]
pub struct Upstream<S = BoxExchange> {
    base: Url,
    exchange: S,
}

/// What RFC 3986 calls unreserved travels as it is; everything else in a path segment is encoded.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A path made of segments that may hold anything, and a query.
#[derive(Clone, Debug, Default)]
pub struct Target(String);

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Target {
    /// The path of these segments, each encoded: an id can never become a path of its own.
    pub fn path<'a>(segments: impl IntoIterator<Item = &'a str>) -> Self {
        let mut path = String::new();
        for segment in segments {
            path.push('/');
            match segment {
                // Dots alone are resolved by URL parsers, encoded or not: no id of ours is one.
                "." => path.push_str("%2E"),
                ".." => path.push_str("%2E%2E"),
                other => path.extend(utf8_percent_encode(other, SEGMENT)),
            }
        }
        Self(path)
    }

    /// The same with one more query parameter.
    #[must_use]
    pub fn query(mut self, name: &str, value: impl fmt::Display) -> Self {
        let separator = if self.0.contains('?') { '&' } else { '?' };
        let value = value.to_string();
        let value = utf8_percent_encode(&value, SEGMENT);
        self.0.push_str(&format!("{separator}{name}={value}"));
        self
    }
}

/// Why an address is not that of an upstream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an http or https URL without query, such as http://127.0.0.1:8082")]
pub struct InvalidBase;

/// Checks that `text` can be the address of an upstream.
///
/// # Errors
///
/// [`InvalidBase`].
pub fn base(text: &str) -> Result<Url, InvalidBase> {
    let url = Url::parse(text).map_err(|_| InvalidBase)?;
    let fits = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && !is_metadata(&url);
    fits.then_some(url).ok_or(InvalidBase)
}

/// Whether `url` is that of the cloud's metadata service, which would tell more than is asked.
pub(crate) fn is_metadata(url: &Url) -> bool {
    const ADDRESSES: [IpAddr; 2] = [
        IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
        IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    ];
    const NAMES: [&str; 3] = ["metadata.google.internal", "metadata.goog", "metadata"];
    match url.host() {
        Some(Host::Ipv4(it)) => ADDRESSES.contains(&it.into()),
        Some(Host::Ipv6(it)) => ADDRESSES.contains(&it.to_canonical()),
        Some(Host::Domain(it)) => NAMES.contains(&it.trim_end_matches('.')),
        None => false,
    }
}

impl<S: Exchange> Upstream<S> {
    /// The server at `base`, reached by `exchange`.
    pub const fn new(base: Url, exchange: S) -> Self {
        Self { base, exchange }
    }

    /// Where it is.
    pub const fn base(&self) -> &Url {
        &self.base
    }

    /// Sends a request without a body.
    ///
    /// # Errors
    ///
    /// See [`Upstream::send`].
    pub async fn bare(&self, method: Method, target: Target) -> Result<Reply, Fault> {
        self.send(self.request(method, &target, Bytes::new())?)
            .await
    }

    /// Sends `body` as JSON.
    ///
    /// # Errors
    ///
    /// See [`Upstream::send`].
    pub async fn json<B: Serialize + Sync>(
        &self,
        method: Method,
        target: Target,
        body: &B,
    ) -> Result<Reply, Fault> {
        self.send(self.json_request(method, &target, body)?).await
    }

    /// A request to this server with `body` as JSON, to which headers may be added.
    ///
    /// # Errors
    ///
    /// A permanent [`Fault`] if `body` cannot be written, or the address is no URI.
    pub fn json_request<B: Serialize>(
        &self,
        method: Method,
        target: &Target,
        body: &B,
    ) -> Result<Sent, Fault> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Fault::permanent("the request cannot be written").because(error))?;
        let mut request = self.request(method, target, body.into())?;
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::CONTENT_TYPE, json);
        Ok(request)
    }

    /// A request to this server, to which headers may be added.
    ///
    /// # Errors
    ///
    /// A permanent [`Fault`] if the address is no URI.
    pub fn request(&self, method: Method, target: &Target, body: Bytes) -> Result<Sent, Fault> {
        let base = self.base.as_str().trim_end_matches('/');
        let mut uri = String::with_capacity(base.len() + target.0.len());
        uri.push_str(base);
        uri.push_str(&target.0);
        Request::builder()
            .method(method)
            .uri(uri)
            .body(body)
            .map_err(|error| Fault::permanent("the upstream's address is no URI").because(error))
    }

    /// Sends `request` as part of the present [`Call`], whose remaining time it may take.
    ///
    /// # Errors
    ///
    /// Of the exchange; and those that the server answers: 429 and 503 are
    /// [`FaultKind::Unavailable`], other 5xx [`FaultKind::Ambiguous`], unless its problem
    /// document says otherwise. Everything else is an answer.
    pub async fn send(&self, mut request: Sent) -> Result<Reply, Fault> {
        let call = Call::current().unwrap_or_else(Call::background);
        call.write(request.headers_mut());
        let answer = match call.left() {
            Some(left) if left.is_zero() => {
                return Err(Fault::unavailable("the deadline has passed: not sent"));
            }
            Some(left) => tokio::time::timeout(left, self.exchange.ask(request))
                .await
                .map_err(|_| Fault::ambiguous("no answer from the upstream in time"))?,
            None => self.exchange.ask(request).await,
        };
        let (parts, body) = answer?.into_parts();
        let reply = Reply {
            status: parts.status,
            headers: parts.headers,
            body,
        };
        match failure(reply.status, &reply.body) {
            Some(fault) => Err(fault),
            None => Ok(reply),
        }
    }
}

/// The failure that an answer tells of, if it does.
///
/// A 5xx of a server that is not ours says nothing of whether the request was carried out.
pub(crate) fn failure(status: StatusCode, body: &[u8]) -> Option<Fault> {
    if status != StatusCode::TOO_MANY_REQUESTS && !status.is_server_error() {
        return None;
    }
    let problem = Problem::parse(status, body);
    let told = problem.as_ref().and_then(Problem::fault_kind);
    let kind = told.unwrap_or(match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => FaultKind::Unavailable,
        _ => FaultKind::Ambiguous,
    });
    let ours = told.and(problem);
    Some(match ours {
        // Ours name no personal data.
        Some(problem) => Fault::new(kind, problem.detail().to_owned()),
        None => Fault::new(kind, format!("the upstream answered {status}")),
    })
}

/// An answer that is not a failure.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, which may be personal: it is not to be logged.
    pub body: Bytes,
}

impl Reply {
    /// The body of a success as `T`.
    ///
    /// # Errors
    ///
    /// A permanent [`Fault`] if the answer is no success or its body no `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        if !self.status.is_success() {
            return Err(self.unexpected());
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            // The text of the error may repeat what the body says of a person.
            let (line, column) = (error.line(), error.column());
            Fault::permanent(format!(
                "the upstream's answer is not what was agreed, at line {line}, column {column}"
            ))
        })
    }

    /// The body of a success as `T`, or the refusal the problem document carries.
    ///
    /// # Errors
    ///
    /// The refusal, or a permanent [`Fault`] for an answer that is neither.
    pub fn port<T, R>(&self) -> Result<T, PortError<R>>
    where
        T: DeserializeOwned,
        R: DeserializeOwned + std::error::Error,
    {
        if self.status.is_success() {
            return Ok(self.json()?);
        }
        Err(self.refused())
    }

    /// The refusal the problem document carries; a permanent fault if it carries none.
    pub fn refused<R: DeserializeOwned + std::error::Error>(&self) -> PortError<R> {
        match self.problem().and_then(|it| it.refusal()) {
            Some(rejection) => PortError::Rejected(rejection),
            None => PortError::Fault(self.unexpected()),
        }
    }

    /// The body as JSON, whatever the status; `None` if it is none.
    pub fn json_of_any(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The problem document, if it is one.
    pub fn problem(&self) -> Option<Problem> {
        Problem::parse(self.status, &self.body)
    }

    /// The fault that an answer is to somebody who has no use for it.
    pub fn unexpected(&self) -> Fault {
        Fault::permanent(format!("the upstream answered {}", self.status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_segment_of_a_path_whatever_is_in_it() {
        for (id, path) in [
            ("OLJCESPC7Z", "/inventory/OLJCESPC7Z"),
            ("../admin", "/inventory/..%2Fadmin"),
            ("..", "/inventory/%2E%2E"),
            ("%2e%2e", "/inventory/%252e%252e"),
            ("a/b?x=#é\r\n", "/inventory/a%2Fb%3Fx%3D%23%C3%A9%0D%0A"),
        ] {
            assert_eq!(Target::path(["inventory", id]).0, path);
        }
        let target = Target::path(["customers"]).query("email", "a+b@c.d&x=1");
        assert_eq!(target.0, "/customers?email=a%2Bb%40c.d%26x%3D1");
    }

    #[test]
    fn only_plain_http_addresses_are_upstreams() {
        for good in ["http://127.0.0.1:8082", "https://crm.example/base/"] {
            assert!(base(good).is_ok(), "{good}");
        }
        for bad in [
            "127.0.0.1:8082",
            "ftp://x",
            "http://user@x",
            "http://x/?q",
            "http://x/#f",
            "http://:secret@x",
            "http://169.254.169.254/",
            "http://[::ffff:169.254.169.254]/",
            "http://metadata.google.internal./",
            "http://metadata.goog/",
            "http://[fd20:ce::254]/",
        ] {
            assert_eq!(base(bad), Err(InvalidBase), "{bad}");
        }
    }
}
