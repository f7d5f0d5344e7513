//! Kubernetes' own schemas, which a package of Python's registry carries.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::cloud_run::{SERVICES, pod};
use super::gke::{OVERLAYS, applied, is_googles, text};
use super::support::{Ran, skip};

/// Where `cargo xtask test` says that the program is.
const VALIDATE: &str = "KUBERNETES_VALIDATE";

#[test]
fn kubernetes_schemas_take_every_object_and_know_every_field() {
    let Some(program) = std::env::var_os(VALIDATE) else {
        skip(&format!(
            "{VALIDATE} is not set: run `cargo xtask test`, which installs it"
        ));
        return;
    };
    let mut objects: Vec<Value> = SERVICES.iter().map(|(name, _)| pod(name)).collect();
    for overlay in OVERLAYS {
        objects.extend(applied(overlay));
    }
    objects.retain(|it| !is_googles(it));
    let mut documents = String::new();
    for object in &objects {
        let _ = writeln!(documents, "---\n{object}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("objects.yaml");
    fs::write(&file, documents).expect("written");
    let judged = Command::new(program).arg("--strict").arg(&file).output();
    let judged = Ran::from(judged.expect("it runs"));
    let said = format!("{}{}", judged.stdout, judged.stderr);
    assert_eq!(judged.code, Some(0), "{said}");
    assert!(!said.contains("find schema"), "{said}");
    let passed = said.matches(" passed for resource ").count();
    assert_eq!(passed, objects.len(), "{said}");
    assert!(objects.iter().any(|it| text(it, "/kind") == "Pod"));
}
