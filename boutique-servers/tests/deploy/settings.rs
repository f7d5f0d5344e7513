//! What servers are told is what they read, and what they need they are told.

use std::collections::BTreeSet;

use boutique_servers::config::table::{self, Setting};
use boutique_servers::config::{
    AccountingConfig, CheckoutConfig, Configured, CrmConfig, Form, FraudConfig, GatewayConfig,
    OmsConfig, Reader, Server, Source, StockConfig, WarehouseConfig,
};

use super::environment::{Environment, environments};
use super::files::all;

/// Which settings the server reads, and what is wrong with what it is told.
fn read(environment: &Environment) -> (Vec<Setting>, Vec<String>) {
    fn of<T: Configured>(server: Server, source: &Source) -> (Vec<Setting>, Vec<String>) {
        let mut reader = Reader::new(server, source);
        T::read(&mut reader);
        let settings = reader.settings().to_vec();
        let errors = reader.finish().err();
        (settings, errors.map_or_else(Vec::new, |it| it.errors))
    }
    let variables = environment.variables.iter();
    let variables = variables.map(|(name, value)| (name.into(), value.into()));
    let source = Source::parse("", variables).expect("no file");
    let server = environment.server;
    match server {
        Server::Gateway => of::<GatewayConfig>(server, &source),
        Server::Checkout => of::<CheckoutConfig>(server, &source),
        Server::Crm => of::<CrmConfig>(server, &source),
        Server::Inventory | Server::Furniture => of::<StockConfig>(server, &source),
        Server::Fraud => of::<FraudConfig>(server, &source),
        Server::Oms => of::<OmsConfig>(server, &source),
        Server::Accounting => of::<AccountingConfig>(server, &source),
        Server::Warehouse => of::<WarehouseConfig>(server, &source),
        Server::Boutique => panic!("not deployed"),
    }
}

/// Where a managed broker delivers, nobody has to know where order management is.
fn is_needless(environment: &Environment, setting: &Setting) -> bool {
    let managed = environment.variables.get("BROKER");
    setting.name == "OMS_SERVICE_URL"
        && environment.server != Server::Gateway
        && managed.is_some_and(|it| it == "pubsub")
}

#[test]
fn every_variable_is_one_that_its_server_reads_and_takes() {
    for environment in environments() {
        let Environment { place, .. } = &environment;
        let (settings, errors) = read(&environment);
        assert!(errors.is_empty(), "{place}: {errors:?}");
        for name in environment.variables.keys() {
            let known = settings
                .iter()
                .any(|it| it.name == name || it.alias == Some(name));
            assert!(known, "{place}: the server does not read {name}");
        }
    }
}

#[test]
fn what_defaults_cannot_know_is_said() {
    for environment in environments() {
        let Environment {
            place,
            server,
            variables,
            kept,
        } = &environment;
        let said = |setting: &Setting| {
            let alias = setting.alias.and_then(|it| variables.get(it));
            variables.get(setting.name).or(alias)
        };
        let (settings, _) = read(&environment);
        for setting in settings {
            // Other servers are elsewhere, and whoever asks comes from elsewhere.
            let elsewhere = setting.name == "HOST" || setting.form == Form::Url;
            let has_default = setting.default.is_some();
            if elsewhere && has_default && !is_needless(&environment, &setting) {
                let value = said(&setting);
                let value = value.unwrap_or_else(|| panic!("{place}: no {}", setting.name));
                let near = ["127.", "localhost", "[::1]"];
                let near = near.iter().any(|it| value.contains(it));
                assert!(!near, "{place}: {}={value} is itself", setting.name);
            }
            if setting.name == "BOUTIQUE_STORE" {
                let value = said(&setting).map_or("", String::as_str);
                let path = value.strip_prefix("sqlite:").unwrap_or_default();
                let durable = kept.iter().any(|it| path.starts_with(&format!("{it}/")));
                assert!(durable, "{place}: {value:?} is not on {kept:?}");
            }
        }
        for (name, default) in [
            ("PORT", server.default_port()),
            ("ADMIN_PORT", server.default_port() + 1_000),
        ] {
            let value = variables.get(name);
            let standard = default.to_string();
            assert!(
                value.is_none_or(|it| *it == standard),
                "{place}: {name} is {value:?}, elsewhere it is {standard}"
            );
        }
    }
}

/// Settings that no deployment here says although they have no default, and why.
const UNSAID: [(&str, &str); 10] = [
    ("AUDIT_DATA", "for servers whose files are in one folder"),
    ("WAREHOUSE", "for one machine; here BigQuery is written"),
    ("PUSH_KEY", "for servers on one machine"),
    ("BOUTIQUE_DEV_KEY", "beside the data of whoever tries it"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "whoever has a collector"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "a secret of theirs"),
    ("PUBSUB_DEAD_TOPIC", "it follows from the topic"),
    ("PUBSUB_SUBSCRIPTION", "it follows from its topic"),
    ("PUBSUB_DEAD_SUBSCRIPTION", "it follows from its topic"),
    ("PUBSUB_SHIPMENTS_SUBSCRIPTION", "it follows from its topic"),
];

#[test]
fn every_setting_without_a_default_is_said_somewhere_or_left_out_for_a_reason() {
    let environments = environments();
    let said: BTreeSet<&str> = environments
        .iter()
        .flat_map(|it| it.variables.keys().map(String::as_str))
        .collect();
    for setting in table::ALL {
        let name = setting.name;
        let left_out = UNSAID.iter().any(|(it, _)| *it == name);
        let said = said.contains(name);
        assert!(!(left_out && said), "{name} is said: take it off the list");
        let fine = setting.default.is_some() || said || left_out;
        assert!(fine, "{name} is nowhere in deploy/");
    }
}

/// Words in capitals that are no settings: of systemd and of the provider of terraform.
const OTHERS: [&str; 12] = [
    "AF_INET",
    "AF_INET6",
    "AF_UNIX",
    "ALL_SUBNETWORKS_ALL_IP_RANGES",
    "ALL_TRAFFIC",
    "AUTO_ONLY",
    "EXECUTION_ENVIRONMENT_GEN2",
    "INGRESS_TRAFFIC_INTERNAL_ONLY",
    "KEEP_AUTO_SNAPSHOTS",
    "MODE_IPV4",
    "NO_ROOT_SQUASH",
    "READ_WRITE",
];

/// A document or a comment that names a variable names one that exists.
#[test]
fn every_variable_in_any_text_is_a_setting() {
    let known: BTreeSet<&str> = table::ALL
        .iter()
        .flat_map(|it| [Some(it.name), it.alias])
        .flatten()
        .collect();
    let mut seen = 0;
    // What is derived is SQL, and has words of its own.
    let written = all()
        .into_iter()
        .filter(|(file, _)| !file.ends_with(".json"));
    for (file, text) in written {
        let words = text.split(|it: char| !(it.is_ascii_alphanumeric() || it == '_'));
        let capitals = |it: &&str| {
            let fine = |it: char| it.is_ascii_uppercase() || it.is_ascii_digit() || it == '_';
            it.contains('_')
                && it.starts_with(|it: char| it.is_ascii_uppercase())
                && it.chars().all(fine)
        };
        for word in words.filter(capitals) {
            let fine = known.contains(word) || OTHERS.contains(&word);
            assert!(fine, "{file}: {word} is no setting");
            seen += 1;
        }
    }
    assert!(seen > 50, "the texts name settings: {seen} seen");
}
