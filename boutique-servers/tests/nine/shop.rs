//! Shoppers who keep what they were told, so that it can be held against the books.

use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// What shoppers in a hurry leave to the servers.
pub const HURRY: Duration = Duration::from_millis(1_500);
/// When a shopper's own patience with one request ends: far beyond any limit of the servers.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// When a shopper gives an order up.
const GIVES_UP: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub struct Shop {
    pub gateway: String,
    pub token: String,
    /// What the servers are told that they may take.
    deadline: Duration,
    client: Client,
}

/// What became of one request.
#[derive(Clone, Debug)]
pub enum Attempt {
    /// The server's word, and its body.
    Answer(u16, Value),
    /// No word: the connection failed.
    Broken,
    /// Nothing until the shopper's own patience ended.
    Hung,
}

/// What became of one order, and every request there was on the way.
#[derive(Clone, Debug)]
pub struct Told {
    pub key: String,
    pub order: Value,
    pub status: u16,
    pub body: Value,
    pub attempts: Vec<Attempt>,
}

impl Shop {
    pub fn new(gateway: String, token: String, deadline: Duration) -> Self {
        let client = Client::builder().timeout(PATIENCE).build();
        Self {
            gateway,
            token,
            deadline,
            client: client.expect("a client"),
        }
    }

    /// Places one order once.
    pub async fn place(&self, key: &str, order: &Value) -> Attempt {
        let sent = self
            .client
            .post(format!("{}/v1/checkout", self.gateway))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.token))
            .header("idempotency-key", key)
            .header("x-deadline-ms", self.deadline.as_millis().to_string())
            .body(order.to_string())
            .send()
            .await;
        let read = match sent {
            Ok(answer) => (answer.status().as_u16(), answer.bytes().await),
            Err(error) => return Attempt::failed(&error),
        };
        match read {
            (status, Ok(body)) => {
                Attempt::Answer(status, serde_json::from_slice(&body).unwrap_or_default())
            }
            (_, Err(error)) => Attempt::failed(&error),
        }
    }

    /// Places one order again and again under its key until somebody says what became of it.
    pub async fn buy(&self, key: String, order: Value) -> Told {
        let began = Instant::now();
        let mut attempts = Vec::new();
        loop {
            let attempt = self.place(&key, &order).await;
            attempts.push(attempt.clone());
            if let Attempt::Answer(status, body) = attempt
                && is_final(status, &body)
            {
                return Told {
                    key,
                    order,
                    status,
                    body,
                    attempts,
                };
            }
            assert!(
                began.elapsed() < GIVES_UP,
                "{key}: nobody says what became of it: {attempts:?}"
            );
            sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Attempt {
    fn failed(error: &reqwest::Error) -> Self {
        match error.is_timeout() {
            true => Self::Hung,
            false => Self::Broken,
        }
    }

    /// The answer says what became of the order, or when to ask again.
    pub fn is_fair(&self) -> bool {
        match self {
            Self::Answer(status, body) => {
                is_final(*status, body)
                    || is_in_progress(*status, body)
                    || matches!(status, 429 | 503 | 504) && body["error"].is_string()
            }
            Self::Broken | Self::Hung => false,
        }
    }
}

/// Whether that is what became of the order, for ever.
pub fn is_final(status: u16, body: &Value) -> bool {
    matches!(status, 201 | 202 | 402 | 403 | 409 | 422) && !is_in_progress(status, body)
}

fn is_in_progress(status: u16, body: &Value) -> bool {
    status == 409 && body["rejection"]["code"] == "in_progress"
}

/// The order of a shopper with this name: of both stock systems, of one, or of more than there
/// is.
pub fn order(name: &str, at: usize) -> Value {
    let items = match at % 4 {
        0 => json!([{"product_id": "OLJCESPC7Z", "quantity": 1}]),
        1 => json!([{"product_id": "OLJCESPC7Z", "quantity": 5_000}]),
        _ => json!([
            {"product_id": "OLJCESPC7Z", "quantity": 1},
            {"product_id": BULKY, "quantity": 1},
        ]),
    };
    // Everybody lives elsewhere: an address from which many buy is suspected of fraud.
    json!({
        "user_id": format!("user-{name}"),
        "user_currency": "USD",
        "email": format!("{name}@example.com"),
        "address": {"street_address": format!("{name} Street"), "city": "Springfield", "state": "OR",
                    "country": "United States", "zip_code": "97477"},
        "items": items,
    })
}

/// Something that the furniture stock system has.
pub const BULKY: &str = "FURN-LAMP-ARC";
