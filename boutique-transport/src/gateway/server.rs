//! The gateway as a router.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, Version, header};
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, MethodRouter, get, on};
use boutique_core::gateway::{Access, Method, Miss, Owner, Rate, Resolved, RouteTable};
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::util::option_layer;

use super::body::{Fate, Through};
use super::document::document;
use super::guard::{Lost, Onward, Passed};
use super::headers::{append_forwarded, client, republish, strip_connection, strip_request};
use super::limit::{Limit, network};
use super::upstream::GatewayUpstream;
use crate::http::admission::Admission;
use crate::http::api::{self, Limits};
use crate::http::call::{Call, Lane};
use crate::http::problem::Problem;
use crate::http::scope::ScopeLayer;
use crate::http::userinfo::USERINFO;
use crate::jwt::{Verified, Verifier, bearer};

/// The longest target, in bytes.
const TARGET_BYTES_MAX: usize = 8 << 10;

/// What the gateway allows beside what the table says.
#[derive(Clone, Copy, Debug)]
pub struct GatewayOptions {
    /// How often one address may ask without a token that was verified lately.
    pub address: Option<Rate>,
    /// How often one principal may ask, over all routes, whatever becomes of what they ask.
    pub principal: Option<Rate>,
    /// How often one address may ask for `/health` and `/openapi.json`, which are for anybody.
    pub own: Option<Rate>,
    /// Whether the rates of the routes count: of a public one for each address, of others for
    /// each principal.
    pub route_rates: bool,
    /// The largest body of a request, in bytes.
    pub body: u64,
    /// How many proxies before the gateway are trusted to say whom they saw, in
    /// `X-Forwarded-For`.
    pub trusted_hops: usize,
}

impl Default for GatewayOptions {
    /// 600 a minute of an address, as many for what is the gateway's own, 1,200 of a principal,
    /// the rates of the routes, 100 KiB, and no proxy is trusted.
    fn default() -> Self {
        Self {
            address: Some(Rate::new(600, 120)),
            principal: Some(Rate::new(1_200, 200)),
            own: Some(Rate::new(600, 120)),
            route_rates: true,
            body: 100 << 10,
            trusted_hops: 0,
        }
    }
}

/// A route leads to an upstream that nobody has named.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the table leads to the upstream {0}, which has no address")]
pub struct MissingUpstream(pub String);

/// Enforces a table. Cheap to clone.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    table: RouteTable,
    verifier: Verifier,
    /// By the place of the route in the table.
    upstreams: Vec<GatewayUpstream>,
    limits: Vec<Limit>,
    address: Option<Limit>,
    principal: Option<Limit>,
    own: Option<Limit>,
    body: u64,
    trusted_hops: usize,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("routes", &self.0.table.routes().len())
            .finish_non_exhaustive()
    }
}

impl Gateway {
    /// Enforces `table`, believes `verifier`, passes on to `upstreams` by their names.
    ///
    /// # Errors
    ///
    /// [`MissingUpstream`].
    pub fn new(
        table: RouteTable,
        verifier: Verifier,
        upstreams: &BTreeMap<String, GatewayUpstream>,
        options: GatewayOptions,
    ) -> Result<Self, MissingUpstream> {
        let upstream = |name: &str| {
            let upstream = upstreams.get(name).cloned();
            upstream.ok_or_else(|| MissingUpstream(name.to_owned()))
        };
        let of_routes = table.routes().iter().map(|it| upstream(&it.upstream));
        let rates = table.routes().iter().map(|it| Limit::new(it.rate));
        Ok(Self(Arc::new(Inner {
            upstreams: of_routes.collect::<Result<_, _>>()?,
            limits: rates.take_while(|_| options.route_rates).collect(),
            address: options.address.map(Limit::new),
            principal: options.principal.map(Limit::new),
            own: options.own.map(Limit::new),
            body: options.body,
            trusted_hops: options.trusted_hops,
            verifier,
            table,
        })))
    }

    /// The gateway, with `GET /health` of its own, its description at `GET /openapi.json`, and the
    /// scope that
    /// [`api::server`](crate::http::api::server) opens around every request: a
    /// [`Call`], a span and a latency histogram. No request takes longer than
    /// [`Limits::longest`], its wait for `admission` included, nor than its route or its client
    /// allows. How large a body may be, [`GatewayOptions::body`] says.
    ///
    /// `admission` should be [`Admission::of_clients`]: whoever asks from outside waits for the
    /// answer, and the share that is reserved for the background is not theirs.
    ///
    /// The peer's address is taken from [`ConnectInfo`], which whoever accepts connections adds.
    /// Without it all clients count as one address.
    pub fn server(self, limits: Limits, admission: Option<Admission>) -> Router {
        let health = json!({"status": "healthy", "service": "gateway"});
        let mut router = Router::new()
            .route("/health", own(&health))
            .route("/openapi.json", own(&document(&self.0.table)));
        // Our own table decides; here the routes are only named, for whoever counts requests.
        let routes = self.0.table.routes().iter();
        for route in routes.filter(|it| !OWN.contains(&&*it.path)) {
            router = router.route(&route.path, on(filter(route.method), serve));
        }
        let router = router.method_not_allowed_fallback(serve);
        let scope = ScopeLayer {
            service: "gateway",
            limits,
            lane: Some(Lane::Client),
        };
        let router = router.fallback(serve).with_state(self);
        // Together, outermost first: to wait for a place is a part of the request.
        router.layer((scope, option_layer(admission)))
    }
}

/// The paths of the gateway itself; a table's routes of the same names are never reached.
const OWN: [&str; 2] = ["/health", "/openapi.json"];

/// Tells anybody the same, as often as one address may ask.
fn own(answer: &Value) -> MethodRouter<Gateway> {
    let answer: bytes::Bytes = serde_json::to_vec(answer).unwrap_or_default().into();
    get(
        async move |State(gateway): State<Gateway>, request: Request<Body>| {
            let inner = &*gateway.0;
            if let Some(limit) = &inner.own {
                let client = client(request.headers(), peer(&request), inner.trusted_hops);
                limit.check(&client.map(network)).map_err(too_often)?;
            }
            Ok::<_, Problem>(api::json(answer))
        },
    )
}

const fn filter(method: Method) -> MethodFilter {
    match method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
        Method::Put => MethodFilter::PUT,
        Method::Patch => MethodFilter::PATCH,
        Method::Delete => MethodFilter::DELETE,
    }
}

/// Who connected, if whoever accepts connections tells.
fn peer(request: &Request<Body>) -> Option<IpAddr> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    peer.map(|it| it.0.ip())
}

async fn serve(State(gateway): State<Gateway>, request: Request<Body>) -> Response<Body> {
    let inner = &*gateway.0;
    let peer = peer(&request);
    // The scope's own, so that what an upstream does is part of what is seen of us.
    let call = Call::current().unwrap_or_else(|| Call {
        lane: Lane::Client,
        ..Call::background()
    });
    let answer = inner.answer(call, peer, request).await;
    answer.unwrap_or_else(IntoResponse::into_response)
}

impl Inner {
    async fn answer(
        &self,
        mut call: Call,
        peer: Option<IpAddr>,
        request: Request<Body>,
    ) -> Result<Response<Body>, Problem> {
        let target = request
            .uri()
            .path_and_query()
            .map_or(0, |it| it.as_str().len());
        if target > TARGET_BYTES_MAX {
            let status = StatusCode::URI_TOO_LONG;
            return Err(Problem::new(status, "the target is longer than 8 KiB"));
        }
        let token = bearer(request.headers());
        let remembered = token.ok().and_then(|it| self.verifier.remembered(it));
        // Before anything is told of what there is: who probes for it is counted too.
        match &remembered {
            Some(verified) => self.count(verified)?,
            None => self.count_address(request.headers(), peer)?,
        }
        let path = request.uri().path().to_owned();
        let method = Method::parse(request.method().as_str());
        let resolved = self.table.find(method, &path).map_err(|miss| match miss {
            // They are there, for whoever only reads.
            Miss::NotFound if OWN.contains(&&*path) => {
                missed(Miss::MethodNotAllowed(vec![Method::Get]))
            }
            miss => missed(miss),
        })?;
        let longest = Instant::now() + resolved.route.deadline;
        let deadline = call.deadline.map_or(longest, |it| it.min(longest));
        call.deadline = Some(deadline);
        let verified = match &resolved.route.access {
            Access::Public => {
                if let Some(limit) = self.limits.get(resolved.index) {
                    let client = client(request.headers(), peer, self.trusted_hops);
                    limit.check(&client.map(network)).map_err(too_often)?;
                }
                None
            }
            Access::Token { scopes, owner } => {
                let verified = match remembered {
                    Some(verified) => verified,
                    None => {
                        let verify = self.verifier.verify(token?);
                        let verified = tokio::time::timeout_at(deadline, verify).await;
                        let verified = verified.map_err(|_| late())??;
                        self.count(&verified)?;
                        verified
                    }
                };
                if let Some(limit) = self.limits.get(resolved.index) {
                    limit.check(&who(&verified)).map_err(too_often)?;
                }
                for scope in scopes {
                    if !verified.userinfo().has(scope) {
                        return Err(insufficient(scope));
                    }
                }
                owned(&resolved, owner.as_ref(), &verified)?;
                Some(verified)
            }
        };
        self.pass_on(&call, peer, &resolved, verified.as_deref(), request)
            .await
    }

    /// Counts a principal.
    fn count(&self, verified: &Verified) -> Result<(), Problem> {
        let Some(limit) = &self.principal else {
            return Ok(());
        };
        limit.check(&who(verified)).map_err(too_often)
    }

    /// Counts an address of which nobody knows yet who asks.
    fn count_address(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Result<(), Problem> {
        let Some(limit) = &self.address else {
            return Ok(());
        };
        let client = client(headers, peer, self.trusted_hops);
        limit.check(&client.map(network)).map_err(too_often)
    }

    async fn pass_on(
        &self,
        call: &Call,
        peer: Option<IpAddr>,
        resolved: &Resolved<'_>,
        verified: Option<&Verified>,
        request: Request<Body>,
    ) -> Result<Response<Body>, Problem> {
        let (mut parts, body) = request.into_parts();
        let declared = parts.headers.get(header::CONTENT_LENGTH);
        let declared = declared.and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
        if declared.is_some_and(|it| it > self.body) {
            return Err(too_large());
        }
        let deadline = call.deadline.unwrap_or_else(Instant::now);
        strip_request(&mut parts.headers);
        append_forwarded(&mut parts.headers, peer);
        if let Some(verified) = verified {
            parts.headers.insert(USERINFO, verified.header().clone());
        }
        call.write(&mut parts.headers);
        let public = parts.uri;
        let target: Result<PathAndQuery, _> = match public.query() {
            Some(query) => format!("{}?{query}", resolved.upstream_path).parse(),
            None => resolved.upstream_path.parse(),
        };
        let target = target
            .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the query cannot be read"))?;
        let fate = Fate::default();
        let ends = http_body::Body::is_end_stream(&body);
        let body = (!ends).then(|| Through::request(body, self.body, deadline, fate.clone()));
        let mut onward = Request::new(()).into_parts().0;
        onward.method = parts.method;
        onward.uri = Uri::from(target);
        onward.version = Version::HTTP_11;
        onward.headers = parts.headers;
        let onward = Onward {
            parts: onward,
            body,
            until: deadline,
            fate: fate.clone(),
        };
        let Passed { answer, place } = match self.upstreams[resolved.index].send(onward).await {
            Err(Lost::Late) => return Err(late()),
            // What the client did is the client's to know, whatever the upstream made of it.
            _ if fate.too_large() => return Err(too_large()),
            Err(_) if fate.late() => return Err(late()),
            Err(_) if fate.broken() => {
                return Err(Problem::new(StatusCode::BAD_REQUEST, "the body broke off"));
            }
            Err(Lost::Fault(fault)) => return Err(fault.into()),
            Ok(passed) => passed,
        };
        let (mut parts, body) = answer.into_parts();
        strip_connection(&mut parts.headers);
        republish(&mut parts.headers, &resolved.upstream_path, public.path());
        let mut back = Response::new(Body::new(Through::answer(body, deadline, place)));
        *back.status_mut() = parts.status;
        *back.headers_mut() = parts.headers;
        Ok(back)
    }
}

fn who(verified: &Verified) -> &str {
    verified.userinfo().user_id.as_str()
}

/// Somebody else's is not there.
fn owned(
    resolved: &Resolved<'_>,
    owner: Option<&Owner>,
    verified: &Verified,
) -> Result<(), Problem> {
    let (Some(owner), Some(named)) = (owner, resolved.owner.as_deref()) else {
        return Ok(());
    };
    let caller = verified.userinfo();
    if caller.user_id.as_str() == named || caller.has(&owner.unless) {
        return Ok(());
    }
    Err(Problem::not_found("there is nothing of that name"))
}

fn missed(miss: Miss) -> Problem {
    match miss {
        Miss::Malformed(problem) => {
            let detail = format!("the path has {problem}");
            Problem::new(StatusCode::BAD_REQUEST, detail)
        }
        Miss::NotFound => Problem::not_found("there is no such path here"),
        Miss::MethodNotAllowed(methods) => {
            let names: Vec<_> = methods.iter().map(|it| it.as_str()).collect();
            let status = StatusCode::METHOD_NOT_ALLOWED;
            let detail = "this path does not take that method: see the Allow header";
            let problem = Problem::new(status, detail);
            match HeaderValue::from_str(&names.join(", ")) {
                Ok(allow) => problem.header(header::ALLOW, allow),
                Err(_) => problem,
            }
        }
    }
}

fn too_often(seconds: u32) -> Problem {
    let status = StatusCode::TOO_MANY_REQUESTS;
    Problem::new(status, "too many requests: come back later").retry_after(seconds)
}

fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large")
}

fn late() -> Problem {
    let detail = "the deadline has passed: ask again with the same Idempotency-Key";
    Problem::new(StatusCode::GATEWAY_TIMEOUT, detail).retry_after(1)
}

/// RFC 6750 section 3.1.
fn insufficient(scope: &str) -> Problem {
    let detail = format!("the token lacks the scope {scope}");
    let problem = Problem::new(StatusCode::FORBIDDEN, detail);
    let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
    match HeaderValue::from_str(&challenge) {
        Ok(challenge) => problem.header(header::WWW_AUTHENTICATE, challenge),
        Err(_) => problem,
    }
}
