//! Which tokens are believed.

use std::time::Duration;

/// How an issuer signs. Each issuer has exactly one way, which is never taken from the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA with P-256 and SHA-256.
    Es256,
}

impl Algorithm {
    /// As RFC 7518 writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }
}

/// Somebody who issues tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// The `iss` of its tokens, to the letter.
    pub issuer: String,
    /// Where its keys are (RFC 7517).
    pub jwks_uri: String,
    /// The `aud` its tokens must have: one of these.
    pub audiences: Vec<String>,
    /// How it signs.
    pub algorithm: Algorithm,
}

/// Why issuers are no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPolicy {
    /// An issuer has no name.
    #[error("an issuer has no name")]
    Unnamed,
    /// An issuer is there twice: it would have two ways to sign.
    #[error("issuer {0} is named twice")]
    Twice(String),
    /// An issuer's tokens are for nobody.
    #[error("issuer {0} has no audience")]
    Audience(String),
    /// Clocks are further apart than they may be.
    #[error("the leeway must be at most five minutes")]
    Leeway,
}

/// The issuers that are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPolicy {
    issuers: Vec<Issuer>,
    leeway: Duration,
}

/// By how much the clocks of issuer and gateway may differ, unless said otherwise.
const LEEWAY: Duration = Duration::from_secs(60);

impl TokenPolicy {
    /// Believes `issuers`, with 60 s of leeway. None at all is a policy too: it believes nobody.
    ///
    /// # Errors
    ///
    /// [`InvalidPolicy`] names the issuer.
    pub fn new(issuers: Vec<Issuer>) -> Result<Self, InvalidPolicy> {
        for (at, issuer) in issuers.iter().enumerate() {
            if issuer.issuer.is_empty() {
                return Err(InvalidPolicy::Unnamed);
            }
            if issuers.iter().take(at).any(|it| it.issuer == issuer.issuer) {
                return Err(InvalidPolicy::Twice(issuer.issuer.clone()));
            }
            let none = issuer.audiences.is_empty() || issuer.audiences.iter().any(String::is_empty);
            if none {
                return Err(InvalidPolicy::Audience(issuer.issuer.clone()));
            }
        }
        Ok(Self {
            issuers,
            leeway: LEEWAY,
        })
    }

    /// The same with another leeway.
    ///
    /// # Errors
    ///
    /// [`InvalidPolicy::Leeway`] if it is over five minutes.
    pub fn with_leeway(mut self, leeway: Duration) -> Result<Self, InvalidPolicy> {
        if leeway > Duration::from_secs(300) {
            return Err(InvalidPolicy::Leeway);
        }
        self.leeway = leeway;
        Ok(self)
    }

    /// The issuers.
    pub fn issuers(&self) -> &[Issuer] {
        &self.issuers
    }

    /// By how much clocks may differ.
    pub const fn leeway(&self) -> Duration {
        self.leeway
    }
}
