//! The tokens that pushes are signed with: by Pub/Sub, or by our own servers with a key they
//! share.
//!
//! <https://docs.cloud.google.com/pubsub/docs/authenticate-push-subscriptions>

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::fault::Fault;
use boutique_core::gateway::{Algorithm, InvalidPolicy, Issuer, TokenPolicy};
use serde::Deserialize;
use serde_json::json;

use super::dev::{DEV_ISSUER, DevIssuer};
use super::jwks::JwksOptions;
use super::verify::{TokenError, Verifier, bearer};
use crate::http::exchange::{BoxExchange, InProcess};
use crate::http::oms::PushCredential;
use crate::http::problem::Problem;

/// Where Google has the keys of its identity tokens.
pub const GOOGLE_JWKS_URI: &str = "https://www.googleapis.com/oauth2/v3/certs";

/// Believes the pushes of one service account, for one audience.
#[derive(Clone)]
pub struct PushVerifier {
    verifier: Verifier,
    account: Arc<str>,
    clock: Arc<dyn Clock>,
}

#[derive(Deserialize)]
struct Account {
    email: String,
    email_verified: bool,
    /// When it was signed, in seconds since 1970.
    iat: Option<i64>,
}

/// By how much clocks may differ.
const LEEWAY: Duration = Duration::from_secs(60);

impl fmt::Debug for PushVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushVerifier")
            .field("verifier", &self.verifier)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl PushVerifier {
    /// Believes tokens of Google for `audience` that are `account`'s, the e-mail of the service
    /// account that the subscription signs with.
    ///
    /// # Errors
    ///
    /// [`InvalidPolicy::Audience`] if the audience is empty.
    pub fn new(
        audience: &str,
        account: &str,
        exchange: &BoxExchange,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, InvalidPolicy> {
        let issuer = |name: &str| Issuer {
            issuer: name.to_owned(),
            jwks_uri: GOOGLE_JWKS_URI.to_owned(),
            audiences: vec![audience.to_owned()],
            algorithm: Algorithm::Rs256,
        };
        // Google signs with either name.
        let names = ["https://accounts.google.com", "accounts.google.com"];
        let policy = TokenPolicy::new(names.map(issuer).into())?;
        let now = Arc::clone(&clock);
        match Verifier::new(&policy, exchange, now, JwksOptions::default()) {
            Ok(verifier) => Ok(Self {
                verifier,
                account: account.into(),
                clock,
            }),
            Err(error) => unreachable!("Google's keys come by https: {error}"),
        }
    }

    /// Believes tokens for `audience` that are `account`'s and signed with `key`, as
    /// [`PushTokens`] makes them, and no others.
    ///
    /// # Errors
    ///
    /// [`InvalidPolicy::Audience`] if the audience is empty.
    pub fn own(
        audience: &str,
        account: &str,
        key: &DevIssuer,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, InvalidPolicy> {
        // The keys never leave the process: the address is a name.
        let issuer = Issuer {
            audiences: vec![audience.to_owned()],
            ..DevIssuer::issuer("http://127.0.0.1")
        };
        let policy = TokenPolicy::new(vec![issuer])?;
        let keys = BoxExchange::new(InProcess(key.router()));
        let now = Arc::clone(&clock);
        match Verifier::new(&policy, &keys, now, JwksOptions::default()) {
            Ok(verifier) => Ok(Self {
                verifier,
                account: account.into(),
                clock,
            }),
            Err(error) => unreachable!("an address of this machine is one: {error}"),
        }
    }

    /// Checks the token of a push.
    ///
    /// # Errors
    ///
    /// [`TokenError`]; [`TokenError::Claims`] if it is another account's, or one whose e-mail
    /// nobody has verified; [`TokenError::NotYet`] if it was signed more than a minute from now.
    pub async fn verify(&self, token: &str) -> Result<(), TokenError> {
        let verified = self.verifier.verify(token).await?;
        let account: Account = verified.claims().ok_or(TokenError::Claims)?;
        if !account.email_verified || *account.email != *self.account {
            return Err(TokenError::Claims);
        }
        let latest = self.clock.now().after(LEEWAY).as_micros() / 1_000_000;
        match account.iat {
            Some(signed) if signed > latest => Err(TokenError::NotYet),
            _ => Ok(()),
        }
    }

    /// Lets only verified pushes (`POST /`) through to `router`; other paths are left alone.
    pub fn guard(self, router: Router) -> Router {
        router.layer(from_fn_with_state(self, guard))
    }
}

async fn guard(State(push): State<PushVerifier>, request: Request, next: Next) -> Response {
    // A server may answer under a version's prefix too.
    let path = request.uri().path().trim_end_matches('/');
    if request.method() == Method::POST && matches!(path, "" | "/v1") {
        let checked = match bearer(request.headers()) {
            Ok(token) => push.verify(token).await,
            Err(error) => Err(error),
        };
        if let Err(error) = checked {
            return Problem::from(error).into_response();
        }
    }
    next.run(request).await
}

/// How long a token of ours is good.
const VALID: Duration = Duration::from_secs(600);
/// A token is shown for this long: less, since clocks differ and a push takes its time.
const SHOWN: Duration = Duration::from_secs(300);

/// Signs our own pushes: what [`PushVerifier::own`] believes. For servers that share a key file,
/// on one machine.
pub struct PushTokens {
    key: DevIssuer,
    audience: String,
    account: String,
    clock: Arc<dyn Clock>,
    latest: Mutex<Option<(Timestamp, HeaderValue)>>,
}

impl fmt::Debug for PushTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushTokens").finish_non_exhaustive()
    }
}

impl PushTokens {
    /// Signs with `key`, for `audience`, as `account`.
    pub fn new(key: DevIssuer, audience: &str, account: &str, clock: Arc<dyn Clock>) -> Self {
        Self {
            key,
            audience: audience.to_owned(),
            account: account.to_owned(),
            clock,
            latest: Mutex::new(None),
        }
    }

    fn header(&self) -> Result<HeaderValue, Fault> {
        let now = self.clock.now();
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((until, header)) = &*latest
            && now < *until
        {
            return Ok(header.clone());
        }
        let seconds = |it: Timestamp| it.as_micros() / 1_000_000;
        let claims = json!({
            "iss": DEV_ISSUER,
            "aud": self.audience,
            "sub": self.account,
            "email": self.account,
            "email_verified": true,
            "iat": seconds(now),
            "exp": seconds(now.after(VALID)),
        });
        let cannot = || Fault::permanent("a push cannot be signed");
        let token = self.key.sign(&claims).map_err(|it| cannot().because(it))?;
        let header = HeaderValue::try_from(format!("Bearer {token}"));
        let mut header = header.map_err(|it| cannot().because(it))?;
        header.set_sensitive(true);
        *latest = Some((now.after(SHOWN), header.clone()));
        Ok(header)
    }
}

#[async_trait]
impl PushCredential for PushTokens {
    async fn authorization(&self) -> Result<HeaderValue, Fault> {
        self.header()
    }
}
