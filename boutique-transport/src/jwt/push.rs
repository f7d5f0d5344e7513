//! The tokens that Pub/Sub signs its pushes with.
//!
//! <https://docs.cloud.google.com/pubsub/docs/authenticate-push-subscriptions>

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use boutique_core::clock::Clock;
use boutique_core::gateway::{Algorithm, InvalidPolicy, Issuer, TokenPolicy};
use serde::Deserialize;

use super::jwks::JwksOptions;
use super::verify::{TokenError, Verifier, bearer};
use crate::http::exchange::BoxExchange;
use crate::http::problem::Problem;

/// Where Google has the keys of its identity tokens.
pub const GOOGLE_JWKS_URI: &str = "https://www.googleapis.com/oauth2/v3/certs";

/// Believes the pushes of one service account, for one audience.
#[derive(Clone, Debug)]
pub struct PushVerifier {
    verifier: Verifier,
    account: Arc<str>,
}

#[derive(Deserialize)]
struct Account {
    email: String,
    email_verified: bool,
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
        let verifier = Verifier::new(&policy, exchange, clock, JwksOptions::default());
        match verifier {
            Ok(verifier) => Ok(Self {
                verifier,
                account: account.into(),
            }),
            Err(error) => unreachable!("Google's keys come by https: {error}"),
        }
    }

    /// Checks the token of a push.
    ///
    /// # Errors
    ///
    /// [`TokenError`]; [`TokenError::Claims`] if it is another account's, or one whose e-mail
    /// nobody has verified.
    pub async fn verify(&self, token: &str) -> Result<(), TokenError> {
        let verified = self.verifier.verify(token).await?;
        let account: Account = verified.claims().ok_or(TokenError::Claims)?;
        let fits = account.email_verified && *account.email == *self.account;
        fits.then_some(()).ok_or(TokenError::Claims)
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
