//! Any answer as a key set: a token is believed only if its key was published in it.
//!
//! `$KID`, `$X` and `$Y` stand for the name and the coordinates of the key that signed.
#![no_main]

use std::sync::OnceLock;
use std::time::Duration;

use axum::http::Response;
use boutique_core::clock::{Clock as _, Timestamp};
use boutique_core::fault::Fault;
use boutique_core::gateway::TokenPolicy;
use boutique_core::ids::UserId;
use boutique_fuzz::{Still, assert_silent, clock, run};
use boutique_transport::http::exchange::Sent;
use boutique_transport::jwt::{DevIssuer, JwksOptions, Mint, Verifier};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tower::service_fn;
use tower::util::BoxCloneSyncService;

struct Signed {
    token: String,
    kid: String,
    x: String,
    y: String,
    policy: TokenPolicy,
}

fn signed() -> &'static Signed {
    static SIGNED: OnceLock<Signed> = OnceLock::new();
    SIGNED.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let issuer = DevIssuer::open(&folder.path().join("key")).expect("a key");
        let user = UserId::new("ada").expect("an id");
        let now: Timestamp = Still.now();
        let token = issuer.token(&Mint {
            user: &user,
            scopes: &[],
            now,
            valid_for: Duration::from_secs(600),
        });
        let jwks = issuer.jwks();
        let text = |name: &str| jwks["keys"][0][name].as_str().expect("text").to_owned();
        Signed {
            token: token.expect("a token"),
            kid: text("kid"),
            x: text("x"),
            y: text("y"),
            policy: TokenPolicy::new(vec![DevIssuer::issuer("http://127.0.0.1:1")])
                .expect("a policy"),
        }
    })
}

/// Whether the key that signed is in the set, to somebody who reads it on their own.
fn is_published(set: &[u8], signed: &Signed) -> bool {
    let Ok(set) = serde_json::from_slice::<Value>(set) else {
        return false;
    };
    let empty = Vec::new();
    let keys = set["keys"].as_array().unwrap_or(&empty);
    keys.iter().any(|it| {
        it["kid"] == signed.kid.as_str()
            && it["kty"] == "EC"
            && it["crv"] == "P-256"
            && it["x"] == signed.x.as_str()
            && it["y"] == signed.y.as_str()
            && (it["use"].is_null() || it["use"] == "sig")
            && (it["alg"].is_null() || it["alg"] == "ES256")
    })
}

fuzz_target!(|input: &str| {
    let signed = signed();
    let set = input
        .replace("$KID", &signed.kid)
        .replace("$X", &signed.x)
        .replace("$Y", &signed.y);
    let set = Bytes::from(set);
    let answer = set.clone();
    let exchange = BoxCloneSyncService::new(service_fn(move |_: Sent| {
        let answer = Response::new(answer.clone());
        async move { Ok::<_, Fault>(answer) }
    }));
    let verifier = Verifier::new(&signed.policy, &exchange, clock(), JwksOptions::default());
    let verifier = verifier.expect("an address");
    match run(verifier.verify(&signed.token)) {
        Ok(_) => assert!(
            is_published(&set, signed),
            "a key is believed that nobody published"
        ),
        Err(error) => assert_silent(&error),
    }
});
