//! Rows on paper.

use std::io::Write;

use datafusion::arrow::csv;
use datafusion::arrow::json::writer::{JsonArray, WriterBuilder};
use datafusion::arrow::util::pretty::pretty_format_batches_with_schema;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use futures_util::{StreamExt, TryStreamExt};

use super::failure::failure;
use crate::exit::Failure;
use crate::output::Output;

/// Rows as a table, and how many they are.
pub(super) async fn table(
    rows: SendableRecordBatchStream,
    out: &mut Output<'_>,
) -> Result<(), Failure> {
    let schema = rows.schema();
    let rows: Vec<_> = rows.try_collect().await.map_err(|it| failure(&it))?;
    let shown = pretty_format_batches_with_schema(schema, &rows).map_err(unprintable)?;
    out.line(&shown.to_string())?;
    let count: usize = rows.iter().map(|it| it.num_rows()).sum();
    out.line(&format!("{count} rows"))
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
