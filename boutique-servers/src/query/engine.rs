//! The tables, views and questions of a data warehouse, before DataFusion.

use std::path::Path;
use std::sync::Arc;

use boutique_core::analytics::{Question, Table};
use boutique_transport::parquet::{Snapshot, TableFiles, arrow_schema};
use datafusion::datasource::TableProvider;
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::failure::failure;
use super::json_value::json_value;
use crate::exit::Failure;

/// Bytes that sorting and grouping may hold; beyond them they use temporary files where they can.
const MEMORY: usize = 1 << 30;

/// The rows that answer `sql`, which may read the tables of `snapshot` and change nothing.
///
/// # Errors
///
/// [`Failure::Input`] if the query is wrong or tries to change something; a fault if the files
/// cannot be read.
pub(super) async fn query(
    snapshot: &Snapshot,
    sql: &str,
) -> std::result::Result<SendableRecordBatchStream, Failure> {
    let asked = async {
        let context = context(snapshot).await?;
        let reading = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        let answer = context.sql_with_options(sql, reading).await?;
        answer.execute_stream().await
    };
    asked.await.map_err(|error| failure(&error))
}

/// A session in which every table, its view and every question has its name.
async fn context(snapshot: &Snapshot) -> Result<SessionContext> {
    let runtime = RuntimeEnvBuilder::new().with_memory_limit(MEMORY, 1.0);
    let config = SessionConfig::new().with_information_schema(true);
    let context = SessionContext::new_with_config_rt(config, runtime.build_arc()?);
    context.register_udf(json_value());
    for files in snapshot.tables() {
        context.register_table(files.table.name, provider(files)?)?;
        view(&context, &files.table.view(), &once(files.table)).await?;
    }
    for question in Question::ALL {
        view(&context, question.name, sql_of(question)?).await?;
    }
    Ok(context)
}

async fn view(context: &SessionContext, name: &str, sql: &str) -> Result<()> {
    let view = context.sql(sql).await?.into_view();
    context.register_table(name, view)?;
    Ok(())
}

/// The files of a table. Columns that an older file lacks are empty.
fn provider(files: &TableFiles) -> Result<Arc<dyn TableProvider>> {
    let schema = arrow_schema(files.table);
    if files.files.is_empty() {
        return Ok(Arc::new(EmptyTable::new(schema)));
    }
    let urls = files.files.iter().map(|it| url(it));
    let config = ListingTableConfig::new_with_multi_paths(urls.collect::<Result<_>>()?)
        .with_listing_options(ListingOptions::new(Arc::new(ParquetFormat::default())))
        .with_schema(schema);
    Ok(Arc::new(ListingTable::try_new(config)?))
}

/// A path as it is: as text, one with brackets or stars would be a pattern.
fn url(path: &Path) -> Result<ListingTableUrl> {
    let path = std::path::absolute(path)?;
    let no_url = |()| DataFusionError::Configuration("a file's path cannot be a URL".to_owned());
    let url = url::Url::from_file_path(path).map_err(no_url)?;
    ListingTableUrl::try_new(url, None)
}

/// Of each key the row that was published first, as BigQuery's view of the same name chooses it.
fn once(table: &Table) -> String {
    let columns: Vec<&str> = table.columns().map(|it| it.name).collect();
    format!(
        "SELECT {} FROM (SELECT *, row_number() OVER (PARTITION BY {} \
         ORDER BY publish_time, length(message_id), message_id) AS place FROM {}) \
         WHERE place = 1",
        columns.join(", "),
        table.key,
        table.name
    )
}

fn sql_of(question: &Question) -> Result<&'static str> {
    Ok(match question.name {
        "revenue" => include_str!("sql/revenue.sql"),
        "refusals_by_reason" => include_str!("sql/refusals_by_reason.sql"),
        "fraud" => include_str!("sql/fraud.sql"),
        "fulfilment" => include_str!("sql/fulfilment.sql"),
        name => {
            let text = format!("the question {name} has no query");
            return Err(DataFusionError::NotImplemented(text));
        }
    })
}
