//! The keys of one issuer: fetched when they are needed, kept while they are good.
//!
//! | age of the keys | what happens |
//! |---|---|
//! | below 4/5 of [`ttl`](JwksOptions::ttl) | used |
//! | below `ttl` | used, and fetched again in the background |
//! | below [`stale`](JwksOptions::stale) | fetched again first, at most once per [`spacing`](JwksOptions::spacing); used if that fails or takes a second |
//! | older | not used: without an answer nobody is believed |
//!
//! A `kid` that is not there makes the keys be fetched too, within the same spacing: a storm of
//! made-up ones costs the issuer one request. However many ask, one request is under way.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::http::{Request, StatusCode, header};
use boutique_core::fault::Fault;
use boutique_core::flow::Ask;
use boutique_core::gateway::Algorithm;
use bytes::Bytes;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::{Host, Url};

use crate::http::exchange::{BoxExchange, is_metadata};

/// How long keys are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JwksOptions {
    /// After this they are fetched again.
    pub ttl: Duration,
    /// The least time between two fetches that a token can cause.
    pub spacing: Duration,
    /// After this they are not used any more, however long the issuer is away.
    pub stale: Duration,
    /// How long a key is kept that the issuer does not publish any more: tokens it has signed
    /// are still on their way.
    pub overlap: Duration,
    /// How long the issuer may take to answer.
    pub timeout: Duration,
}

impl Default for JwksOptions {
    /// 5 minutes, 30 seconds, a day, 5 minutes, 5 seconds.
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(300),
            spacing: Duration::from_secs(30),
            stale: Duration::from_secs(86_400),
            overlap: Duration::from_secs(300),
            timeout: Duration::from_secs(5),
        }
    }
}

/// The least time between two fetches while there are no keys at all.
const EMPTY_SPACING: Duration = Duration::from_secs(1);
/// How long a token waits for newer keys where old ones would do.
const STALE_PATIENCE: Duration = Duration::from_secs(1);
/// The largest key set that is read, in bytes.
pub const JWKS_BYTES_MAX: usize = 64 << 10;
/// The most keys that are kept of one set.
const KEYS_MAX: usize = 64;

/// Why an address is not where keys may come from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("keys come by https, or by http from this machine, from a URL without credentials")]
pub struct InvalidJwksUri;

/// Checks that keys may come from `text`.
///
/// # Errors
///
/// [`InvalidJwksUri`].
pub fn jwks_uri(text: &str) -> Result<Url, InvalidJwksUri> {
    let url = Url::parse(text).map_err(|_| InvalidJwksUri)?;
    let here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let fits = url.has_host()
        && !is_metadata(&url)
        && (url.scheme() == "https" || (url.scheme() == "http" && here))
        && url.username().is_empty()
        && url.password().is_none();
    fits.then_some(url).ok_or(InvalidJwksUri)
}

struct Key {
    kid: Box<str>,
    /// The key as it was published, to tell whether it is still the same.
    published: Jwk,
    key: DecodingKey,
    /// When the issuer stopped to publish it.
    retired: Option<Instant>,
}

#[derive(Default)]
struct Keys {
    keys: Vec<Arc<Key>>,
    /// Another one whenever a key has come, gone or changed.
    generation: u64,
    fetched: Option<Instant>,
}

struct Inner {
    uri: Url,
    algorithm: Algorithm,
    exchange: BoxExchange,
    options: JwksOptions,
    keys: RwLock<Arc<Keys>>,
    /// When a fetch was last tried; locked while one is under way.
    last: Arc<Mutex<Option<Instant>>>,
    /// How many fetches were tried.
    attempts: AtomicU64,
    /// Whether a background fetch is under way.
    background: AtomicBool,
}

/// The keys of one issuer.
#[derive(Clone)]
pub(super) struct Jwks(Arc<Inner>);

/// Why there is no key.
pub(super) enum NoKey {
    /// The issuer has no such key.
    Unknown,
    /// The issuer's keys are not known.
    Unavailable,
}

impl Jwks {
    pub(super) fn new(
        uri: Url,
        algorithm: Algorithm,
        exchange: BoxExchange,
        options: JwksOptions,
    ) -> Self {
        Self(Arc::new(Inner {
            uri,
            algorithm,
            exchange,
            options,
            keys: RwLock::default(),
            last: Arc::default(),
            attempts: AtomicU64::new(0),
            background: AtomicBool::new(false),
        }))
    }

    /// Whether these are the keys at `uri` for `algorithm`.
    pub(super) fn is(&self, uri: &Url, algorithm: Algorithm) -> bool {
        self.0.uri == *uri && self.0.algorithm == algorithm
    }

    /// The generation of the keys, as long as they are good; sees to it that they stay so.
    pub(super) fn generation(&self) -> Option<u64> {
        let keys = self.0.keys();
        let age = keys.fetched?.elapsed();
        if age >= self.0.options.ttl.mul_f32(0.8) {
            self.refresh_in_background();
        }
        (age < self.0.options.stale).then_some(keys.generation)
    }

    /// The key called `kid`, and the generation it is of.
    pub(super) async fn key(&self, kid: &str) -> Result<(DecodingKey, u64), NoKey> {
        let JwksOptions {
            ttl,
            stale,
            spacing,
            ..
        } = self.0.options;
        let now = self.0.keys();
        let age = now.fetched.map(|it| it.elapsed());
        let known = now.find(kid).is_some();
        match age {
            Some(age) if known && age < ttl => {
                if age >= ttl.mul_f32(0.8) {
                    self.refresh_in_background();
                }
            }
            Some(age) if known && age < stale => {
                // The fetch goes on without us.
                let refresh = self.0.refresh(spacing);
                let _ = tokio::time::timeout(STALE_PATIENCE, refresh).await;
            }
            Some(age) if age < stale => self.0.refresh(spacing).await,
            _ => self.0.refresh(EMPTY_SPACING).await,
        }
        let keys = self.0.keys();
        if keys.fetched.is_none_or(|it| it.elapsed() >= stale) {
            return Err(NoKey::Unavailable);
        }
        let key = keys.find(kid).ok_or(NoKey::Unknown)?;
        Ok((key.key.clone(), keys.generation))
    }

    fn refresh_in_background(&self) {
        if self.0.background.swap(true, Ordering::AcqRel) {
            return;
        }
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            inner.refresh(inner.options.spacing).await;
            inner.background.store(false, Ordering::Release);
        });
    }
}

impl Inner {
    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Fetches the keys, unless somebody did less than `spacing` ago or does so now; then it
    /// waits for theirs.
    async fn refresh(self: &Arc<Self>, spacing: Duration) {
        let before = self.attempts.load(Ordering::Acquire);
        let mut last = Arc::clone(&self.last).lock_owned().await;
        let meanwhile = self.attempts.load(Ordering::Acquire) != before;
        if meanwhile || last.is_some_and(|it| it.elapsed() < spacing) {
            return;
        }
        self.attempts.fetch_add(1, Ordering::AcqRel);
        *last = Some(Instant::now());
        let inner = Arc::clone(self);
        // On a task of its own: whoever asked may stop to wait, the others go on.
        let fetch = tokio::spawn(async move {
            match inner.fetch().await {
                Ok(published) => inner.take(published),
                Err(error) => {
                    let error = error.to_string();
                    tracing::warn!(error, "the keys of a token issuer cannot be fetched");
                }
            }
            *last = Some(Instant::now());
        });
        let _ = fetch.await;
    }

    async fn fetch(&self) -> Result<Vec<Jwk>, Fault> {
        let request = Request::get(self.uri.as_str())
            .header(header::ACCEPT, "application/jwk-set+json, application/json")
            .body(Bytes::new())
            .map_err(|_| Fault::permanent("the address of the keys is no URI"))?;
        let answer = tokio::time::timeout(self.options.timeout, self.exchange.ask(request)).await;
        let answer = answer.map_err(|_| Fault::unavailable("no answer in time"))??;
        if answer.status() != StatusCode::OK {
            return Err(Fault::unavailable(format!("answered {}", answer.status())));
        }
        if answer.body().len() > JWKS_BYTES_MAX {
            return Err(Fault::permanent("the key set is larger than 64 KiB"));
        }
        parse(answer.body(), self.algorithm)
    }

    /// Takes over what was published; what is not published any more is kept for a while.
    fn take(&self, published: Vec<Jwk>) {
        let now = Instant::now();
        let old = self.keys();
        let mut keys: Vec<Arc<Key>> = Vec::with_capacity(published.len());
        for jwk in published {
            let Some(kid) = jwk.common.key_id.clone() else {
                continue;
            };
            let same = old
                .find(&kid)
                .filter(|it| it.published == jwk && it.retired.is_none());
            let key = match (same, DecodingKey::from_jwk(&jwk)) {
                (Some(same), _) => Arc::clone(same),
                (None, Ok(key)) => Arc::new(Key {
                    kid: kid.into(),
                    published: jwk,
                    key,
                    retired: None,
                }),
                (None, Err(_)) => continue,
            };
            // Of two keys of one name neither is better: the first counts.
            if keys.len() < KEYS_MAX && !keys.iter().any(|it| it.kid == key.kid) {
                keys.push(key);
            }
        }
        for key in &old.keys {
            if keys.iter().any(|it| it.kid == key.kid) || keys.len() >= KEYS_MAX {
                continue;
            }
            match key.retired {
                None => keys.push(Arc::new(Key {
                    kid: key.kid.clone(),
                    published: key.published.clone(),
                    key: key.key.clone(),
                    retired: Some(now),
                })),
                Some(since) if now - since < self.options.overlap => keys.push(Arc::clone(key)),
                Some(_) => {}
            }
        }
        let kept = keys.len() == old.keys.len()
            && keys.iter().all(|it| {
                old.find(&it.kid)
                    .is_some_and(|old| old.published == it.published)
            });
        let generation = if kept {
            old.generation
        } else {
            old.generation + 1
        };
        let fresh = Arc::new(Keys {
            keys,
            generation,
            fetched: Some(now),
        });
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = fresh;
    }
}

impl Keys {
    fn find(&self, kid: &str) -> Option<&Arc<Key>> {
        self.keys.iter().find(|it| &*it.kid == kid)
    }
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Value>,
}

/// The keys of a set that are of use: named, public, for signatures, of the issuer's algorithm.
/// Others may be there (RFC 7517 section 5).
fn parse(body: &[u8], algorithm: Algorithm) -> Result<Vec<Jwk>, Fault> {
    let set: JwkSet =
        serde_json::from_slice(body).map_err(|_| Fault::permanent("the answer is no key set"))?;
    let keys = set
        .keys
        .into_iter()
        .filter_map(|it| serde_json::from_value::<Jwk>(it).ok());
    let keys: Vec<Jwk> = keys.filter(|it| fits(it, algorithm)).collect();
    if keys.is_empty() {
        return Err(Fault::permanent(
            "the key set has no key of the issuer's algorithm",
        ));
    }
    Ok(keys)
}

fn fits(jwk: &Jwk, algorithm: Algorithm) -> bool {
    let common = &jwk.common;
    let (named, kind) = match (algorithm, &jwk.algorithm) {
        (Algorithm::Rs256, AlgorithmParameters::RSA(_)) => (KeyAlgorithm::RS256, true),
        (Algorithm::Es256, AlgorithmParameters::EllipticCurve(it)) => {
            (KeyAlgorithm::ES256, it.curve == EllipticCurve::P256)
        }
        _ => return false,
    };
    kind && common.key_id.as_ref().is_some_and(|it| !it.is_empty())
        && common
            .public_key_use
            .as_ref()
            .is_none_or(|it| *it == PublicKeyUse::Signature)
        && common.key_algorithm.as_ref().is_none_or(|it| *it == named)
}
