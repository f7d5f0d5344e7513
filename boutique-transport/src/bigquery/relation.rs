//! A table or a view as BigQuery's API has it, and those that a boutique needs.

use boutique_core::analytics::{PARTITIONED_BY, Question, Table};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::field::Field;

/// A table or a view: the part of the API's resource that is ours to say
/// (<https://cloud.google.com/bigquery/docs/reference/rest/v2/tables>). It is the same for what
/// shall be, what is, and what is sent; what is not said is left as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Relation {
    /// What a row is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The columns. Those of a view follow from its query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Schema>,
    /// How rows are kept apart. Only a new table can have it otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_partitioning: Option<TimePartitioning>,
    /// By what rows are kept together within a partition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clustering: Option<Clustering>,
    /// The query, if it is a view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<View>,
    /// When it is deleted with all that is in it, in milliseconds since 1970. Never sent.
    #[serde(
        rename = "expirationTime",
        default,
        skip_serializing,
        deserialize_with = "millis"
    )]
    pub expires_at: Option<u64>,
}

/// The columns of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// In their order.
    #[serde(default)]
    pub fields: Vec<Field>,
}

/// A partition for each day of a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimePartitioning {
    /// `DAY`, `HOUR`, `MONTH` or `YEAR`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The column; the time of arrival, if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// How many milliseconds after its day a partition is deleted. Never sent.
    #[serde(
        rename = "expirationMs",
        default,
        skip_serializing,
        deserialize_with = "millis"
    )]
    pub expires_after: Option<u64>,
}

/// The columns rows are kept together by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clustering {
    /// The one that counts most first.
    #[serde(default)]
    pub fields: Vec<String>,
}

/// What a view shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// The query.
    #[serde(default)]
    pub query: String,
    /// Whether it is in the old dialect, which the API takes it for unless told otherwise.
    #[serde(default)]
    pub use_legacy_sql: bool,
}

/// What a dataset shall hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Design {
    /// `project.dataset`.
    pub dataset: String,
    /// Where the dataset is to be, such as `EU`. None: BigQuery's default if it is still to be
    /// made, else wherever it is. A dataset stays where it is.
    pub location: Option<String>,
    /// Tables and views by name, each behind those it reads.
    pub relations: Vec<(String, Relation)>,
}

/// A number that the API writes as a text; none is meant by 0.
fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let written = Value::deserialize(deserializer)?;
    let millis = match &written {
        Value::Null => return Ok(None),
        Value::String(digits) => digits.parse().ok(),
        other => other.as_u64(),
    };
    let millis = millis.ok_or_else(|| D::Error::custom("not a number of milliseconds"))?;
    Ok((millis != 0).then_some(millis))
}

impl Design {
    /// A boutique's tables, the view of each that has one row for each key, and the views of the
    /// ready-made questions, in `dataset`, `project.dataset`.
    pub fn of(dataset: &str) -> Self {
        let tables = Table::ALL.into_iter();
        let tables = tables.map(|it| (it.name.to_owned(), Relation::table(it)));
        let once = Table::ALL.into_iter();
        let once = once.map(|it| (it.view(), Relation::once(it, dataset)));
        let questions = Question::ALL.into_iter().filter_map(|it| {
            let view = Relation::question(it, dataset)?;
            Some((it.name.to_owned(), view))
        });
        Self {
            dataset: dataset.to_owned(),
            location: None,
            relations: tables.chain(once).chain(questions).collect(),
        }
    }
}

impl Relation {
    /// The table that a subscription writes.
    pub fn table(table: &Table) -> Self {
        let clustering = table.clustering.iter().map(|it| (*it).to_owned());
        Self {
            description: table.doc.to_owned(),
            schema: Some(Schema {
                fields: Field::of(table.columns()),
            }),
            time_partitioning: Some(TimePartitioning {
                kind: "DAY".to_owned(),
                field: Some(PARTITIONED_BY.to_owned()),
                expires_after: None,
            }),
            clustering: Some(Clustering {
                fields: clustering.collect(),
            }),
            ..Self::default()
        }
    }

    /// The view beside `table` that has one row for each key: the one that was published first.
    fn once(table: &Table, dataset: &str) -> Self {
        let query = include_str!("sql/once.sql")
            .replace("{table}", table.name)
            .replace("{key}", table.key);
        let doc = format!("Each {} once: the row that was published first.", table.key);
        Self::view(doc, &query, dataset)
    }

    /// The view that answers `question`; none if it is not known here.
    fn question(question: &Question, dataset: &str) -> Option<Self> {
        let query = query_of(question)?;
        Some(Self::view(question.doc.to_owned(), query, dataset))
    }

    fn view(description: String, query: &str, dataset: &str) -> Self {
        let query = query.replace("{dataset}", dataset);
        Self {
            description,
            view: Some(View {
                query,
                use_legacy_sql: false,
            }),
            ..Self::default()
        }
    }

    /// `view` or `table`.
    pub const fn what(&self) -> &'static str {
        match self.view {
            Some(_) => "view",
            None => "table",
        }
    }

    /// The length and the column of a partition.
    pub(super) fn partitioned(&self) -> Option<(&str, Option<&str>)> {
        let by = self.time_partitioning.as_ref()?;
        Some((&by.kind, by.field.as_deref()))
    }

    pub(super) fn columns(&self) -> &[Field] {
        self.schema.as_ref().map_or(&[], |it| &it.fields)
    }
}

fn query_of(question: &Question) -> Option<&'static str> {
    Some(match question.name {
        "revenue" => include_str!("sql/revenue.sql"),
        "refusals_by_reason" => include_str!("sql/refusals_by_reason.sql"),
        "fraud" => include_str!("sql/fraud.sql"),
        "fulfilment" => include_str!("sql/fulfilment.sql"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_has_a_view() {
        let design = Design::of("p.d");
        for question in Question::ALL {
            let known = design
                .relations
                .iter()
                .any(|(name, _)| name == question.name);
            assert!(known, "{}: has no query", question.name);
        }
    }
}
