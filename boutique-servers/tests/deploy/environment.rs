//! The environment of every server in every folder.

use std::collections::BTreeMap;

use boutique_servers::config::Server;
use serde_json::Value;

use super::files::{at, document, env_file, items, text};

/// What one deployed server is told.
#[derive(Debug)]
pub(crate) struct Environment {
    /// Where that is said.
    pub(crate) place: String,
    pub(crate) server: Server,
    pub(crate) variables: BTreeMap<String, String>,
    /// Folders that outlive it.
    pub(crate) kept: Vec<String>,
}

/// The server called `name`.
pub(crate) fn server(name: &str) -> Server {
    let found = Server::NINE.into_iter().find(|it| it.name() == name);
    found.unwrap_or_else(|| panic!("{name} is no server"))
}

/// All of them.
pub(crate) fn environments() -> Vec<Environment> {
    let mut all = machines();
    all.extend(composed());
    all.extend(services());
    all.extend(cluster());
    all
}

/// Those of virtual machines: the file of each, and what the unit says.
fn machines() -> Vec<Environment> {
    let unit = text("vm/boutique@.service");
    let said = unit
        .lines()
        .filter_map(|it| it.strip_prefix("Environment="));
    let said: Vec<(&str, &str)> = said.filter_map(|it| it.split_once('=')).collect();
    let machines = [
        ("vm/crm.env", "crm"),
        ("vm/inventory.env", "inventory"),
        ("vm/furniture.env", "furniture"),
        ("azure-vm/fraud.env", "fraud"),
    ];
    let environment = |(file, name): (&str, &str)| {
        let own = said.iter().map(|(key, value)| {
            let value = value.replace("%S", "/var/lib").replace("%i", name);
            ((*key).to_owned(), value)
        });
        Environment {
            place: file.to_owned(),
            server: server(name),
            variables: own.chain(env_file(file)).collect(),
            kept: vec![format!("/var/lib/boutique/{name}")],
        }
    };
    machines.map(environment).into()
}

/// What the image says to every container.
fn image() -> BTreeMap<String, String> {
    let text = text("Dockerfile");
    let lines = text.lines().filter_map(|it| it.strip_prefix("ENV "));
    let pairs = lines.flat_map(str::split_whitespace);
    let pairs = pairs.filter_map(|it| it.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => panic!("not a text, which Kubernetes and compose want: {other}"),
    }
}

/// Those of `compose.yaml`.
fn composed() -> Vec<Environment> {
    let compose = document("compose.yaml");
    let services = at(&compose, "/services", "compose.yaml").as_object();
    let services = services.expect("an object").iter();
    let ours = services.filter(|(name, _)| *name != "pubsub");
    let environment = |(name, service): (&String, &Value)| {
        let mut variables = image();
        let said = service.pointer("/environment").and_then(Value::as_object);
        let said = said.into_iter().flatten();
        variables.extend(said.map(|(name, value)| (name.clone(), word(value))));
        let kept = items(service, "/volumes").iter().map(word);
        let kept = kept.filter_map(|it| Some(it.split(':').nth(1)?.to_owned()));
        Environment {
            place: format!("compose.yaml: {name}"),
            server: server(name),
            variables,
            kept: kept.collect(),
        }
    };
    ours.map(environment).collect()
}

/// Those of Cloud Run.
fn services() -> Vec<Environment> {
    let environment = |name: &str| {
        let file = format!("cloud-run/{name}.yaml");
        let service = document(&file);
        let pod = at(&service, "/spec/template/spec", &file);
        let container = at(pod, "/containers/0", &file);
        let mut variables = image();
        let port = at(container, "/ports/0/containerPort", &file);
        // Cloud Run says so by itself, and refuses to be told.
        variables.insert("PORT".to_owned(), port.to_string());
        for it in items(container, "/env") {
            let name = word(at(it, "/name", &file));
            assert_ne!(name, "PORT", "{file}: Cloud Run sets it");
            variables.insert(name, word(at(it, "/value", &file)));
        }
        let mounts = items(container, "/volumeMounts").iter();
        Environment {
            server: server(name),
            variables,
            kept: mounts.map(|it| word(at(it, "/mountPath", &file))).collect(),
            place: file,
        }
    };
    ["oms", "accounting", "warehouse"].map(environment).into()
}

/// Those of the cluster: what the base says and what the example adds.
fn cluster() -> Vec<Environment> {
    let environment = |(name, files): (&str, &[&str])| {
        let mut variables = image();
        variables.extend(files.iter().flat_map(|it| env_file(it)));
        let literals = document("gke/overlays/all-gke/kustomization.yaml");
        // The gateway's are for a shop that is in the cluster as a whole.
        for map in items(&literals, "/configMapGenerator").iter().skip(1) {
            if map["name"] == name {
                let said = items(map, "/literals").iter().map(word);
                variables.extend(said.filter_map(|it| {
                    let (name, value) = it.split_once('=')?;
                    Some((name.to_owned(), value.to_owned()))
                }));
            }
        }
        let stateless = name == "gateway";
        Environment {
            place: files.join(", "),
            server: server(name),
            variables,
            kept: match stateless {
                true => Vec::new(),
                false => vec!["/var/lib/boutique".to_owned()],
            },
        }
    };
    let all: [(&str, &[&str]); 5] = [
        (
            "gateway",
            &["gke/base/gateway.env", "gke/overlays/example/gateway.env"],
        ),
        (
            "checkout",
            &["gke/base/checkout.env", "gke/overlays/example/checkout.env"],
        ),
        ("oms", &["gke/orders/oms.env"]),
        ("accounting", &["gke/orders/accounting.env"]),
        ("warehouse", &["gke/orders/warehouse.env"]),
    ];
    all.map(environment).into()
}
