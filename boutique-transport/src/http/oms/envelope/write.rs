//! The envelope as we write it.

use std::collections::BTreeMap;
use std::fmt;

use base64::display::Base64Display;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD};
use boutique_core::broker::{Push, SubscriptionId};
use serde::{Serialize, Serializer};

use crate::http::moment::Moment;

/// The envelope that carries `push`.
///
/// # Errors
///
/// Those of `serde_json`; none is known to occur.
pub(in super::super) fn write(push: &Push) -> Result<Vec<u8>, serde_json::Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Envelope<'a> {
        message: Sent<'a>,
        subscription: &'a SubscriptionId,
        delivery_attempt: u32,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Sent<'a> {
        #[serde(serialize_with = "shown")]
        data: Base64Display<'a, 'static, GeneralPurpose>,
        attributes: &'a BTreeMap<String, String>,
        #[serde(serialize_with = "shown")]
        message_id: u64,
        publish_time: Moment,
        #[serde(skip_serializing_if = "Option::is_none")]
        ordering_key: Option<&'a str>,
    }
    fn shown<T: fmt::Display, S: Serializer>(it: &T, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(it)
    }

    let delivery = &push.delivery;
    let message = &*delivery.message;
    let envelope = Envelope {
        message: Sent {
            data: Base64Display::new(message.data.as_bytes(), &STANDARD),
            attributes: &message.attributes,
            message_id: delivery.message_id,
            publish_time: Moment(delivery.published_at),
            ordering_key: message.ordering_key.as_deref(),
        },
        subscription: &push.subscription,
        delivery_attempt: delivery.attempt,
    };
    let mut body = Vec::with_capacity(1_024 + message.data.len() * 4 / 3);
    serde_json::to_writer(&mut body, &envelope)?;
    Ok(body)
}
