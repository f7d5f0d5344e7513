//! A program that has no engine says how to get one.

use crate::support::run;

#[test]
fn a_program_without_the_engine_says_how_to_get_it() {
    let told = run(["query", "SELECT 1", "--warehouse", "lake"]);
    told.fails(2, &["built without its SQL engine", "--features query"]);
}
