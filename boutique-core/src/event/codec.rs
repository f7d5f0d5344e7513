//! The event as a message: version 1, and what older and looser versions become.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ConfirmedOrder, HoldRef, OrderConfirmedEvent, OrderItem};
use crate::broker::Message;
use crate::clock::Timestamp;
use crate::customer::{Address, Email};
use crate::ids::{EventId, OrderId, TrackingId, UserId};
use crate::money::{Currency, Money, MoneyError};
use crate::pii::Pii;

/// `ce-type` of version 1.
pub const EVENT_TYPE: &str = "boutique.order.confirmed.v1";

/// `ce-source` of everything the checkout publishes.
pub(super) const SOURCE: &str = "//boutique/checkout";

/// Why a message is not an order. No text of the message is repeated.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The attributes name an event type that is not known here.
    #[error("attribute ce-type: not a version of boutique.order.confirmed that is known here")]
    UnknownType,
    /// The data is not an order.
    #[error("data: not an order (line {line}, column {column}): {what}")]
    Data {
        /// Line of the data.
        line: usize,
        /// Column of the data.
        column: usize,
        /// What kind of mistake it is.
        what: &'static str,
    },
    /// An attribute cannot be read.
    #[error("attribute {0}: cannot be read")]
    Attribute(&'static str),
    /// There are no items.
    #[error("items: an order needs at least one item")]
    NoItems,
    /// Amounts of several currencies, or an amount that cannot be had.
    #[error("amounts: {0}")]
    Amount(#[from] MoneyError),
    /// An amount below zero.
    #[error("amounts: {0} is below zero")]
    Negative(&'static str),
    /// The holds do not cover the items.
    #[error("attribute holds: covers {covered} items of {items}")]
    Holds {
        /// Items the holds cover.
        covered: usize,
        /// Items of the order.
        items: usize,
    },
}

impl From<serde_json::Error> for DecodeError {
    fn from(error: serde_json::Error) -> Self {
        use serde_json::error::Category;
        // The error's own text may quote the data.
        let what = match error.classify() {
            Category::Io | Category::Eof => "it ends too early",
            Category::Syntax => "not JSON",
            Category::Data => "a field is missing or of the wrong kind",
        };
        Self::Data {
            line: error.line(),
            column: error.column(),
            what,
        }
    }
}

impl ConfirmedOrder {
    /// The message that carries this order.
    ///
    /// # Panics
    ///
    /// Never: every field of an order can be written as JSON.
    pub fn encode(&self) -> Message {
        let mut attributes = BTreeMap::from([
            ("ce-id".to_owned(), self.event_id.to_string()),
            ("ce-type".to_owned(), EVENT_TYPE.to_owned()),
            ("ce-source".to_owned(), SOURCE.to_owned()),
            ("ce-specversion".to_owned(), "1.0".to_owned()),
            ("ce-time".to_owned(), self.occurred_at.to_string()),
            ("ce-subject".to_owned(), self.order.order_id.to_string()),
            (
                "occurred-at-us".to_owned(),
                self.occurred_at.as_micros().to_string(),
            ),
            ("holds".to_owned(), json(&self.holds)),
            ("total".to_owned(), json(&self.total)),
            ("discount".to_owned(), json(&self.discount)),
            ("tax".to_owned(), json(&self.tax)),
        ]);
        if let Some(risk) = &self.risk {
            attributes.insert("risk".to_owned(), json(risk));
        }
        if let Some(traceparent) = &self.traceparent {
            attributes.insert("traceparent".to_owned(), traceparent.clone());
        }
        Message {
            data: json(&self.order).into(),
            attributes: Arc::new(attributes),
            ordering_key: Some(Arc::from(self.order.order_id.as_str())),
        }
    }

    /// Reads an order out of a message: version 1, the nested form
    /// `{"order":{...},"user_currency","email","user_id"}`, or either without any attributes,
    /// as older publishers send it. What an older form lacks is derived: the total is what the
    /// items and shipping come to, discount and tax are nothing, no stock is held, the event id
    /// is the order's, and the date is `published_at`.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] names the place. Trying again will not help.
    pub fn decode(message: &Message, published_at: Timestamp) -> Result<Self, DecodeError> {
        let attribute = |name: &str| message.attributes.get(name);
        if attribute("ce-type").is_some_and(|it| it != EVENT_TYPE && !is_foreign(it)) {
            return Err(DecodeError::UnknownType);
        }
        let order = parse(&message.data)?;
        if order.items.is_empty() {
            return Err(DecodeError::NoItems);
        }
        let charged = charged(&order)?;
        let zero = Money::zero(order.user_currency);
        let money = |name: &'static str, otherwise: Money| match attribute(name) {
            None => Ok(otherwise),
            Some(text) => {
                let amount: Money =
                    serde_json::from_str(text).map_err(|_| DecodeError::Attribute(name))?;
                amount.plus(zero)?;
                if amount.is_negative() {
                    Err(DecodeError::Negative(name))
                } else {
                    Ok(amount)
                }
            }
        };
        let holds: Vec<HoldRef> = match attribute("holds") {
            None => Vec::new(),
            Some(text) => {
                serde_json::from_str(text).map_err(|_| DecodeError::Attribute("holds"))?
            }
        };
        let covered = holds
            .iter()
            .fold(0, |sum: usize, it| sum.saturating_add(it.items));
        if !holds.is_empty() && covered != order.items.len() {
            return Err(DecodeError::Holds {
                covered,
                items: order.items.len(),
            });
        }
        let occurred_at = match attribute("occurred-at-us") {
            None => published_at,
            Some(text) => Timestamp::from_micros(
                text.parse()
                    .map_err(|_| DecodeError::Attribute("occurred-at-us"))?,
            ),
        };
        let event_id = match attribute("ce-id").filter(|_| attribute("holds").is_some()) {
            None => order.order_id.confirmed_event(),
            Some(text) => {
                EventId::new(text.as_str()).map_err(|_| DecodeError::Attribute("ce-id"))?
            }
        };
        Ok(Self {
            event_id,
            occurred_at,
            holds,
            total: money("total", charged)?,
            discount: money("discount", zero)?,
            tax: money("tax", zero)?,
            // For the data warehouse alone: a good order is taken in whatever it says.
            risk: attribute("risk").and_then(|it| serde_json::from_str(it).ok()),
            traceparent: attribute("traceparent").cloned(),
            order,
        })
    }
}

/// What the items and shipping come to; refuses amounts below zero and other currencies.
fn charged(order: &OrderConfirmedEvent) -> Result<Money, DecodeError> {
    let mut sum = Money::zero(order.user_currency).plus(order.shipping_cost)?;
    if order.shipping_cost.is_negative() {
        return Err(DecodeError::Negative("shipping_cost"));
    }
    for it in &order.items {
        if it.cost.is_negative() {
            return Err(DecodeError::Negative("items.cost"));
        }
        sum = sum.plus(it.cost.times(it.item.quantity.get())?)?;
    }
    Ok(sum.rounded())
}

/// Pub/Sub and Eventarc put types of their own on a message that carries an order.
fn is_foreign(event_type: &str) -> bool {
    event_type.starts_with("google.cloud.pubsub.")
}

pub(super) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("maps have text keys and nothing here fails to serialize")
}

/// The data in any form it was ever published in.
fn parse(data: &str) -> Result<OrderConfirmedEvent, serde_json::Error> {
    match serde_json::from_str(data) {
        Ok(order) => Ok(order),
        // Whatever has no `order` member was meant to be flat: its own mistake is reported.
        Err(flat) => match serde_json::from_str::<HasOrder>(data) {
            Err(_) => Err(flat),
            Ok(_) => Ok(serde_json::from_str::<Nested>(data)?.upcast()),
        },
    }
}

#[derive(Deserialize)]
struct HasOrder {
    #[serde(rename = "order")]
    _order: serde::de::IgnoredAny,
}

/// `{"order":{...},"user_currency","email","user_id"}`.
#[derive(Deserialize)]
struct Nested {
    order: NestedOrder,
    user_id: UserId,
    email: Pii<Email>,
    user_currency: Currency,
}

#[derive(Deserialize)]
struct NestedOrder {
    order_id: OrderId,
    shipping_tracking_id: TrackingId,
    shipping_cost: Money,
    shipping_address: Pii<Address>,
    items: Vec<OrderItem>,
}

impl Nested {
    fn upcast(self) -> OrderConfirmedEvent {
        OrderConfirmedEvent {
            order_id: self.order.order_id,
            user_id: self.user_id,
            email: self.email,
            user_currency: self.user_currency,
            shipping_tracking_id: self.order.shipping_tracking_id,
            shipping_cost: self.order.shipping_cost,
            shipping_address: self.order.shipping_address,
            items: self.order.items,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAT: &str = r#"{"order_id":"o-1","user_id":"u","email":"a@b.example",
        "user_currency":"USD","shipping_tracking_id":"t",
        "shipping_cost":{"currency_code":"USD","units":8,"nanos":990000000},
        "shipping_address":{"street_address":"s","city":"c","state":"","country":"US","zip_code":94043},
        "items":[{"item":{"product_id":"OLJCESPC7Z","quantity":2},
                  "cost":{"currency_code":"USD","units":19,"nanos":990000000}}]}"#;

    fn bare(data: &str) -> Message {
        Message {
            data: data.into(),
            attributes: Arc::default(),
            ordering_key: None,
        }
    }

    #[test]
    fn an_event_without_attributes_is_taken_for_what_its_items_come_to() {
        let order = ConfirmedOrder::decode(&bare(FLAT), Timestamp::EPOCH).expect("decodes");
        assert_eq!(order.total.decimal(), "48.97");
        assert_eq!(order.event_id.as_str(), "o-1.confirmed");
        assert_eq!(order.order.shipping_address.expose().zip_code, "94043");
        assert!(order.holds.is_empty());
    }

    #[test]
    fn what_is_encoded_decodes_to_the_same_order() {
        let mut order = ConfirmedOrder::decode(&bare(FLAT), Timestamp::EPOCH).expect("decodes");
        order.occurred_at = Timestamp::from_micros(1_291_213_560_123_456);
        order.risk = Some(crate::fraud::Risk {
            score: 450,
            band: crate::fraud::Band::Medium,
        });
        order.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
        order.holds = vec![HoldRef {
            system: crate::stock::StockSystem::Inventory,
            hold_id: order.order.order_id.hold("inventory", 1),
            items: 1,
        }];
        let again = ConfirmedOrder::decode(&order.encode(), Timestamp::EPOCH).expect("decodes");
        assert_eq!(again, order);
    }

    #[test]
    fn a_risk_that_is_none_keeps_no_order_back() {
        let bare = bare(FLAT);
        for risk in ["low", r#"{"score":1,"band":"SEVERE"}"#] {
            let said = [("risk".to_owned(), risk.to_owned())];
            let message = Message {
                attributes: Arc::new(said.into()),
                ..bare.clone()
            };
            let order = ConfirmedOrder::decode(&message, Timestamp::EPOCH).expect("decodes");
            assert_eq!(order.risk, None, "{risk}");
        }
    }

    #[test]
    fn the_nested_form_is_the_flat_one() {
        let flat: serde_json::Value = serde_json::from_str(FLAT).expect("json");
        let mut order = flat.clone();
        let taken = |order: &mut serde_json::Value, name: &str| {
            order
                .as_object_mut()
                .and_then(|it| it.remove(name))
                .expect("there")
        };
        let nested = serde_json::json!({
            "user_id": taken(&mut order, "user_id"),
            "email": taken(&mut order, "email"),
            "user_currency": taken(&mut order, "user_currency"),
            "order": order,
        });
        assert_eq!(
            ConfirmedOrder::decode(&bare(&nested.to_string()), Timestamp::EPOCH).expect("decodes"),
            ConfirmedOrder::decode(&bare(FLAT), Timestamp::EPOCH).expect("decodes"),
        );
    }

    #[test]
    fn what_is_wrong_is_named_and_never_quoted() {
        let decode = |data: &str| {
            ConfirmedOrder::decode(&bare(data), Timestamp::EPOCH)
                .expect_err("refused")
                .to_string()
        };
        assert!(decode("{").contains("it ends too early"));
        let missing = decode(&FLAT.replace("a@b.example", "secret"));
        assert!(missing.contains("a field is missing") && !missing.contains("secret"));
        let mixed =
            decode(&FLAT.replacen("\"currency_code\":\"USD\"", "\"currency_code\":\"EUR\"", 1));
        assert!(mixed.contains("EUR"), "{mixed}");
        let mut unknown = bare(FLAT);
        Arc::make_mut(&mut unknown.attributes)
            .insert("ce-type".into(), "boutique.order.confirmed.v9".into());
        assert!(ConfirmedOrder::decode(&unknown, Timestamp::EPOCH).is_err());
    }
}
