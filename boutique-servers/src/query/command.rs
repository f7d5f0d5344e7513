//! The command `boutique query`.

use std::path::PathBuf;

use boutique_core::analytics::Question;
use clap::Args;

use crate::config::table;
use crate::exit::Failure;
use crate::output::{Output, Rows};

/// What `boutique query` is asked to do.
#[derive(Clone, Debug, Args)]
pub struct QueryArgs {
    /// The query, in SQL. Tables: orders, refusals, shipments, each also as a view such as
    /// orders_once that has one row for each order or event, and the ready-made questions.
    #[arg(value_name = "SQL", conflicts_with = "question")]
    pub sql: Option<String>,
    /// The folder of the data warehouse [default: what WAREHOUSE says].
    #[arg(long, value_name = "FOLDER")]
    pub warehouse: Option<PathBuf>,
    /// Ask a ready-made question.
    #[arg(long, value_name = "NAME")]
    pub question: Option<String>,
    /// List the ready-made questions.
    #[arg(long, conflicts_with_all = ["sql", "question"])]
    pub questions: bool,
    /// Print one JSON array of the rows.
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print the rows as CSV with a header.
    #[arg(long)]
    pub csv: bool,
}

impl QueryArgs {
    /// Answers the query, or lists the questions.
    ///
    /// # Errors
    ///
    /// [`Failure::Input`]: wrong SQL, no such question, or a program without the engine;
    /// [`Failure::Warehouse`]; a fault while it is answered.
    pub async fn run(self, out: &mut Output<'_>) -> Result<(), Failure> {
        if self.questions {
            return list(out);
        }
        let sql = self.sql()?;
        let said = std::env::var_os(table::WAREHOUSE.name).map(PathBuf::from);
        let folder = self.warehouse.clone().or(said).ok_or_else(|| {
            let text = "name the folder of the data warehouse with --warehouse FOLDER";
            Failure::Input(text.to_owned())
        })?;
        self.answer(&folder, &sql, out).await
    }

    /// The SQL of what is asked.
    fn sql(&self) -> Result<String, Failure> {
        let Some(name) = &self.question else {
            let missing = "say what to ask: SQL, or --question NAME; --questions lists them";
            let sql = self.sql.clone();
            return sql.ok_or_else(|| Failure::Input(missing.to_owned()));
        };
        match Question::named(name) {
            // The first columns are what the rows are about.
            Some(question) => Ok(format!("SELECT * FROM {} ORDER BY 1, 2", question.name)),
            None => Err(Failure::Input(format!(
                "there is no question {name:?}: `boutique query --questions` lists them"
            ))),
        }
    }

    #[cfg(feature = "query")]
    async fn answer(
        &self,
        folder: &std::path::Path,
        sql: &str,
        out: &mut Output<'_>,
    ) -> Result<(), Failure> {
        use super::{engine, print};

        // Kept until the last row is printed: the files stay for as long.
        let snapshot = boutique_transport::parquet::Snapshot::open(folder)?;
        let rows = engine::query(&snapshot, sql).await?;
        match (self.json, self.csv) {
            (true, _) => print::json(rows, out.to).await,
            (_, true) => print::csv(rows, out.to).await,
            _ => print::table(rows, out).await,
        }
    }

    #[cfg(not(feature = "query"))]
    #[expect(clippy::unused_async, reason = "as where the engine is built in")]
    async fn answer(
        &self,
        _: &std::path::Path,
        _: &str,
        _: &mut Output<'_>,
    ) -> Result<(), Failure> {
        Err(Failure::Input(
            "this program was built without its SQL engine, which is large: build it with \
             `cargo build --release -p boutique-servers --features query`; DuckDB and other \
             programs read the folder's files as well"
                .to_owned(),
        ))
    }
}

fn list(out: &mut Output<'_>) -> Result<(), Failure> {
    if out.json {
        let listed = Question::ALL.map(|it| {
            let columns: Vec<&str> = it.columns.iter().map(|it| it.name).collect();
            serde_json::json!({ "name": it.name, "asks": it.doc, "columns": columns })
        });
        return out.json(&listed);
    }
    let mut rows = Rows::new(["question", "what it asks", "columns"]);
    for question in Question::ALL {
        let columns: Vec<&str> = question.columns.iter().map(|it| it.name).collect();
        rows.push([
            question.name.to_owned(),
            question.doc.to_owned(),
            columns.join(", "),
        ]);
    }
    out.table("ready-made questions, also views of these names", &rows)
}
