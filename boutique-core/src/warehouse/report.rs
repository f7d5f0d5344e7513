//! What the warehouse announces of a shipment.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Shipment, ShipmentStatus};
use crate::broker::Message;
use crate::clock::Timestamp;
use crate::ids::{EventId, OrderId, ShipmentId};
use crate::schema::record;
use crate::stock::StockSystem;

/// `ce-type` of a [`ShipmentReport`].
pub const REPORT_TYPE: &str = "boutique.shipment.reported.v1";

record! {
    /// Where a shipment is: JSON on the broker, one event per shipment and status.
    ///
    /// If a shipment moves on before it is announced only the later status is. Reports of one
    /// order share an ordering key.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub struct ShipmentReport {
        /// The event: a function of shipment and status.
        pub event_id: EventId,
        /// The order.
        pub order_id: OrderId,
        /// The shipment.
        pub shipment_id: ShipmentId,
        /// The stock system whose goods it is.
        pub system: StockSystem,
        /// Where it is.
        pub status: ShipmentStatus,
        /// Since when.
        pub at: Timestamp,
        /// When the goods left, if they have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub shipped_at: Option<Timestamp>,
    }
}

/// Why a message is not a [`ShipmentReport`]. The message itself is not repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReport {
    /// `ce-type` says that it is something else.
    #[error("ce-type: not {REPORT_TYPE}")]
    Type,
    /// The data is not JSON, or a field is missing or mistyped.
    #[error("data: not a shipment report, at line {line}, column {column}")]
    Data {
        /// Counted from one; zero if it is about the whole.
        line: usize,
        /// Counted from one; zero if it is about the whole.
        column: usize,
    },
}

impl ShipmentReport {
    /// The report of where `shipment` is now.
    pub fn of(shipment: &Shipment) -> Self {
        Self {
            event_id: shipment.id.report(shipment.status.as_str()),
            order_id: shipment.order_id.clone(),
            shipment_id: shipment.id.clone(),
            system: shipment.system,
            status: shipment.status,
            at: shipment.since(),
            shipped_at: shipment.shipped_at(),
        }
    }

    /// The message that carries it: CloudEvents attributes, the order id as ordering key.
    ///
    /// # Errors
    ///
    /// Those of `serde_json`; none is known to occur.
    pub fn encode(&self) -> Result<Message, serde_json::Error> {
        let attributes = [
            ("ce-id", self.event_id.to_string()),
            ("ce-source", "//boutique/warehouse".to_owned()),
            ("ce-specversion", "1.0".to_owned()),
            ("ce-subject", self.order_id.to_string()),
            ("ce-time", self.at.to_string()),
            ("ce-type", REPORT_TYPE.to_owned()),
        ];
        Ok(Message {
            data: serde_json::to_string(self)?.into(),
            attributes: Arc::new(
                attributes
                    .map(|(name, value)| (name.to_owned(), value))
                    .into(),
            ),
            ordering_key: Some(self.order_id.as_str().into()),
        })
    }

    /// Reads a message. Attributes may be missing.
    ///
    /// # Errors
    ///
    /// [`InvalidReport`].
    pub fn decode(message: &Message) -> Result<Self, InvalidReport> {
        match message.attributes.get("ce-type") {
            Some(kind) if kind != REPORT_TYPE => Err(InvalidReport::Type),
            _ => serde_json::from_str(&message.data).map_err(|error| InvalidReport::Data {
                line: error.line(),
                column: error.column(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_back_and_what_is_none_is_refused_without_repeating_it() {
        let order_id = OrderId::new("o1").expect("valid");
        let shipment_id = order_id.shipment("furniture");
        let report = ShipmentReport {
            event_id: shipment_id.report("delivered"),
            order_id,
            shipment_id,
            system: StockSystem::Furniture,
            status: ShipmentStatus::Delivered,
            at: Timestamp::from_millis(2_000),
            shipped_at: Some(Timestamp::from_millis(1_000)),
        };
        let message = report.encode().expect("encodes");
        assert_eq!(
            &*message.data,
            r#"{"event_id":"o1.furniture.delivered","order_id":"o1","shipment_id":"o1.furniture","system":"furniture","status":"delivered","at":2000000,"shipped_at":1000000}"#
        );
        assert_eq!(message.ordering_key.as_deref(), Some("o1"));
        assert_eq!(message.attributes["ce-time"], "1970-01-01T00:00:02.000Z");
        assert_eq!(ShipmentReport::decode(&message), Ok(report));

        let mut other = message.clone();
        Arc::make_mut(&mut other.attributes).insert("ce-type".into(), "other".into());
        assert_eq!(ShipmentReport::decode(&other), Err(InvalidReport::Type));
        let mut broken = message;
        broken.data = r#"{"event_id":"jane@example.com "}"#.into();
        let error = ShipmentReport::decode(&broken).expect_err("refused");
        assert!(!error.to_string().contains("jane"), "{error}");
    }
}
