//! Rows, written by `tabledata.insertAll`
//! (<https://cloud.google.com/bigquery/docs/reference/rest/v2/tabledata/insertAll>).

use async_trait::async_trait;
use boutique_core::analytics::{Table, TableRow, TableSink};
use boutique_core::fault::{Fault, FaultKind};
use boutique_core::schema::Misfit;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::field::Field;
use super::rest::Answer;
use super::{BigQuery, row};

/// The most rows of a request: what Google recommends.
const ROWS_MAX: usize = 500;
/// The most bytes of a request. BigQuery takes 10 MB.
const BYTES_MAX: usize = 9_000_000;

/// A row as it is sent.
#[derive(Clone)]
pub(super) struct Insert(String);

impl Insert {
    /// A row that fits its table. BigQuery does not write the same id twice within a minute or
    /// so; the views rely on nothing of it.
    pub(super) fn new(id: &str, row: &Map<String, Value>) -> Self {
        Self(json!({ "insertId": id, "json": row }).to_string())
    }
}

#[derive(Deserialize)]
struct Inserted {
    #[serde(default, rename = "insertErrors")]
    errors: Vec<InsertError>,
}

#[derive(Deserialize)]
struct InsertError {
    #[serde(default)]
    errors: Vec<RowError>,
}

#[derive(Deserialize)]
struct RowError {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    location: String,
}

impl BigQuery {
    /// Appends rows that fit; they are durable when this returns.
    ///
    /// # Errors
    ///
    /// A [`Fault`]. Permanent: a row is refused. Unavailable: the table is away, or may not
    /// be written at present. None of the rows is there, but those of earlier requests where there are more
    /// than go into one. Ambiguous: they may be.
    pub(super) async fn insert(&self, table: &str, rows: &[Insert]) -> Result<(), Fault> {
        for batch in batches(rows) {
            self.insert_batch(table, batch).await?;
        }
        Ok(())
    }

    async fn insert_batch(&self, table: &str, rows: &[Insert]) -> Result<(), Fault> {
        let all: Vec<&str> = rows.iter().map(|it| it.0.as_str()).collect();
        let body = format!(r#"{{"rows":[{}]}}"#, all.join(","));
        let path = self.path(&format!("/tables/{table}/insertAll"));
        let answer = match self.ask(Method::POST, &path, Some(body), true).await? {
            Answer::Fine(answer) => answer,
            Answer::Denied(fault) => {
                return Err(
                    Fault::unavailable(format!("{table} may not be written")).because(fault)
                );
            }
            Answer::NotFound | Answer::Exists => {
                let text = format!("there is no table {table}: provision it");
                return Err(Fault::unavailable(text));
            }
        };
        let inserted: Inserted = serde_json::from_value(answer)
            .map_err(|_| Fault::ambiguous("BigQuery does not say what became of the rows"))?;
        // A row that is refused stops the others of its request.
        let errors = inserted.errors.iter().filter_map(|it| it.errors.first());
        let refused: Vec<_> = errors.filter(|it| it.reason != "stopped").collect();
        if inserted.errors.is_empty() {
            return Ok(());
        }
        let place = refused.first().map_or("", |it| it.location.as_str());
        // The text beside it quotes the row.
        Err(Fault::new(
            FaultKind::Permanent,
            format!(
                "{table} refuses {} of {} rows, at {place:?}",
                refused.len(),
                rows.len()
            ),
        ))
    }
}

fn batches(rows: &[Insert]) -> impl Iterator<Item = &[Insert]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = rest.iter().take(ROWS_MAX).take_while(|it| {
            bytes += it.0.len() + 1;
            bytes <= BYTES_MAX
        });
        // One that is too large for any request is refused by itself.
        let batch;
        (batch, rest) = rest.split_at(fits.count().max(1).min(rest.len()));
        (!batch.is_empty()).then_some(batch)
    })
}

/// Writes rows into the tables of a dataset, which exist.
#[derive(Clone, Debug)]
pub struct BigQuerySink {
    /// The dataset.
    pub warehouse: BigQuery,
}

#[async_trait]
impl TableSink for BigQuerySink {
    /// # Errors
    ///
    /// A [`Fault`]. Permanent: a row is refused. Unavailable: the table is away, or may not be
    /// written at present. None of the rows is there, but those of earlier requests where there
    /// are more than 500 rows or 9 MB. Ambiguous: they may be. What may pass has been tried again
    /// for some seconds.
    async fn append(&self, table: &'static Table, rows: Vec<TableRow>) -> Result<(), Fault> {
        let fields = Field::of(table.columns());
        let insert = |it: &TableRow| -> Result<Insert, Misfit> {
            let id = it.columns().get("message_id").and_then(Value::as_str);
            Ok(Insert::new(
                id.unwrap_or_default(),
                &row::row(&fields, it.columns(), false)?,
            ))
        };
        let rows: Result<Vec<Insert>, Misfit> = rows.iter().map(insert).collect();
        let rows = rows.map_err(|misfit| Fault::permanent("not a row").because(misfit))?;
        self.warehouse.insert(table.name, &rows).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_stay_within_what_bigquery_takes() {
        let row = |bytes: usize| Insert("x".repeat(bytes));
        let sizes = |rows: &[Insert]| batches(rows).map(<[_]>::len).collect::<Vec<_>>();
        assert_eq!(sizes(&[]), [0; 0]);
        assert_eq!(sizes(&vec![row(1); 1_001]), [500, 500, 1]);
        assert_eq!(sizes(&[row(5_000_000), row(5_000_000), row(1)]), [1, 2]);
        assert_eq!(sizes(&[row(1), row(20_000_000), row(1)]), [1, 1, 1]);
    }
}
