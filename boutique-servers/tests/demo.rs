//! `boutique demo`, as a person sees it.

mod support;

use support::{Books, run};

#[test]
fn the_demo_shows_every_fate_and_audits_clean_the_same_each_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let told = |name: &str| {
        let data = folder.path().join(name);
        let ran = run(["demo".as_ref(), "--data".as_ref(), data.as_os_str()]).succeeds();
        let lines = ran.stdout.lines().filter(|it| !it.starts_with("took "));
        (lines.collect::<Vec<_>>().join("\n"), Books::of(&data))
    };
    let (first, books) = told("one.db");
    for words in [
        "300 orders",
        "fraud",
        "standing",
        "review_denied",
        "short",
        "published twice",
        "trial balance",
        "FURN-LAMP-ARC",
        "nothing is stuck",
    ] {
        assert!(first.contains(words), "no {words:?} in\n{first}");
    }
    let (second, same_books) = told("two.db");
    assert_eq!(first, second);
    assert_eq!(books, same_books);
}

#[test]
fn the_demo_leaves_a_file_alone_that_is_there_already() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("mine.db");
    std::fs::write(&data, "precious").expect("written");
    let ran = run(["demo".as_ref(), "--data".as_ref(), data.as_os_str()]);
    ran.fails(2, &["exists"]);
    assert_eq!(std::fs::read(&data).expect("read"), b"precious");
}
