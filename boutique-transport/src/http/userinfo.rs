//! On whose behalf a request comes: the claims of the token that the gateway verified, as it
//! passes them on. A request without them comes from one of our own servers.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use boutique_core::ids::UserId;
use serde::{Deserialize, Serialize};

use super::problem::Problem;

/// Verified claims as base64url JSON. The gateway sets it and strips it from outside.
pub const USERINFO: HeaderName = HeaderName::from_static("x-apigateway-api-userinfo");

/// What a service needs to know of verified claims.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Userinfo {
    /// Who it is (`sub`).
    #[serde(rename = "sub")]
    pub user_id: UserId,
    /// What the token is good for, as RFC 8693 writes it, or as a list.
    #[serde(default)]
    scope: Scopes,
    /// The same by the name that some issuers give it.
    #[serde(default)]
    scp: Scopes,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Scopes {
    Spaced(String),
    Listed(Vec<String>),
}

impl Default for Scopes {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

/// Google's gateway pads the text, others do not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Userinfo {
    /// Reads the header's value; `None` if it is not such claims.
    pub fn parse(value: &HeaderValue) -> Option<Self> {
        let json = BASE64.decode(value.as_bytes()).ok()?;
        serde_json::from_slice(&json).ok()
    }

    /// The header's value for `claims`; `None` if they are no JSON.
    pub fn value<C: Serialize>(claims: &C) -> Option<HeaderValue> {
        let json = serde_json::to_vec(claims).ok()?;
        HeaderValue::from_maybe_shared(URL_SAFE_NO_PAD.encode(json)).ok()
    }

    /// Whether the token is good for `scope`.
    pub fn has(&self, scope: &str) -> bool {
        self.scope.has(scope) || self.scp.has(scope)
    }
}

impl Scopes {
    fn has(&self, scope: &str) -> bool {
        match self {
            Self::Spaced(text) => text.split_ascii_whitespace().any(|it| it == scope),
            Self::Listed(list) => list.iter().any(|it| it == scope),
        }
    }
}

/// Whoever asks: somebody the gateway vouches for, or, as `None`, one of our own servers.
///
/// A header that is there twice or cannot be read is refused (403), never ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller(pub Option<Userinfo>);

impl Caller {
    /// Who asks, by the headers of a request.
    ///
    /// # Errors
    ///
    /// A 403 if the claims cannot be read.
    pub fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut values = headers.get_all(&USERINFO).iter();
        let Some(value) = values.next() else {
            return Ok(Self(None));
        };
        let userinfo = match values.next() {
            None => Userinfo::parse(value),
            Some(_) => None,
        };
        let refused = || {
            let detail = "the verified claims cannot be read";
            Problem::new(StatusCode::FORBIDDEN, detail)
        };
        userinfo.map(|it| Self(Some(it))).ok_or_else(refused)
    }

    /// Whether they may act for everybody: one of ours, or a token with the scope `any`.
    pub fn is_trusted(&self, any: &str) -> bool {
        self.0.as_ref().is_none_or(|it| it.has(any))
    }

    /// Whose affairs alone they may see; `None` if they may act for everybody.
    pub fn buyer(&self, any: &str) -> Option<&UserId> {
        let told = self.0.as_ref().filter(|it| !it.has(any))?;
        Some(&told.user_id)
    }

    /// Whether they may act for `user_id`: that user, or somebody who may act for everybody.
    pub fn may_act_for(&self, user_id: &UserId, any: &str) -> bool {
        self.0
            .as_ref()
            .is_none_or(|it| it.user_id == *user_id || it.has(any))
    }

    /// Refuses whoever may not act for everybody.
    ///
    /// # Errors
    ///
    /// A 403 naming the scope.
    pub fn trusted(&self, any: &str) -> Result<(), Problem> {
        if self.is_trusted(any) {
            return Ok(());
        }
        let detail = format!("the token lacks the scope {any}");
        Err(Problem::new(StatusCode::FORBIDDEN, detail))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.headers)
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE;
    use serde_json::json;

    use super::*;

    fn caller(values: &[&str]) -> Result<Caller, Problem> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&USERINFO, value.parse().expect("a header"));
        }
        Caller::of(&headers)
    }

    fn user(name: &str) -> UserId {
        UserId::new(name).expect("an id")
    }

    #[test]
    fn a_scope_is_a_word_in_whichever_way_issuers_write_it() {
        for (claims, trusted) in [
            (json!({"sub": "ada"}), false),
            (json!({"sub": "ada", "scope": "checkout orders:any"}), true),
            (
                json!({"sub": "ada", "scope": "orders:any2 xorders:any"}),
                false,
            ),
            (
                json!({"sub": "ada", "scope": ["a", "orders:any"], "x": {}}),
                true,
            ),
            (json!({"sub": "ada", "scp": "orders:any"}), true),
            (json!({"sub": "ada", "scp": ["orders"]}), false),
        ] {
            let value = Userinfo::value(&claims).expect("a header");
            let padded = URL_SAFE.encode(claims.to_string());
            for text in [value.to_str().expect("ASCII"), &padded] {
                let caller = caller(&[text]).expect("read");
                assert_eq!(caller.is_trusted("orders:any"), trusted, "{claims}");
                assert!(caller.may_act_for(&user("ada"), "orders:any"));
                assert_eq!(caller.may_act_for(&user("bob"), "orders:any"), trusted);
            }
        }
    }

    #[test]
    fn claims_that_cannot_be_read_are_refused_and_never_taken_for_ours() {
        let good = Userinfo::value(&json!({"sub": "ada"})).expect("a header");
        let good = good.to_str().expect("ASCII");
        assert_eq!(caller(&[]).expect("ours"), Caller(None));
        for bad in [
            &["" as &str][..],
            &["e30"],
            &["{}"],
            &["bnVsbA"],
            &[good, good],
            &[&good[1..]],
        ] {
            assert_eq!(caller(bad).expect_err("refused").status(), 403, "{bad:?}");
        }
        let nobody = Userinfo::value(&json!({"sub": ""})).expect("a header");
        assert!(Userinfo::parse(&nobody).is_none());
    }
}
