//! `json_value(text, path)`: a value out of JSON, as BigQuery's function of that name
//! (<https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions#json_value>).

use std::sync::Arc;

use datafusion::arrow::array::StringArray;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::cast::as_string_array;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use serde_json::Value;

/// The function. What is not there, no JSON, a list or an object is NULL.
pub(super) fn json_value() -> ScalarUDF {
    let text = DataType::Utf8;
    create_udf(
        "json_value",
        vec![text.clone(), text.clone()],
        text,
        Volatility::Immutable,
        Arc::new(values),
    )
}

fn values(args: &[ColumnarValue]) -> Result<ColumnarValue> {
    let columns = ColumnarValue::values_to_arrays(args)?;
    let (texts, paths) = (as_string_array(&columns[0])?, as_string_array(&columns[1])?);
    let both = texts.iter().zip(paths);
    let found: StringArray = both.map(|(text, path)| value(text?, path?)).collect();
    Ok(ColumnarValue::Array(Arc::new(found)))
}

fn value(text: &str, path: &str) -> Option<String> {
    let json: Value = serde_json::from_str(text).ok()?;
    let found = steps(path)?
        .into_iter()
        .try_fold(&json, |it, name| it.get(name))?;
    match found {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(found.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The names in a path such as `$.total.units` or `$."occurred-at-us"`.
fn steps(path: &str) -> Option<Vec<&str>> {
    let mut rest = path.strip_prefix('$')?;
    let mut names = Vec::new();
    while !rest.is_empty() {
        rest = rest.strip_prefix('.')?;
        let name = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (name, after) = quoted.split_once('"')?;
                rest = after;
                name
            }
            None => {
                let (name, after) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
                rest = after;
                name
            }
        };
        names.push(name);
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::value;

    #[test]
    fn scalars_are_found_by_their_path_and_all_else_is_nothing() {
        let json = r#"{"a-b":"x","n":{"units":-7},"t":true,"none":null,"list":[1]}"#;
        let found = |path| value(json, path);
        assert_eq!(found(r#"$."a-b""#).as_deref(), Some("x"));
        assert_eq!(found("$.n.units").as_deref(), Some("-7"));
        assert_eq!(found(r#"$."n".units"#).as_deref(), Some("-7"));
        assert_eq!(found("$.t").as_deref(), Some("true"));
        for path in [
            "$.none",
            "$.list",
            "$.n",
            "$.missing",
            "$.n.units.x",
            "n.units",
            "$n",
        ] {
            assert_eq!(found(path), None, "{path}");
        }
        assert_eq!(value("no JSON", "$.a"), None);
    }
}
