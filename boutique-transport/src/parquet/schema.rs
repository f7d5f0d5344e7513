//! The columns of a table, as Arrow and with it Parquet names them.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use boutique_core::analytics::Table;
use boutique_core::schema::{Column, Kind, Mode};

/// The columns of `table`'s files: those of its data, then the message's own.
pub fn arrow_schema(table: &Table) -> SchemaRef {
    let fields: Vec<Field> = table.columns().map(field).collect();
    Arc::new(Schema::new(fields))
}

fn field(column: &Column) -> Field {
    let kind = data_type(column.kind);
    match column.mode {
        Mode::Required => Field::new(column.name, kind, false),
        Mode::Nullable => Field::new(column.name, kind, true),
        // The name that Parquet's rules give the values of a list:
        // https://github.com/apache/parquet-format/blob/master/LogicalTypes.md#lists
        Mode::Repeated => Field::new_list(column.name, Field::new("element", kind, false), false),
    }
}

fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::String | Kind::Json => DataType::Utf8,
        Kind::Int64 => DataType::Int64,
        Kind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Kind::Record(columns) => DataType::Struct(columns.iter().map(field).collect()),
    }
}
