//! Rows of an older program as rows of today's table.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, ListArray, RecordBatch, StructArray};
use arrow_array::{new_empty_array, new_null_array};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{ArrowError, DataType, Field, Fields, SchemaRef};

/// The rows with today's columns. Columns that have come since are empty: tables only ever gain
/// columns that may be, at any depth.
pub(super) fn adapt(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    if batch.schema_ref() == schema {
        return Ok(batch.clone());
    }
    let rows = batch.num_rows();
    none_gone(batch.schema_ref().fields(), schema.fields())?;
    let columns = schema
        .fields()
        .iter()
        .map(|field| column(batch.column_by_name(field.name()), field, rows))
        .collect::<Result<_, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns)
}

fn column(old: Option<&ArrayRef>, field: &Field, rows: usize) -> Result<ArrayRef, ArrowError> {
    match (old, field.data_type()) {
        (None, kind) if field.is_nullable() => Ok(new_null_array(kind, rows)),
        (None, DataType::List(element)) => Ok(Arc::new(ListArray::try_new(
            Arc::clone(element),
            OffsetBuffer::new_zeroed(rows),
            new_empty_array(element.data_type()),
            None,
        )?)),
        (None, _) => Err(gone()),
        (Some(old), kind) => values(old, kind),
    }
}

fn values(old: &ArrayRef, kind: &DataType) -> Result<ArrayRef, ArrowError> {
    let any = old.as_any();
    match kind {
        _ if old.data_type() == kind => Ok(Arc::clone(old)),
        DataType::Struct(fields) => {
            let old = any.downcast_ref::<StructArray>().ok_or_else(gone)?;
            none_gone(old.fields(), fields)?;
            let columns = fields
                .iter()
                .map(|it| column(old.column_by_name(it.name()), it, old.len()))
                .collect::<Result<_, _>>()?;
            let new = StructArray::try_new(fields.clone(), columns, old.nulls().cloned())?;
            Ok(Arc::new(new))
        }
        DataType::List(element) => {
            let old = any.downcast_ref::<ListArray>().ok_or_else(gone)?;
            let inner = values(old.values(), element.data_type())?;
            let offsets = old.offsets().clone();
            let new = ListArray::try_new(Arc::clone(element), offsets, inner, old.nulls().cloned());
            Ok(Arc::new(new?))
        }
        _ => Err(gone()),
    }
}

fn none_gone(old: &Fields, new: &Fields) -> Result<(), ArrowError> {
    if old.iter().all(|it| new.find(it.name()).is_some()) {
        Ok(())
    } else {
        Err(gone())
    }
}

fn gone() -> ArrowError {
    ArrowError::SchemaError("a column is gone or of another type".to_owned())
}

#[cfg(test)]
mod tests {
    use arrow_array::Int64Array;
    use arrow_schema::Schema;

    use super::*;

    fn record(fields: Vec<Field>) -> DataType {
        DataType::Struct(fields.into())
    }

    /// A table as it was: a number, and a list of records of one number.
    fn old() -> RecordBatch {
        let number = || Field::new("n", DataType::Int64, false);
        let element = Arc::new(Field::new("element", record(vec![number()]), false));
        let values = StructArray::try_new(
            vec![number()].into(),
            vec![Arc::new(Int64Array::from(vec![1, 2, 3]))],
            None,
        );
        let offsets = OffsetBuffer::from_lengths([2, 1]);
        let values = Arc::new(values.expect("fits"));
        let list = ListArray::try_new(Arc::clone(&element), offsets, values, None);
        let schema = Schema::new(vec![
            number(),
            Field::new("list", DataType::List(element), false),
        ]);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![7, 8])),
            Arc::new(list.expect("fits")),
        ];
        RecordBatch::try_new(Arc::new(schema), columns).expect("fits")
    }

    #[test]
    fn columns_that_have_come_since_are_empty_and_the_others_as_they_were() {
        let number = || Field::new("n", DataType::Int64, false);
        let texts = Field::new("element", DataType::Utf8, false);
        let inner = record(vec![number(), Field::new("more", DataType::Utf8, true)]);
        let today: SchemaRef = Arc::new(Schema::new(vec![
            Field::new("n", DataType::Int64, true),
            Field::new_list("list", Field::new("element", inner, false), false),
            Field::new("note", DataType::Utf8, true),
            Field::new_list("notes", texts, false),
        ]));
        let new = adapt(&old(), &today).expect("only more");
        assert_eq!(new.schema(), today);
        let said = format!("{:?}", new.slice(1, 1));
        assert_eq!(new.column(0), old().column(0));
        assert_eq!(new.column(2).null_count(), 2);
        let list = new.column(1).as_any().downcast_ref::<ListArray>();
        let second = list.expect("a list").value(1);
        let second = second.as_any().downcast_ref::<StructArray>().expect(&said);
        let three: ArrayRef = Arc::new(Int64Array::from(vec![3]));
        assert_eq!(second.column(0), &three);
        assert_eq!(second.column(1).null_count(), 1);
        let notes = new.column(3).as_any().downcast_ref::<ListArray>();
        assert!(notes.expect("a list").value(0).is_empty());
    }

    #[test]
    fn a_column_that_is_gone_or_another_is_no_older_table() {
        let of = |fields: Vec<Field>| -> SchemaRef { Arc::new(Schema::new(fields)) };
        let number = Field::new("n", DataType::Int64, false);
        let list = old().schema().field(1).clone();
        let text = Field::new("n", DataType::Utf8, false);
        let required = Field::new("more", DataType::Int64, false);
        for today in [
            of(vec![number.clone()]),
            of(vec![text, list.clone()]),
            of(vec![number, list, required]),
        ] {
            assert!(adapt(&old(), &today).is_err(), "{today:?}");
        }
    }
}
