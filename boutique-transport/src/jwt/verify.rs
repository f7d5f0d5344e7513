//! A token in, the verified caller out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::gateway::{Algorithm, TokenPolicy};
use jsonwebtoken::{Validation, decode, decode_header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Number;

use super::jwks::{InvalidJwksUri, Jwks, JwksOptions, NoKey, jwks_uri};
use super::memo::{Digest, Memo};
use crate::http::exchange::BoxExchange;
use crate::http::problem::Problem;
use crate::http::userinfo::Userinfo;

/// The longest token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 8 << 10;

/// Why a token is not believed. The texts repeat nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is none, or there are two.
    #[error("send exactly one Authorization header: Bearer and a token")]
    Missing,
    /// It is no signed token, or one with critical extensions.
    #[error("this is no token")]
    Malformed,
    /// Its issuer is not one of ours.
    #[error("the token is of an unknown issuer")]
    Issuer,
    /// It is not signed in its issuer's way.
    #[error("the token is not signed in its issuer's way")]
    Algorithm,
    /// Its issuer has no such key.
    #[error("the token is signed with an unknown key")]
    Key,
    /// The signature is not its issuer's.
    #[error("the token's signature is wrong")]
    Signature,
    /// It is for somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// One of `exp`, `aud`, `iss`, `sub` is missing, or a claim is mistyped.
    #[error("the token lacks a claim, or a claim is mistyped")]
    Claims,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYet,
    /// The issuer's keys cannot be fetched: nobody knows whether it is good.
    #[error("tokens cannot be verified at present")]
    Unavailable,
}

/// 401 with `WWW-Authenticate` (RFC 6750 section 3), or 503 if nobody can tell.
impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        if error == TokenError::Unavailable {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return Self::new(status, error.to_string()).retry_after(1);
        }
        let challenge = match error {
            // A request without a token is told how, not what was wrong.
            TokenError::Missing => "Bearer".to_owned(),
            _ => format!("Bearer error=\"invalid_token\", error_description=\"{error}\""),
        };
        let problem = Self::new(StatusCode::UNAUTHORIZED, error.to_string());
        match HeaderValue::from_str(&challenge) {
            Ok(challenge) => problem.header(header::WWW_AUTHENTICATE, challenge),
            Err(_) => problem,
        }
    }
}

/// The token of a request (RFC 6750 section 2.1).
///
/// # Errors
///
/// [`TokenError::Missing`] if there is none, or more than one: two readers could take two.
pub fn bearer(headers: &HeaderMap) -> Result<&str, TokenError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(TokenError::Missing);
    };
    let value = value.to_str().map_err(|_| TokenError::Missing)?;
    let (scheme, token) = value.split_once(' ').ok_or(TokenError::Missing)?;
    let token = token.trim_start_matches(' ');
    let fits = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains(' ');
    fits.then_some(token).ok_or(TokenError::Missing)
}

/// What a verified token says.
pub struct Verified {
    userinfo: Userinfo,
    /// Its payload as it was signed: base64url JSON.
    payload: HeaderValue,
    expires: Timestamp,
    issuer: usize,
    generation: u64,
}

impl Verified {
    /// Who it is and what the token is good for.
    pub const fn userinfo(&self) -> &Userinfo {
        &self.userinfo
    }

    /// The claims as the value of `X-Apigateway-Api-Userinfo`.
    pub const fn header(&self) -> &HeaderValue {
        &self.payload
    }

    /// All claims as `T`; `None` if they are none.
    pub fn claims<T: DeserializeOwned>(&self) -> Option<T> {
        let json = URL_SAFE_NO_PAD.decode(self.payload.as_bytes()).ok()?;
        serde_json::from_slice(&json).ok()
    }
}

/// Says nothing of whom it names.
impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verified([redacted])")
    }
}

struct KnownIssuer {
    name: String,
    algorithm: Algorithm,
    validation: Validation,
    jwks: Jwks,
}

/// Verifies tokens by a policy. Cheap to clone; clones share keys and what was verified.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    issuers: Vec<KnownIssuer>,
    leeway: Duration,
    clock: Arc<dyn Clock>,
    memo: Memo,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.issuers.iter().map(|it| &it.name);
        f.debug_list().entries(names).finish()
    }
}

const fn library(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
    }
}

/// What is read of a token before its signature is: only to find the issuer.
#[derive(Deserialize)]
struct Unverified {
    iss: String,
}

#[derive(Deserialize)]
struct Times {
    exp: Number,
    #[serde(default)]
    nbf: Option<Number>,
}

impl Verifier {
    /// Believes what `policy` says. Keys are fetched by `exchange`, when they are needed.
    ///
    /// # Errors
    ///
    /// [`InvalidJwksUri`] if keys may not come from where an issuer has them.
    pub fn new(
        policy: &TokenPolicy,
        exchange: &BoxExchange,
        clock: Arc<dyn Clock>,
        options: JwksOptions,
    ) -> Result<Self, InvalidJwksUri> {
        let mut issuers: Vec<KnownIssuer> = Vec::with_capacity(policy.issuers().len());
        for issuer in policy.issuers() {
            let algorithm = issuer.algorithm;
            let mut validation = Validation::new(library(algorithm));
            validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
            validation.set_issuer(&[&issuer.issuer]);
            validation.set_audience(&issuer.audiences);
            // Times are compared below, with our clock.
            validation.validate_exp = false;
            validation.validate_nbf = false;
            validation.leeway = 0;
            let uri = jwks_uri(&issuer.jwks_uri)?;
            // Issuers of several names have one set of keys.
            let known = issuers.iter().find(|it| it.jwks.is(&uri, algorithm));
            let jwks = known.map(|it| it.jwks.clone());
            let jwks = jwks.unwrap_or_else(|| Jwks::new(uri, algorithm, exchange.clone(), options));
            issuers.push(KnownIssuer {
                name: issuer.issuer.clone(),
                algorithm,
                validation,
                jwks,
            });
        }
        Ok(Self(Arc::new(Inner {
            issuers,
            leeway: policy.leeway(),
            clock,
            memo: Memo::default(),
        })))
    }

    /// Who `token` names, if it is good at present.
    ///
    /// # Errors
    ///
    /// [`TokenError`] says what is wrong with it. [`TokenError::Unavailable`] if nobody can
    /// tell, since its issuer's keys cannot be had.
    pub async fn verify(&self, token: &str) -> Result<Arc<Verified>, TokenError> {
        if let Some(verified) = self.remembered(token) {
            return Ok(verified);
        }
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Malformed);
        }
        let verified = Arc::new(self.0.verify(token).await?);
        if let Some(name) = name(token) {
            self.0.memo.put(name, Arc::clone(&verified));
        }
        Ok(verified)
    }

    /// Who `token` names, if it was verified lately and nothing has changed since: costs a
    /// hash and a look-up.
    pub fn remembered(&self, token: &str) -> Option<Arc<Verified>> {
        let inner = &*self.0;
        let name = name(token)?;
        let verified = inner.memo.get(&name)?;
        let issuer = &inner.issuers[verified.issuer];
        let expired = inner.clock.now() >= verified.expires;
        if !expired && issuer.jwks.generation() == Some(verified.generation) {
            return Some(verified);
        }
        inner.memo.forget(&name);
        None
    }
}

/// What a token is remembered by.
fn name(token: &str) -> Option<Digest> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    digest(&SHA256, token.as_bytes()).as_ref().try_into().ok()
}

impl Inner {
    async fn verify(&self, token: &str) -> Result<Verified, TokenError> {
        let head = decode_header(token).map_err(|_| TokenError::Malformed)?;
        if head.crit.is_some() || head.enc.is_some() || head.zip.is_some() {
            return Err(TokenError::Malformed);
        }
        let payload = token.split('.').nth(1).ok_or(TokenError::Malformed)?;
        let json = URL_SAFE_NO_PAD
            .decode(payload)
            .map_err(|_| TokenError::Malformed)?;
        let Unverified { iss } = serde_json::from_slice(&json).map_err(|_| TokenError::Claims)?;
        let known = self
            .issuers
            .iter()
            .enumerate()
            .find(|(_, it)| it.name == iss);
        let (at, issuer) = known.ok_or(TokenError::Issuer)?;
        if head.alg != library(issuer.algorithm) {
            return Err(TokenError::Algorithm);
        }
        let kid = head.kid.as_deref().ok_or(TokenError::Key)?;
        let (key, generation) = issuer.jwks.key(kid).await.map_err(|it| match it {
            NoKey::Unknown => TokenError::Key,
            NoKey::Unavailable => TokenError::Unavailable,
        })?;
        let times = decode::<Times>(token, &key, &issuer.validation).map_err(|it| refusal(&it))?;
        let Times { exp, nbf } = times.claims;
        let expires = moment(&exp).ok_or(TokenError::Claims)?.after(self.leeway);
        let now = self.clock.now();
        if now >= expires {
            return Err(TokenError::Expired);
        }
        if let Some(nbf) = nbf {
            let from = moment(&nbf).ok_or(TokenError::Claims)?;
            if now < from.before(self.leeway) {
                return Err(TokenError::NotYet);
            }
        }
        Ok(Verified {
            userinfo: serde_json::from_slice(&json).map_err(|_| TokenError::Claims)?,
            payload: HeaderValue::from_str(payload).map_err(|_| TokenError::Malformed)?,
            expires,
            issuer: at,
            generation,
        })
    }
}

fn refusal(error: &jsonwebtoken::errors::Error) -> TokenError {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::InvalidAudience => TokenError::Audience,
        ErrorKind::InvalidIssuer => TokenError::Issuer,
        ErrorKind::InvalidAlgorithm => TokenError::Algorithm,
        ErrorKind::MissingRequiredClaim(_)
        | ErrorKind::InvalidClaimFormat(_)
        | ErrorKind::Json(_) => TokenError::Claims,
        _ => TokenError::Malformed,
    }
}

/// A `NumericDate` (RFC 7519 section 2): seconds, perhaps with a fraction, not before 1970.
fn moment(seconds: &Number) -> Option<Timestamp> {
    if let Some(seconds) = seconds.as_u64() {
        let seconds = i64::try_from(seconds).ok()?;
        return Some(Timestamp::from_millis(seconds.saturating_mul(1_000)));
    }
    let seconds = seconds.as_f64().filter(|it| it.is_finite() && *it >= 0.0)?;
    Some(Timestamp::EPOCH.after(Duration::try_from_secs_f64(seconds).ok()?))
}
