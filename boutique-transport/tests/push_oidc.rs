//! The entrance of order management as Pub/Sub finds it: what a push has to show, claim by claim,
//! and what storms of pushes cost the issuer of keys. Nothing is taken in that is not let in.

mod jwt_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::fault::Fault;
use boutique_core::flow::{Step, StepService};
use boutique_core::ids::OrderId;
use boutique_core::orders::{Desk, Drove, MemoryOrders, OrderError, OrderStore};
use boutique_transport::http::api::{Limits, server};
use boutique_transport::http::oms::{OmsApi, routes};
use boutique_transport::jwt::PushVerifier;
use futures_util::future::join_all;
use http::{Request, StatusCode, header};
use jsonwebtoken::{Algorithm as Alg, EncodingKey, Header, encode};
use jwt_support::{Endpoint, Endpoints, NOW, Watch, assembled, ec, published, rsa, token};
use serde_json::{Value, json};
use tower::ServiceExt;

const AUDIENCE: &str = "https://oms.example/";
const ACCOUNT: &str = "push@project.iam.gserviceaccount.com";

/// Drives nothing: nobody sends an order here.
#[derive(Clone)]
struct Idle;

impl Step<OrderId> for Idle {
    type Response = Drove;
    type Error = OrderError;

    async fn run(&self, _: OrderId) -> Result<Drove, OrderError> {
        Err(Fault::unavailable("nobody is there").into())
    }
}

/// Order management behind its guard, and Google's keys.
struct Entrance {
    orders: Arc<MemoryOrders>,
    router: Router,
    google: Endpoints,
    watch: Watch,
}

impl Entrance {
    fn new() -> Self {
        let (google, watch) = (Endpoints::new(&[published(rsa(), "k1")]), Watch::new());
        let clock: Arc<dyn Clock> = Arc::new(watch.clone());
        let orders = Arc::new(MemoryOrders::default());
        let desk = Desk {
            orders: Arc::<MemoryOrders>::clone(&orders),
            drive: StepService::shared(Arc::new(Idle)),
            clock: Arc::clone(&clock),
        };
        let router = server("oms", routes(), OmsApi { desk }, Limits::default());
        let push = PushVerifier::new(AUDIENCE, ACCOUNT, &google.exchange(), clock);
        Self {
            orders,
            router: push.expect("a verifier").guard(router),
            google,
            watch,
        }
    }

    /// Pushes a message that nobody can read, which is parked under `name` if it is let in.
    async fn push(&self, name: &str, authorization: &[String]) -> StatusCode {
        let body = json!({"subscription": "projects/p/subscriptions/s", "message":
            {"data": "e30=", "attributes": {"ce-id": name}, "messageId": "7"}});
        let mut request = Request::builder().method("POST").uri("/");
        request = request.header(header::CONTENT_TYPE, "application/json");
        for it in authorization {
            request = request.header(header::AUTHORIZATION, it);
        }
        let request = request.body(Body::from(body.to_string()));
        let answer = self.router.clone().oneshot(request.expect("a request"));
        let Ok(answer) = answer.await;
        answer.status()
    }

    async fn push_with(&self, name: &str, token: &str) -> StatusCode {
        self.push(name, &[format!("Bearer {token}")]).await
    }

    /// What was taken in.
    async fn parked(&self) -> Vec<String> {
        let letters = self.orders.dead_letters(None, 10_000).await;
        letters
            .expect("reads")
            .into_iter()
            .map(|it| it.id)
            .collect()
    }
}

/// The claims of Google's tokens for a push, good at [`NOW`].
fn good() -> Value {
    json!({
        "iss": "https://accounts.google.com", "aud": AUDIENCE, "azp": "113774264463038321964",
        "sub": "113774264463038321964", "email": ACCOUNT, "email_verified": true,
        "iat": NOW - 60, "exp": NOW + 3_540,
    })
}

/// The same with these changes; null takes a claim away.
fn with(changes: &Value) -> Value {
    let mut claims = good();
    let claims_now = claims.as_object_mut().expect("an object");
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => claims_now.remove(name),
            value => claims_now.insert(name.clone(), value.clone()),
        };
    }
    claims
}

#[tokio::test]
async fn a_push_is_let_in_with_every_claim_right_and_with_none_off_by_one() {
    let entrance = Entrance::new();
    let mut let_in = Vec::new();
    for (at, (changes, status)) in [
        (json!({}), 200),
        (json!({"iss": "accounts.google.com"}), 200),
        (json!({"iss": null}), 401),
        (json!({"iss": "https://accounts.google.com/"}), 401),
        (json!({"iss": "http://accounts.google.com"}), 401),
        (json!({"iss": "https://accounts.google.co"}), 401),
        (json!({"aud": ["https://other.example/", AUDIENCE]}), 200),
        (json!({"aud": null}), 401),
        (json!({"aud": "https://oms.example"}), 401),
        (json!({"aud": "https://oms.example//"}), 401),
        (json!({"aud": "HTTPS://oms.example/"}), 401),
        (json!({"aud": "https://other.example/"}), 401),
        (json!({"aud": []}), 401),
        (json!({"email": null}), 401),
        (json!({"email": ""}), 401),
        (
            json!({"email": "Push@project.iam.gserviceaccount.com"}),
            401,
        ),
        (
            json!({"email": "push@project.iam.gserviceaccount.com "}),
            401,
        ),
        (
            json!({"email": "push@project2.iam.gserviceaccount.com"}),
            401,
        ),
        (json!({"email": [ACCOUNT]}), 401),
        (json!({"email_verified": null}), 401),
        (json!({"email_verified": false}), 401),
        (json!({"email_verified": "true"}), 401),
        (json!({"email_verified": 1}), 401),
        (json!({"sub": null}), 401),
        (json!({"sub": ""}), 401),
        (json!({"sub": 113_774}), 401),
        (json!({"exp": null}), 401),
        (json!({"exp": "soon"}), 401),
        // Clocks may differ by a minute.
        (json!({"exp": NOW - 59}), 200),
        (json!({"exp": NOW - 60}), 401),
        (json!({"nbf": NOW + 60}), 200),
        (json!({"nbf": NOW + 61}), 401),
        (json!({"iat": null}), 200),
        (json!({"iat": NOW + 60}), 200),
        (json!({"iat": NOW + 61}), 401),
        (json!({"iat": "now"}), 401),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("push-{at:03}");
        let token = token(rsa(), "k1", &with(&changes));
        let answer = entrance.push_with(&name, &token).await;
        assert_eq!(answer.as_u16(), status, "{changes}");
        if status == 200 {
            let_in.push(name);
        }
    }
    assert_eq!(
        entrance.parked().await,
        let_in,
        "and nothing else is taken in"
    );
    assert_eq!(entrance.google.asked(), 1);
}

#[tokio::test]
async fn a_push_that_is_signed_in_another_way_is_not_let_in() {
    let entrance = Entrance::new();
    let signed = token(rsa(), "k1", &good());
    let (content, signature) = signed.rsplit_once('.').expect("parts");
    let (head, claims) = content.split_once('.').expect("parts");
    let header = |alg| {
        let mut header = Header::new(alg);
        header.kid = Some("k1".into());
        header
    };
    // One bit of it.
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let flipped = format!("{content}.{first}{}", &signature[1..]);
    let other = token(rsa(), "k1", &with(&json!({"sub": "2"})));
    let other = other.split('.').nth(1).expect("claims");
    let modulus = published(rsa(), "k1")["n"].to_string();
    let secret = EncodingKey::from_secret(modulus.as_bytes());
    let hmac = encode(&header(Alg::HS256), &good(), &secret).expect("a token");
    let rs512 = encode(&header(Alg::RS512), &good(), &rsa().private).expect("a token");
    let es256 = encode(&header(Alg::ES256), &good(), &ec().private).expect("a token");
    let mut nameless = header(Alg::RS256);
    nameless.kid = None;
    let nameless = encode(&nameless, &good(), &rsa().private).expect("a token");
    let none = assembled(&json!({"alg": "none", "kid": "k1"}), &good(), b"");
    let bearer = |it: &str| vec![format!("Bearer {it}")];
    for (name, authorization) in [
        ("no token", Vec::new()),
        ("an empty token", bearer("")),
        ("two tokens", vec![format!("Bearer {signed}"); 2]),
        ("another scheme", vec![format!("Basic {signed}")]),
        ("no signature", bearer(&format!("{content}."))),
        ("a signature with one bit flipped", bearer(&flipped)),
        (
            "the signature of other claims",
            bearer(&format!("{head}.{other}.{signature}")),
        ),
        (
            "claims without a head",
            bearer(&format!(".{claims}.{signature}")),
        ),
        ("alg none", bearer(&none)),
        ("the public key as a secret", bearer(&hmac)),
        ("a longer hash", bearer(&rs512)),
        ("another kind of key", bearer(&es256)),
        ("no key's name", bearer(&nameless)),
        (
            "the key's name off by one",
            bearer(&token(rsa(), "k2", &good())),
        ),
        ("a stranger's key of the same name", bearer(&stranger())),
    ] {
        let answer = entrance.push(name, &authorization).await;
        assert_eq!(answer, StatusCode::UNAUTHORIZED, "{name}");
    }
    assert!(entrance.parked().await.is_empty());
    assert_eq!(entrance.push_with("good", &signed).await, StatusCode::OK);
}

/// Signed well, with a key that is not Google's.
fn stranger() -> String {
    let stranger = ec();
    token(&stranger, "k1", &good())
}

#[tokio::test(start_paused = true)]
async fn four_hundred_first_pushes_at_once_fetch_the_keys_once_and_all_are_let_in() {
    let entrance = Entrance::new();
    let pushes = (0..400).map(|at| {
        let token = token(rsa(), "k1", &with(&json!({"jti": at})));
        let (entrance, name) = (&entrance, format!("push-{at:03}"));
        async move { entrance.push_with(&name, &token).await }
    });
    let answers = join_all(pushes).await;
    assert!(
        answers.iter().all(|it| *it == StatusCode::OK),
        "{answers:?}"
    );
    assert_eq!(entrance.parked().await.len(), 400);
    assert_eq!(entrance.google.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_unknown_keys_fetches_nothing_more_and_keeps_no_good_push_out() {
    let entrance = Entrance::new();
    let good_ones = AtomicUsize::new(0);
    let push_well = async || {
        let at = good_ones.fetch_add(1, Ordering::Relaxed);
        let token = token(rsa(), "k1", &with(&json!({"jti": at})));
        entrance.push_with(&format!("good-{at}"), &token).await
    };
    assert_eq!(push_well().await, StatusCode::OK);
    assert_eq!(entrance.google.asked(), 1);
    // At once, Google has just been asked; and half a minute later, once, while it hangs.
    for (round, (after, google, fetched)) in [
        (Duration::ZERO, Endpoint::Down, 0),
        (Duration::from_secs(30), Endpoint::Hangs, 1),
    ]
    .into_iter()
    .enumerate()
    {
        tokio::time::advance(after).await;
        entrance.google.set(google);
        let before = entrance.google.asked();
        let storm = (0..200).map(|at| {
            let token = token(rsa(), &format!("made-up-{round}-{at}"), &good());
            let entrance = &entrance;
            async move { entrance.push_with("storm", &token).await }
        });
        let (answers, well) = tokio::join!(join_all(storm), push_well());
        assert_eq!(well, StatusCode::OK, "round {round}");
        // Nobody can tell while the issuer hangs; otherwise such a key is known not to be.
        let refused = |it: &StatusCode| {
            matches!(
                *it,
                StatusCode::UNAUTHORIZED | StatusCode::SERVICE_UNAVAILABLE
            )
        };
        assert!(answers.iter().all(refused), "{answers:?}");
        assert_eq!(entrance.google.asked() - before, fetched, "round {round}");
    }
    assert_eq!(entrance.parked().await.len(), 3, "the good ones alone");
}

#[tokio::test(start_paused = true)]
async fn pushes_wait_with_the_broker_while_nobody_can_tell_and_come_in_afterwards() {
    let entrance = Entrance::new();
    entrance.google.set(Endpoint::Down);
    let token = token(rsa(), "k1", &good());
    let answer = entrance.push_with("early", &token).await;
    assert_eq!(answer, StatusCode::SERVICE_UNAVAILABLE);
    entrance.google.publish(&[published(rsa(), "k1")]);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(entrance.push_with("early", &token).await, StatusCode::OK);
    // An hour later it is old.
    entrance.watch.set(NOW + 3_600);
    let answer = entrance.push_with("late", &token).await;
    assert_eq!(answer, StatusCode::UNAUTHORIZED);
    assert_eq!(entrance.parked().await, ["early"]);
    assert_eq!(
        entrance.watch.now(),
        Timestamp::from_millis((NOW + 3_600) * 1_000)
    );
}
