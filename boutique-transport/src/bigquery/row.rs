//! A JSON object as a row that BigQuery takes, or why it is none.
//!
//! The service tells most of this itself, but late and by refusing whole requests, and emulators
//! take anything; so nothing is sent that does not fit.

use boutique_core::clock::Timestamp;
use boutique_core::schema::Misfit;
use serde_json::{Map, Value};

use super::field::{Field, REPEATED, REQUIRED};

/// The moments BigQuery knows: years 1 to 9999.
const MOMENTS: std::ops::Range<i64> = -62_135_596_800_000_000..253_402_300_800_000_000;

/// `object` as a row of `fields`, as `insertAll` wants it: moments, which are microseconds, as
/// text, JSON as text of its own. What is in no field is dropped, or makes it no row.
pub(super) fn row(
    fields: &[Field],
    object: &Map<String, Value>,
    drop_unknown: bool,
) -> Result<Map<String, Value>, Misfit> {
    record(fields, object, drop_unknown, "")
}

fn record(
    fields: &[Field],
    object: &Map<String, Value>,
    drop_unknown: bool,
    place: &str,
) -> Result<Map<String, Value>, Misfit> {
    let mut row = Map::new();
    for field in fields {
        let place = match place {
            "" => field.name.clone(),
            place => format!("{place}.{}", field.name),
        };
        let value = match object.get(&field.name).unwrap_or(&Value::Null) {
            Value::Null if field.is(REQUIRED) => return misfit(place, "is missing"),
            Value::Null => continue,
            Value::Array(values) if field.is(REPEATED) => {
                let values = values
                    .iter()
                    .enumerate()
                    .map(|(at, value)| one(field, value, drop_unknown, &format!("{place}[{at}]")));
                Value::Array(values.collect::<Result<_, _>>()?)
            }
            _ if field.is(REPEATED) => return misfit(place, "is not a list"),
            value => one(field, value, drop_unknown, &place)?,
        };
        row.insert(field.name.clone(), value);
    }
    let known = |name: &String| fields.iter().any(|it| it.name == *name);
    match drop_unknown || object.keys().all(known) {
        true => Ok(row),
        // The name of a field can be anything: it is not repeated.
        false => misfit(place.to_owned(), "has a field that is no column"),
    }
}

fn one(field: &Field, value: &Value, drop_unknown: bool, place: &str) -> Result<Value, Misfit> {
    let wrong = |what| misfit(place.to_owned(), what);
    match (field.canonical(), value) {
        ("RECORD", Value::Object(object)) => Ok(Value::Object(record(
            &field.fields,
            object,
            drop_unknown,
            place,
        )?)),
        ("RECORD", _) => wrong("is not an object"),
        ("STRING", Value::String(_)) => Ok(value.clone()),
        ("STRING", _) => wrong("is not a text"),
        ("BOOLEAN", Value::Bool(_)) => Ok(value.clone()),
        ("BOOLEAN", _) => wrong("is neither true nor false"),
        ("FLOAT", Value::Number(_)) => Ok(value.clone()),
        ("FLOAT", _) => wrong("is not a number"),
        // As text it is exact for every reader of JSON.
        ("INTEGER", value) => match whole(value) {
            Some(number) => Ok(number.to_string().into()),
            None => wrong("is not a whole number of 64 bits"),
        },
        ("TIMESTAMP", value) => match value.as_i64().filter(|it| MOMENTS.contains(it)) {
            Some(micros) => Ok(moment(micros).into()),
            None => wrong("is not a moment in microseconds"),
        },
        ("JSON", value) => Ok(value.to_string().into()),
        _ => wrong("is of a type that is not known here"),
    }
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::String(digits) => digits.parse().ok(),
        value => value.as_i64(),
    }
}

/// RFC 3339, to the microsecond.
fn moment(micros: i64) -> String {
    let millis = Timestamp::from_micros(micros).to_string();
    let seconds = millis.split('.').next().unwrap_or_default();
    format!("{seconds}.{:06}Z", micros.rem_euclid(1_000_000))
}

fn misfit<T>(place: String, what: &'static str) -> Result<T, Misfit> {
    Err(Misfit { place, what })
}

#[cfg(test)]
mod tests {
    use super::*;
    use boutique_core::analytics::ORDERS;
    use serde_json::json;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    fn fields(value: Value) -> Vec<Field> {
        serde_json::from_value(value).expect("columns")
    }

    #[test]
    fn moments_and_json_go_as_text_and_numbers_lose_nothing() {
        let columns = fields(json!([
            { "name": "at", "type": "TIMESTAMP" },
            { "name": "before", "type": "TIMESTAMP" },
            { "name": "n", "type": "INT64", "mode": "REPEATED" },
            { "name": "any", "type": "JSON" },
        ]));
        let said = object(&json!({
            "at": 1_767_225_600_123_456_i64, "before": -1, "n": [i64::MAX, "7"], "any": {"a": [1]},
        }));
        let sent = object(&json!({
            "at": "2026-01-01T00:00:00.123456Z",
            "before": "1969-12-31T23:59:59.999999Z",
            "n": ["9223372036854775807", "7"],
            "any": r#"{"a":[1]}"#,
        }));
        assert_eq!(row(&columns, &said, false), Ok(sent));
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_place_and_not_repeated() {
        let columns = Field::of(ORDERS.columns());
        let order = object(&json!({
            "order_id": "o-1", "user_id": "u", "email": "a@b.example", "user_currency": "USD",
            "shipping_tracking_id": "t",
            "shipping_cost": { "currency_code": "USD", "units": 8, "nanos": 0 },
            "shipping_address": {
                "street_address": "s", "city": "c", "state": "", "country": "US", "zip_code": "1",
            },
            "items": [{
                "item": { "product_id": "p", "quantity": 2 },
                "cost": { "currency_code": "USD", "units": 19, "nanos": 0 },
            }],
        }));
        let said = |edit: fn(&mut Map<String, Value>), drop_unknown| {
            let mut order = order.clone();
            edit(&mut order);
            row(&columns, &order, drop_unknown)
                .map(drop)
                .map_err(|it| it.to_string())
        };
        assert_eq!(said(|_| {}, false), Ok(()));
        assert_eq!(
            said(
                |it| it["items"][0]["cost"]["units"] = "secret".into(),
                false
            ),
            Err("items[0].cost.units: is not a whole number of 64 bits".to_owned())
        );
        assert_eq!(
            said(|it| drop(it.remove("email")), true),
            Err("email: is missing".to_owned())
        );
        let unknown = |it: &mut Map<String, Value>| it["items"][0]["secret"] = 1.into();
        let refused = Err("items[0]: has a field that is no column".to_owned());
        assert_eq!(said(unknown, false), refused);
        assert_eq!(said(unknown, true), Ok(()));
    }
}
