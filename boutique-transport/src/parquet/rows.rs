//! Rows as columns.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_json::ReaderBuilder;
use boutique_core::analytics::{Table, TableRow};
use boutique_core::schema::{Column, Kind};
use serde_json::{Map, Value};

use super::{WarehouseError, arrow_schema};

/// Rows by the day they were published, in their order.
pub(super) fn by_day(
    table: &'static Table,
    rows: Vec<TableRow>,
) -> Result<BTreeMap<String, Vec<TableRow>>, WarehouseError> {
    let mut days: BTreeMap<String, Vec<TableRow>> = BTreeMap::new();
    for row in rows {
        let Ok(at) = jiff::Timestamp::from_microsecond(row.published_at().as_micros()) else {
            return Err(WarehouseError::Row { table: table.name });
        };
        let day = at.to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
        days.entry(day).or_default().push(row);
    }
    Ok(days)
}

/// Rows as columns.
pub(super) fn columns_of(
    table: &'static Table,
    rows: Vec<TableRow>,
) -> Result<RecordBatch, WarehouseError> {
    // What Arrow says of a row that does not fit quotes it, and is not passed on.
    let wrong = || WarehouseError::Row { table: table.name };
    let rows: Vec<Map<String, Value>> = rows
        .into_iter()
        .map(|row| {
            let mut row = row.into_columns();
            for column in table.columns() {
                if let Some(value) = row.get_mut(column.name) {
                    json_as_text(column, value);
                }
            }
            row
        })
        .collect();
    let mut decoder = ReaderBuilder::new(arrow_schema(table))
        .with_batch_size(rows.len())
        .with_strict_mode(true)
        .build_decoder()
        .map_err(|_| wrong())?;
    decoder.serialize(&rows).map_err(|_| wrong())?;
    let batch = decoder.flush().map_err(|_| wrong())?;
    batch
        .filter(|it| it.num_rows() == rows.len())
        .ok_or_else(wrong)
}

/// Writes JSON out as text wherever a column holds it.
fn json_as_text(column: &Column, value: &mut Value) {
    match (column.kind, value) {
        (_, Value::Null) => {}
        (Kind::Json, value) => *value = Value::String(value.to_string()),
        (_, Value::Array(values)) => {
            for value in values {
                json_as_text(column, value);
            }
        }
        (Kind::Record(columns), Value::Object(fields)) => {
            for column in columns {
                if let Some(value) = fields.get_mut(column.name) {
                    json_as_text(column, value);
                }
            }
        }
        _ => {}
    }
}
