//! Rows on paper.

use std::io::Write;

use datafusion::arrow::csv;
use datafusion::arrow::json::writer::{JsonArray, WriterBuilder};
use datafusion::arrow::util::pretty::pretty_format_batches_with_schema;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use futures_util::StreamExt;

use super::failure::failure;
use crate::exit::Failure;
use crate::output::Output;

/// Rows that a table has at most: its columns are as wide as what is in them, so it is in memory.
const SHOWN: usize = 10_000;

/// Rows as a table, and how many they are; the first of them, if they are too many for one.
pub(super) async fn table(
    mut rows: SendableRecordBatchStream,
    out: &mut Output<'_>,
) -> Result<(), Failure> {
    let schema = rows.schema();
    let (mut shown, mut count, mut is_all) = (Vec::new(), 0, true);
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(|it| failure(&it))?;
        let room = batch.num_rows().min(SHOWN - count);
        shown.push(batch.slice(0, room));
        count += room;
        if room < batch.num_rows() {
            is_all = false;
            break;
        }
    }
    let table = pretty_format_batches_with_schema(schema, &shown).map_err(unprintable)?;
    out.line(&table.to_string())?;
    if is_all {
        out.line(&format!("{count} rows"))
    } else {
        out.line(&format!(
            "the first {count} rows: --json and --csv print all"
        ))
    }
}

/// Rows as one JSON array of objects, written as they come.
pub(super) async fn json(
    mut rows: SendableRecordBatchStream,
    to: &mut dyn Write,
) -> Result<(), Failure> {
    let mut to = to;
    let mut writer = WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, JsonArray>(&mut to);
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(|it| failure(&it))?;
        writer.write(&batch).map_err(unprintable)?;
    }
    writer.finish().map_err(unprintable)?;
    Ok(writeln!(to)?)
}

/// Rows as CSV with a header, written as they come.
pub(super) async fn csv(
    mut rows: SendableRecordBatchStream,
    to: &mut dyn Write,
) -> Result<(), Failure> {
    let schema = rows.schema();
    let nested = schema.fields().iter().find(|it| it.data_type().is_nested());
    if let Some(field) = nested {
        return Err(Failure::Input(format!(
            "the column {} is nested, for which CSV has no form: choose its fields, or --json",
            field.name()
        )));
    }
    let mut writer = csv::Writer::new(to);
    // The header is there also if no row is.
    let none = datafusion::arrow::array::RecordBatch::new_empty(schema);
    writer.write(&none).map_err(unprintable)?;
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(|it| failure(&it))?;
        writer.write(&batch).map_err(unprintable)?;
    }
    Ok(())
}

/// A reader that has seen enough is no failure; a value that has no form is one.
fn unprintable(error: datafusion::arrow::error::ArrowError) -> Failure {
    match error {
        datafusion::arrow::error::ArrowError::IoError(_, error) => Failure::Output(error),
        error => failure(&DataFusionError::from(error)),
    }
}
