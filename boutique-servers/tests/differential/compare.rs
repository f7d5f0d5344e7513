//! Says which records differ, and how.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use super::records::Records;

/// Differing records of one kind that are spelt out; the others are counted.
const PER_KIND: usize = 3;
/// Differences of one record that are spelt out.
const PER_RECORD: usize = 6;

/// How `other` differs from `one`; `None` if it does not. The names are those of the two.
pub(crate) fn differences(names: [&str; 2], one: &Records, other: &Records) -> Option<String> {
    let mut keys: Vec<&String> = one.keys().chain(other.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let differing = keys.iter().filter(|it| one.get(**it) != other.get(**it));
    let differing: Vec<_> = differing.collect();
    if differing.is_empty() {
        return None;
    }
    let mut text = format!(
        "{} records differ, {} and {}\n",
        differing.len(),
        names[0],
        names[1]
    );
    let mut of_kind: BTreeMap<String, usize> = BTreeMap::new();
    for key in differing {
        let kind: Vec<&str> = key.split(' ').take(2).collect();
        let seen = of_kind.entry(kind.join(" ")).or_default();
        *seen += 1;
        if *seen > PER_KIND {
            continue;
        }
        let mut found = Vec::new();
        walk(String::new(), one.get(*key), other.get(*key), &mut found);
        writeln!(text, "{key}").expect("a String takes text");
        for (path, left, right) in found.iter().take(PER_RECORD) {
            writeln!(text, "  {path}: {} | {}", shown(*left), shown(*right)).expect("text");
        }
        if found.len() > PER_RECORD {
            writeln!(text, "  and {} more", found.len() - PER_RECORD).expect("text");
        }
    }
    for (kind, count) in of_kind.iter().filter(|it| *it.1 > PER_KIND) {
        writeln!(text, "{count} in all: {kind}").expect("a String takes text");
    }
    Some(text)
}

type Difference<'a> = (String, Option<&'a Value>, Option<&'a Value>);

/// The innermost values that differ.
fn walk<'a>(
    path: String,
    one: Option<&'a Value>,
    other: Option<&'a Value>,
    found: &mut Vec<Difference<'a>>,
) {
    match (one, other) {
        (one, other) if one == other => {}
        (Some(Value::Object(left)), Some(Value::Object(right))) => {
            for (name, value) in left {
                walk(
                    format!("{path}/{name}"),
                    Some(value),
                    right.get(name),
                    found,
                );
            }
            for (name, value) in right.iter().filter(|it| !left.contains_key(it.0)) {
                walk(format!("{path}/{name}"), None, Some(value), found);
            }
        }
        (Some(Value::Array(left)), Some(Value::Array(right))) => {
            for at in 0..left.len().max(right.len()) {
                walk(format!("{path}/{at}"), left.get(at), right.get(at), found);
            }
        }
        (one, other) => found.push((path, one, other)),
    }
}

/// A value, cut short.
fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "nothing".to_owned();
    };
    let text = value.to_string();
    match text.char_indices().nth(160) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[test]
fn a_difference_is_told_by_its_record_and_its_place() {
    let records = |units: u64| {
        let level = serde_json::json!({"on_hand": units, "held": 0});
        Records::from([("level of MUG".to_owned(), level)])
    };
    assert_eq!(differences(["a", "b"], &records(3), &records(3)), None);
    let told = differences(["a", "b"], &records(3), &records(4)).expect("they differ");
    assert_eq!(
        told,
        "1 records differ, a and b\nlevel of MUG\n  /on_hand: 3 | 4\n"
    );
    let told = differences(["a", "b"], &records(3), &Records::new()).expect("they differ");
    assert!(told.contains("| nothing"), "{told}");
}
