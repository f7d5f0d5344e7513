//! A delivery as it is pushed over HTTP.
//!
//! Read are the envelope of a Pub/Sub push subscription
//! (<https://cloud.google.com/pubsub/docs/push#receive_push>), which is the body of an Eventarc
//! trigger on a topic as well, and CloudEvents in structured and binary mode
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md>),
//! as other triggers and a subscription without envelope send them. Written is the first.

mod binary;
mod write;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use boutique_core::broker::{AckId, Delivery, Message, Push, SubscriptionId};
use boutique_core::clock::Timestamp;
use serde::Deserialize;
use serde_json::Value;

pub(super) use binary::Binary;
pub(super) use write::write;

use crate::http::body::parse;
use crate::http::moment::Moment;
use crate::http::problem::Problem;

/// Text that stays where it is unless something in it is escaped.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Everything that may be at the top: of an envelope, or of a structured CloudEvent.
///
/// The same thing under two names is allowed: the real service sends both.
#[derive(Deserialize)]
#[serde(expecting = "an envelope")]
struct Top<'a> {
    #[serde(borrow)]
    message: Option<Inner<'a>>,
    #[serde(borrow)]
    subscription: Option<Text<'a>>,
    #[serde(rename = "deliveryAttempt")]
    delivery_attempt: Option<u32>,
    #[serde(borrow)]
    specversion: Option<Text<'a>>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    source: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    subject: Option<Text<'a>>,
    time: Option<Moment>,
    data: Option<Value>,
    #[serde(borrow)]
    data_base64: Option<Text<'a>>,
    // Extensions: what an order's event says besides its data.
    #[serde(borrow)]
    traceparent: Option<Text<'a>>,
    #[serde(borrow)]
    holds: Option<Text<'a>>,
    #[serde(borrow)]
    total: Option<Text<'a>>,
    #[serde(borrow)]
    discount: Option<Text<'a>>,
    #[serde(borrow)]
    tax: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(expecting = "a message")]
struct Inner<'a> {
    #[serde(borrow)]
    data: Option<Text<'a>>,
    attributes: Option<BTreeMap<String, String>>,
    #[serde(borrow, rename = "messageId")]
    message_id: Option<Text<'a>>,
    #[serde(borrow, rename = "message_id")]
    message_id_too: Option<Text<'a>>,
    #[serde(rename = "publishTime")]
    publish_time: Option<Moment>,
    #[serde(rename = "publish_time")]
    publish_time_too: Option<Moment>,
    #[serde(borrow, rename = "orderingKey")]
    ordering_key: Option<Text<'a>>,
    #[serde(borrow, rename = "ordering_key")]
    ordering_key_too: Option<Text<'a>>,
}

/// What a push without a subscription's name is told to come from.
const UNNAMED: &str = "push";

/// A delivery before it is known when it was published and what its number is.
struct Found<'a> {
    subscription: Cow<'a, str>,
    attempt: u32,
    message_id: Option<Cow<'a, str>>,
    published_at: Option<Timestamp>,
    message: Message,
}

/// Reads a delivery. `now` is when it was published if it does not say so.
///
/// # Errors
///
/// A 400 that names the field: this is no envelope, and nothing was taken in.
pub(super) fn read(
    binary: Option<Binary>,
    body: &[u8],
    now: impl FnOnce() -> Timestamp,
) -> Result<Push, Problem> {
    let found = match binary {
        None => parse::<Top<'_>>(body)?.found()?,
        // Some put the envelope under the headers of the event that is in it.
        Some(binary) => match serde_json::from_slice::<Top<'_>>(body) {
            Ok(top) if top.message.is_some() => top.found()?,
            _ => binary.found(body)?,
        },
    };
    let data = &found.message.data;
    let message_id = match found.message_id {
        Some(text) => text.parse().unwrap_or_else(|_| fnv1a(text.as_bytes())),
        None => fnv1a(data.as_bytes()),
    };
    let attempt = found.attempt;
    Ok(Push {
        subscription: SubscriptionId(found.subscription.into()),
        delivery: Delivery {
            ack_id: AckId {
                message_id,
                attempt,
            },
            message_id,
            published_at: found.published_at.unwrap_or_else(now),
            attempt,
            message: Arc::new(found.message),
        },
    })
}

impl<'a> Top<'a> {
    fn found(self) -> Result<Found<'a>, Problem> {
        let Some(inner) = self.message else {
            return self.event();
        };
        let subscription = self.subscription.map_or(Cow::Borrowed(UNNAMED), |it| it.0);
        inner.found(subscription, self.delivery_attempt)
    }

    /// A structured CloudEvent: of a topic, with the envelope as its data, or of the message.
    fn event(self) -> Result<Found<'a>, Problem> {
        let missing = |field| Problem::invalid(field, "is missing");
        let Some(specversion) = self.specversion else {
            return Err(missing("message"));
        };
        let id = self.id.ok_or_else(|| missing("id"))?;
        let source = self.source.ok_or_else(|| missing("source"))?;
        let kind = self.kind.ok_or_else(|| missing("type"))?;
        let data = match (self.data, self.data_base64) {
            (Some(Value::Object(data)), None) if data.contains_key("message") => {
                let top = Top::deserialize(Value::Object(data));
                let top = top.map_err(|_| Problem::invalid("data", "is no envelope"))?;
                return match top.message {
                    Some(_) => top.found(),
                    None => Err(missing("data.message")),
                };
            }
            (Some(Value::String(text)), None) => text.into(),
            (Some(value), None) => value.to_string().into(),
            (None, Some(Text(text))) => decode(&text, "data_base64")?,
            (None, None) => return Err(missing("data")),
            (Some(_), Some(_)) => {
                return Err(Problem::invalid("data_base64", "is there besides data"));
            }
        };
        let time = self.time.map(|it| it.to_string());
        let attributes = [
            ("ce-id", Some(id)),
            ("ce-source", Some(source)),
            ("ce-type", Some(kind)),
            ("ce-specversion", Some(specversion)),
            ("ce-subject", self.subject),
            ("ce-time", time.map(|it| Text(it.into()))),
            ("traceparent", self.traceparent),
            ("holds", self.holds),
            ("total", self.total),
            ("discount", self.discount),
            ("tax", self.tax),
        ];
        let said = |(name, text): (&str, Option<Text<'_>>)| {
            text.map(|Text(text)| (name.to_owned(), text.into_owned()))
        };
        Ok(Found {
            subscription: Cow::Borrowed(UNNAMED),
            attempt: 1,
            message_id: None,
            published_at: self.time.map(|it| it.0),
            message: Message {
                data,
                attributes: Arc::new(attributes.into_iter().filter_map(said).collect()),
                ordering_key: None,
            },
        })
    }
}

impl<'a> Inner<'a> {
    fn found(self, subscription: Cow<'a, str>, attempt: Option<u32>) -> Result<Found<'a>, Problem> {
        let attributes = self.attributes.unwrap_or_default();
        let data = match self.data {
            Some(Text(data)) => decode(&data, "message.data")?,
            // The broker delivers messages of attributes alone, but never of nothing.
            None if attributes.is_empty() => {
                return Err(Problem::invalid("message.data", "is missing"));
            }
            None => Arc::from(""),
        };
        let published = self.publish_time.or(self.publish_time_too);
        let message_id = self.message_id.or(self.message_id_too);
        let ordering_key = self.ordering_key.or(self.ordering_key_too);
        Ok(Found {
            subscription,
            attempt: attempt.unwrap_or(1),
            message_id: message_id.map(|it| it.0),
            published_at: published.map(|it| it.0),
            message: Message {
                data,
                attributes: Arc::new(attributes),
                ordering_key: ordering_key.map(|it| it.0.into()),
            },
        })
    }
}

/// The broker pads; whoever writes such a body by hand often does not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn decode(text: &str, field: &str) -> Result<Arc<str>, Problem> {
    let bytes = BASE64.decode(text);
    let bytes = bytes.map_err(|_| Problem::invalid(field, "must be base64"))?;
    Ok(readable(bytes))
}

/// Data that is no text cannot become an order, but is a message all the same: it is made
/// unreadable for sure, so that whoever receives it parks it. Mending it could change a name.
fn readable(bytes: Vec<u8>) -> Arc<str> {
    match String::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(error) => {
            let text = String::from_utf8_lossy(error.as_bytes());
            format!("{}{text}", char::REPLACEMENT_CHARACTER).into()
        }
    }
}

/// A number for a message whose id is none, the same for every delivery: FNV-1a of 64 bits
/// (draft-eastlake-fnv).
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
