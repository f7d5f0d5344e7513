//! Reading an envelope, or a CloudEvent in structured mode, in one pass.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use boutique_core::broker::{Message, SubscriptionId};
use serde::Deserialize;
use serde_json::Value;

use super::Envelope;
use crate::http::body;
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
pub(super) const UNNAMED: &str = "push";

/// Reads an envelope; see [`Envelope::parse`].
pub(super) fn envelope(text: &[u8]) -> Result<Envelope, Problem> {
    let top = body::parse::<Top<'_>>(text).map_err(|problem| {
        // The name of an attribute is whoever's who sent it.
        if problem.detail().starts_with("message.attributes.") {
            return Problem::invalid("message.attributes", "must be texts by name");
        }
        problem
    })?;
    top.envelope()
}

/// Reads `text` if a message is in it; `None` if it is something else.
pub(super) fn wrapped(text: &[u8]) -> Option<Result<Envelope, Problem>> {
    let top: Top<'_> = serde_json::from_slice(text).ok()?;
    top.message.is_some().then(|| top.envelope())
}

/// The number of a message: what its id says, or, where ids are not digits or missing, a number
/// that is the same for every delivery.
pub(super) fn number(id: Option<&str>, data: &str) -> u64 {
    let digits = id.and_then(|it| it.parse().ok());
    digits.unwrap_or_else(|| fnv1a(id.unwrap_or(data).as_bytes()))
}

impl<'a> Top<'a> {
    fn envelope(self) -> Result<Envelope, Problem> {
        let Some(inner) = self.message else {
            return self.event();
        };
        let subscription = self.subscription.map_or(Cow::Borrowed(UNNAMED), |it| it.0);
        inner.envelope(subscription, self.delivery_attempt)
    }

    /// A structured CloudEvent: of a topic, with the envelope as its data, or of the message.
    fn event(self) -> Result<Envelope, Problem> {
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
                    Some(_) => top.envelope(),
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
        Ok(Envelope {
            subscription: UNNAMED.into(),
            message_id: number(None, &data),
            published_at: self.time.map(|it| it.0),
            attempt: 1,
            message: Message {
                data,
                attributes: Arc::new(attributes.into_iter().filter_map(said).collect()),
                ordering_key: None,
            },
        })
    }
}

impl<'a> Inner<'a> {
    fn envelope(
        self,
        subscription: Cow<'a, str>,
        attempt: Option<u32>,
    ) -> Result<Envelope, Problem> {
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
        Ok(Envelope {
            subscription: SubscriptionId(subscription.into()),
            message_id: number(message_id.as_ref().map(|it| &*it.0), &data),
            published_at: published.map(|it| it.0),
            attempt: attempt.unwrap_or(1).max(1),
            message: Message {
                data,
                attributes: Arc::new(attributes),
                // To the broker an empty key is none.
                ordering_key: ordering_key
                    .filter(|it| !it.0.is_empty())
                    .map(|it| it.0.into()),
            },
        })
    }
}

/// The broker pads; whoever writes such a body by hand often does not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Data that is no text stays in base64: it is no JSON then, so that whoever receives it parks
/// it, and has all of it. Mending it could change a name.
fn decode(text: &str, field: &str) -> Result<Arc<str>, Problem> {
    let bytes = BASE64.decode(text);
    let bytes = bytes.map_err(|_| Problem::invalid(field, "must be base64"))?;
    Ok(match String::from_utf8(bytes) {
        Ok(decoded) => decoded.into(),
        Err(_) => text.into(),
    })
}

/// A number for a message whose id is none, the same for every delivery: FNV-1a of 64 bits
/// (draft-eastlake-fnv).
pub(super) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
