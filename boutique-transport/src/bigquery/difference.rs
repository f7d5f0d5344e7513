//! What stands between the columns a table has and those it shall have.
//!
//! BigQuery adds columns, and fields to records, that may be empty, and lets a required one be
//! empty; it changes nothing else of a table that exists
//! (<https://cloud.google.com/bigquery/docs/managing-table-schemas>).

use super::field::{Field, NULLABLE, REPEATED, REQUIRED};

/// How columns differ. Every text begins with the path of a column, such as `items.cost.units`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Columns that BigQuery will add.
    pub added: Vec<String>,
    /// Columns that BigQuery will let be empty.
    pub relaxed: Vec<String>,
    /// Columns whose description changes.
    pub described: Vec<String>,
    /// What BigQuery refuses, and why. Rows of ours do not fit such a table.
    pub refused: Vec<String>,
    /// Columns that may be empty and are always written, or are not written any more: the table
    /// takes our rows as it is.
    pub looser: Vec<String>,
}

impl Difference {
    /// Whether there is something to change that BigQuery will change.
    pub const fn is_change(&self) -> bool {
        !(self.added.is_empty() && self.relaxed.is_empty() && self.described.is_empty())
    }

    /// From `have` to `want`, and what to send for it: all that `have` has, changed as far as
    /// BigQuery changes it, and what is new at the end.
    pub fn between(have: &[Field], want: &[Field]) -> (Self, Vec<Field>) {
        let mut difference = Self::default();
        let merged = difference.merge("", have, want);
        (difference, merged)
    }

    fn merge(&mut self, path: &str, have: &[Field], want: &[Field]) -> Vec<Field> {
        let mut merged = Vec::with_capacity(have.len());
        for old in have {
            let place = below(path, &old.name);
            match named(want, &old.name) {
                Some(new) => merged.push(self.field(&place, old, new)),
                None => {
                    if old.is(REQUIRED) {
                        let text = format!("{place}: is required and not written any more");
                        self.refused.push(text);
                    } else {
                        self.looser
                            .push(format!("{place}: is not written any more"));
                    }
                    merged.push(old.clone());
                }
            }
        }
        for new in want.iter().filter(|it| named(have, &it.name).is_none()) {
            let place = below(path, &new.name);
            if new.is(REQUIRED) {
                let text = format!("{place}: is new and required; a new column may be empty");
                self.refused.push(text);
            } else {
                self.added.push(place);
                merged.push(may_be_empty(new.clone()));
            }
        }
        merged
    }

    fn field(&mut self, place: &str, old: &Field, new: &Field) -> Field {
        let mut merged = old.clone();
        if old.canonical() != new.canonical() {
            let (old, new) = (old.canonical(), new.canonical());
            let text = format!("{place}: is {old} and would be {new}; a type stays");
            self.refused.push(text);
            return merged;
        }
        match (old.mode.as_str(), new.mode.as_str()) {
            (old, new) if old == new => {}
            (REQUIRED, NULLABLE) => {
                self.relaxed.push(place.to_owned());
                merged.mode = NULLABLE.to_owned();
            }
            (NULLABLE, REQUIRED) => self.looser.push(format!("{place}: may be empty")),
            (old, new) => {
                let text = format!("{place}: is {old} and would be {new}; lists stay lists");
                self.refused.push(text);
                return merged;
            }
        }
        if old.description != new.description {
            self.described.push(place.to_owned());
            merged.description.clone_from(&new.description);
        }
        merged.fields = self.merge(place, &old.fields, &new.fields);
        merged
    }
}

/// Without a required field anywhere inside: nothing that is added may be required.
fn may_be_empty(mut field: Field) -> Field {
    if !field.is(REPEATED) {
        NULLABLE.clone_into(&mut field.mode);
    }
    field.fields = field.fields.into_iter().map(may_be_empty).collect();
    field
}

/// Names differ by more than their case.
fn named<'a>(fields: &'a [Field], name: &str) -> Option<&'a Field> {
    fields.iter().find(|it| it.name.eq_ignore_ascii_case(name))
}

fn below(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn field(name: &str, kind: &str, mode: &str, fields: Vec<Field>) -> Field {
        Field {
            name: name.to_owned(),
            kind: kind.to_owned(),
            mode: mode.to_owned(),
            description: String::new(),
            fields,
            other: Map::new(),
        }
    }

    fn text(name: &str, mode: &str) -> Field {
        field(name, "STRING", mode, Vec::new())
    }

    fn items(fields: Vec<Field>) -> Vec<Field> {
        vec![field("items", "RECORD", REPEATED, fields)]
    }

    #[test]
    fn what_may_be_empty_is_added_at_any_depth_and_behind_what_is_there() {
        let have = items(vec![text("b", REQUIRED)]);
        let amount = field("amount", "RECORD", NULLABLE, vec![text("units", REQUIRED)]);
        let want = items(vec![text("a", NULLABLE), text("b", NULLABLE), amount]);
        let (difference, merged) = Difference::between(&have, &want);
        assert_eq!(difference.added, ["items.a", "items.amount"]);
        assert_eq!(difference.relaxed, ["items.b"]);
        assert_eq!(difference.refused, [""; 0]);
        let amount = field("amount", "RECORD", NULLABLE, vec![text("units", NULLABLE)]);
        let sent = vec![text("b", NULLABLE), text("a", NULLABLE), amount];
        assert_eq!(merged, items(sent));
        // What was extended so takes our rows: there is nothing left to change.
        let (again, same) = Difference::between(&merged, &want);
        assert!(!again.is_change() && again.refused.is_empty(), "{again:?}");
        assert_eq!(same, merged);
    }

    #[test]
    fn what_bigquery_refuses_is_named_and_left_as_it_is() {
        let have = items(vec![
            text("gone", REQUIRED),
            text("kind", REQUIRED),
            text("list", REPEATED),
        ]);
        let want = items(vec![
            field("kind", "INTEGER", REQUIRED, Vec::new()),
            text("list", NULLABLE),
            text("new", REQUIRED),
        ]);
        let (difference, merged) = Difference::between(&have, &want);
        let places: Vec<_> = difference
            .refused
            .iter()
            .map(|it| it.split(':').next())
            .collect();
        let all = ["items.gone", "items.kind", "items.list", "items.new"];
        assert_eq!(places, all.map(Some));
        assert!(!difference.is_change());
        assert_eq!(merged, have);
    }

    #[test]
    fn what_others_have_said_of_a_column_is_sent_back_with_what_changes() {
        let tags = json!({ "names": ["projects/p/locations/eu/taxonomies/1/policyTags/2"] });
        let there = json!([
            { "name": "address", "type": "RECORD", "mode": "NULLABLE", "fields": [{
                "name": "street", "type": "STRING", "mode": "REQUIRED",
                "policyTags": tags, "maxLength": "200", "collation": "und:ci",
            }]},
            { "name": "gone", "type": "STRING", "mode": "NULLABLE",
              "defaultValueExpression": "'x'" },
        ]);
        let have: Vec<Field> = serde_json::from_value(there.clone()).expect("fields");
        let mut street = text("street", NULLABLE);
        "The street.".clone_into(&mut street.description);
        let want = [field("address", "RECORD", NULLABLE, vec![street])];
        let (difference, merged) = Difference::between(&have, &want);
        assert!(difference.is_change());
        let mut sent = there;
        sent[0]["fields"][0]["mode"] = json!("NULLABLE");
        sent[0]["fields"][0]["description"] = json!("The street.");
        assert_eq!(serde_json::to_value(merged).expect("JSON"), sent);
    }

    #[test]
    fn the_other_name_of_a_type_is_the_same_type() {
        let have = [field("n", "INT64", NULLABLE, Vec::new())];
        let want = [field("n", "INTEGER", NULLABLE, Vec::new())];
        assert_eq!(Difference::between(&have, &want).0, Difference::default());
    }
}
