//! The terraform: its form and its references.
//!
//! `terraform validate` wants the providers, which cannot be had here: whether a resource takes
//! an argument is not tested.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::cloud_run::{SERVICES, service};
use super::environment::server;
use super::files::{all, at, deploy, items, text};
use super::support::{Ran, needs};

/// Every `.tf` file: its name and its text without comments.
fn sources() -> Vec<(String, String)> {
    let files = all().into_iter();
    let files = files.filter(|(name, _)| name.starts_with("terraform/") && name.ends_with(".tf"));
    files
        .map(|(name, text)| {
            let code = text.lines().filter(|it| !it.trim_start().starts_with('#'));
            (name, code.map(|it| format!("{it}\n")).collect())
        })
        .collect()
}

/// All files as one: expressions are texts, `${...}`.
pub(crate) fn whole() -> Value {
    let text: String = sources().into_iter().map(|(_, text)| text).collect();
    hcl::from_str(&text).unwrap_or_else(|error| panic!("terraform: {error}"))
}

fn keys(value: &Value, pointer: &str) -> BTreeSet<String> {
    let found = value.pointer(pointer).and_then(Value::as_object);
    found
        .into_iter()
        .flatten()
        .map(|(key, _)| key.clone())
        .collect()
}

/// Every `locals` block's names.
fn locals(whole: &Value) -> BTreeSet<String> {
    match &whole["locals"] {
        Value::Array(blocks) => blocks.iter().flat_map(|it| keys(it, "")).collect(),
        block => keys(block, ""),
    }
}

/// A local by its name.
pub(crate) fn local<'a>(whole: &'a Value, name: &str) -> &'a Value {
    let found = match &whole["locals"] {
        Value::Array(blocks) => blocks.iter().find_map(|it| it.get(name)),
        block => block.get(name),
    };
    found.unwrap_or_else(|| panic!("there is no local {name}"))
}

#[test]
fn terraform_finds_the_files_formatted() {
    if !needs("terraform") {
        return;
    }
    let checked = Command::new("terraform")
        .args(["fmt", "-check", "-diff", "-recursive"])
        .arg(deploy().join("terraform"))
        .output();
    let checked = Ran::from(checked.expect("it runs"));
    assert_eq!(checked.code, Some(0), "{}", checked.stdout);
}

#[test]
fn every_reference_is_to_something_declared_and_everything_declared_is_referred_to() {
    let whole = whole();
    let (variables, locals) = (keys(&whole, "/variable"), locals(&whole));
    let mut used = BTreeSet::new();
    for (file, text) in sources() {
        let word = |it: char| it.is_ascii_alphanumeric() || "_.-".contains(it);
        for token in text.split(|it: char| !word(it)) {
            let mut parts = token.split('.');
            let (first, second) = (parts.next().unwrap_or_default(), parts.next());
            let Some(second) = second.filter(|it| !it.is_empty()) else {
                continue;
            };
            let declared = match first {
                "var" => variables.contains(second),
                "local" => locals.contains(second),
                "data" => {
                    let third = parts.next().unwrap_or_default();
                    whole.pointer(&format!("/data/{second}/{third}")).is_some()
                }
                _ if first.starts_with("google_") => whole
                    .pointer(&format!("/resource/{first}/{second}"))
                    .is_some(),
                _ => continue,
            };
            assert!(declared, "{file}: {token} is not declared");
            used.insert(format!("{first}.{second}"));
        }
    }
    for (kind, names) in [("var", variables), ("local", locals)] {
        for name in names {
            assert!(
                used.contains(&format!("{kind}.{name}")),
                "{kind}.{name} is for nothing"
            );
        }
    }
}

#[test]
fn a_machine_starts_with_everything_its_script_names() {
    let whole = whole();
    let script = text("terraform/startup.sh.tftpl");
    let named = script
        .split("${")
        .skip(1)
        .filter_map(|it| it.split('}').next());
    let named: BTreeSet<&str> = named.collect();
    let metadata = at(
        &whole,
        "/resource/google_compute_instance/machines/metadata",
        "machines",
    );
    let call = metadata["startup-script"].as_str().expect("a call");
    let given = call
        .split(['{', ',', '\n'])
        .filter_map(|it| it.split_once([':', '=']));
    let given: BTreeSet<&str> = given
        .map(|(name, _)| name.trim().trim_matches('"'))
        .collect();
    for name in named {
        assert!(given.contains(name), "{name} is not given: {call}");
    }
    for (name, machine) in local(&whole, "machines").as_object().expect("machines") {
        let port = machine["port"].as_u64();
        assert_eq!(port, Some(server(name).default_port().into()), "{name}");
        assert!(!text(&format!("vm/{name}.env")).is_empty());
    }
}

fn program(at: &Path, text: &str) {
    fs::write(at, format!("#!/bin/sh\nset -eu\n{text}\n")).expect("written");
    fs::set_permissions(at, fs::Permissions::from_mode(0o755)).expect("made a program");
}

/// A machine whose disk is there, and a bucket with two releases.
#[test]
fn a_machine_goes_back_to_the_release_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    for name in [
        "bin",
        "data",
        "opt",
        "bucket",
        "boutique/bin",
        "boutique/vm",
    ] {
        fs::create_dir_all(at(name)).expect("made");
    }
    fs::write(at("fstab"), "").expect("written");
    for name in ["blkid", "mountpoint"] {
        program(&at("bin").join(name), "");
    }
    program(&at("bin/gcloud"), "cat \"$BUCKET/${3##*/}\"");
    program(&at("boutique/vm/install.sh"), "cp \"$2\" \"$INSTALLED\"");
    let run = |command: &mut Command| Ran::from(command.output().expect("it runs")).succeeds();
    for release in ["0.1.0", "0.2.0"] {
        fs::write(at("boutique/bin/boutique-crm"), release).expect("written");
        run(Command::new("tar")
            .current_dir(folder.path())
            .arg("-czf")
            .arg(at("bucket").join(format!("boutique-{release}.tar.gz")))
            .arg("boutique"));
    }
    let here = |name: &str| at(name).to_string_lossy().into_owned();
    let script = text("terraform/startup.sh.tftpl")
        .replace("/opt", &here("opt"))
        .replace("/var/lib/boutique", &here("data"))
        .replace("/etc/fstab", &here("fstab"))
        .replace("${server}", "crm")
        .replace("${releases}", "a-bucket");
    let path = std::env::var("PATH").expect("a path");
    for release in ["0.1.0", "0.2.0", "0.1.0"] {
        run(Command::new("sh")
            .arg("-c")
            .arg(script.replace("${release}", release))
            .env("PATH", format!("{}:{path}", here("bin")))
            .env("BUCKET", at("bucket"))
            .env("INSTALLED", at("installed")));
        let installed = fs::read_to_string(at("installed"));
        assert_eq!(installed.expect("installed"), release);
    }
}

/// Two revisions at once are two processes on one file.
#[test]
fn a_service_is_made_anew_and_never_beside_itself() {
    let whole = whole();
    let service = "/resource/google_cloud_run_v2_service/orders";
    let service = at(&whole, service, "the services");
    let triggers = items(service, "/lifecycle/replace_triggered_by");
    assert!(
        triggers.contains(&"${terraform_data.orders[each.key]}".into()),
        "{triggers:?}"
    );
    let made_of = at(
        &whole,
        "/resource/terraform_data/orders/input",
        "a revision",
    );
    let container = at(service, "/template/containers", "a container");
    assert!(made_of.to_string().contains("var.image"), "{made_of}");
    assert_eq!(container["image"], "${var.image}");
    // Else it could not be taken away between two images.
    assert_eq!(service["deletion_protection"], false);
    let default = &whole["variable"]["orders_on"]["default"];
    assert_eq!(default, "gke", "whoever says nothing gets locks");
}

/// The services are made of their files, so what is read of them has to be in every one.
#[test]
fn what_is_read_of_the_services_files_is_in_them() {
    let source = text("terraform/run.tf");
    let mut read = 0;
    for (_, rest) in source
        .match_indices("each.value.")
        .map(|(at, _)| source.split_at(at))
    {
        let path = rest.trim_start_matches("each.value");
        let end = path.find(|it: char| !(it.is_ascii_alphanumeric() || "._-[]\"/".contains(it)));
        let path = &path[..end.unwrap_or(path.len())];
        let pointer = path
            .replace("[\"", ".\"")
            .replace("\"]", "\"")
            .replace('[', ".")
            .replace(']', "");
        // A key in quotes has dots of its own.
        let mut parts = pointer.split('"');
        let mut steps = parts.next().unwrap_or_default().replace('.', "/");
        if let Some(key) = parts.next() {
            steps.push_str(&key.replace('/', "~1"));
        }
        for (name, _) in SERVICES {
            at(&service(name), &steps, &format!("{name}: {path}"));
        }
        read += 1;
    }
    assert!(read > 15, "{read}");
    let whole = whole();
    for (name, _) in SERVICES {
        let container = at(&service(name), "/spec/template/spec/containers/0/env", name).clone();
        let known: BTreeSet<&str> = container
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|it| it["name"].as_str())
            .collect();
        for variable in keys(local(&whole, "run_environment"), &format!("/{name}")) {
            assert!(
                known.contains(&*variable),
                "{name}: its file does not name {variable}"
            );
        }
        let examples = ["boutique-example", "123456789012"];
        let said = keys(local(&whole, "run_environment"), &format!("/{name}"));
        for variable in container.as_array().expect("a list") {
            let value = variable["value"].as_str().unwrap_or_default();
            let example = examples.iter().any(|it| value.contains(it));
            let name = variable["name"].as_str().unwrap_or_default();
            assert!(
                !example || said.contains(name),
                "{name} stays an example: {value}"
            );
        }
    }
}
