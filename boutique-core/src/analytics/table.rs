//! The tables of the data warehouse, each derived from the type of its events.

use std::fmt;

use serde_json::{Map, Value};

use crate::broker::{Message, SubscriptionId};
use crate::clock::Timestamp;
use crate::event::{EVENT_TYPE, OrderConfirmedEvent, OrderRefusedEvent, REFUSED_TYPE};
use crate::schema::{Column, Kind, Misfit, Mode, Record, fit};
use crate::warehouse::{REPORT_TYPE, ShipmentReport};

/// A table that a subscription writes: a row is a message, its data's fields as columns, and its
/// metadata. Rows arrive at least once; the view beside it has one for each key.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// What a row is.
    pub doc: &'static str,
    /// `ce-type` of its messages. A message without one is taken by its data.
    pub event_type: &'static str,
    /// The columns of the data.
    pub data: &'static [Column],
    /// What the view has one row of: the row that was published first.
    pub key: &'static str,
    /// The columns rows are kept together by within a day.
    pub clustering: &'static [&'static str],
}

/// Confirmed orders.
pub const ORDERS: Table = Table {
    name: "orders",
    doc: "Confirmed orders as they were published, at least once each.",
    event_type: EVENT_TYPE,
    data: OrderConfirmedEvent::COLUMNS,
    key: "order_id",
    clustering: &["user_currency", "order_id"],
};

/// Refused orders.
pub const REFUSALS: Table = Table {
    name: "refusals",
    doc: "Refused orders as they were published, at least once each.",
    event_type: REFUSED_TYPE,
    data: OrderRefusedEvent::COLUMNS,
    key: "order_id",
    clustering: &["reason"],
};

/// What became of shipments.
pub const SHIPMENTS: Table = Table {
    name: "shipments",
    doc: "What the warehouse announced of shipments, at least once each.",
    event_type: REPORT_TYPE,
    data: ShipmentReport::COLUMNS,
    key: "event_id",
    clustering: &["status", "order_id"],
};

/// The columns that a subscription writes of a message itself
/// (<https://cloud.google.com/pubsub/docs/bigquery#write_metadata>).
pub const METADATA: [Column; 4] = [
    Column {
        name: "subscription_name",
        kind: Kind::String,
        mode: Mode::Nullable,
        doc: "The subscription that wrote the row.",
    },
    Column {
        name: "message_id",
        kind: Kind::String,
        mode: Mode::Nullable,
        doc: "The broker's name for the message: a redelivery has the same one.",
    },
    Column {
        name: PARTITIONED_BY,
        kind: Kind::Timestamp,
        mode: Mode::Nullable,
        doc: "When it was published. The table is partitioned by its day.",
    },
    Column {
        name: "attributes",
        kind: Kind::Json,
        mode: Mode::Nullable,
        doc: "The message's attributes, and its ordering_key if it has one.",
    },
];

/// The column whose day a row is kept by.
pub const PARTITIONED_BY: &str = "publish_time";

impl Table {
    /// Every table.
    pub const ALL: [&'static Self; 3] = [&ORDERS, &REFUSALS, &SHIPMENTS];

    /// The table called `name`.
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::ALL.into_iter().find(|it| it.name == name)
    }

    /// The name of its view, which has one row for each key.
    pub fn view(&self) -> String {
        format!("{}_once", self.name)
    }

    /// Its columns: the data's, then [`METADATA`].
    pub fn columns(&self) -> impl Iterator<Item = &'static Column> {
        self.data.iter().chain(&METADATA)
    }

    /// The row of a message.
    ///
    /// # Errors
    ///
    /// [`Misfit`] if the data is not an object whose fields are the columns; it names the place
    /// and repeats nothing. The message will never be a row.
    pub fn row(&self, source: &Source<'_>, message: &Message) -> Result<TableRow, Misfit> {
        let misfit = |place: &str, what| {
            Err(Misfit {
                place: place.to_owned(),
                what,
            })
        };
        let of = message.attributes.get("ce-type");
        if of.is_some_and(|it| it.starts_with("boutique.") && it != self.event_type) {
            return misfit("ce-type", "is that of another table");
        }
        let Ok(Value::Object(mut row)) = serde_json::from_str(&message.data) else {
            return misfit("data", "is not a JSON object");
        };
        fit(self.data, &row)?;
        let mut attributes: Map<String, Value> = message
            .attributes
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect();
        if let Some(key) = &message.ordering_key {
            attributes.insert("ordering_key".to_owned(), (**key).into());
        }
        let [subscription, id, published, said] = METADATA.map(|it| it.name.to_owned());
        row.insert(subscription, source.subscription.0.as_ref().into());
        row.insert(id, source.message_id.into());
        row.insert(published, source.published_at.as_micros().into());
        row.insert(said, attributes.into());
        Ok(TableRow(row))
    }
}

/// Where a message came from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The subscription that writes the row.
    pub subscription: &'a SubscriptionId,
    /// The broker's name for the message.
    pub message_id: &'a str,
    /// When it was published.
    pub published_at: Timestamp,
}

/// A row that fits its table: an object with a value, or none, for each column. Moments are
/// microseconds since the epoch. It is personal: `Debug` prints nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct TableRow(Map<String, Value>);

impl TableRow {
    /// The columns by name.
    pub const fn columns(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The columns by name.
    pub fn into_columns(self) -> Map<String, Value> {
        self.0
    }

    /// When the message was published: its partition.
    pub fn published_at(&self) -> Timestamp {
        let micros = self.0.get(PARTITIONED_BY).and_then(Value::as_i64);
        Timestamp::from_micros(micros.unwrap_or_default())
    }
}

impl fmt::Debug for TableRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TableRow")
    }
}
