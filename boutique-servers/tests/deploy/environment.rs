//! The environment of every server in every folder.

use std::collections::BTreeMap;

use boutique_servers::config::Server;

use super::files::{env_file, text};

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
    machines()
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
