//! Tables of yesterday take the rows of today: the columns of every table are written down in
//! `schema/`, and an event may change as far as BigQuery changes a table that exists.

use std::path::PathBuf;
use std::{env, fs};

use boutique_core::analytics::Table;
use boutique_transport::bigquery::{Difference, Field};

const ACCEPT: &str = "BOUTIQUE_ACCEPT_SCHEMA";

#[test]
fn a_table_that_exists_takes_what_is_published_today() {
    let accept = env::var(ACCEPT).is_ok_and(|it| it == "1");
    let mut wrong = Vec::new();
    for table in Table::ALL {
        let place = format!("schema/{}.json", table.name);
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(&place);
        let want = Field::of(table.columns());
        let said = match fs::read(&file) {
            Ok(text) => compare(&serde_json::from_slice(&text).expect("columns"), &want),
            Err(_) => Said::Allowed(vec!["the table is new".to_owned()]),
        };
        match said {
            Said::Same => {}
            Said::Allowed(_) if accept => {
                let text = serde_json::to_string_pretty(&want).expect("JSON");
                fs::write(&file, text + "\n").expect("written");
            }
            Said::Allowed(what) => wrong.push(format!(
                "{place} is not what `{}` is now; a table that exists can follow:\n  {}\n\
                 To accept it: {ACCEPT}=1 cargo test -p boutique-transport --test bigquery schema",
                table.name,
                what.join("\n  ")
            )),
            Said::Refused(what) => wrong.push(format!(
                "a table `{}` that exists would refuse what is published now:\n  {}\n\
                 BigQuery adds columns that may be empty (Option, Vec) and lets required ones be \
                 empty, nothing else. Make it so, or give the event a new version and a table of \
                 its own. If no such table exists anywhere yet: remove {place} and accept the new \
                 one with {ACCEPT}=1.",
                table.name,
                what.join("\n  ")
            )),
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n\n"));
}

enum Said {
    Same,
    Allowed(Vec<String>),
    Refused(Vec<String>),
}

fn compare(have: &Vec<Field>, want: &Vec<Field>) -> Said {
    let (difference, _) = Difference::between(have, want);
    let mut refused = difference.refused;
    // A table could live with these; who reads it, or makes one anew, could not.
    refused.extend(difference.looser);
    if !refused.is_empty() {
        return Said::Refused(refused);
    }
    let said = |what: &str, all: Vec<String>| -> Vec<String> {
        all.into_iter().map(|it| format!("{it}: {what}")).collect()
    };
    let mut allowed = said("is new", difference.added);
    allowed.extend(said("may be empty now", difference.relaxed));
    allowed.extend(said("has another description", difference.described));
    match have == want {
        true => Said::Same,
        false if allowed.is_empty() => Said::Allowed(vec!["the order of columns".to_owned()]),
        false => Said::Allowed(allowed),
    }
}

#[test]
fn a_change_that_is_refused_is_told_from_one_that_is_not() {
    let table = Table::ALL[0];
    let have = Field::of(table.columns());
    let changed = |edit: fn(&mut Vec<Field>)| {
        let mut want = have.clone();
        edit(&mut want);
        compare(&have, &want)
    };
    assert!(matches!(changed(|_| {}), Said::Same));
    assert!(matches!(
        changed(|it| it[0].mode = "NULLABLE".to_owned()),
        Said::Allowed(_)
    ));
    let renamed = changed(|it| it[0].name.push_str("_new"));
    let Said::Refused(what) = renamed else {
        panic!("a column is renamed")
    };
    assert!(
        what.iter().any(|it| it.starts_with(&have[0].name)),
        "{what:?}"
    );
    assert!(matches!(
        changed(|it| it[0].kind = "INTEGER".to_owned()),
        Said::Refused(_)
    ));
    assert!(matches!(changed(|it| drop(it.remove(0))), Said::Refused(_)));
}
