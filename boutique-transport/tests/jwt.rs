//! Which tokens are believed, and what happens to the keys they are signed with.
#![cfg(feature = "jwt")]

mod jwt_support;

use std::sync::Arc;
use std::time::Duration;

use boutique_core::gateway::Algorithm;
use boutique_transport::jwt::{TokenError, Verifier};
use jsonwebtoken::{Algorithm as Alg, EncodingKey, Header, encode};
use jwt_support::{
    AUDIENCE, Endpoint, Endpoints, ISSUER, NOW, Watch, assembled, claims, ec, published, rsa,
    token, verifier,
};
use serde_json::{Value, json};

async fn outcome(verifier: &Verifier, token: &str) -> Result<String, TokenError> {
    let verified = verifier.verify(token).await?;
    Ok(verified.userinfo().user_id.to_string())
}

/// The good claims with some changed; null takes one away.
fn with(changes: Value) -> Value {
    let mut claims = claims();
    let Value::Object(changes) = changes else {
        return changes;
    };
    for (name, value) in changes {
        match value {
            Value::Null => drop(claims.as_object_mut().map(|it| it.remove(&name))),
            value => claims[name] = value,
        }
    }
    claims
}

#[tokio::test]
async fn a_token_is_believed_only_with_every_claim_right() {
    let key = ec();
    let endpoints = Endpoints::new(&[published(&key, "k1")]);
    let verifier = verifier(Algorithm::Es256, &endpoints, &Watch::new());
    for (changes, expected) in [
        (json!({}), Ok(())),
        (json!({"aud": ["other", AUDIENCE]}), Ok(())),
        (json!({"aud": "desk"}), Ok(())),
        (json!({"aud": null}), Err(TokenError::Claims)),
        (json!({"aud": "other"}), Err(TokenError::Audience)),
        (json!({"aud": []}), Err(TokenError::Audience)),
        (json!({"aud": 7}), Err(TokenError::Claims)),
        (json!({"iss": null}), Err(TokenError::Claims)),
        (
            json!({"iss": format!("{ISSUER}/")}),
            Err(TokenError::Issuer),
        ),
        (json!({"iss": [ISSUER]}), Err(TokenError::Claims)),
        (json!({"sub": null}), Err(TokenError::Claims)),
        (json!({"sub": ""}), Err(TokenError::Claims)),
        (json!({"sub": 7}), Err(TokenError::Claims)),
        (json!({"sub": "x".repeat(129)}), Err(TokenError::Claims)),
        (json!({"exp": null}), Err(TokenError::Claims)),
        (json!({"exp": "2030"}), Err(TokenError::Claims)),
        (json!({"exp": -1}), Err(TokenError::Claims)),
        (json!({"exp": u64::MAX}), Err(TokenError::Claims)),
        (json!({"exp": 0}), Err(TokenError::Expired)),
        // 60 s of leeway, and not a second more.
        (json!({"exp": NOW - 59}), Ok(())),
        (json!({"exp": NOW - 60}), Err(TokenError::Expired)),
        (json!({"exp": NOW - 61}), Err(TokenError::Expired)),
        (json!({"nbf": NOW + 60}), Ok(())),
        (json!({"nbf": NOW + 61}), Err(TokenError::NotYet)),
        (json!({"nbf": "soon"}), Err(TokenError::Claims)),
        (json!([]), Err(TokenError::Claims)),
    ] {
        let token = token(&key, "k1", &with(changes.clone()));
        let answer = outcome(&verifier, &token).await;
        assert_eq!(answer, expected.map(|()| "ada".to_owned()), "{changes}");
    }
    assert_eq!(endpoints.asked(), 1);
}

#[tokio::test]
async fn the_algorithm_and_the_key_are_the_issuers_and_never_the_tokens() {
    let (rsa, ec) = (rsa(), ec());
    let endpoints = Endpoints::new(&[published(rsa, "k1"), published(&ec, "k2")]);
    let verifier = verifier(Algorithm::Rs256, &endpoints, &Watch::new());
    let good = token(rsa, "k1", &claims());
    assert_eq!(outcome(&verifier, &good).await.as_deref(), Ok("ada"));

    // RFC 8725 section 2.1: the public key, taken for a secret.
    let modulus = published(rsa, "k1")["n"]
        .as_str()
        .expect("a modulus")
        .to_owned();
    let secret = |alg: Alg, secret: &[u8]| {
        let mut header = Header::new(alg);
        header.kid = Some("k1".into());
        encode(&header, &claims(), &EncodingKey::from_secret(secret)).expect("a token")
    };
    let rs_header_hmac = {
        let signed = secret(Alg::HS256, modulus.as_bytes());
        let tail = signed.split_once('.').expect("parts").1;
        let head = assembled(&json!({"alg": "RS256", "kid": "k1"}), &json!({}), b"");
        format!("{}.{tail}", head.split('.').next().expect("a head"))
    };
    let mut own_key = Header::new(Alg::ES256);
    own_key.kid = Some("k1".into());
    own_key.jwk = Some(ec.public.clone());
    own_key.jku = Some("https://evil.example/jwks".into());
    own_key.x5u = Some("https://evil.example/x5u".into());
    let own_key = encode(&own_key, &claims(), &ec.private).expect("a token");
    let mut critical = Header::new(Alg::RS256);
    critical.kid = Some("k1".into());
    critical.crit = Some(vec!["exp".into()]);
    let critical = encode(&critical, &claims(), &rsa.private).expect("a token");
    let mut nameless = Header::new(Alg::RS256);
    nameless.typ = None;
    let nameless = encode(&nameless, &claims(), &rsa.private).expect("a token");
    let other = jwt_support::ec();
    let (head, signature) = good.rsplit_once('.').expect("parts");
    let swapped = token(rsa, "k1", &with(json!({"sub": "bob"})));
    let swapped = format!("{}.{signature}", swapped.rsplit_once('.').expect("parts").0);

    for (what, token, error) in [
        (
            "alg none",
            assembled(&json!({"alg": "none", "kid": "k1"}), &claims(), b""),
            TokenError::Malformed,
        ),
        (
            "alg None",
            assembled(&json!({"alg": "None", "kid": "k1"}), &claims(), b""),
            TokenError::Malformed,
        ),
        (
            "no alg",
            assembled(&json!({"kid": "k1"}), &claims(), b"x"),
            TokenError::Malformed,
        ),
        (
            "RS256 without signature",
            format!("{head}."),
            TokenError::Signature,
        ),
        (
            "public key as secret",
            secret(Alg::HS256, modulus.as_bytes()),
            TokenError::Algorithm,
        ),
        ("HS512", secret(Alg::HS512, b"x"), TokenError::Algorithm),
        (
            "HMAC signature under RS256",
            rs_header_hmac,
            TokenError::Signature,
        ),
        (
            "ES256 for an RS256 issuer",
            token(&ec, "k2", &claims()),
            TokenError::Algorithm,
        ),
        ("a key of its own", own_key, TokenError::Algorithm),
        ("a critical extension", critical, TokenError::Malformed),
        ("no kid", nameless, TokenError::Key),
        (
            "a key of another algorithm",
            token(rsa, "k2", &claims()),
            TokenError::Key,
        ),
        (
            "a kid that is a path",
            token(rsa, "../k1", &claims()),
            TokenError::Key,
        ),
        ("another payload", swapped, TokenError::Signature),
        (
            "unknown key",
            token(&other, "k1", &claims()),
            TokenError::Algorithm,
        ),
        ("two parts", head.to_owned(), TokenError::Malformed),
        ("four parts", format!("{good}.x"), TokenError::Malformed),
        ("nothing", String::new(), TokenError::Malformed),
        ("padding", format!("{good}="), TokenError::Malformed),
        ("9 KiB", "x".repeat(9 << 10), TokenError::Malformed),
    ] {
        assert_eq!(outcome(&verifier, &token).await, Err(error), "{what}");
    }
    assert_eq!(endpoints.asked(), 1);
}

fn es256(keys: &[Value]) -> (Endpoints, Watch, Verifier) {
    let (endpoints, watch) = (Endpoints::new(keys), Watch::new());
    let verifier = verifier(Algorithm::Es256, &endpoints, &watch);
    (endpoints, watch, verifier)
}

fn long_lived() -> Value {
    with(json!({"exp": NOW + 10_000_000}))
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_unknown_keys_costs_the_issuer_one_request_in_thirty_seconds() {
    let (key, stranger) = (ec(), ec());
    let (endpoints, _, verifier) = es256(&[published(&key, "k1")]);
    outcome(&verifier, &token(&key, "k1", &claims()))
        .await
        .expect("good");
    assert_eq!(endpoints.asked(), 1);
    for round in 1..=3 {
        tokio::time::advance(Duration::from_secs(30)).await;
        let storm = (0..1_000).map(|at| {
            let verifier = verifier.clone();
            let token = token(&stranger, &format!("made-up-{round}-{at}"), &claims());
            tokio::spawn(async move { outcome(&verifier, &token).await })
        });
        for answer in storm.collect::<Vec<_>>() {
            assert_eq!(answer.await.expect("no panic"), Err(TokenError::Key));
        }
        assert_eq!(endpoints.asked(), 1 + round);
        // Whoever is known is not kept waiting meanwhile.
        outcome(&verifier, &token(&key, "k1", &claims()))
            .await
            .expect("good");
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_first_requests_fetch_the_keys_once() {
    let key = ec();
    let (endpoints, _, verifier) = es256(&[published(&key, "k1")]);
    let all = (0..1_000).map(|at| {
        let verifier = verifier.clone();
        let token = token(&key, "k1", &with(json!({"jti": at})));
        tokio::spawn(async move { outcome(&verifier, &token).await })
    });
    for answer in all.collect::<Vec<_>>() {
        answer.await.expect("no panic").expect("good");
    }
    assert_eq!(endpoints.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn keys_rotate_without_a_request_that_fails() {
    let (old, new) = (ec(), ec());
    let (endpoints, _, verifier) = es256(&[published(&old, "k1")]);
    let of_old = token(&old, "k1", &long_lived());
    outcome(&verifier, &of_old).await.expect("good");

    // The new key is there as soon as a token needs it, and the old one for a while.
    endpoints.publish(&[published(&new, "k2")]);
    tokio::time::advance(Duration::from_secs(31)).await;
    outcome(&verifier, &token(&new, "k2", &long_lived()))
        .await
        .expect("the new key");
    outcome(&verifier, &of_old)
        .await
        .expect("the old key, still");

    // Then it is gone, for tokens that were verified before as well.
    tokio::time::advance(Duration::from_secs(301)).await;
    outcome(
        &verifier,
        &token(&new, "k2", &with(json!({"jti": 1, "exp": NOW + 9_999}))),
    )
    .await
    .expect("fetches");
    assert_eq!(outcome(&verifier, &of_old).await, Err(TokenError::Key));

    // A name that means another key now means only that.
    endpoints.publish(&[published(&old, "k2")]);
    tokio::time::advance(Duration::from_secs(301)).await;
    outcome(&verifier, &token(&old, "k2", &long_lived()))
        .await
        .expect("the key of now");
    assert_eq!(
        outcome(&verifier, &token(&new, "k2", &long_lived())).await,
        Err(TokenError::Signature)
    );
}

#[tokio::test(start_paused = true)]
async fn keys_are_fetched_before_they_are_old_while_requests_go_on() {
    let key = ec();
    let (endpoints, _, verifier) = es256(&[published(&key, "k1")]);
    let token = token(&key, "k1", &long_lived());
    for _ in 0..20 {
        outcome(&verifier, &token).await.expect("good");
        tokio::time::advance(Duration::from_secs(60)).await;
        tokio::task::yield_now().await;
    }
    // Every four of twenty minutes, and never by a request that waits.
    assert_eq!(endpoints.asked(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_away_is_believed_for_a_day() {
    for outage in [
        Endpoint::Down,
        Endpoint::Hangs,
        Endpoint::Raw(b"<html>".into()),
    ] {
        let key = ec();
        let (endpoints, _, verifier) = es256(&[published(&key, "k1")]);
        outcome(&verifier, &token(&key, "k1", &long_lived()))
            .await
            .expect("good");
        endpoints.set(outage);
        for hour in 1..24 {
            tokio::time::advance(Duration::from_secs(3_590)).await;
            let fresh = token(&key, "k1", &with(json!({"exp": NOW + 90_000 + hour})));
            outcome(&verifier, &fresh)
                .await
                .expect("stale keys will do");
        }
        tokio::time::advance(Duration::from_secs(4_000)).await;
        let fresh = token(&key, "k1", &with(json!({"exp": NOW + 100_000})));
        assert_eq!(
            outcome(&verifier, &fresh).await,
            Err(TokenError::Unavailable)
        );
        let before = token(&key, "k1", &long_lived());
        assert_eq!(
            outcome(&verifier, &before).await,
            Err(TokenError::Unavailable)
        );
        endpoints.publish(&[published(&key, "k1")]);
        tokio::time::advance(Duration::from_secs(2)).await;
        outcome(&verifier, &fresh).await.expect("back");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_set_that_is_none_changes_nothing() {
    let key = ec();
    let hmac = json!({"kty": "oct", "k": "c2VjcmV0", "kid": "k1"});
    let encrypts = {
        let mut jwk = published(&key, "k1");
        jwk["use"] = "enc".into();
        jwk
    };
    let mut oversized = json!({"keys": [published(&key, "k1")]})
        .to_string()
        .into_bytes();
    oversized.resize(65 << 10, b' ');
    for body in [
        oversized,
        b"[]".to_vec(),
        json!({"keys": []}).to_string().into_bytes(),
        json!({"keys": [hmac, encrypts]}).to_string().into_bytes(),
    ] {
        let (endpoints, _, verifier) = es256(&[]);
        endpoints.set(Endpoint::Raw(body));
        let token = token(&key, "k1", &claims());
        assert_eq!(
            outcome(&verifier, &token).await,
            Err(TokenError::Unavailable)
        );
        // What nobody can tell is asked again soon, but not at once.
        assert_eq!(
            outcome(&verifier, &token).await,
            Err(TokenError::Unavailable)
        );
        assert_eq!(endpoints.asked(), 1);
        let odd = json!({"kty": "XYZ", "kid": 7});
        endpoints.publish(&[odd, published(rsa(), "k0"), published(&key, "k1")]);
        tokio::time::advance(Duration::from_secs(2)).await;
        outcome(&verifier, &token)
            .await
            .expect("the one key that is of use");
    }
}

#[tokio::test]
async fn a_remembered_token_is_forgotten_when_its_time_is_over() {
    let key = ec();
    let (_, watch, verifier) = es256(&[published(&key, "k1")]);
    let token = token(&key, "k1", &claims());
    let first = verifier.verify(&token).await.expect("good");
    let again = verifier.remembered(&token).expect("remembered");
    assert!(Arc::ptr_eq(&first, &again));
    watch.set(NOW + 659);
    assert!(verifier.remembered(&token).is_some());
    watch.set(NOW + 660);
    assert!(verifier.remembered(&token).is_none());
    assert_eq!(outcome(&verifier, &token).await, Err(TokenError::Expired));
}

mod push {
    use boutique_transport::jwt::{PushVerifier, TokenError};

    use super::*;

    #[tokio::test]
    async fn a_push_is_believed_with_every_claim_of_its_account() {
        let key = rsa();
        let endpoints = Endpoints::new(&[published(key, "k1")]);
        let clock = Arc::new(Watch::new());
        let account = "push@project.iam.gserviceaccount.com";
        let audience = "https://oms.example/";
        let push = PushVerifier::new(audience, account, &endpoints.exchange(), clock);
        let push = push.expect("a verifier");
        let good = json!({
            "iss": "https://accounts.google.com", "aud": audience, "sub": "1", "exp": NOW + 60,
            "email": account, "email_verified": true,
        });
        for (changes, expected) in [
            (json!({}), Ok(())),
            (json!({"iss": "accounts.google.com"}), Ok(())),
            (
                json!({"iss": "http://accounts.google.com"}),
                Err(TokenError::Issuer),
            ),
            (
                json!({"aud": "https://oms.example"}),
                Err(TokenError::Audience),
            ),
            (
                json!({"email": "pushy@project.iam.gserviceaccount.com"}),
                Err(TokenError::Claims),
            ),
            (json!({"email": null}), Err(TokenError::Claims)),
            (json!({"email_verified": false}), Err(TokenError::Claims)),
            (json!({"email_verified": "true"}), Err(TokenError::Claims)),
            (json!({"email_verified": null}), Err(TokenError::Claims)),
            (json!({"exp": NOW - 61}), Err(TokenError::Expired)),
        ] {
            let mut claims = good.clone();
            for (name, value) in changes.as_object().expect("an object") {
                claims[name] = value.clone();
            }
            let answer = push.verify(&token(key, "k1", &claims)).await;
            assert_eq!(answer, expected, "{changes}");
        }
        assert_eq!(endpoints.asked(), 1, "one key set for both names");
        assert!(
            PushVerifier::new("", account, &endpoints.exchange(), Arc::new(Watch::new())).is_err()
        );
    }
}

mod own_push {
    use std::time::Duration;

    use axum::Router;
    use boutique_core::broker::{AckId, Delivery, Message, Push};
    use boutique_core::clock::Clock;
    use boutique_core::fault::FaultKind;
    use boutique_core::flow::Step;
    use boutique_core::ids::UserId;
    use boutique_transport::http::exchange::{InProcess, Upstream, base};
    use boutique_transport::http::oms::{PushClient, PushCredential};
    use boutique_transport::jwt::{DevIssuer, Mint, PushTokens, PushVerifier, TokenError};

    use super::*;

    const ACCOUNT: &str = "boutique@localhost";

    /// The issuer of the key in this file, as each process opens it for itself.
    fn issuer(folder: &tempfile::TempDir, name: &str) -> DevIssuer {
        DevIssuer::open(&folder.path().join(name)).expect("a key")
    }

    fn push() -> Push {
        let ack_id = AckId {
            message_id: 1,
            attempt: 1,
        };
        let message = Message {
            data: "{}".into(),
            attributes: Arc::default(),
            ordering_key: None,
        };
        Push {
            subscription: "orders.oms".into(),
            delivery: Delivery {
                ack_id,
                message_id: 1,
                published_at: Watch::new().now(),
                attempt: 1,
                message: Arc::new(message),
            },
        }
    }

    #[tokio::test]
    async fn servers_that_share_a_key_believe_one_anothers_pushes_and_nobody_elses() {
        let folder = tempfile::tempdir().expect("a folder");
        let watch = Watch::new();
        let clock = || Arc::new(watch.clone());
        let own = PushVerifier::own("oms", ACCOUNT, &issuer(&folder, "push.key"), clock());
        let taken = Router::new().route("/", axum::routing::post(async || "taken"));
        let guarded = own.expect("a verifier").guard(taken);
        let client = |credential| PushClient {
            upstream: Upstream::new(
                base("http://oms.example").expect("a URL"),
                InProcess(guarded.clone()),
            ),
            credential,
        };
        let tokens = |key: &str, audience: &str, account: &str| {
            let tokens = PushTokens::new(issuer(&folder, key), audience, account, clock());
            Some(Arc::new(tokens) as Arc<dyn PushCredential>)
        };
        let ours = client(tokens("push.key", "oms", ACCOUNT));
        // Longer than any token is good.
        for minute in 0..30 {
            watch.set(NOW + minute * 60);
            let taken = ours.run(push()).await;
            assert!(taken.is_ok(), "minute {minute}: {taken:?}");
        }
        for (who, credential) in [
            ("nobody", None),
            ("another key", tokens("other.key", "oms", ACCOUNT)),
            ("another audience", tokens("push.key", "crm", ACCOUNT)),
            (
                "another account",
                tokens("push.key", "oms", "eve@localhost"),
            ),
        ] {
            let fault = client(credential).run(push()).await.expect_err(who);
            // The message is not to blame: it is kept until somebody mends the settings.
            assert_eq!(fault.kind(), FaultKind::Unavailable, "{who}");
        }
    }

    #[tokio::test]
    async fn a_shoppers_token_is_no_push_even_of_the_same_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let issuer = issuer(&folder, "one.key");
        let watch = Watch::new();
        // As careless as it can be configured.
        let careless = PushVerifier::own("boutique", "ada", &issuer, Arc::new(watch.clone()));
        let token = issuer.token(&Mint {
            user: &UserId::new("ada").expect("an id"),
            scopes: &["checkout"],
            now: watch.now(),
            valid_for: Duration::from_secs(60),
        });
        let believed = careless.expect("a verifier");
        let believed = believed.verify(&token.expect("a token")).await;
        assert_eq!(believed, Err(TokenError::Claims));
    }
}

mod guard {
    use axum::Router;
    use boutique_transport::http::api::versioned;
    use boutique_transport::jwt::PushVerifier;
    use http::Request;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn pushes_without_a_token_are_stopped_on_every_path_they_could_take() {
        let endpoints = Endpoints::new(&[published(rsa(), "k1")]);
        let clock = Arc::new(Watch::new());
        let push = PushVerifier::new("oms", "push@x", &endpoints.exchange(), clock);
        let orders = axum::routing::any(async || "reached");
        let router = Router::new()
            .route("/", orders.clone())
            .route("/orders", orders);
        let guarded = push.expect("a verifier").guard(versioned(router));
        for (method, path, status) in [
            ("POST", "/", 401),
            ("POST", "//", 401),
            ("POST", "/v1", 401),
            ("POST", "/v1/", 401),
            ("GET", "/orders", 200),
            ("GET", "/v1/orders", 200),
        ] {
            let request = Request::builder().method(method).uri(path);
            let request = request.body(axum::body::Body::empty()).expect("a request");
            let Ok(answer) = guarded.clone().oneshot(request).await;
            assert_eq!(answer.status(), status, "{method} {path}");
        }
    }
}

mod dev {
    use boutique_core::clock::Timestamp;
    use boutique_core::gateway::TokenPolicy;
    use boutique_core::ids::UserId;
    use boutique_transport::http::exchange::{BoxExchange, InProcess};
    use boutique_transport::jwt::{DevIssuer, DevKeyError, JwksOptions, Mint};

    use super::*;

    #[tokio::test]
    async fn its_tokens_are_believed_by_whoever_has_its_keys_and_survive_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("dev.key");
        let first = DevIssuer::open(&path).expect("makes a key");
        let again = DevIssuer::open(&path).expect("reads the key");
        assert_eq!(first.jwks(), again.jwks());
        assert!(
            !again.jwks().to_string().contains("\"d\""),
            "only the public half"
        );
        let user = UserId::new("ada").expect("an id");
        let mint = Mint {
            user: &user,
            scopes: &["carts:read", "checkout"],
            now: Timestamp::from_millis(NOW * 1_000),
            valid_for: Duration::from_secs(600),
        };
        let token = first.token(&mint).expect("a token");
        let policy = TokenPolicy::new(vec![DevIssuer::issuer("http://127.0.0.1:8080")]);
        let verifier = Verifier::new(
            &policy.expect("a policy"),
            &BoxExchange::new(InProcess(again.router())),
            Arc::new(Watch::new()),
            JwksOptions::default(),
        );
        let verified = verifier
            .expect("a verifier")
            .verify(&token)
            .await
            .expect("good");
        assert_eq!(verified.userinfo().user_id, user);
        assert!(verified.userinfo().has("checkout") && !verified.userinfo().has("checkout:any"));
    }

    #[cfg(unix)]
    #[test]
    fn its_key_is_its_owners_alone() {
        use std::fs::{Permissions, metadata, set_permissions, write};
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("dev.key");
        DevIssuer::open(&path).expect("makes a key");
        let mode = metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        set_permissions(&path, Permissions::from_mode(0o640)).expect("opened");
        assert!(matches!(DevIssuer::open(&path), Err(DevKeyError::Open)));
        let files = std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(files, 1, "no draft is left");
        set_permissions(&path, Permissions::from_mode(0o600)).expect("closed");
        write(&path, "no key").expect("written");
        assert!(matches!(DevIssuer::open(&path), Err(DevKeyError::NoKey)));
    }
}

#[test]
fn keys_come_by_https_or_from_this_machine() {
    use boutique_transport::jwt::jwks::jwks_uri;
    for good in [
        "https://a.example/jwks",
        "http://127.0.0.1:1/j",
        "http://[::1]/j",
        "http://localhost/j",
    ] {
        assert!(jwks_uri(good).is_ok(), "{good}");
    }
    for bad in [
        "http://a.example/jwks",
        "http://127.0.0.1.evil.example/",
        "http://localhost.evil.example/",
        "file:///etc/passwd",
        "https://u:p@a.example/",
        "https://169.254.169.254/jwks",
        "https://[::ffff:a9fe:a9fe]/jwks",
        "https://metadata.google.internal./jwks",
        "jwks",
    ] {
        assert!(jwks_uri(bad).is_err(), "{bad}");
    }
}
