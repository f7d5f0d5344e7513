//! Settings that several servers share.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use boutique_core::checkout::{CheckoutSettings, Policies};
use boutique_core::limits::Limits as OrderLimits;
use boutique_transport::http::api::Limits;
use boutique_transport::http::gate::GateSize;
use tracing_subscriber::filter::Targets;
use url::Url;

use super::table as t;
use super::{ADMIN_ABOVE, Configured, Reader, Server, StoreUrl};

/// What every server has.
#[derive(Clone, Debug)]
pub struct Common {
    /// Which server this is.
    pub server: Server,
    /// How it listens and what it lets in.
    pub serving: Serving,
    /// What it logs.
    pub logs: Logs,
    /// Which spans it exports, and where to.
    pub traces: Traces,
    /// How often what it depends on is checked.
    pub check_every: Duration,
}

impl Configured for Common {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            server: reader.server(),
            serving: Serving::read(reader),
            logs: Logs::read(reader),
            traces: Traces::read(reader),
            check_every: reader.time(&t::CHECK_EVERY),
        }
    }
}

/// How a server listens and what it lets in.
#[derive(Clone, Debug)]
pub struct Serving {
    /// The address.
    pub host: IpAddr,
    /// The port of the API.
    pub port: u16,
    /// The port of the admin paths.
    pub admin_port: u16,
    /// The longest a request may take.
    pub request_timeout: Duration,
    /// The largest body, in bytes.
    pub body_bytes: usize,
    /// Requests at once.
    pub in_flight: usize,
    /// Percent of those kept for the background.
    pub background_percent: u8,
    /// Connections at once.
    pub connections: usize,
    /// Connections at once from one address.
    pub connections_per_address: usize,
    /// For the first byte and the head of a request.
    pub header_timeout: Duration,
    /// For a pause within a body.
    pub body_timeout: Duration,
    /// For a connection between requests.
    pub idle_timeout: Duration,
    /// Threads; zero for one a core.
    pub workers: usize,
    /// How long a server that drains still accepts.
    pub drain_wait: Duration,
    /// How long draining may take in all.
    pub drain_limit: Duration,
}

impl Serving {
    /// Where the API is.
    pub const fn api(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }

    /// Where the admin paths are.
    pub const fn admin(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.admin_port)
    }

    /// How many requests are let in.
    pub fn gate(&self) -> GateSize {
        GateSize {
            concurrency: self.in_flight,
            queue: self.in_flight,
            reserved: self.in_flight * usize::from(self.background_percent) / 100,
        }
    }

    /// What a request may take.
    pub const fn limits(&self) -> Limits {
        Limits {
            longest: self.request_timeout,
            body: self.body_bytes,
        }
    }
}

impl Configured for Serving {
    fn read(reader: &mut Reader<'_>) -> Self {
        let port = reader.port(&t::PORT, reader.server().default_port());
        // Above the highest port there is no room: the one below is as good.
        let above = port.checked_add(ADMIN_ABOVE).unwrap_or(port - ADMIN_ABOVE);
        let it = Self {
            host: reader.address(&t::HOST),
            port,
            admin_port: reader.port(&t::ADMIN_PORT, above),
            request_timeout: reader.time(&t::REQUEST_TIMEOUT),
            body_bytes: reader.count(&t::BODY_BYTES),
            in_flight: reader.count(&t::IN_FLIGHT),
            background_percent: reader.count(&t::BACKGROUND_PERCENT),
            connections: reader.count(&t::CONNECTIONS),
            connections_per_address: reader.count(&t::CONNECTIONS_PER_ADDRESS),
            header_timeout: reader.time(&t::HEADER_TIMEOUT),
            body_timeout: reader.time(&t::BODY_TIMEOUT),
            idle_timeout: reader.time(&t::IDLE_TIMEOUT),
            workers: reader.count(&t::WORKERS),
            drain_wait: reader.time(&t::DRAIN_WAIT),
            drain_limit: reader.time(&t::DRAIN_LIMIT),
        };
        if it.admin_port == it.port {
            reader.error("PORT and ADMIN_PORT are the same: give each a port of its own");
        }
        if !it.drain_limit.is_zero() && it.drain_wait >= it.drain_limit {
            reader.error(
                "DRAIN_WAIT must be shorter than DRAIN_LIMIT: lower the one or raise the other",
            );
        }
        it
    }
}

/// Where data is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// Where.
    pub url: StoreUrl,
    /// The most bytes a file may grow to.
    pub bytes: Option<u64>,
}

impl Configured for Store {
    fn read(reader: &mut Reader<'_>) -> Self {
        let file = match reader.server() {
            Server::Boutique => "boutique.db".to_owned(),
            server => format!("boutique-{}.db", server.name()),
        };
        let url = reader.store(&t::STORE);
        Self {
            url: url.unwrap_or_else(|| StoreUrl::Sqlite(file.into())),
            bytes: reader.optional_count(&t::STORE_BYTES),
        }
    }
}

/// How a server asks others: see the edge stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeConfig {
    /// For a connection.
    pub connect_timeout: Duration,
    /// Requests to one upstream at once.
    pub in_flight: usize,
    /// Percent of those kept for the background; none of the gateway's, which has no background.
    pub background_percent: u8,
    /// How often a request is sent again.
    pub retries: u32,
    /// Percent of requests that may be retries or hedges.
    pub retry_percent: u8,
    /// The longest pause before the first retry.
    pub retry_backoff: Duration,
    /// Percent of failures at which a breaker opens.
    pub breaker_percent: u8,
    /// Over so many of the latest calls.
    pub breaker_window: u32,
    /// How long it stays open.
    pub breaker_open: Duration,
    /// Whether pure reads are hedged, where there are any.
    pub hedge: bool,
}

impl Configured for EdgeConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        let passes_on = reader.server() == Server::Gateway;
        let reads = matches!(reader.server(), Server::Checkout | Server::Accounting);
        Self {
            connect_timeout: reader.time(&t::CONNECT_TIMEOUT),
            in_flight: reader.count(&t::UPSTREAM_IN_FLIGHT),
            background_percent: if passes_on {
                0
            } else {
                reader.count(&t::BACKGROUND_PERCENT)
            },
            retries: reader.count(&t::RETRIES),
            retry_percent: reader.count(&t::RETRY_PERCENT),
            retry_backoff: reader.time(&t::RETRY_BACKOFF),
            breaker_percent: reader.count(&t::BREAKER_PERCENT),
            breaker_window: reader.count(&t::BREAKER_WINDOW),
            breaker_open: reader.time(&t::BREAKER_OPEN),
            hedge: reads && reader.flag(&t::HEDGE),
        }
    }
}

/// Whose tokens the gateway accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Jwt {
    /// An issuer that publishes its keys.
    Issuer {
        /// Their `iss`.
        issuer: String,
        /// Their `aud`.
        audience: String,
        /// Where the keys are.
        jwks_url: Url,
        /// The one algorithm: `RS256` or `ES256`.
        algorithm: String,
    },
    /// The development issuer of this machine.
    Development {
        /// The file of its key.
        key: PathBuf,
    },
}

impl Configured for Jwt {
    fn read(reader: &mut Reader<'_>) -> Self {
        let key = reader.text(&t::DEV_KEY).unwrap_or_default().into();
        if reader.flag(&t::DEV_ISSUER) {
            // Still read, so that a wrong one is told.
            let named = [&t::JWT_ISSUER, &t::JWT_AUDIENCE].map(|it| reader.text(it).is_some());
            let jwks = reader.optional_url(&t::JWT_JWKS_URL).is_some();
            reader.text(&t::JWT_ALGORITHM);
            if jwks || named.contains(&true) {
                reader.error("BOUTIQUE_DEV_ISSUER and JWT_ISSUER, JWT_AUDIENCE, JWT_JWKS_URL exclude each other: unset the one or the others");
            }
            return Self::Development { key };
        }
        let or = ", or accept those of this machine with BOUTIQUE_DEV_ISSUER=true";
        let remedy = |what| format!("set it to {what}{or}");
        let issuer = reader.required(&t::JWT_ISSUER, &remedy("the issuer of your tokens"));
        let audience = reader.required(&t::JWT_AUDIENCE, &remedy("the audience of your tokens"));
        let keys = remedy("where their issuer publishes its keys");
        let jwks_url = reader.required_url(&t::JWT_JWKS_URL, &keys);
        let algorithm = reader.text(&t::JWT_ALGORITHM).unwrap_or_default();
        match (issuer, audience, jwks_url) {
            (Some(issuer), Some(audience), Some(jwks_url)) => Self::Issuer {
                issuer,
                audience,
                jwks_url,
                algorithm,
            },
            _ => Self::Development { key },
        }
    }
}

/// Limits of the gateway beside those of its routes, `None` for the standard one, and by what
/// addresses are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Requests a second of one principal, over all routes.
    pub principal: Option<u32>,
    /// Requests a second of one address, before its tokens are looked at.
    pub address: Option<u32>,
    /// How many proxies before the gateway are believed when they say whom they saw.
    pub trusted_hops: usize,
}

impl Configured for Rates {
    fn read(reader: &mut Reader<'_>) -> Self {
        let rate = |it: u32| (it > 0).then_some(it);
        Self {
            principal: rate(reader.count(&t::PRINCIPAL_RATE)),
            address: rate(reader.count(&t::ADDRESS_RATE)),
            trusted_hops: reader.count(&t::TRUSTED_HOPS),
        }
    }
}

/// Whose pushes order management accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// Whom their tokens must be for.
    pub audience: String,
    /// The service account that signs them.
    pub account: String,
    /// The file of the key our own servers sign with, whose tokens are accepted instead of
    /// Google's.
    pub key: Option<PathBuf>,
}

impl Push {
    /// `None` if tokens are not asked for.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let audience = reader.text(&t::PUSH_AUDIENCE);
        let account = reader.text(&t::PUSH_ACCOUNT);
        let key = reader.text(&t::PUSH_KEY).map(PathBuf::from);
        let missing = match (audience, account) {
            (Some(audience), Some(account)) => {
                return Some(Self {
                    audience,
                    account,
                    key,
                });
            }
            (None, None) if key.is_none() => return None,
            (None, _) => &t::PUSH_AUDIENCE,
            (Some(_), None) => &t::PUSH_ACCOUNT,
        };
        let remedy = "set PUSH_AUDIENCE and PUSH_ACCOUNT, or neither, nor PUSH_KEY";
        reader.missing(missing, remedy);
        None
    }
}

/// How a server signs what it pushes to order management.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushSigning {
    /// Whom its tokens are for.
    pub audience: String,
    /// Whose they are.
    pub account: String,
    /// The file of the key.
    pub key: PathBuf,
}

impl PushSigning {
    /// `None` if its pushes carry no token.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let audience = reader.text(&t::PUSH_AUDIENCE);
        let account = reader.text(&t::PUSH_ACCOUNT);
        let key = PathBuf::from(reader.text(&t::PUSH_KEY)?);
        let missing = match (audience, account) {
            (Some(audience), Some(account)) => {
                return Some(Self {
                    audience,
                    account,
                    key,
                });
            }
            (None, _) => &t::PUSH_AUDIENCE,
            (Some(_), None) => &t::PUSH_ACCOUNT,
        };
        reader.missing(
            missing,
            "with PUSH_KEY set PUSH_AUDIENCE and PUSH_ACCOUNT as well",
        );
        None
    }
}

/// What the checkout decides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckoutPolicy {
    /// The most lines an order may have.
    pub lines_per_order: usize,
    /// How long goods are promised.
    pub hold_time: Duration,
    /// How long an order may be worked on.
    pub attempt_time: Duration,
    /// How long it waits for a person.
    pub review_time: Duration,
    /// What happens without a dependency.
    pub policies: Policies,
}

impl CheckoutPolicy {
    /// The standard settings with these.
    pub fn settings(&self) -> CheckoutSettings {
        CheckoutSettings {
            limits: OrderLimits {
                lines_per_order: self.lines_per_order,
            },
            policies: self.policies,
            hold_ttl: self.hold_time,
            attempt_time: self.attempt_time,
            review_time: self.review_time,
            ..CheckoutSettings::default()
        }
    }
}

impl Configured for CheckoutPolicy {
    fn read(reader: &mut Reader<'_>) -> Self {
        let it = Self {
            lines_per_order: reader.count(&t::LINES_PER_ORDER),
            hold_time: reader.time(&t::HOLD_TIME),
            attempt_time: reader.time(&t::ATTEMPT_TIME),
            review_time: reader.time(&t::REVIEW_TIME),
            policies: Policies {
                crm: reader.policy(&t::CRM_POLICY),
                crm_share: reader.count(&t::CRM_PERCENT),
                fraud: reader.policy(&t::FRAUD_POLICY),
                fraud_share: reader.count(&t::FRAUD_PERCENT),
            },
        };
        if !it.hold_time.is_zero() && it.hold_time <= it.attempt_time {
            reader.error(
                "HOLD_TIME must be longer than ATTEMPT_TIME: raise the one or lower the other",
            );
        }
        it
    }
}

/// How work is done behind the clients' backs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Background {
    /// How much one round takes on.
    pub batch: usize,
    /// The pause after a round that found nothing.
    pub work_every: Duration,
    /// The pause after a round that did something.
    pub work_pause: Duration,
    /// How often recovery looks.
    pub tidy_every: Duration,
    /// When an idle order is stuck.
    pub stuck_after: Duration,
}

impl Configured for Background {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            batch: reader.count(&t::WORK_BATCH),
            work_every: reader.time(&t::WORK_EVERY),
            work_pause: reader.time(&t::WORK_PAUSE),
            tidy_every: reader.time(&t::TIDY_EVERY),
            stuck_after: reader.time(&t::STUCK_AFTER),
        }
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: one object a line.
    Json,
}

/// What is logged.
#[derive(Clone, Debug)]
pub struct Logs {
    /// Which lines.
    pub levels: Targets,
    /// Written how.
    pub format: LogFormat,
}

impl Configured for Logs {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            levels: reader.levels(&t::LOG_LEVEL),
            format: match reader.text(&t::LOG_FORMAT).as_deref() {
                Some("json") => LogFormat::Json,
                _ => LogFormat::Text,
            },
        }
    }
}

/// Which spans are exported, and where to.
#[derive(Clone)]
pub struct Traces {
    /// The collector's address; nothing is exported without.
    pub endpoint: Option<Url>,
    /// Headers for the collector. Secret.
    pub headers: Vec<(String, String)>,
    /// Percent of the traces begun here.
    pub percent: u8,
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traces")
            .field("endpoint", &self.endpoint.as_ref().map(Url::as_str))
            .field("headers", &format_args!("[{} secret]", self.headers.len()))
            .field("percent", &self.percent)
            .finish()
    }
}

impl Configured for Traces {
    fn read(reader: &mut Reader<'_>) -> Self {
        let endpoint = reader.optional_url(&t::OTLP_ENDPOINT);
        let text = reader.text(&t::OTLP_HEADERS).unwrap_or_default();
        let headers = text.split(',').filter(|it| !it.trim().is_empty());
        let headers: Option<Vec<_>> = headers
            .map(|it| {
                let (name, value) = it.split_once('=')?;
                Some((name.trim().to_owned(), value.trim().to_owned()))
            })
            .collect();
        if headers.is_none() {
            reader.error("OTEL_EXPORTER_OTLP_HEADERS: must be name=value,name=value: correct it");
        }
        Self {
            endpoint,
            headers: headers.unwrap_or_default(),
            percent: reader.count(&t::TRACE_PERCENT),
        }
    }
}
