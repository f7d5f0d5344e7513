//! Any token: it is believed only if our issuer signed it, for us, for now, for somebody.
//!
//! An input is a token, or two lines of JSON, header and claims, which are signed with the
//! issuer's own key unless a third line has another signature. `$KID` stands for the key's name.
#![no_main]

use std::sync::OnceLock;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boutique_core::gateway::TokenPolicy;
use boutique_fuzz::{NOW, assert_silent, clock, run};
use boutique_transport::http::exchange::InProcess;
use boutique_transport::jwt::{DEV_AUDIENCE, DEV_ISSUER, DevIssuer, JwksOptions, Verifier};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tower::util::BoxCloneSyncService;

const LEEWAY: Duration = Duration::from_secs(10);

struct Issuer {
    key: EcdsaKeyPair,
    kid: String,
    verifier: Verifier,
}

fn issuer() -> &'static Issuer {
    static ISSUER: OnceLock<Issuer> = OnceLock::new();
    ISSUER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        let issuer = DevIssuer::open(&path).expect("a key");
        let der = std::fs::read(&path).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der);
        let kid = issuer.jwks()["keys"][0]["kid"]
            .as_str()
            .expect("a name")
            .to_owned();
        let policy = TokenPolicy::new(vec![DevIssuer::issuer("http://127.0.0.1:1")]);
        let policy = policy
            .and_then(|it| it.with_leeway(LEEWAY))
            .expect("a policy");
        let exchange = BoxCloneSyncService::new(InProcess(issuer.router()));
        let options = JwksOptions::default();
        let verifier = Verifier::new(&policy, &exchange, clock(), options);
        Issuer {
            key: key.expect("a key"),
            kid,
            verifier: verifier.expect("an address"),
        }
    })
}

/// Whether somebody who reads the claims on their own would believe them at present.
fn good(claims: &Value) -> bool {
    let audiences = match &claims["aud"] {
        Value::Array(several) => several.clone(),
        one => vec![one.clone()],
    };
    let seconds = |name: &str| claims.get(name).map(|it| it.as_f64().expect("a number"));
    let now = NOW.as_micros() as f64 / 1e6;
    let leeway = LEEWAY.as_secs_f64();
    claims["iss"] == DEV_ISSUER
        && audiences.contains(&DEV_AUDIENCE.into())
        && claims["sub"].as_str().is_some_and(|it| !it.is_empty())
        && seconds("exp").is_some_and(|it| now < it + leeway)
        && (claims["nbf"].is_null() || seconds("nbf").is_some_and(|it| it - leeway <= now))
}

fuzz_target!(|input: &str| {
    let issuer = issuer();
    let input = input.replace("$KID", &issuer.kid);
    let mut lines = input.splitn(3, '\n');
    let (Some(header), Some(claims)) = (lines.next(), lines.next()) else {
        // Nobody finds a signature by chance.
        let error = run(issuer.verifier.verify(&input)).expect_err("nobody signed it");
        return assert_silent(&error);
    };
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let own = lines.next();
    let signature = match own {
        Some(other) => other.trim().to_owned(),
        None => {
            let signature = issuer.key.sign(&SystemRandom::new(), signed.as_bytes());
            URL_SAFE_NO_PAD.encode(signature.expect("a signature"))
        }
    };
    match run(issuer.verifier.verify(&format!("{signed}.{signature}"))) {
        Err(error) => assert_silent(&error),
        Ok(verified) => {
            assert!(own.is_none(), "a signature that nobody made is believed");
            // A number of a claim that nobody reads may be too large to be had.
            let read = |text| serde_json::from_str::<Value>(text);
            let (Ok(header), Ok(claims)) = (read(header), read(claims)) else {
                return;
            };
            assert!(good(&claims), "believed: {claims}");
            assert_eq!(
                (&header["alg"], &header["kid"]),
                (&"ES256".into(), &issuer.kid.as_str().into())
            );
            assert_eq!(
                verified.userinfo().user_id.as_str(),
                claims["sub"].as_str().expect("text")
            );
        }
    }
});
