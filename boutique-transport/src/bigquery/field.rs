//! A table's columns as BigQuery's API has them.

use boutique_core::schema::{Column, Kind, Mode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A column, or a field of a record in one
/// (<https://cloud.google.com/bigquery/docs/reference/rest/v2/tables#TableFieldSchema>).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type as the API answers it: `STRING`, `INTEGER`, `TIMESTAMP`, `JSON`, `RECORD`, and
    /// what tables of others may have.
    #[serde(rename = "type")]
    pub kind: String,
    /// `REQUIRED`, `NULLABLE` or `REPEATED`.
    #[serde(default = "nullable")]
    pub mode: String,
    /// What it means.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The fields of a record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Self>,
    /// What others have said of it, such as `policyTags` or `defaultValueExpression`. A schema is
    /// changed as a whole: what is not sent back is gone.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The mode of a column that has one value or none.
pub(super) const NULLABLE: &str = "NULLABLE";
pub(super) const REQUIRED: &str = "REQUIRED";
pub(super) const REPEATED: &str = "REPEATED";

fn nullable() -> String {
    NULLABLE.to_owned()
}

impl Field {
    /// The columns of a table of ours.
    pub fn of<'a>(columns: impl IntoIterator<Item = &'a Column>) -> Vec<Self> {
        columns.into_iter().map(Self::one).collect()
    }

    fn one(column: &Column) -> Self {
        let (kind, fields) = match column.kind {
            Kind::String => ("STRING", Vec::new()),
            Kind::Int64 => ("INTEGER", Vec::new()),
            Kind::Timestamp => ("TIMESTAMP", Vec::new()),
            Kind::Json => ("JSON", Vec::new()),
            Kind::Record(columns) => ("RECORD", Self::of(columns)),
        };
        let mode = match column.mode {
            Mode::Required => REQUIRED,
            Mode::Nullable => NULLABLE,
            Mode::Repeated => REPEATED,
        };
        Self {
            name: column.name.to_owned(),
            kind: kind.to_owned(),
            mode: mode.to_owned(),
            // Documentation is written in lines.
            description: column.doc.split_whitespace().collect::<Vec<_>>().join(" "),
            fields,
            other: Map::new(),
        }
    }

    /// Its type by the name the API answers: it takes others for some of them.
    pub(super) fn canonical(&self) -> &str {
        match self.kind.as_str() {
            "INT64" => "INTEGER",
            "STRUCT" => "RECORD",
            "FLOAT64" => "FLOAT",
            "BOOL" => "BOOLEAN",
            other => other,
        }
    }

    pub(super) fn is(&self, mode: &str) -> bool {
        self.mode == mode
    }
}
