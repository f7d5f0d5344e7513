//! What keeps a server from running, and what it says then: by `--check` and at the start.

use std::process::Command;

use super::emulator;
use super::support::{Ran, boutique};

/// A server, checked or started with nothing but these settings.
fn serve(server: &str, check: bool, env: &[(&'static str, String)]) -> Ran {
    let mut command: Command = boutique();
    command
        .args(["serve", server])
        .args(check.then_some("--check"))
        .env_clear()
        .env("BOUTIQUE_STORE", "memory:")
        // Nobody is asked who is not named.
        .env("GOOGLE_APPLICATION_CREDENTIALS", "no-such-file.json")
        .envs(env.iter().map(|(name, value)| (name, value)));
    command.output().expect("it runs").into()
}

/// Says the same, whether it is checked or started.
#[track_caller]
fn says(server: &str, env: &[(&'static str, String)], words: &[&str]) {
    for check in [true, false] {
        serve(server, check, env).fails(2, words);
    }
}

fn pubsub(more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let more = more
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    [("BROKER", "pubsub".to_owned())]
        .into_iter()
        .chain(more)
        .collect()
}

#[test]
fn a_server_without_project_or_credentials_says_which_setting_is_missing() {
    let project = ("GCP_PROJECT_ID", "boutique-test");
    for server in ["checkout", "warehouse"] {
        says(
            server,
            &pubsub(&[]),
            &["GCP_PROJECT_ID, key gcp_project_id: is missing"],
        );
        let words = [
            "BROKER=pubsub: there are no credentials",
            "GOOGLE_APPLICATION_CREDENTIALS",
        ];
        says(server, &pubsub(&[project]), &words);
    }
    says(
        "oms",
        &pubsub(&[project, ("PUBSUB_PULL", "true")]),
        &["there are no credentials"],
    );
}

#[test]
fn a_check_says_that_pubsub_does_not_answer() {
    let nowhere = pubsub(&[
        ("GCP_PROJECT_ID", "boutique-test"),
        ("PUBSUB_EMULATOR_HOST", "127.0.0.1:1"),
    ]);
    serve("warehouse", true, &nowhere).fails(1, &["Pub/Sub"]);
}

#[test]
fn a_missing_topic_or_subscription_is_named_with_the_remedy() {
    let Some(host) = emulator::host() else { return };
    let mut settings = emulator::settings(&host);
    let topic = settings[3].1.clone();
    let remedy = "in project boutique-test: create it with `boutique provision gcp`";
    let checkout = format!("PUBSUB_TOPIC: there is no topic {topic}");
    let refusals = "PUBSUB_REFUSALS_TOPIC: there is no topic refusals-";
    says("checkout", &settings, &[&checkout, refusals, remedy]);
    says(
        "warehouse",
        &settings,
        &[
            "PUBSUB_SHIPMENTS_TOPIC: there is no topic shipments-",
            remedy,
        ],
    );
    settings.push(("PUBSUB_PULL", "true".to_owned()));
    let subscriptions = [
        format!("PUBSUB_SUBSCRIPTION: there is no subscription {topic}.oms"),
        format!("PUBSUB_DEAD_SUBSCRIPTION: there is no subscription {topic}-dead.oms"),
        "PUBSUB_SHIPMENTS_SUBSCRIPTION: there is no subscription shipments-".to_owned(),
    ];
    let words: Vec<&str> = subscriptions
        .iter()
        .map(String::as_str)
        .chain([remedy])
        .collect();
    says("oms", &settings, &words);

    // A server that would make them says so, and makes nothing yet.
    settings.push(("PUBSUB_CREATE", "true".to_owned()));
    for _ in 0..2 {
        let checked = serve("checkout", true, &settings);
        let created = "what is missing is created at the start";
        assert!(
            checked.stdout.contains(created),
            "{}{}",
            checked.stdout,
            checked.stderr
        );
        // Whoever has Pub/Sub deliver does not ask order management.
        assert!(!checked.stderr.contains("oms"), "{}", checked.stderr);
    }
}
