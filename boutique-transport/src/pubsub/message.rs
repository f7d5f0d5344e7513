//! A message as Pub/Sub has it, and as the core has it.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boutique_core::broker::{AckId, Delivery, Message, Push, SubscriptionId};
use boutique_core::clock::Timestamp;
use google_cloud_pubsub::model::Message as Theirs;

pub(super) fn outgoing(message: &Message) -> Theirs {
    let attributes = message.attributes.iter();
    let theirs = Theirs::new()
        .set_data(bytes::Bytes::copy_from_slice(message.data.as_bytes()))
        .set_attributes(attributes.map(|(name, value)| (name.clone(), value.clone())));
    match &message.ordering_key {
        Some(key) => theirs.set_ordering_key(key.as_ref()),
        None => theirs,
    }
}

/// The push that `theirs` is, `attempt` counted from 1. Data that is no text comes in base64, as
/// in an envelope: it is no event, and whoever looks at it later has all of it.
pub(super) fn incoming(
    subscription: &SubscriptionId,
    theirs: Theirs,
    attempt: u32,
    now: Timestamp,
) -> Push {
    let message_id = number(&theirs.message_id);
    let data: Arc<str> = match std::str::from_utf8(&theirs.data) {
        Ok(text) => text.into(),
        Err(_) => STANDARD.encode(&theirs.data).into(),
    };
    let published_at = theirs.publish_time.map_or(now, |it| {
        let micros = it.seconds().saturating_mul(1_000_000);
        Timestamp::from_micros(micros.saturating_add(i64::from(it.nanos()) / 1_000))
    });
    let key = theirs.ordering_key;
    Push {
        subscription: subscription.clone(),
        delivery: Delivery {
            ack_id: AckId {
                message_id,
                attempt,
            },
            message_id,
            published_at,
            attempt,
            message: Arc::new(Message {
                data,
                attributes: Arc::new(theirs.attributes.into_iter().collect()),
                ordering_key: (!key.is_empty()).then(|| key.into()),
            }),
        },
    }
}

/// Google numbers its messages, but promises only that ids are text: of one that is no number
/// the UUIDv5, so that every delivery has the same.
pub(super) fn number(id: &str) -> u64 {
    let made = || uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, id.as_bytes());
    id.parse().unwrap_or_else(|_| made().as_u64_pair().0)
}
