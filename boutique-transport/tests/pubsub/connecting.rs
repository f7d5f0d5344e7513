//! Who may talk to Pub/Sub at all.

use std::process::Command;

use boutique_transport::pubsub::{ConnectError, PubSub};

#[test]
fn a_wrong_project_or_address_is_named() {
    for project in ["", "short", "Upper-case", "1-digit-first", "under_score"] {
        let made = PubSub::emulator(project, "127.0.0.1:8085");
        assert!(matches!(made, Err(ConnectError::Project)), "{project}");
    }
    for host in ["127.0.0.1", "http://127.0.0.1:8085", ":8085", "host:port"] {
        let made = PubSub::emulator("boutique-test", host);
        assert!(matches!(made, Err(ConnectError::Emulator)), "{host}");
    }
}

const CHILD: &str = "BOUTIQUE_TEST_WITHOUT_CREDENTIALS";

/// In a process of its own, since credentials are found through the environment.
#[test]
fn without_credentials_it_ends_at_the_start_and_says_what_to_do() {
    let myself = std::env::current_exe().expect("a program");
    let run = Command::new(myself)
        .args([
            "--exact",
            "connecting::asks_without_credentials",
            "--nocapture",
        ])
        .env(CHILD, "1")
        .env("GOOGLE_APPLICATION_CREDENTIALS", "no-such-file.json")
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");
    assert!(
        said.contains("set GOOGLE_APPLICATION_CREDENTIALS"),
        "{said}"
    );
}

#[tokio::test]
async fn asks_without_credentials() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let error = PubSub::connect("boutique-test", None).await;
    let error = error.expect_err("there are none");
    assert!(matches!(error, ConnectError::Credentials(_)), "{error:?}");
    eprintln!("{error}");
}
