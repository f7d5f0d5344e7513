//! CloudEvents in binary mode: what they say of themselves is in the headers.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boutique_core::broker::{Message, SOURCE_ATTEMPTS, SOURCE_SUBSCRIPTION, SubscriptionId};
use boutique_core::clock::Timestamp;
use percent_encoding::percent_decode_str;

use super::Envelope;
use super::read::{UNNAMED, number};
use crate::http::moment::Moment;
use crate::http::problem::Problem;

/// The parts of a binary CloudEvent that are headers, if a request has them.
///
/// An Eventarc trigger on a topic has such headers as well, but its message is in the body.
pub(super) struct Binary {
    attributes: BTreeMap<String, String>,
    message_id: Option<String>,
    published_at: Option<Timestamp>,
    subscription: Option<String>,
    ordering_key: Option<String>,
}

/// Attributes that a subscription without envelope sends as headers of their own.
const BARE: [&str; 7] = [
    "holds",
    "total",
    "discount",
    "tax",
    "occurred-at-us",
    SOURCE_SUBSCRIPTION,
    SOURCE_ATTEMPTS,
];

impl Binary {
    /// What `headers` say of an event, if they do.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let kind = text("ce-type")?;
        if kind.starts_with("google.cloud.pubsub.") {
            return None;
        }
        let mut attributes = BTreeMap::new();
        for (name, value) in headers {
            let (name, Ok(value)) = (name.as_str(), value.to_str()) else {
                continue;
            };
            if name.starts_with("ce-") {
                let value = percent_decode_str(value).decode_utf8_lossy();
                attributes.insert(name.to_owned(), value.into_owned());
            }
        }
        let bare = BARE.into_iter().chain(["traceparent"]);
        attributes.extend(bare.filter_map(|it| Some((it.to_owned(), text(it)?.to_owned()))));
        let owned = |name| text(name).map(str::to_owned);
        let published = text("x-goog-pubsub-publish-time").or_else(|| text("ce-time"));
        Some(Self {
            attributes,
            message_id: owned("x-goog-pubsub-message-id"),
            published_at: published
                .and_then(|it| it.parse().ok())
                .map(|it: Moment| it.0),
            subscription: owned("x-goog-pubsub-subscription-name"),
            // To the broker an empty key is none.
            ordering_key: owned("x-goog-pubsub-ordering-key").filter(|it| !it.is_empty()),
        })
    }

    /// The envelope that the event with this body would have come in.
    ///
    /// # Errors
    ///
    /// A 400 that names the header that is missing.
    pub(super) fn envelope(self, body: &[u8]) -> Result<Envelope, Problem> {
        for required in ["ce-id", "ce-source", "ce-specversion"] {
            if !self.attributes.contains_key(required) {
                return Err(Problem::invalid(required, "is missing"));
            }
        }
        let data: Arc<str> = match std::str::from_utf8(body) {
            Ok(text) => text.into(),
            // As in an envelope.
            Err(_) => STANDARD.encode(body).into(),
        };
        Ok(Envelope {
            subscription: SubscriptionId(
                self.subscription.map_or_else(|| UNNAMED.into(), Into::into),
            ),
            message_id: number(self.message_id.as_deref(), &data),
            published_at: self.published_at,
            attempt: 1,
            message: Message {
                data,
                attributes: Arc::new(self.attributes),
                ordering_key: self.ordering_key.map(Into::into),
            },
        })
    }
}
