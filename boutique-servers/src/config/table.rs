//! Every setting there is.

use super::Form;

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The variable's name. The key of a file is this in lower case, without `BOUTIQUE_`.
    pub name: &'static str,
    /// Another name of the variable, which existing deployments use.
    pub alias: Option<&'static str>,
    /// What it is if nobody says otherwise, as text; nothing if `None`.
    pub default: Option<&'static str>,
    /// What it looks like.
    pub form: Form,
    /// What it does.
    pub what: &'static str,
}

impl Setting {
    const fn new(
        name: &'static str,
        form: Form,
        default: &'static str,
        what: &'static str,
    ) -> Self {
        Self {
            name,
            alias: None,
            default: Some(default),
            form,
            what,
        }
    }

    const fn bare(name: &'static str, form: Form, what: &'static str) -> Self {
        Self {
            name,
            alias: None,
            default: None,
            form,
            what,
        }
    }

    const fn url(
        name: &'static str,
        alias: Option<&'static str>,
        default: &'static str,
        what: &'static str,
    ) -> Self {
        Self {
            name,
            alias,
            default: Some(default),
            form: Form::Url,
            what,
        }
    }

    /// The key of a file.
    pub fn key(&self) -> String {
        let name = self.name.strip_prefix("BOUTIQUE_").unwrap_or(self.name);
        name.to_ascii_lowercase()
    }

    /// The key of a file by which the alias is known.
    pub fn alias_key(&self) -> Option<String> {
        self.alias.map(str::to_ascii_lowercase)
    }
}

const fn time(min_ms: u64, max_ms: u64) -> Form {
    Form::Time { min_ms, max_ms }
}

const fn count(min: u64, max: u64) -> Form {
    Form::Count { min, max }
}

const HOUR: u64 = 3_600_000;

macro_rules! settings {
    ($($(#[$about:meta])* $name:ident = $setting:expr;)*) => {
        $(pub(crate) const $name: Setting = $setting;)*
        /// Every setting, in the order of the documentation.
        pub const ALL: &[Setting] = &[$($name),*];
    };
}

settings! {
    HOST = Setting::new("HOST", Form::Address, "127.0.0.1", "The address to listen on; `0.0.0.0` in a container.");
    PORT = Setting::bare("PORT", Form::Port, "The port of the API; 8080 to 8088 by server.");
    ADMIN_PORT = Setting::bare("ADMIN_PORT", Form::Port, "The port of `/healthz`, `/readyz` and `/metrics`, for whoever runs the servers and nobody else; `PORT` + 1000.");

    STORE = Setting::bare("BOUTIQUE_STORE", Form::Store, "Where data is kept; `sqlite:boutique-SERVER.db`, for all in one process `sqlite:boutique.db`.");
    STORE_BYTES = Setting::bare("STORE_BYTES", count(1 << 20, 1 << 50), "The most bytes a data file may grow to; the disk's limit.");
    AUDIT_DATA = Setting::bare("AUDIT_DATA", Form::Text, "The folder of the servers' files, on one machine; the gateway's admin port then has `/audit`.");
    WAREHOUSE = Setting::bare("WAREHOUSE", Form::Text, "The folder of the data warehouse, whose tables are then fed by what is published; without it none is. Servers of one machine may share it.");
    OPENING_STOCK = Setting::new("OPENING_STOCK", count(0, 1_000_000_000), "0", "Units of every product of the catalog that a new stock system starts with.");

    CHECKOUT_URL = Setting::url("CHECKOUT_SERVICE_URL", None, "http://127.0.0.1:8081", "Where the checkout is.");
    CRM_URL = Setting::url("CRM_SERVICE_URL", Some("GCP_CRM_URL"), "http://127.0.0.1:8082", "Where the CRM is.");
    INVENTORY_URL = Setting::url("INVENTORY_SERVICE_URL", Some("GCP_INVENTORY_URL"), "http://127.0.0.1:8083", "Where the stock system of parcels is.");
    FURNITURE_URL = Setting::url("FURNITURE_SERVICE_URL", Some("GCP_FURNITURE_URL"), "http://127.0.0.1:8084", "Where the stock system of bulky goods is.");
    FRAUD_URL = Setting::url("FRAUD_SERVICE_URL", Some("AZURE_ANALYTICS_URL"), "http://127.0.0.1:8085", "Where the fraud engine is.");
    OMS_URL = Setting::url("OMS_SERVICE_URL", None, "http://127.0.0.1:8086", "Where order management is; events are pushed to it.");
    ACCOUNTING_URL = Setting::url("ACCOUNTING_SERVICE_URL", None, "http://127.0.0.1:8087", "Where accounting is.");
    WAREHOUSE_URL = Setting::url("WAREHOUSE_SERVICE_URL", None, "http://127.0.0.1:8088", "Where the warehouse is.");

    REQUEST_TIMEOUT = Setting::new("REQUEST_TIMEOUT", time(10, HOUR), "10s", "The longest a request may take, whatever its caller would wait.");
    BODY_BYTES = Setting::new("BODY_BYTES", count(1 << 10, 64 << 20), "102400", "The largest body of a request.");
    IN_FLIGHT = Setting::new("IN_FLIGHT", count(1, 100_000), "256", "Requests that are worked on at once; as many wait, more are shed.");
    BACKGROUND_PERCENT = Setting::new("BACKGROUND_PERCENT", count(0, 90), "25", "The share of `IN_FLIGHT`, on both sides of an edge, that is kept for recovery, relay and deliveries.");
    CONNECTIONS = Setting::new("CONNECTIONS", count(1, 1_000_000), "4096", "Connections that are open at once.");
    CONNECTIONS_PER_ADDRESS = Setting::new("CONNECTIONS_PER_ADDRESS", count(1, 1_000_000), "1024", "Connections from one address that are open at once.");
    HEADER_TIMEOUT = Setting::new("HEADER_TIMEOUT", time(10, 60_000), "2s", "How long a client may take to send the first byte and the head of a request.");
    BODY_TIMEOUT = Setting::new("BODY_TIMEOUT", time(10, 60_000), "2s", "How long a client may pause within a body.");
    IDLE_TIMEOUT = Setting::new("IDLE_TIMEOUT", time(10, HOUR), "60s", "How long a connection is kept between requests.");
    WORKERS = Setting::new("WORKERS", count(0, 1_024), "0", "Threads that requests are worked on by; 0: as many as the machine has cores.");
    DRAIN_WAIT = Setting::new("DRAIN_WAIT", time(0, 60_000), "0s", "After a signal, how long a server that is not ready any more still accepts connections, until those who route to it have noticed.");
    DRAIN_LIMIT = Setting::new("DRAIN_LIMIT", time(100, 600_000), "9s", "After a signal, how long until the process ends in any case. Cloud Run kills after 10 s.");

    CONNECT_TIMEOUT = Setting::new("CONNECT_TIMEOUT", time(10, 60_000), "1s", "How long a connection to an upstream may take.");
    UPSTREAM_IN_FLIGHT = Setting::new("UPSTREAM_IN_FLIGHT", count(1, 100_000), "256", "Requests to one upstream at once; as many wait, more are shed.");
    RETRIES = Setting::new("RETRIES", count(0, 5), "2", "How often a request is sent again after a failure that may pass; by the gateway, what was never sent, and what has no body and may be sent twice.");
    RETRY_PERCENT = Setting::new("RETRY_PERCENT", count(0, 100), "10", "The share of requests to an upstream that may be retries or hedges.");
    RETRY_BACKOFF = Setting::new("RETRY_BACKOFF", time(1, 10_000), "25ms", "The longest pause before the first retry, doubled with each; the pause is drawn from zero to that.");
    BREAKER_PERCENT = Setting::new("BREAKER_PERCENT", count(1, 100), "50", "The share of failures at which a breaker opens; for the gateway a failure is no answer, whatever an answer says.");
    BREAKER_WINDOW = Setting::new("BREAKER_WINDOW", count(5, 64), "20", "The number of latest calls that share is taken over.");
    BREAKER_OPEN = Setting::new("BREAKER_OPEN", time(10, 600_000), "1s", "How long an open breaker refuses before it lets a probe through.");
    HEDGE = Setting::new("HEDGE", Form::Flag, "false", "Ask the CRM, and the fraud engine for a dry run, a second time where the first answer is slower than 19 in 20 of them.");

    JWT_ISSUER = Setting::bare("JWT_ISSUER", Form::Text, "Who tokens must be from: their `iss`.");
    JWT_AUDIENCE = Setting::bare("JWT_AUDIENCE", Form::Text, "Whom tokens must be for: their `aud`.");
    JWT_JWKS_URL = Setting::bare("JWT_JWKS_URL", Form::Url, "Where the issuer publishes its keys.");
    JWT_ALGORITHM = Setting::new("JWT_ALGORITHM", Form::OneOf(&["RS256", "ES256"]), "RS256", "The one algorithm the issuer signs with.");
    DEV_ISSUER = Setting::new("BOUTIQUE_DEV_ISSUER", Form::Flag, "false", "Accept tokens of the development issuer on this machine instead; `boutique token` makes them.");
    DEV_KEY = Setting::new("BOUTIQUE_DEV_KEY", Form::Text, "boutique-dev.key", "The file of the development issuer's key, made if it is missing.");
    PRINCIPAL_RATE = Setting::new("PRINCIPAL_RATE", count(0, 1_000_000), "0", "Requests a second that one principal may make, over all routes; 0: as the route says.");
    ADDRESS_RATE = Setting::new("ADDRESS_RATE", count(0, 1_000_000), "0", "Requests a second that one address may make before its tokens are looked at, and again for what is public; 0: the standard limits.");
    TRUSTED_HOPS = Setting::new("TRUSTED_HOPS", count(0, 16), "0", "How many proxies stand before the gateway and are believed when they say in `X-Forwarded-For` whom they saw; 0: the address that connects is the client's.");
    PUSH_AUDIENCE = Setting::bare("PUSH_AUDIENCE", Form::Text, "Whom the tokens of pushed messages must be for; without it they are not asked for. Order management believes Google's, as a broker in between pushes with, or with `PUSH_KEY` those of our own checkout and warehouse.");
    PUSH_ACCOUNT = Setting::bare("PUSH_ACCOUNT", Form::Text, "The service account, by e-mail, that pushes; required with `PUSH_AUDIENCE`.");
    PUSH_KEY = Setting::bare("PUSH_KEY", Form::Text, "The file of the key that checkout and warehouse sign their pushes with and order management believes, made if it is missing: for servers on one machine.");

    BROKER = Setting::new("BROKER", Form::OneOf(&["own", "pubsub"]), "own", "What events travel by: `own`, the checkout's and the warehouse's own files, out of which they push; `pubsub`, Google Cloud Pub/Sub, by programs built with the feature `pubsub`.");
    GCP_PROJECT_ID = Setting::bare("GCP_PROJECT_ID", Form::Project, "The project whose Pub/Sub is the broker; required with `BROKER=pubsub`, as are credentials (`GOOGLE_APPLICATION_CREDENTIALS`, or a machine with a service account).");
    PUBSUB_EMULATOR_HOST = Setting::bare("PUBSUB_EMULATOR_HOST", Form::HostPort, "Where an emulator of Pub/Sub is, which is used instead of Google's and asks for no credentials.");
    PUBSUB_TOPIC = Setting::new("PUBSUB_TOPIC", Form::Resource, "orders", "The topic of confirmed orders.");
    PUBSUB_DEAD_TOPIC = Setting::bare("PUBSUB_DEAD_TOPIC", Form::Resource, "The topic of confirmed orders that could not be delivered; `PUBSUB_TOPIC`, then `-dead`.");
    PUBSUB_SHIPMENTS_TOPIC = Setting::new("PUBSUB_SHIPMENTS_TOPIC", Form::Resource, "shipments", "The topic of what the warehouse reports of shipments.");
    PUBSUB_REFUSALS_TOPIC = Setting::new("PUBSUB_REFUSALS_TOPIC", Form::Resource, "refusals", "The topic of refused orders, for the data warehouse.");
    PUBSUB_PULL = Setting::new("PUBSUB_PULL", Form::Flag, "false", "Order management pulls its subscriptions, since Pub/Sub cannot reach it; without it, it is pushed to.");
    PUBSUB_STREAMS = Setting::new("PUBSUB_STREAMS", count(1, 64), "1", "Streams over which order management pulls each subscription. Google's Pub/Sub needs one; the emulator gives some 1,900 messages a second on each, and goes on feeding those of a process that was killed.");
    PUBSUB_SUBSCRIPTION = Setting::bare("PUBSUB_SUBSCRIPTION", Form::Resource, "Order management's subscription to confirmed orders; `PUBSUB_TOPIC`, then `.oms`.");
    PUBSUB_DEAD_SUBSCRIPTION = Setting::bare("PUBSUB_DEAD_SUBSCRIPTION", Form::Resource, "Its subscription to those that could not be delivered; `PUBSUB_DEAD_TOPIC`, then `.oms`.");
    PUBSUB_SHIPMENTS_SUBSCRIPTION = Setting::bare("PUBSUB_SHIPMENTS_SUBSCRIPTION", Form::Resource, "Its subscription to reports of shipments; `PUBSUB_SHIPMENTS_TOPIC`, then `.oms`.");
    PUBSUB_CREATE = Setting::new("PUBSUB_CREATE", Form::Flag, "false", "Create at the emulator what is missing there of topics and of order management's subscriptions, which push to `OMS_SERVICE_URL` unless `PUBSUB_PULL` is set. In a project of Google's that is `boutique provision gcp`, with `--push-to` or `--pull`.");

    LINES_PER_ORDER = Setting::new("LINES_PER_ORDER", count(1, 1_000), "100", "The most lines an order may have.");
    HOLD_TIME = Setting::new("HOLD_TIME", time(1_000, 24 * HOUR), "15m", "How long goods are promised to an order that is being placed; longer than `ATTEMPT_TIME`.");
    ATTEMPT_TIME = Setting::new("ATTEMPT_TIME", time(100, HOUR), "10s", "How long an order may be worked on before recovery takes over.");
    REVIEW_TIME = Setting::new("REVIEW_TIME", time(1_000, 720 * HOUR), "24h", "How long an order waits for a person's decision.");
    CRM_POLICY = Setting::new("CRM_POLICY", Form::Policy, "fail_closed", "What the checkout does without the CRM.");
    CRM_PERCENT = Setting::new("CRM_PERCENT", count(1, 100), "50", "The share of the time left that the CRM may take.");
    FRAUD_POLICY = Setting::new("FRAUD_POLICY", Form::Policy, "fail_closed", "What the checkout does without the fraud engine.");
    FRAUD_PERCENT = Setting::new("FRAUD_PERCENT", count(1, 100), "50", "The share of the time left that the fraud engine may take.");
    WORK_BATCH = Setting::new("WORK_BATCH", count(1, 10_000), "256", "Events, deliveries or duties that one round of background work takes on.");
    WORK_PAUSE = Setting::new("WORK_PAUSE", time(0, 60_000), "2ms", "The pause after a round of background work that did something, in which more of it comes together.");
    WORK_EVERY = Setting::new("WORK_EVERY", time(1, 60_000), "50ms", "The pause after a round of background work that found nothing to do.");
    TIDY_EVERY = Setting::new("TIDY_EVERY", time(10, 600_000), "1s", "How often recovery looks for attempts, orders and holds that nobody works on.");
    STUCK_AFTER = Setting::new("STUCK_AFTER", time(100, HOUR), "5s", "How long an order is idle with open steps before it is driven again.");

    CHECK_EVERY = Setting::new("CHECK_EVERY", time(100, 600_000), "5s", "How often each dependency is checked for `/readyz`.");
    LOG_LEVEL = Setting::new("LOG_LEVEL", Form::Levels, "info", "Which log lines are written.");
    LOG_FORMAT = Setting::new("LOG_FORMAT", Form::OneOf(&["text", "json"]), "text", "How they are written, to standard error.");
    OTLP_ENDPOINT = Setting::bare("OTEL_EXPORTER_OTLP_ENDPOINT", Form::Url, "Where spans are exported to by OTLP over HTTP; `/v1/traces` is added. Without it none are.");
    OTLP_HEADERS = Setting::bare("OTEL_EXPORTER_OTLP_HEADERS", Form::Text, "Headers for the collector, `name=value,...`; secret.");
    TRACE_PERCENT = Setting::new("TRACE_PERCENT", count(0, 100), "100", "The share of traces begun here that are exported; those begun elsewhere say it themselves.");
}
