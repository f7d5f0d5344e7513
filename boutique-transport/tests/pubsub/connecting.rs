//! Who may talk to Pub/Sub at all.

use std::error::Error;
use std::net::TcpListener;
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
    // A metadata server that is there and says nothing, as where its address leads nowhere.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("bound").to_string();
    let home = tempfile::tempdir().expect("a folder");
    for (key, says) in [
        (Some("no-such-file.json"), "no-such-file.json"),
        (None, "no token within"),
    ] {
        let myself = std::env::current_exe().expect("a program");
        let mut child = Command::new(myself);
        child
            .args([
                "--exact",
                "connecting::asks_without_credentials",
                "--nocapture",
            ])
            .env(CHILD, "1")
            .env_remove("GOOGLE_APPLICATION_CREDENTIALS")
            .env("HOME", home.path())
            .env("GCE_METADATA_HOST", &address);
        if let Some(key) = key {
            child.env("GOOGLE_APPLICATION_CREDENTIALS", key);
        }
        let run = child.output().expect("runs");
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{said}");
        for words in ["set GOOGLE_APPLICATION_CREDENTIALS", says] {
            assert!(said.contains(words), "{words}: {said}");
        }
    }
    drop(silent);
}

#[tokio::test]
async fn asks_without_credentials() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let error = PubSub::connect("boutique-test", None).await;
    let error = error.expect_err("there are none");
    assert!(matches!(error, ConnectError::Credentials(_)), "{error:?}");
    let source = error.source().expect("and says why");
    eprintln!("{error}: {source}");
}
