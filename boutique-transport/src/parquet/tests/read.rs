//! Rows as a reader of the files finds them.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use boutique_core::analytics::{Table, TableRow};
use boutique_core::schema::{Column, Kind};
use serde_json::{Map, Value};

use super::super::manifest::Manifest;
use super::super::part;

/// The rows that the manifest of `table` names, as texts in order. `read` reads a file.
pub(super) fn rows_of(table: &Table, read: impl Fn(&str) -> Vec<u8>) -> Vec<String> {
    let manifest = Manifest::decode(&read(&format!("{}/manifest.json", table.name)));
    let mut rows = Vec::new();
    for part in manifest.expect("a manifest").parts {
        let name = format!("{}/{}", table.name, part.name());
        let before = rows.len();
        for batch in part::read(read(&name)).expect("Parquet") {
            let batch = batch.expect("rows");
            rows.extend((0..batch.num_rows()).map(|at| row(&batch, at)));
        }
        assert_eq!((rows.len() - before) as u64, part.rows, "{name}");
    }
    rows.sort();
    rows
}

/// Rows as texts, in order, as [`rows_of`] tells them.
pub(super) fn told(table: &Table, rows: &[TableRow]) -> Vec<String> {
    let columns: Vec<Column> = table.columns().copied().collect();
    let told = rows
        .iter()
        .map(|it| record(&columns, it.columns()).to_string());
    let mut told: Vec<String> = told.collect();
    told.sort();
    told
}

fn row(batch: &RecordBatch, at: usize) -> String {
    let schema = batch.schema();
    let fields = schema.fields().iter().zip(batch.columns());
    let fields = fields.map(|(field, column)| (field.name().clone(), value(column, at)));
    Value::Object(fields.collect()).to_string()
}

fn value(column: &ArrayRef, at: usize) -> Value {
    if column.is_null(at) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(at).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(at).into(),
        DataType::Timestamp(..) => column
            .as_primitive::<TimestampMicrosecondType>()
            .value(at)
            .into(),
        DataType::List(_) => {
            let values = column.as_list::<i32>().value(at);
            (0..values.len()).map(|at| value(&values, at)).collect()
        }
        DataType::Struct(fields) => {
            let columns = fields.iter().zip(column.as_struct().columns());
            let fields = columns.map(|(field, it)| (field.name().clone(), value(it, at)));
            Value::Object(fields.collect())
        }
        other => panic!("no column is {other}"),
    }
}

/// What was handed in, in the form it is read in: numbers as numbers, JSON as text.
fn record(columns: &[Column], row: &Map<String, Value>) -> Value {
    let fields = columns.iter().map(|column| {
        let value = row.get(column.name).unwrap_or(&Value::Null);
        (column.name.to_owned(), plain(column.kind, value))
    });
    Value::Object(fields.collect())
}

fn plain(kind: Kind, value: &Value) -> Value {
    match (kind, value) {
        (_, Value::Null) => Value::Null,
        (Kind::Json, value) => value.to_string().into(),
        (_, Value::Array(values)) => values.iter().map(|it| plain(kind, it)).collect(),
        (Kind::Int64, Value::String(digits)) => digits.parse::<i64>().expect("digits").into(),
        (Kind::Record(columns), Value::Object(fields)) => record(columns, fields),
        (_, value) => value.clone(),
    }
}
