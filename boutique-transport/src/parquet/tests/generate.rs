//! Rows of any table.

use std::collections::BTreeMap;
use std::sync::Arc;

use boutique_core::analytics::{Source, Table, TableRow};
use boutique_core::broker::{Message, SubscriptionId};
use boutique_core::clock::Timestamp;
use boutique_core::schema::{Column, Kind, Mode};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value};

/// Midnight before 1 December 2010.
const DAY_ONE: i64 = 1_291_161_600_000_000;
const DAY: i64 = 86_400_000_000;

/// A table, and rows of it that were published on three days.
pub(super) fn table() -> impl Strategy<Value = &'static Table> {
    proptest::sample::select(Table::ALL.to_vec())
}

/// Up to `most` rows of `table`.
pub(super) fn rows(table: &'static Table, most: usize) -> BoxedStrategy<Vec<TableRow>> {
    let at = (-1_i64..=1, 0..DAY).prop_map(|(day, within)| DAY_ONE + day * DAY + within);
    let attributes = proptest::collection::btree_map("[a-z-]{1,8}", ".{0,8}", 0..3);
    let row = (record(table.data), at, attributes, any::<u64>());
    vec(
        row.prop_map(move |(data, at, attributes, id)| {
            let id = id.to_string();
            self::row(table, &data.into(), attributes, at, &id)
        }),
        0..=most,
    )
    .boxed()
}

/// So many rows of `table` that are all alike but for their ids, which begin with `name`.
pub(super) fn plain(table: &'static Table, name: &str, count: usize) -> Vec<TableRow> {
    let numbered = |at: usize| {
        let (data, id) = (least(table.data), format!("{name}-{at}"));
        row(table, &data, BTreeMap::new(), DAY_ONE, &id)
    };
    (0..count).map(numbered).collect()
}

fn row(
    table: &'static Table,
    data: &Value,
    attributes: BTreeMap<String, String>,
    at: i64,
    message_id: &str,
) -> TableRow {
    let subscription = SubscriptionId::from("test");
    let source = Source {
        subscription: &subscription,
        message_id,
        published_at: Timestamp::from_micros(at),
    };
    let message = Message {
        data: data.to_string().into(),
        attributes: Arc::new(attributes),
        ordering_key: None,
    };
    table.row(&source, &message).expect("made to fit")
}

/// The least that fits: texts and lists are empty.
fn least(columns: &[Column]) -> Value {
    let required = columns.iter().filter_map(|it| {
        let value = match (it.mode, it.kind) {
            (Mode::Nullable, _) => return None,
            (Mode::Repeated, _) => Value::Array(Vec::new()),
            (Mode::Required, Kind::String) => "".into(),
            (Mode::Required, Kind::Int64 | Kind::Timestamp) => 0.into(),
            (Mode::Required, Kind::Json) => Value::Object(Map::new()),
            (Mode::Required, Kind::Record(columns)) => least(columns),
        };
        Some((it.name.to_owned(), value))
    });
    Value::Object(required.collect())
}

fn record(columns: &'static [Column]) -> BoxedStrategy<Map<String, Value>> {
    let values: Vec<_> = columns.iter().map(field).collect();
    let named = move |values: Vec<Option<Value>>| {
        let named = columns.iter().zip(values);
        let there = named.filter_map(|(column, it)| Some((column.name.to_owned(), it?)));
        there.collect()
    };
    values.prop_map(named).boxed()
}

fn field(column: &Column) -> BoxedStrategy<Option<Value>> {
    let one = one(column.kind);
    match column.mode {
        Mode::Required => one.prop_map(Some).boxed(),
        Mode::Nullable => proptest::option::of(one).boxed(),
        Mode::Repeated => vec(one, 0..4).prop_map(|it| Some(Value::Array(it))).boxed(),
    }
}

fn one(kind: Kind) -> BoxedStrategy<Value> {
    match kind {
        Kind::String => ".{0,12}".prop_map(Value::from).boxed(),
        // Of the years 1 to 9999.
        Kind::Timestamp => (-62_135_596_800_000_000_i64..=253_402_300_799_999_999)
            .prop_map(Value::from)
            .boxed(),
        Kind::Int64 => prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<i64>().prop_map(|it| Value::from(it.to_string())),
        ]
        .boxed(),
        Kind::Json => prop_oneof![
            any::<bool>().prop_map(Value::from),
            vec(any::<i32>(), 0..3).prop_map(Value::from),
        ]
        .boxed(),
        Kind::Record(columns) => record(columns).prop_map(Value::Object).boxed(),
    }
}
