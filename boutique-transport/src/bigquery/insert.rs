//! Rows, written by `tabledata.insertAll`
//! (<https://cloud.google.com/bigquery/docs/reference/rest/v2/tabledata/insertAll>).

use async_trait::async_trait;
use boutique_core::analytics::{Table, TableRow, TableSink};
use boutique_core::fault::Fault;
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

/// Why a row is refused for good
/// (<https://cloud.google.com/bigquery/docs/error-messages>). Any other reason, such as
/// `backendError` or `timeout`, is none of the row's.
const LASTING: [&str; 5] = [
    "invalid",
    "invalidQuery",
    "notImplemented",
    "parseError",
    "row-too-large",
];

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
    /// be written at present. None of the rows is there, but those of earlier requests where
    /// there are more than go into one. Ambiguous: they may be.
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
        if inserted.errors.is_empty() {
            return Ok(());
        }
        // A row that is refused stops the others of its request.
        let errors = inserted.errors.iter().filter_map(|it| it.errors.first());
        let (refused, others): (Vec<_>, Vec<_>) =
            errors.partition(|it| LASTING.contains(&it.reason.as_str()));
        // The text beside reason and place quotes the row.
        Err(match refused.first() {
            Some(first) => Fault::permanent(format!(
                "{table} refuses {} of {} rows, at {:?}",
                refused.len(),
                rows.len(),
                first.location,
            )),
            None => {
                let first = others.iter().find(|it| it.reason != "stopped");
                let reason = first.map_or("", |it| it.reason.as_str());
                Fault::ambiguous(format!("{table} did not take the rows: {reason:?}"))
            }
        })
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
    /// are more than 500 rows or 9 MB. Ambiguous: they may be. A request that failed in a way that
    /// may pass has been sent again for some seconds.
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
    use boutique_core::fault::FaultKind;
    use google_cloud_auth::credentials::{CacheableResource, Credentials, CredentialsProvider};
    use google_cloud_auth::errors::CredentialsError;

    use super::*;

    /// Whoever is refused a token for good.
    #[derive(Debug)]
    struct Refused;

    impl CredentialsProvider for Refused {
        async fn headers(
            &self,
            _: http::Extensions,
        ) -> Result<CacheableResource<http::HeaderMap>, CredentialsError> {
            Err(CredentialsError::from_msg(false, "404"))
        }

        async fn universe_domain(&self) -> Option<String> {
            None
        }
    }

    /// Whoever is neither given nor refused one.
    #[derive(Debug)]
    struct Unanswered;

    impl CredentialsProvider for Unanswered {
        async fn headers(
            &self,
            _: http::Extensions,
        ) -> Result<CacheableResource<http::HeaderMap>, CredentialsError> {
            std::future::pending().await
        }

        async fn universe_domain(&self) -> Option<String> {
            None
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_is_not_given_is_no_fault_of_the_rows() {
        for credentials in [Credentials::from(Refused), Credentials::from(Unanswered)] {
            let warehouse = BigQuery::emulator("boutique-test", "shop", "127.0.0.1:1");
            let warehouse = BigQuery {
                credentials,
                ..warehouse.expect("host:port")
            };
            let rows = [Insert::new("1", &Map::new())];
            let fault = warehouse.insert("orders", &rows).await;
            let fault = fault.expect_err("no token, no request");
            assert_eq!(fault.kind(), FaultKind::Unavailable);
            assert!(fault.to_string().contains("no token"), "{fault}");
        }
    }

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
