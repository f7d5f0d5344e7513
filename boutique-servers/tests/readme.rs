//! README's commands do what it says. Its Rust is tested with the documentation.

mod support;

use std::process::Command;

use support::{boutique, root};

/// The lines of the blocks marked `sh` or `console`, without prompts and comments.
fn commands(readme: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        match line.trim().strip_prefix("```") {
            Some(_) if inside => inside = false,
            Some(mark) => inside = matches!(mark.trim(), "sh" | "console"),
            None if inside => {
                let line = line.trim().trim_start_matches("$ ");
                if !line.is_empty() && !line.starts_with('#') {
                    commands.push(line.to_owned());
                }
            }
            None => {}
        }
    }
    commands
}

const PROGRAM: &str = "cargo run --release -p boutique-servers --bin boutique --";
const EXAMPLE: &str = "cargo run -p boutique-examples --example ";

#[test]
fn every_command_of_the_readme_runs() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("read");
    let commands = commands(&readme);
    for promised in [&format!("{PROGRAM} demo"), "cargo xtask test"] {
        assert!(commands.iter().any(|it| it == promised), "no {promised:?}");
    }
    // Commands may write files; they find the example data where the README has it.
    let folder = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(root().join("examples"), folder.path().join("examples"))
        .expect("linked");
    for command in commands {
        if let Some(args) = command.strip_prefix(PROGRAM) {
            let run = boutique()
                .args(args.split_whitespace())
                .current_dir(folder.path())
                .output()
                .expect("starts");
            let said = String::from_utf8_lossy(&run.stderr);
            assert!(run.status.success(), "{command}: {said}");
        } else if let Some(name) = command.strip_prefix(EXAMPLE) {
            let run = Command::new(env!("CARGO"))
                .args([
                    "run",
                    "--quiet",
                    "--package",
                    "boutique-examples",
                    "--example",
                ])
                .args(name.split_whitespace())
                .current_dir(root())
                .output()
                .expect("starts");
            let said = String::from_utf8_lossy(&run.stderr);
            assert!(run.status.success(), "{command}: {said}");
        } else {
            // The test suite does not run itself.
            assert_eq!(
                command, "cargo xtask test",
                "nobody knows how to try {command:?}"
            );
        }
    }
}
