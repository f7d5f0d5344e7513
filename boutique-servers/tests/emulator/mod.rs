//! Google's Pub/Sub emulator, where there is one, and names that nobody else has used.
#![allow(dead_code, unreachable_pub, reason = "each test file uses some of it")]

use std::time::{SystemTime, UNIX_EPOCH};

use boutique_transport::pubsub::{EMULATOR_HOST, PubSub};

pub const PROJECT: &str = "boutique-test";

/// Where the emulator is; `None` where there is none and none is required.
pub fn host() -> Option<String> {
    match std::env::var(EMULATOR_HOST) {
        Ok(host) => Some(host),
        Err(_) => {
            let required = |name| std::env::var(name).is_ok_and(|it| it == "1" || it == "true");
            assert!(
                !required("BOUTIQUE_TEST_REQUIRE_ALL") && !required("CI"),
                "{EMULATOR_HOST} is not set: run `cargo xtask test`, which starts an emulator"
            );
            eprintln!("skipped: {EMULATOR_HOST} is not set");
            None
        }
    }
}

/// Its Pub/Sub.
pub fn pubsub(host: &str) -> PubSub {
    PubSub::emulator(PROJECT, host).expect("host:port")
}

/// A name that no other test and no other run has used: an emulator keeps everything.
pub fn unique(what: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("after 1970").as_micros();
    format!("{what}-{}-{now}", std::process::id())
}

/// The settings by which servers use it, with topics of their own.
pub fn settings(host: &str) -> Vec<(&'static str, String)> {
    vec![
        ("BROKER", "pubsub".to_owned()),
        ("GCP_PROJECT_ID", PROJECT.to_owned()),
        ("PUBSUB_EMULATOR_HOST", host.to_owned()),
        ("PUBSUB_TOPIC", unique("orders")),
        ("PUBSUB_REFUSALS_TOPIC", unique("refusals")),
        ("PUBSUB_SHIPMENTS_TOPIC", unique("shipments")),
    ]
}
