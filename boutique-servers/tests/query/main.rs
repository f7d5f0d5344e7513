//! `boutique query`.

#[path = "../support/mod.rs"]
mod support;

#[path = "../../../boutique-transport/tests/bigquery/events.rs"]
mod events;

mod answers;
mod asking;

use support::run;

#[test]
fn the_ready_made_questions_are_listed() {
    let listed = run(["query", "--questions", "--json"]).succeeds().json();
    let names: Vec<_> = listed.as_array().expect("a list").iter().collect();
    assert!(names.iter().any(|it| it["name"] == "revenue"), "{listed}");
    let told = run(["query", "--questions"]).succeeds();
    assert!(told.stdout.contains("refused_ppm"), "{}", told.stdout);
    let unknown = run(["query", "--question", "weather", "--warehouse", "x"]);
    unknown.fails(2, &["no question \"weather\"", "--questions` lists them"]);
    run(["query"]).fails(2, &["say what to ask"]);
}
