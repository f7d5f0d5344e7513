//! `boutique query`, with its engine and without.

#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "query")]
#[path = "../../../boutique-transport/tests/bigquery/events.rs"]
mod events;

#[cfg(feature = "query")]
mod answers;
#[cfg(feature = "query")]
mod asking;
#[cfg(not(feature = "query"))]
mod without;

use support::run;

#[test]
fn the_ready_made_questions_are_listed() {
    let listed = run(["query", "--questions", "--json"]).succeeds().json();
    let names: Vec<_> = listed.as_array().expect("a list").iter().collect();
    assert!(names.iter().any(|it| it["name"] == "revenue"), "{listed}");
    let told = run(["query", "--questions"]).succeeds();
    assert!(told.stdout.contains("refused_ppm"), "{}", told.stdout);
    let unknown = run(["query", "--question", "weather", "--warehouse", "x"]);
    unknown.fails(2, &["no question \"weather\"", "--questions lists them"]);
    run(["query"]).fails(2, &["say what to ask"]);
}
