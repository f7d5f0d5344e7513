//! What is to be done so that a dataset is as it shall be.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::difference::Difference;
use super::relation::{Design, Relation, Schema};

/// What is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Whether the dataset is.
    pub dataset: bool,
    /// Where it is, such as `EU`, if it is and says so.
    pub location: Option<String>,
    /// Which of the tables and views are, by name.
    pub relations: BTreeMap<String, Relation>,
}

/// What is to be done, and what will not be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order it is to be done.
    pub changes: Vec<Change>,
    /// What is otherwise than it shall be and is left alone: it takes a person.
    pub drift: Vec<Drift>,
}

/// One change. None of them deletes anything. `Display` says it in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Make the dataset.
    CreateDataset {
        /// `project.dataset`.
        dataset: String,
        /// Where; BigQuery's default, if none.
        location: Option<String>,
    },
    /// Make a table or a view.
    Create {
        /// Its name.
        name: String,
        /// What it shall be.
        relation: Relation,
    },
    /// Change one that is there.
    Update {
        /// `table` or `view`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What changes.
        what: Vec<String>,
        /// The part of it that is sent.
        relation: Relation,
    },
}

/// Something that is otherwise than it shall be. `Display` says it in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// `dataset`, `table` or `view`.
    pub kind: &'static str,
    /// The table or the view, or the dataset as `project.dataset`.
    pub name: String,
    /// What is otherwise.
    pub what: String,
}

impl Plan {
    /// From what is found to the design.
    pub fn between(found: &Found, design: &Design) -> Self {
        let mut plan = Self::default();
        if !found.dataset {
            plan.changes.push(Change::CreateDataset {
                dataset: design.dataset.clone(),
                location: design.location.clone(),
            });
        }
        if let (Some(have), Some(want)) = (&found.location, &design.location)
            && !have.eq_ignore_ascii_case(want)
        {
            plan.drift.push(Drift {
                kind: "dataset",
                name: design.dataset.clone(),
                what: format!("is in {have} and not in {want}; a dataset stays where it is"),
            });
        }
        for (name, want) in &design.relations {
            match found.relations.get(name) {
                Some(have) => plan.compare(name, have, want),
                None => plan.changes.push(Change::Create {
                    name: name.clone(),
                    relation: want.clone(),
                }),
            }
        }
        plan
    }

    /// Whether everything is as it shall be.
    pub const fn is_done(&self) -> bool {
        self.changes.is_empty() && self.drift.is_empty()
    }

    fn compare(&mut self, name: &str, have: &Relation, want: &Relation) {
        let mut drifted = |what: String| {
            self.drift.push(Drift {
                kind: want.what(),
                name: name.to_owned(),
                what,
            });
        };
        if have.what() != want.what() {
            drifted(format!("is a {} and not a {}", have.what(), want.what()));
            return;
        }
        if have.expires_at.is_some() {
            drifted("expires with all that is in it, which nobody asked for".to_owned());
        }
        let mut what = Vec::new();
        let mut update = Relation::default();
        if have.description != want.description {
            what.push("its description".to_owned());
            update.description.clone_from(&want.description);
        }
        if want.view.is_some() && have.view != want.view {
            what.push("its query".to_owned());
            update.view.clone_from(&want.view);
        }
        if want.view.is_none() {
            let (difference, fields) = Difference::between(have.columns(), want.columns());
            if difference.is_change() {
                what.extend(difference.added.iter().map(|it| format!("add {it}")));
                what.extend(
                    difference
                        .relaxed
                        .iter()
                        .map(|it| format!("let {it} be empty")),
                );
                let described = difference.described.iter();
                what.extend(described.map(|it| format!("the description of {it}")));
                update.schema = Some(Schema { fields });
            }
            difference.refused.into_iter().for_each(&mut drifted);
            if have.partitioned() != want.partitioned() {
                drifted("is partitioned otherwise, which only a new table can change".to_owned());
            }
            let partitions = have.time_partitioning.as_ref();
            if let Some(after) = partitions.and_then(|it| it.expires_after) {
                let after = told(Duration::from_millis(after));
                drifted(format!(
                    "its rows expire after {after}, which nobody asked for"
                ));
            }
            if have.clustering != want.clustering {
                drifted("is clustered otherwise".to_owned());
            }
        }
        if !what.is_empty() {
            self.changes.push(Change::Update {
                kind: want.what(),
                name: name.to_owned(),
                what,
                relation: update,
            });
        }
    }
}

fn told(time: Duration) -> String {
    const DAY: Duration = Duration::from_secs(86_400);
    match time.as_secs() / DAY.as_secs() {
        1 => "1 day".to_owned(),
        days @ 2.. => format!("{days} days"),
        0 => format!("{} s", time.as_secs()),
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateDataset { dataset, location } => {
                write!(f, "create dataset {dataset}")?;
                location.iter().try_for_each(|it| write!(f, " in {it}"))
            }
            Self::Create { name, relation } => write!(f, "create {} {name}", relation.what()),
            Self::Update { name, what, .. } => write!(f, "change {name}: {}", what.join(", ")),
        }
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.what)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn drift(edit: impl Fn(&mut Value)) -> Vec<String> {
        let design = Design::of("p.d");
        let there = design.relations.iter().map(|(name, relation)| {
            let mut there = serde_json::to_value(relation).expect("JSON");
            edit(&mut there);
            let relation = serde_json::from_value(there).expect("a table");
            (name.clone(), relation)
        });
        let found = Found {
            dataset: true,
            location: None,
            relations: there.collect(),
        };
        let plan = Plan::between(&found, &design);
        assert_eq!(plan.changes, [], "nothing of it can be changed");
        plan.drift.iter().map(ToString::to_string).collect()
    }

    /// Somebody, or a default of the dataset, lets rows be deleted that are to stay.
    #[test]
    fn what_loses_rows_by_itself_is_told() {
        const DAY: u64 = 86_400_000;
        let tables = |drift: &[String], what: &str| {
            let told = |name| drift.contains(&format!("{name}: {what}"));
            assert!(
                ["orders", "refusals", "shipments"].iter().all(told),
                "{drift:?}"
            );
        };
        for (after, words) in [(DAY, "1 day"), (60 * DAY, "60 days"), (3_600_000, "3600 s")] {
            let drift = drift(|it| {
                if let Some(by) = it.get_mut("timePartitioning") {
                    by["expirationMs"] = json!(after.to_string());
                }
            });
            assert_eq!(drift.len(), 3, "{drift:?}");
            tables(
                &drift,
                &format!("its rows expire after {words}, which nobody asked for"),
            );
        }
        let all = drift(|it| it["expirationTime"] = json!("1893456000000"));
        tables(
            &all,
            "expires with all that is in it, which nobody asked for",
        );
        assert!(
            all.iter().any(|it| it.starts_with("orders_once: expires")),
            "{all:?}"
        );
        assert_eq!(drift(|it| it["expirationTime"] = Value::Null), [""; 0]);
    }

    #[test]
    fn what_is_only_looked_at_is_never_sent() {
        let there = json!({
            "timePartitioning": { "type": "DAY", "field": "t", "expirationMs": "1" },
            "expirationTime": "2",
        });
        let relation: Relation = serde_json::from_value(there).expect("a table");
        let sent = serde_json::to_string(&relation).expect("JSON");
        assert!(!sent.contains("expiration"), "{sent}");
    }
}
