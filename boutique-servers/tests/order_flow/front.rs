//! What stands between Pub/Sub and order management's entrance, and has bad days.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use boutique_core::ids::OrderId;
use bytes::Bytes;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::time::sleep;

/// Longer than Pub/Sub waits for an answer.
const SLOW: Duration = Duration::from_secs(11);
/// The deliveries that are answered so late.
const SLOW_ONES: [usize; 3] = [150, 400, 650];
/// Orders that nobody gets through to order management.
pub(crate) const POISON: usize = 3;

/// The front.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) url: String,
    inner: Arc<Inner>,
}

struct Inner {
    behind: String,
    client: reqwest::Client,
    asked: AtomicUsize,
    failed: AtomicUsize,
    poison: Mutex<Poison>,
}

#[derive(Default)]
struct Poison {
    orders: BTreeSet<OrderId>,
    /// How often each of their messages came.
    attempts: BTreeMap<String, usize>,
}

impl Front {
    /// Opens it before the server on `port`.
    pub(crate) async fn open(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let front = Self {
            url: format!("http://{}/", listener.local_addr().expect("bound")),
            inner: Arc::new(Inner {
                behind: format!("http://127.0.0.1:{port}/"),
                client: reqwest::Client::new(),
                asked: AtomicUsize::new(0),
                failed: AtomicUsize::new(0),
                poison: Mutex::default(),
            }),
        };
        let router = Router::new().route("/", post(pass));
        let router = router.with_state(front.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        front
    }

    /// Deliveries so far, and those that were not answered with yes.
    pub(crate) fn seen(&self) -> (usize, usize) {
        let read = |it: &AtomicUsize| it.load(Ordering::Relaxed);
        (read(&self.inner.asked), read(&self.inner.failed))
    }

    /// The orders that are kept away, and how often each message of theirs came.
    pub(crate) fn poison(&self) -> (BTreeSet<OrderId>, Vec<usize>) {
        let poison = self.inner.poison.lock().expect("whole");
        let attempts = poison.attempts.values().copied().collect();
        (poison.orders.clone(), attempts)
    }
}

impl Inner {
    fn is_poison(&self, envelope: &Value) -> bool {
        let message = &envelope["message"];
        let order = message["attributes"]["ce-subject"].as_str();
        let order: OrderId = order.expect("an order").parse().expect("an id");
        let id = message["messageId"].as_str().expect("an id").to_owned();
        let mut poison = self.poison.lock().expect("whole");
        if poison.orders.len() < POISON {
            poison.orders.insert(order.clone());
        }
        let is_poison = poison.orders.contains(&order);
        if is_poison {
            *poison.attempts.entry(id).or_default() += 1;
        }
        is_poison
    }

    /// What order management says. While it is being started again the request waits, as it
    /// does before a platform that starts it; what was under way when it died is lost.
    async fn ask(&self, body: Bytes) -> StatusCode {
        loop {
            let request = self.client.post(&self.behind);
            let request = request.header("content-type", "application/json");
            match request.body(body.clone()).send().await {
                Ok(answer) => return answer.status(),
                Err(error) if error.is_connect() => sleep(Duration::from_millis(50)).await,
                Err(_) => return StatusCode::BAD_GATEWAY,
            }
        }
    }
}

async fn pass(State(front): State<Front>, body: Bytes) -> StatusCode {
    let front = front.inner;
    let envelope: Value = serde_json::from_slice(&body).expect("JSON");
    let at = front.asked.fetch_add(1, Ordering::Relaxed);
    let status = if front.is_poison(&envelope) || at % 50 == 7 {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        let answered = front.ask(body).await;
        if SLOW_ONES.contains(&at) {
            sleep(SLOW).await;
        }
        match at % 60 == 11 {
            true => StatusCode::SERVICE_UNAVAILABLE,
            false => answered,
        }
    };
    if !status.is_success() {
        front.failed.fetch_add(1, Ordering::Relaxed);
    }
    status
}
