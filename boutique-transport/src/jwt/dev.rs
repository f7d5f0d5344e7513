//! Tokens for use on one machine: a key in a file, and who has the file may be anybody.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::Router;
use axum::routing::get;
use boutique_core::clock::Timestamp;
use boutique_core::gateway::{Algorithm, Issuer};
use boutique_core::ids::UserId;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

/// The `iss` of development tokens.
pub const DEV_ISSUER: &str = "boutique-dev";
/// The `aud` of development tokens.
pub const DEV_AUDIENCE: &str = "boutique";
/// Where the development issuer's keys are.
pub const DEV_JWKS_PATH: &str = "/.well-known/jwks.json";

/// Why there is no development issuer.
#[derive(Debug, thiserror::Error)]
pub enum DevKeyError {
    /// The file cannot be read or made.
    #[error("the key file cannot be used")]
    File(#[from] io::Error),
    /// Others than its owner can use the file.
    #[error("the key file is open to others: chmod 600, or delete it to have a new one")]
    Open,
    /// The file holds no key.
    #[error("the key file holds no key: delete it to have a new one")]
    NoKey,
}

/// Issues tokens, signed with ES256, for whoever has its key file.
pub struct DevIssuer {
    key: EncodingKey,
    kid: String,
    public: Value,
}

impl fmt::Debug for DevIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevIssuer").field("kid", &self.kid).finish()
    }
}

/// What a token says.
#[derive(Clone, Debug)]
pub struct Mint<'a> {
    /// Whom it names.
    pub user: &'a UserId,
    /// What it is good for.
    pub scopes: &'a [&'a str],
    /// When it is made.
    pub now: Timestamp,
    /// How long it is good.
    pub valid_for: Duration,
}

impl DevIssuer {
    /// The issuer whose key is in `path`, readable by its owner alone. The key is made if the
    /// file is not there.
    ///
    /// # Errors
    ///
    /// [`DevKeyError`]. A file that is there is left as it is.
    pub fn open(path: &Path) -> Result<Self, DevKeyError> {
        if !path.try_exists()? {
            create(path)?;
        }
        if open_to_others(&fs::metadata(path)?) {
            return Err(DevKeyError::Open);
        }
        Self::from_pkcs8(&fs::read(path)?)
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, DevKeyError> {
        // The library checks a key only when it is used.
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
            .map_err(|_| DevKeyError::NoKey)?;
        let key = EncodingKey::from_ec_der(der);
        let algorithm = jsonwebtoken::Algorithm::ES256;
        let public = || {
            let mut jwk = Jwk::from_encoding_key(&key, algorithm).ok()?;
            // RFC 7638: the name of a key is a function of the key.
            let kid = jwk.thumbprint(ThumbprintHash::SHA256).ok()?;
            jwk.common.key_id = Some(kid.clone());
            jwk.common.public_key_use = Some(PublicKeyUse::Signature);
            Some((kid, serde_json::to_value(jwk).ok()?))
        };
        let (kid, public) = public().ok_or(DevKeyError::NoKey)?;
        Ok(Self { key, kid, public })
    }

    /// How a policy names this issuer, whose keys are then at `base`.
    pub fn issuer(base: &str) -> Issuer {
        Issuer {
            issuer: DEV_ISSUER.to_owned(),
            jwks_uri: format!("{}{DEV_JWKS_PATH}", base.trim_end_matches('/')),
            audiences: vec![DEV_AUDIENCE.to_owned()],
            algorithm: Algorithm::Es256,
        }
    }

    /// Its keys (RFC 7517).
    pub fn jwks(&self) -> Value {
        json!({"keys": [self.public]})
    }

    /// Serves its keys at [`DEV_JWKS_PATH`].
    pub fn router(&self) -> Router {
        let jwks = self.jwks();
        Router::new().route(DEV_JWKS_PATH, get(async move || axum::Json(jwks)))
    }

    /// A token.
    ///
    /// # Errors
    ///
    /// [`DevKeyError::NoKey`] if it cannot be signed.
    pub fn token(&self, mint: &Mint<'_>) -> Result<String, DevKeyError> {
        let now = mint.now.as_micros() / 1_000_000;
        let until = mint.now.after(mint.valid_for).as_micros() / 1_000_000;
        self.sign(&json!({
            "iss": DEV_ISSUER,
            "aud": DEV_AUDIENCE,
            "sub": mint.user.as_str(),
            "iat": now,
            "exp": until,
            "scope": mint.scopes.join(" "),
        }))
    }

    /// A token with these claims.
    pub(super) fn sign(&self, claims: &Value) -> Result<String, DevKeyError> {
        let mut header = Header::new(jsonwebtoken::Algorithm::ES256);
        header.kid = Some(self.kid.clone());
        encode(&header, claims, &self.key).map_err(|_| DevKeyError::NoKey)
    }
}

/// Makes a key file, whole or not at all; one that somebody else makes at the same time counts.
fn create(path: &Path) -> Result<(), DevKeyError> {
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map_err(|_| DevKeyError::NoKey)?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}.new", std::process::id()));
    let draft = Path::new(&draft);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(draft)?;
    let written = file.write_all(key.as_ref()).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| fs::hard_link(draft, path));
    fs::remove_file(draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn open_to_others(file: &fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o077 != 0
}

/// Other systems have no such bits.
#[cfg(not(unix))]
const fn open_to_others(_: &fs::Metadata) -> bool {
    false
}
