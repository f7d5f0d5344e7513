//! An issuer whose keys, tokens and outages a test decides on.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::convert::Infallible;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::fault::Fault;
use boutique_core::gateway::{Algorithm, Issuer, TokenPolicy};
use boutique_transport::http::exchange::{BoxExchange, Received, Sent};
use boutique_transport::jwt::{JwksOptions, Verifier};
use bytes::Bytes;
use http::{Response, StatusCode};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm as Alg, EncodingKey, Header, encode};
use serde_json::{Value, json};

/// Seconds since 1970 that the tests call now.
pub(crate) const NOW: i64 = 1_700_000_000;
pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const AUDIENCE: &str = "shop";

/// A clock that a test moves.
#[derive(Clone)]
pub(crate) struct Watch(Arc<AtomicI64>);

impl Watch {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(NOW)))
    }

    pub(crate) fn set(&self, seconds: i64) {
        self.0.store(seconds, Ordering::SeqCst);
    }
}

impl Clock for Watch {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst) * 1_000)
    }
}

/// A key pair of an issuer.
pub(crate) struct Pair {
    pub(crate) alg: Alg,
    pub(crate) private: EncodingKey,
    pub(crate) public: Jwk,
}

fn pair(alg: Alg, private: EncodingKey) -> Pair {
    let public = Jwk::from_encoding_key(&private, alg).expect("a public key");
    Pair {
        alg,
        private,
        public,
    }
}

pub(crate) fn rsa() -> &'static Pair {
    static KEY: LazyLock<Pair> = LazyLock::new(|| {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
        let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).expect("DER");
        pair(
            Alg::RS256,
            EncodingKey::from_rsa_der(&pkcs1(pkcs8.as_ref())),
        )
    });
    &KEY
}

/// The `RSAPrivateKey` within a `PrivateKeyInfo` of a 2048-bit key (RFC 5208): the last field.
fn pkcs1(pkcs8: &[u8]) -> Vec<u8> {
    let at = pkcs8.windows(2).skip(1).position(|it| it == [0x30, 0x82]);
    let at = at.map(|it| it + 1).expect("a nested sequence");
    pkcs8[at..].to_vec()
}

pub(crate) fn ec() -> Pair {
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    pair(
        Alg::ES256,
        EncodingKey::from_ec_der(key.expect("a key").as_ref()),
    )
}

/// The public half under a name, as an issuer publishes it.
pub(crate) fn published(pair: &Pair, kid: &str) -> Value {
    let mut jwk = pair.public.clone();
    jwk.common.key_id = Some(kid.to_owned());
    jwk.common.key_algorithm = None;
    serde_json::to_value(jwk).expect("JSON")
}

/// What the issuer's endpoint does.
#[derive(Clone)]
pub(crate) enum Endpoint {
    Keys(Value),
    Raw(Vec<u8>),
    Down,
    /// It never answers.
    Hangs,
}

/// The endpoint of an issuer, and how often it was asked.
#[derive(Clone)]
pub(crate) struct Endpoints {
    pub(crate) now: Arc<Mutex<Endpoint>>,
    pub(crate) asked: Arc<AtomicUsize>,
}

impl Endpoints {
    pub(crate) fn new(keys: &[Value]) -> Self {
        let new = Self {
            now: Arc::new(Mutex::new(Endpoint::Down)),
            asked: Arc::default(),
        };
        new.publish(keys);
        new
    }

    pub(crate) fn publish(&self, keys: &[Value]) {
        self.set(Endpoint::Keys(json!({"keys": keys})));
    }

    pub(crate) fn set(&self, endpoint: Endpoint) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = endpoint;
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(crate) fn exchange(&self) -> BoxExchange {
        let this = self.clone();
        BoxExchange::new(tower::service_fn(move |_: Sent| {
            this.asked.fetch_add(1, Ordering::SeqCst);
            let now = this
                .now
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            async move {
                let answer = |status, body: Vec<u8>| -> Received {
                    let mut response = Response::new(Bytes::from(body));
                    *response.status_mut() = status;
                    response
                };
                match now {
                    Endpoint::Keys(keys) => Ok(answer(StatusCode::OK, keys.to_string().into())),
                    Endpoint::Raw(body) => Ok(answer(StatusCode::OK, body)),
                    Endpoint::Down => Err(Fault::unavailable("away")),
                    Endpoint::Hangs => match std::future::pending::<Infallible>().await {},
                }
            }
        }))
    }
}

pub(crate) fn policy(algorithm: Algorithm) -> TokenPolicy {
    let issuer = Issuer {
        issuer: ISSUER.into(),
        jwks_uri: "https://issuer.example/jwks".into(),
        audiences: vec![AUDIENCE.into(), "desk".into()],
        algorithm,
    };
    TokenPolicy::new(vec![issuer]).expect("a policy")
}

pub(crate) fn verifier(algorithm: Algorithm, endpoints: &Endpoints, watch: &Watch) -> Verifier {
    let clock = Arc::new(watch.clone());
    let exchange = endpoints.exchange();
    let policy = policy(algorithm);
    Verifier::new(&policy, &exchange, clock, JwksOptions::default()).expect("a verifier")
}

/// Claims that are good at [`NOW`].
pub(crate) fn claims() -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": NOW + 600, "scope": "a b"})
}

pub(crate) fn token(pair: &Pair, kid: &str, claims: &Value) -> String {
    let mut header = Header::new(pair.alg);
    header.kid = Some(kid.to_owned());
    encode(&header, claims, &pair.private).expect("a token")
}

/// A token of this header and these claims with this signature, whatever that is.
pub(crate) fn assembled(header: &Value, claims: &Value, signature: &[u8]) -> String {
    let part = |it: &[u8]| URL_SAFE_NO_PAD.encode(it);
    let (header, claims) = (header.to_string(), claims.to_string());
    format!(
        "{}.{}.{}",
        part(header.as_bytes()),
        part(claims.as_bytes()),
        part(signature)
    )
}
