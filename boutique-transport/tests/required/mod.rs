//! What a test wants and this machine has not.

/// Says that a test is skipped and why. Where everything has to be tested it fails instead.
#[track_caller]
pub(crate) fn skip(why: &str) {
    let is = |name| std::env::var(name).is_ok_and(|it| it == "1" || it == "true");
    let required = is("CI") || is("BOUTIQUE_TEST_REQUIRE_ALL");
    assert!(!required, "{why}");
    eprintln!("skipped: {why}");
}
