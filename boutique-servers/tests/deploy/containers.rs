//! The image and the composition.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use boutique_servers::config::Server;
use serde_json::Value;

use super::files::{at, document, items, text};

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
    // Who is told `BROKER=pubsub` can do it.
    let features = lines.iter().find(|it| it.contains("--features"));
    assert!(features.is_some_and(|it| it.contains("pubsub")));
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

#[test]
fn the_composition_has_every_server_once_and_names_what_is_there() {
    let file = "compose.yaml";
    let compose = document(file);
    let services = at(&compose, "/services", file)
        .as_object()
        .expect("an object");
    let names: BTreeSet<&str> = services.keys().map(String::as_str).collect();
    let mut expected: BTreeSet<&str> = Server::NINE.iter().map(|it| it.name()).collect();
    expected.insert("pubsub");
    assert_eq!(names, expected);
    let known = [
        "build",
        "cap_drop",
        "command",
        "depends_on",
        "environment",
        "image",
        "ports",
        "read_only",
        "restart",
        "security_opt",
        "stop_grace_period",
        "volumes",
    ];
    for (name, service) in services {
        for key in service.as_object().expect("an object").keys() {
            assert!(
                known.contains(&key.as_str()),
                "{name}: {key} is no key we know"
            );
        }
        for needed in items(service, "/depends_on") {
            assert!(
                names.contains(needed.as_str().unwrap_or_default()),
                "{name}: {needed}"
            );
        }
        if name == "pubsub" {
            continue;
        }
        let command = items(service, "/command")[0].as_str();
        assert_eq!(command, Some(&*format!("boutique-{name}")));
        assert_eq!(service["read_only"], true, "{name}");
        for volume in items(service, "/volumes") {
            let volume = volume.as_str().and_then(|it| it.split(':').next());
            let declared = compose["volumes"].get(volume.unwrap_or_default());
            assert!(declared.is_some(), "{name}: {volume:?} is not declared");
        }
        addresses(name, &service["environment"]);
        // The development issuer signs for everybody who can reach it.
        for port in items(service, "/ports") {
            let port = port.as_str().unwrap_or_default();
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
        }
    }
    assert!(programs().contains("boutique-gateway"));
}

/// Every address names a server by the port that it has.
pub(crate) fn addresses(place: &str, environment: &Value) {
    let variables = environment.as_object().into_iter().flatten();
    for (name, value) in variables {
        if !name.ends_with("_SERVICE_URL") {
            continue;
        }
        let wanted = name.trim_end_matches("_SERVICE_URL").to_ascii_lowercase();
        let server = Server::NINE.into_iter().find(|it| it.name() == wanted);
        let server = server.unwrap_or_else(|| panic!("{place}: {name}"));
        let address = format!("http://{wanted}:{}", server.default_port());
        assert_eq!(value.as_str(), Some(&*address), "{place}: {name}");
    }
}
