//! Clients that buy, and buy again with the same key until they know what became of it.

use std::time::Duration;

use boutique_core::fault::{Fault, FaultKind};
use boutique_core::ids::IdempotencyKey;
use boutique_transport::http::body::IDEMPOTENCY_KEY;
use boutique_transport::http::call::Call;
use boutique_transport::http::exchange::{Exchange, Reply, Target, Upstream};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::json;
use tokio::time::{Instant, sleep};

/// Who buys, at which gateway.
#[derive(Clone)]
pub struct Shopper<S> {
    /// The gateway.
    pub gateway: Upstream<S>,
    /// Whose tokens are shown, in turn; they may buy for anybody. Not to be printed.
    pub authorizations: Vec<HeaderValue>,
    /// What is sold, by id.
    pub articles: Vec<String>,
    /// Lines of an order.
    pub lines: usize,
    /// Names this run's orders apart from those of others.
    pub run: String,
    /// How long a shopper tries before it gives up.
    pub patience: Duration,
}

/// How long one attempt may take: whoever does not answer by then is asked again.
const ATTEMPT: Duration = Duration::from_secs(10);

/// What became of one order.
#[derive(Clone, Debug)]
pub struct Bought {
    /// The key it was placed with.
    pub key: IdempotencyKey,
    /// The answer's status; `None` if there was none in time.
    pub status: Option<StatusCode>,
    /// The order, if the answer names it.
    pub order_id: Option<String>,
    /// From the first attempt to the answer.
    pub took: Duration,
    /// Attempts after the first.
    pub again: u32,
}

impl<S: Exchange> Shopper<S> {
    /// Places the order number `at`, again and again under its key until it is answered.
    pub async fn buy(&self, at: u64) -> Bought {
        let name = format!("load-{}-{at}", self.run);
        let key = IdempotencyKey::new(name).expect("letters, digits and hyphens");
        let body: Bytes = self.body(at).to_string().into();
        let began = Instant::now();
        let mut again = 0;
        loop {
            let mut rest = Duration::from_millis(20 << again.min(4));
            let left = self.patience.saturating_sub(began.elapsed());
            let call = Call::at_most(left.min(ATTEMPT));
            let placed = call.scope(self.place(at, &key, body.clone())).await;
            let (status, order_id) = match placed {
                // Somebody, most likely we ourselves, is still at it.
                Ok(reply) if reply.status == StatusCode::CONFLICT && in_progress(&reply) => {
                    (None, None)
                }
                Ok(reply) => (Some(reply.status), order_id(&reply)),
                Err(fault) => {
                    // Whoever sheds or limits says when to come back: in seconds, as a rule.
                    if fault.kind() == FaultKind::Unavailable {
                        rest = rest.max(Duration::from_millis(100 << again.min(4)));
                    }
                    (None, None)
                }
            };
            if status.is_some() || began.elapsed() > self.patience {
                return Bought {
                    key,
                    status,
                    order_id,
                    took: began.elapsed(),
                    again,
                };
            }
            again += 1;
            // Full jitter would need chance: the order's number spreads them as well.
            let spread = Duration::from_millis(at.wrapping_mul(2_654_435_761) % 50);
            sleep(rest + spread).await;
        }
    }

    async fn place(&self, at: u64, key: &IdempotencyKey, body: Bytes) -> Result<Reply, Fault> {
        let target = Target::path(["v1", "checkout"]);
        let mut request = self.gateway.request(Method::POST, &target, body)?;
        let headers = request.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        let shown = usize::try_from(at).unwrap_or(0) % self.authorizations.len().max(1);
        if let Some(authorization) = self.authorizations.get(shown) {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        if let Ok(key) = HeaderValue::from_str(key.as_str()) {
            headers.insert(IDEMPOTENCY_KEY, key);
        }
        self.gateway.send(request).await
    }

    fn body(&self, at: u64) -> serde_json::Value {
        let articles = self.articles.len().max(1);
        let first = usize::try_from(at).unwrap_or(0) * self.lines;
        let items: Vec<_> = (0..self.lines)
            .filter_map(|line| self.articles.get((first + line) % articles))
            .map(|article| json!({"product_id": article, "quantity": 1}))
            .collect();
        // Everybody buys once, elsewhere: what is to be seen is the load, not the fraud rules.
        json!({
            "user_id": format!("shopper-{}-{at}", self.run),
            "user_currency": "USD",
            "email": format!("shopper-{}-{at}@example.com", self.run),
            "address": {
                "street_address": format!("{at} Main Street"),
                "city": "Springfield",
                "state": "OR",
                "country": "United States",
                "zip_code": "97477",
            },
            "items": items,
        })
    }
}

/// Whether the answer says that the same request is being carried out.
fn in_progress(reply: &Reply) -> bool {
    let body: serde_json::Value = reply.json_of_any().unwrap_or_default();
    body["rejection"]["code"] == "in_progress"
}

fn order_id(reply: &Reply) -> Option<String> {
    let body: serde_json::Value = reply.json_of_any()?;
    let order_id = body["order"]["order_id"]
        .as_str()
        .or_else(|| body["order_id"].as_str())?;
    Some(order_id.to_owned())
}
