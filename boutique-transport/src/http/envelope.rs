//! The Pub/Sub push envelope, which Eventarc sends as well, read and written.
//!
//! `{"message":{"data":base64,"attributes","messageId","publishTime","orderingKey"},
//! "subscription","deliveryAttempt"}`:
//! <https://cloud.google.com/pubsub/docs/push#receive_push>. One tolerant parser: of two
//! spellings either will do, attributes may be missing, what is not known is ignored.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::{alphabet, engine::DecodePaddingMode};
use boutique_core::broker::{AckId, Attributes, Delivery, Message, Push, SubscriptionId};
use boutique_core::clock::Timestamp;
use boutique_core::event::ConfirmedOrder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::body::{JsonText, parse};
use super::moment::Moment;
use super::problem::Problem;

/// Some publishers leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A message as a push brings it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The subscription it comes from; empty if the envelope does not say.
    pub subscription: SubscriptionId,
    /// The broker's number for the message; 0 if it is none that we can keep.
    pub message_id: u64,
    /// When it was published, if the envelope says.
    pub published_at: Option<Timestamp>,
    /// 1 for the first delivery, and where the envelope does not say.
    pub attempt: u32,
    /// What was published. Data that is no text stays in base64: it is no event, and whoever
    /// looks at it later has all of it.
    pub message: Message,
}

#[derive(Deserialize)]
struct EnvelopeIn<'a> {
    #[serde(borrow)]
    message: MessageIn<'a>,
    #[serde(default, borrow)]
    subscription: Option<Cow<'a, str>>,
    #[serde(default, rename = "deliveryAttempt")]
    delivery_attempt: Option<u32>,
}

// Two spellings of one member are two fields here: Google sends both at once.
#[derive(Deserialize)]
struct MessageIn<'a> {
    #[serde(default, borrow)]
    data: Option<Cow<'a, str>>,
    #[serde(default)]
    attributes: Option<BTreeMap<String, String>>,
    #[serde(default, rename = "messageId")]
    message_id: Option<Value>,
    #[serde(default, rename = "message_id")]
    message_id_snake: Option<Value>,
    #[serde(default, rename = "publishTime")]
    publish_time: Option<Value>,
    #[serde(default, rename = "publish_time")]
    publish_time_snake: Option<Value>,
    #[serde(default, rename = "orderingKey", borrow)]
    ordering_key: Option<Cow<'a, str>>,
}

impl Envelope {
    /// Reads an envelope.
    ///
    /// # Errors
    ///
    /// A 400 that says what an envelope is; nothing of the body is repeated.
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        let refuse = || {
            let detail = "the body is not a push envelope: {\"message\":{\"data\":base64,...}}";
            Problem::new(StatusCode::BAD_REQUEST, detail)
        };
        let read: EnvelopeIn<'_> = serde_json::from_slice(body).map_err(|_| refuse())?;
        let it = read.message;
        if it.data.is_none() && it.attributes.is_none() {
            return Err(refuse());
        }
        let data = it.data.unwrap_or_default();
        let decoded = BASE64.decode(data.as_bytes());
        let decoded = decoded.map_err(|_| Problem::invalid("message.data", "must be base64"))?;
        let data: Arc<str> = match String::from_utf8(decoded) {
            Ok(text) => text.into(),
            Err(_) => data.into(),
        };
        let number = |id: Value| match id {
            Value::String(digits) => digits.parse().ok(),
            other => other.as_u64(),
        };
        let message_id = it.message_id.or(it.message_id_snake);
        let moment = |at: Value| at.as_str()?.parse::<Moment>().ok();
        let published_at = it.publish_time.or(it.publish_time_snake);
        Ok(Self {
            subscription: SubscriptionId(read.subscription.unwrap_or_default().into()),
            message_id: message_id.and_then(number).unwrap_or(0),
            published_at: published_at.and_then(moment).map(|it| it.0),
            attempt: read.delivery_attempt.unwrap_or(1).max(1),
            message: Message {
                data,
                attributes: Arc::new(it.attributes.unwrap_or_default()),
                ordering_key: it
                    .ordering_key
                    .filter(|it| !it.is_empty())
                    .map(|it| Arc::from(&*it)),
            },
        })
    }

    /// The push that the envelope brought, published `now` if it does not say when.
    pub fn into_push(self, now: Timestamp) -> Push {
        Push {
            subscription: self.subscription,
            delivery: Delivery {
                ack_id: AckId {
                    message_id: self.message_id,
                    attempt: self.attempt,
                },
                message_id: self.message_id,
                published_at: self.published_at.unwrap_or(now),
                attempt: self.attempt,
                message: Arc::new(self.message),
            },
        }
    }
}

/// What can be asked for by the event of an order instead of in its own words.
pub trait OfOrder: DeserializeOwned {
    /// The request that `order` stands for; `at` is when it was placed, if anybody said.
    fn of_order(order: ConfirmedOrder, at: Option<Timestamp>) -> Self;
}

/// A JSON body as `T`, or the `T` that a push envelope brings: the same JSON, or the event of an
/// order.
#[derive(Clone, Copy, Debug)]
pub struct Pushed<T>(pub T);

impl<S, T> FromRequest<S> for Pushed<T>
where
    S: Send + Sync,
    T: OfOrder,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let JsonText(body) = JsonText::from_request(request, state).await?;
        // Nothing that can be read as a `T` is an envelope: what most send is parsed once.
        parse(&body).map(Self).or_else(|plain| unpack(&body, plain))
    }
}

/// What the envelope in `body` asks for; `plain` if it is none.
fn unpack<T: OfOrder>(body: &[u8], plain: Problem) -> Result<Pushed<T>, Problem> {
    let is_envelope = serde_json::from_slice::<HasMessage>(body).is_ok();
    if !is_envelope {
        return Err(plain);
    }
    let envelope = Envelope::parse(body)?;
    let message = &envelope.message;
    let published_at = envelope.published_at.unwrap_or(Timestamp::EPOCH);
    // The event first: it says more, in its attributes, and may have the names of a `T` as well.
    let order = match ConfirmedOrder::decode(message, published_at) {
        Ok(order) => order,
        Err(why) => {
            let asked = serde_json::from_str(&message.data);
            let refuse = |_| Problem::new(StatusCode::BAD_REQUEST, format!("message: {why}"));
            return asked.map(Pushed).map_err(refuse);
        }
    };
    let dated = message.attributes.contains_key(OCCURRED_AT) || envelope.published_at.is_some();
    let at = dated.then_some(order.occurred_at);
    Ok(Pushed(T::of_order(order, at)))
}

/// The attribute by which an event of ours says when the order was placed.
const OCCURRED_AT: &str = "occurred-at-us";

#[derive(Deserialize)]
struct HasMessage {
    #[serde(rename = "message")]
    _message: serde::de::IgnoredAny,
}

/// An envelope as it is written, and as OpenAPI shows it.
#[derive(Serialize, ToSchema)]
#[schema(as = PushEnvelope)]
pub struct EnvelopeOut<'a> {
    message: MessageOut<'a>,
    subscription: &'a str,
    #[serde(rename = "deliveryAttempt")]
    delivery_attempt: u32,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PushMessage)]
struct MessageOut<'a> {
    /// Base64 of the event's JSON.
    data: String,
    #[schema(value_type = std::collections::HashMap<String, String>)]
    attributes: &'a Attributes,
    #[serde(rename = "messageId")]
    message_id: String,
    #[serde(rename = "publishTime")]
    #[schema(value_type = String, format = DateTime)]
    publish_time: Moment,
    #[serde(rename = "orderingKey", skip_serializing_if = "Option::is_none")]
    ordering_key: Option<&'a str>,
}

impl<'a> EnvelopeOut<'a> {
    /// The envelope that brings `push` to a server.
    pub fn new(push: &'a Push) -> Self {
        let delivery = &push.delivery;
        let message = &*delivery.message;
        Self {
            message: MessageOut {
                data: STANDARD.encode(message.data.as_bytes()),
                attributes: &message.attributes,
                message_id: delivery.message_id.to_string(),
                publish_time: delivery.published_at.into(),
                ordering_key: message.ordering_key.as_deref(),
            },
            subscription: &push.subscription.0,
            delivery_attempt: delivery.attempt,
        }
    }
}

#[cfg(test)]
mod tests {
    use boutique_testkit::generate;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_spelling_of_an_envelope_is_read() {
        let plain = Envelope::parse(br#"{"message":{"data":"e30="}}"#).expect("an envelope");
        assert_eq!((&*plain.message.data, plain.attempt), ("{}", 1));
        let google = br#"{"subscription":"projects/p/subscriptions/s","deliveryAttempt":5,
            "message":{"@type":"type.googleapis.com/google.pubsub.v1.PubsubMessage","data":"e30",
            "attributes":{"a":"b"},"messageId":"17","message_id":"17","orderingKey":"o1",
            "publishTime":"2026-11-22T20:08:04.75Z","publish_time":"2026-11-22T20:08:04.75Z"}}"#;
        let google = Envelope::parse(google).expect("an envelope");
        assert_eq!(&*google.message.data, "{}");
        assert_eq!(google.message.ordering_key.as_deref(), Some("o1"));
        assert_eq!(google.message.attributes["a"], "b");
        assert_eq!((google.message_id, google.attempt), (17, 5));
        let at = google.published_at.map(Timestamp::as_micros);
        assert_eq!(at, Some(1_795_378_084_750_000));
        let bytes = Envelope::parse(br#"{"message":{"data":"//4="}}"#).expect("an envelope");
        assert_eq!(&*bytes.message.data, "//4=", "no text: as it came");
        for bad in ["", "{}", "[]", r#"{"message":{}}"#, r#"{"message":"x"}"#] {
            assert!(Envelope::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        let bad = Envelope::parse(br#"{"message":{"data":"?"}}"#).expect_err("not base64");
        assert_eq!(bad.detail(), "message.data: must be base64");
    }

    proptest! {
        #[test]
        fn a_push_arrives_as_it_was_sent(
            message in generate::message(),
            published_at in generate::timestamp(),
            (message_id, attempt) in (any::<u64>(), 1..9_u32),
        ) {
            let push = Push {
                subscription: "orders.oms".into(),
                delivery: Delivery {
                    ack_id: AckId { message_id, attempt },
                    message_id,
                    published_at,
                    attempt,
                    message: Arc::new(message),
                },
            };
            let body = serde_json::to_vec(&EnvelopeOut::new(&push)).expect("writes");
            let read = Envelope::parse(&body).expect("an envelope");
            prop_assert_eq!(read.into_push(Timestamp::EPOCH), push);
        }
    }
}
