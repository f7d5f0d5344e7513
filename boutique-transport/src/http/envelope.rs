//! The Pub/Sub push envelope, which Eventarc sends as well, read and written; CloudEvents in
//! structured and binary mode, as other triggers and a subscription without envelope send them
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md>),
//! read.
//!
//! `{"message":{"data":base64,"attributes","messageId","publishTime","orderingKey"},
//! "subscription","deliveryAttempt"}`:
//! <https://cloud.google.com/pubsub/docs/push#receive_push>. One tolerant parser: of two
//! spellings either will do, attributes may be missing, what is not known is ignored.

mod binary;
mod read;

use std::fmt;
use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use base64::display::Base64Display;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD};
use boutique_core::broker::{AckId, Attributes, Delivery, Message, Push, SubscriptionId};
use boutique_core::clock::Timestamp;
use boutique_core::event::ConfirmedOrder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use super::body::{JsonText, Whole, parse};
use super::moment::Moment;
use super::problem::Problem;
use binary::Binary;

/// A message as a push brings it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The subscription it comes from; `push` if the envelope does not say.
    pub subscription: SubscriptionId,
    /// The broker's number for the message; if it has none, one made of its id or its data.
    pub message_id: u64,
    /// When it was published, if the envelope says.
    pub published_at: Option<Timestamp>,
    /// 1 for the first delivery, and where the envelope does not say.
    pub attempt: u32,
    /// What was published. Data that is no text stays in base64: it is no event, and whoever
    /// looks at it later has all of it.
    pub message: Message,
}

impl Envelope {
    /// Reads an envelope, or a CloudEvent in structured mode.
    ///
    /// # Errors
    ///
    /// A 400 that names the field; nothing of the body is repeated.
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        read::envelope(body)
    }

    /// Takes an envelope, or a CloudEvent in structured or binary mode, out of a request.
    ///
    /// # Errors
    ///
    /// A 400 that names the field or header, 413 for too large a body.
    pub async fn receive(request: Request) -> Result<Self, Problem> {
        let binary = Binary::of(request.headers());
        let Whole(body) = Whole::from_request(request, &()).await?;
        match binary {
            None => Self::parse(&body),
            // Some put the envelope under the headers of the event that is in it.
            Some(binary) => match read::wrapped(&body) {
                Some(envelope) => envelope,
                None => binary.envelope(&body),
            },
        }
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
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String)]
    data: Base64Display<'a, 'static, GeneralPurpose>,
    #[schema(value_type = std::collections::HashMap<String, String>)]
    attributes: &'a Attributes,
    #[serde(rename = "messageId", serialize_with = "shown")]
    #[schema(value_type = String)]
    message_id: u64,
    #[serde(rename = "publishTime")]
    #[schema(value_type = String, format = DateTime)]
    publish_time: Moment,
    #[serde(rename = "orderingKey", skip_serializing_if = "Option::is_none")]
    ordering_key: Option<&'a str>,
}

/// Writes text without making it first.
fn shown<T: fmt::Display, S: Serializer>(it: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(it)
}

impl<'a> EnvelopeOut<'a> {
    /// The envelope that brings `push` to a server.
    pub fn new(push: &'a Push) -> Self {
        let delivery = &push.delivery;
        let message = &*delivery.message;
        Self {
            message: MessageOut {
                data: Base64Display::new(message.data.as_bytes(), &STANDARD),
                attributes: &message.attributes,
                message_id: delivery.message_id,
                publish_time: delivery.published_at.into(),
                ordering_key: message.ordering_key.as_deref(),
            },
            subscription: &push.subscription.0,
            delivery_attempt: delivery.attempt,
        }
    }
}

#[cfg(test)]
mod tests;
