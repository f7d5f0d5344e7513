//! What the data warehouse is told of an order that was refused.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::codec::{SOURCE, json};
use crate::broker::Message;
use crate::clock::Timestamp;
use crate::fraud::Band;
use crate::ids::{OrderId, UserId};
use crate::money::{Currency, Money};
use crate::schema::record;

/// `ce-type` of an [`OrderRefusedEvent`].
pub const REFUSED_TYPE: &str = "boutique.order.refused.v1";

record! {
    /// An order that was refused: data of a message of its own topic, which nobody acts on. It
    /// says nothing of the person but their user id.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub struct OrderRefusedEvent {
        /// The order.
        pub order_id: OrderId,
        /// The buyer.
        pub user_id: UserId,
        /// The currency it would have been paid in.
        pub user_currency: Currency,
        /// What the goods and shipping would have come to, without a discount.
        pub amount: Option<Money>,
        /// Why: fraud, standing, short, not_stocked, review_denied or review_lapsed.
        pub reason: String,
        /// How risky the fraud engine found it, 0 to 1000, if it was asked.
        pub risk_score: Option<u16>,
        /// The score in words.
        pub risk_band: Option<Band>,
        /// When it was refused.
        pub refused_at: Timestamp,
    }
}

impl OrderRefusedEvent {
    /// The message that carries it.
    ///
    /// # Panics
    ///
    /// Never: every field can be written as JSON.
    pub fn encode(&self) -> Message {
        let attributes = [
            ("ce-id", self.order_id.refused_event().to_string()),
            ("ce-source", SOURCE.to_owned()),
            ("ce-specversion", "1.0".to_owned()),
            ("ce-subject", self.order_id.to_string()),
            ("ce-time", self.refused_at.to_string()),
            ("ce-type", REFUSED_TYPE.to_owned()),
        ];
        let owned = attributes.map(|(name, value)| (name.to_owned(), value));
        Message {
            data: json(self).into(),
            attributes: Arc::new(owned.into()),
            ordering_key: Some(self.order_id.as_str().into()),
        }
    }
}
