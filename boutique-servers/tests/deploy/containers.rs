//! The image.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::files::text;

/// The programs of the package, by their sources.
fn programs() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin");
    let entries = fs::read_dir(folder).expect("programs");
    let names = entries.map(|it| it.expect("an entry").path());
    names
        .filter_map(|it| Some(it.file_stem()?.to_str()?.to_owned()))
        .collect()
}

#[test]
fn the_image_holds_every_program_and_runs_as_nobody() {
    let file = text("Dockerfile");
    let listed = file
        .split_once("for program in")
        .and_then(|(_, rest)| rest.split_once(';'))
        .expect("a list of programs")
        .0;
    let listed: BTreeSet<String> = listed
        .split(|it: char| it.is_whitespace() || it == '\\')
        .filter(|it| !it.is_empty())
        .map(str::to_owned)
        .collect();
    assert_eq!(listed, programs());
    let lines: Vec<&str> = file.lines().map(str::trim).collect();
    let user = lines.iter().rev().find_map(|it| it.strip_prefix("USER "));
    assert_eq!(user, Some("65532:65532"));
    // Two stages, and the second has neither a compiler nor a shell to run anything with.
    let stages: Vec<usize> = (0..lines.len())
        .filter(|at| lines[*at].starts_with("FROM "))
        .collect();
    assert_eq!(stages.len(), 2);
    let last = &lines[stages[1]..];
    assert!(last.iter().all(|it| !it.starts_with("RUN ")), "{last:?}");
    // Nothing comes from elsewhere than the registries.
    for word in ["curl", "wget", "http://", "https://", "ADD "] {
        assert!(
            !file
                .lines()
                .any(|it| !it.starts_with('#') && it.contains(word)),
            "{word}"
        );
    }
}
