//! Whether a JSON object is a row.

use std::fmt::{self, Write};
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::{Column, Kind, Mode};

/// Why an object is not a row. It names the place and never quotes what is there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct Misfit {
    /// Where, such as `items[0].cost.units`.
    pub place: String,
    /// What is wrong there.
    pub what: &'static str,
}

/// The microseconds of the years 1 to 9999: what BigQuery takes for a `TIMESTAMP`
/// (<https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#timestamp_type>).
const MOMENTS: RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

/// Whether `row` fits `columns`: every field is a column, every required column is there, and
/// every value is of its kind.
///
/// # Errors
///
/// The first [`Misfit`], in the order of the columns; unknown fields last.
pub fn fit(columns: &[Column], row: &Map<String, Value>) -> Result<(), Misfit> {
    record(columns, row).map_err(|(path, what)| {
        let mut place = String::new();
        for step in path.iter().rev() {
            step.write(&mut place).unwrap_or_default();
        }
        Misfit { place, what }
    })
}

/// A step of a path, from the inside out.
enum Step {
    Field(String),
    At(usize),
}

impl Step {
    fn write(&self, place: &mut String) -> fmt::Result {
        match self {
            Self::Field(name) if place.is_empty() => write!(place, "{name}"),
            Self::Field(name) => write!(place, ".{name}"),
            Self::At(index) => write!(place, "[{index}]"),
        }
    }
}

type Place = (Vec<Step>, &'static str);

fn within(step: Step) -> impl FnOnce(Place) -> Place {
    |(mut path, what)| {
        path.push(step);
        (path, what)
    }
}

fn record(columns: &[Column], row: &Map<String, Value>) -> Result<(), Place> {
    for column in columns {
        let value = row.get(column.name).unwrap_or(&Value::Null);
        field(column, value).map_err(within(Step::Field(column.name.to_owned())))?;
    }
    let known = |name: &str| columns.iter().any(|it| it.name == name);
    match row.keys().find(|it| !known(it)) {
        // The name of a field can be anything: it is not repeated.
        Some(_) => Err((Vec::new(), "has a field that is no column")),
        None => Ok(()),
    }
}

fn field(column: &Column, value: &Value) -> Result<(), Place> {
    match (column.mode, value) {
        (Mode::Repeated, Value::Array(values)) => {
            for (at, value) in values.iter().enumerate() {
                one(column.kind, value).map_err(within(Step::At(at)))?;
            }
            Ok(())
        }
        (Mode::Repeated, _) => Err((Vec::new(), "is not a list")),
        (Mode::Nullable, Value::Null) => Ok(()),
        (Mode::Required, Value::Null) => Err((Vec::new(), "is missing")),
        (_, value) => one(column.kind, value),
    }
}

fn one(kind: Kind, value: &Value) -> Result<(), Place> {
    let wrong = |what| Err((Vec::new(), what));
    match (kind, value) {
        (Kind::Record(columns), Value::Object(fields)) => record(columns, fields),
        (Kind::Record(_), _) => wrong("is not an object"),
        (Kind::String, Value::String(_)) | (Kind::Json, _) => Ok(()),
        (Kind::String, _) => wrong("is not a text"),
        (Kind::Int64, value) if value.is_i64() => Ok(()),
        (Kind::Int64, Value::String(digits)) if digits.parse::<i64>().is_ok() => Ok(()),
        (Kind::Int64, _) => wrong("is not a whole number of 64 bits"),
        (Kind::Timestamp, value) if value.as_i64().is_some_and(|it| MOMENTS.contains(&it)) => {
            Ok(())
        }
        (Kind::Timestamp, _) => wrong("is not a moment of the years 1 to 9999 in microseconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::OrderConfirmedEvent;
    use crate::schema::Record;

    const ORDER: &str = r#"{"order_id":"o-1","user_id":"u","email":"a@b.example",
        "user_currency":"USD","shipping_tracking_id":"t",
        "shipping_cost":{"currency_code":"USD","units":8,"nanos":990000000},
        "shipping_address":{"street_address":"s","city":"c","state":"","country":"US","zip_code":"94043"},
        "items":[{"item":{"product_id":"OLJCESPC7Z","quantity":2},
                  "cost":{"currency_code":"USD","units":19,"nanos":990000000}}]}"#;

    fn said(edit: impl FnOnce(&mut Value)) -> Result<(), String> {
        let mut order: Value = serde_json::from_str(ORDER).expect("json");
        edit(&mut order);
        let row = order.as_object().expect("an object");
        fit(OrderConfirmedEvent::COLUMNS, row).map_err(|it| it.to_string())
    }

    #[test]
    fn an_order_is_a_row_and_what_is_none_is_named_by_its_place() {
        assert_eq!(said(|_| {}), Ok(()));
        assert_eq!(
            said(|it| it["items"][0]["cost"]["units"] = "nineteen".into()),
            Err("items[0].cost.units: is not a whole number of 64 bits".to_owned())
        );
        assert_eq!(
            said(|it| it["shipping_address"]["city"] = Value::Null),
            Err("shipping_address.city: is missing".to_owned())
        );
        assert_eq!(
            said(|it| it["items"] = "none".into()),
            Err("items: is not a list".to_owned())
        );
    }

    #[test]
    fn a_field_that_is_no_column_is_refused_and_not_repeated() {
        let refused = said(|it| it["items"][0]["a@b.example"] = true.into());
        assert_eq!(
            refused,
            Err("items[0]: has a field that is no column".to_owned())
        );
    }
}
