//! README's commands do what it says, as pasted. Its Rust is tested with the documentation.

mod support;

use std::net::TcpListener;
use std::process::Command;

use support::{boutique_path, needs, root};

/// The blocks marked `sh` or `console`, in one script, without prompts.
fn script(readme: &str) -> String {
    let mut lines = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        match line.trim().strip_prefix("```") {
            Some(_) if inside => inside = false,
            Some(mark) => inside = matches!(mark.trim(), "sh" | "console"),
            None if inside => lines.push(line.trim().trim_start_matches("$ ").to_owned()),
            None => {}
        }
    }
    lines.join("\n")
}

/// Runs the script as a reader's shell would, except that programs are built already, that the
/// test suite does not run itself, and that what was started is ended.
const SHELL: &str = r#"
set -euo pipefail
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
cargo() {
    case "$*" in
        "xtask test") ;;
        "run --release -p boutique-servers --bin boutique -- "*) shift 7; exec_boutique "$@" ;;
        "run --release -p boutique-servers --features query --bin boutique -- "*)
            shift 9; exec_boutique "$@" ;;
        "run -p boutique-examples --example "*) command cargo "$@" ;;
        *) echo "nobody knows how to try: cargo $*" >&2; return 1 ;;
    esac
}
exec_boutique() {
    # What runs in the background is then the program itself, which the trap ends.
    if [ "$1" = up ]; then exec "$BOUTIQUE" "$@"; fi
    "$BOUTIQUE" "$@"
}
curl() {
    # An answer that tells of an error is not what the reader was promised.
    command curl --fail-with-body "$@"
    echo >&2
}
"#;

/// A port that is free, and the one 1000 above it.
fn free_port() -> u16 {
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    (12_000..20_000)
        .step_by(7)
        .map(|it| it + (std::process::id() % 7) as u16)
        .find(|&it| free(it) && free(it + 1_000))
        .expect("a free port")
}

#[test]
fn every_command_of_the_readme_runs() {
    if !needs("curl") {
        return;
    }
    let readme = std::fs::read_to_string(root().join("README.md")).expect("read");
    let script = script(&readme);
    for promised in [
        "cargo run --release -p boutique-servers --bin boutique -- demo",
        "cargo xtask test",
    ] {
        assert!(script.lines().any(|it| it == promised), "no {promised:?}");
    }
    // Whatever else listens on this machine: the ports are others, the commands the same.
    let port = free_port();
    let script = script
        .replace(":8080", &format!(":{port}"))
        .replace(":9080", &format!(":{}", port + 1_000));
    // Commands may write files; they find the example data where the README has it.
    let folder = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(root().join("examples"), folder.path().join("examples"))
        .expect("linked");
    let run = Command::new("bash")
        .arg("-c")
        .arg(format!("{SHELL}\n{script}"))
        .current_dir(folder.path())
        .env("BOUTIQUE", boutique_path())
        .env("PORT", port.to_string())
        .env("ADMIN_PORT", (port + 1_000).to_string())
        .output()
        .expect("bash starts");
    let (said, heard) = (
        String::from_utf8_lossy(&run.stderr),
        String::from_utf8_lossy(&run.stdout),
    );
    assert!(run.status.success(), "{said}\n{heard}");
    // What the data warehouse answers.
    assert!(heard.contains("| 439      |"), "{heard}");
    assert!(heard.contains("| GBP      |"), "{heard}");
    // What the reader sees of the order: bought, and with its timeline.
    assert!(heard.contains("\"order_id\""), "{heard}");
    assert!(heard.contains("timeline"), "{heard}");
    assert!(heard.contains("\"violations\":0"), "{heard}");
}
