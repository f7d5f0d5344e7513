//! Configuration: everything that is wrong is told at once, no value is told, and the
//! documentation has every setting.

mod support;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use boutique_core::assembly::Topology;
use boutique_core::checkout::DependencyPolicy;
use boutique_servers::config::{
    AccountingConfig, Broker, CheckoutConfig, ConfigError, Configured, CrmConfig, Form,
    FraudConfig, GatewayConfig, Jwt, OmsConfig, Program, Reader, Server, Source, StockConfig,
    StoreUrl, UpConfig, WarehouseConfig, read, table,
};
use support::root;

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

fn of<T: Configured>(
    server: Server,
    file: &str,
    environment: &[(&str, &str)],
) -> Result<T, ConfigError> {
    let source = Source::parse(file, variables(environment)).expect("TOML");
    read(server, &source)
}

#[track_caller]
fn errors<T: Configured>(server: Server, file: &str, environment: &[(&str, &str)]) -> Vec<String> {
    match of::<T>(server, file, environment) {
        Ok(_) => panic!("nothing is wrong"),
        Err(error) => error.errors,
    }
}

#[test]
fn servers_find_one_another_on_one_machine_without_configuration() {
    let checkout: CheckoutConfig = of(Server::Checkout, "", &[]).expect("no configuration");
    assert_eq!(checkout.common.serving.api().to_string(), "127.0.0.1:8081");
    assert_eq!(
        checkout.common.serving.admin().to_string(),
        "127.0.0.1:9081"
    );
    assert_eq!(checkout.crm.as_str(), "http://127.0.0.1:8082/");
    assert_eq!(
        checkout.store.url,
        StoreUrl::Sqlite("boutique-checkout.db".into())
    );
    let ports: Vec<u16> = Server::NINE.iter().map(|it| it.default_port()).collect();
    assert_eq!(ports, (8080..=8088).collect::<Vec<_>>());
}

#[test]
fn the_environment_wins_over_a_servers_table_and_that_over_the_file() {
    let file = "log_level = \"debug\"\nport = 9000\nrequest_timeout = \"3s\"\n\
                [crm]\nport = 9001\nstore = \"memory:\"\n[checkout]\nhedge = true";
    let crm: CrmConfig = of(
        Server::Crm,
        file,
        &[("REQUEST_TIMEOUT", "4s"), ("ADMIN_PORT", "")],
    )
    .expect("fits");
    assert_eq!(crm.common.serving.port, 9001);
    assert_eq!(crm.common.serving.admin_port, 10_001);
    assert_eq!(crm.common.serving.request_timeout.as_secs(), 4);
    assert_eq!(crm.store.url, StoreUrl::Memory);
    let fraud: FraudConfig = of(Server::Fraud, file, &[("PORT", "65535")]).expect("fits");
    assert_eq!(fraud.common.serving.admin_port, 64_535);
}

#[test]
fn names_of_existing_deployments_are_understood() {
    let names = [
        ("GCP_CRM_URL", "https://crm.example"),
        ("GCP_INVENTORY_URL", "https://inventory.example"),
        ("GCP_FURNITURE_URL", "https://furniture.example"),
        ("AZURE_ANALYTICS_URL", "https://fraud.example/base"),
        ("FRAUD_POLICY", "fail_open_below:20 EUR"),
    ];
    let checkout: CheckoutConfig = of(Server::Checkout, "", &names).expect("fits");
    assert_eq!(checkout.crm.as_str(), "https://crm.example/");
    assert_eq!(checkout.fraud.as_str(), "https://fraud.example/base");
    assert!(matches!(
        checkout.policy.settings().policies.fraud,
        DependencyPolicy::FailOpenBelow(_)
    ));
    let both = [("GCP_CRM_URL", "http://a"), ("CRM_SERVICE_URL", "http://b")];
    assert_eq!(
        errors::<AccountingConfig>(Server::Accounting, "", &both),
        ["CRM_SERVICE_URL and GCP_CRM_URL are the same setting and differ: remove one"]
    );
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_its_name_and_a_remedy() {
    let file = "stor = \"memory:\"\nhost = [\"x\"]\n\
                [gateway]\nretries = 9\nopening_stock = 5\n[warehuose]\nport = 1\n[crm]\nprot = 1";
    let environment = [
        ("PORT", "80800"),
        ("REQUEST_TIMEOUT", "10"),
        ("CHECKOUT_SERVICE_URL", "127.0.0.1:8081"),
        ("JWT_AUDIENCE", "shop"),
        ("DRAIN_WAIT", "10s"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "secret-without-name"),
    ];
    let errors = errors::<GatewayConfig>(Server::Gateway, file, &environment);
    let expected = [
        "PORT: must be a port, 1 to 65535: correct it, or unset it and set the key port",
        "key host of the file: must be an IP address, such as 127.0.0.1: correct it, or set HOST",
        "REQUEST_TIMEOUT: must be a time such as 250ms, 10s or 15m, 10ms to 1h: correct it, or unset it and set the key request_timeout",
        "DRAIN_WAIT must be shorter than DRAIN_LIMIT: lower the one or raise the other",
        "OTEL_EXPORTER_OTLP_HEADERS: must be name=value,name=value: correct it",
        "JWT_ISSUER, key jwt_issuer: is missing: set it to the issuer of your tokens, or accept those of this machine with BOUTIQUE_DEV_ISSUER=true",
        "JWT_JWKS_URL, key jwt_jwks_url: is missing: set it to where their issuer publishes its keys, or accept those of this machine with BOUTIQUE_DEV_ISSUER=true",
        "CHECKOUT_SERVICE_URL: must be an http or https URL without query, such as http://127.0.0.1:8082: correct it, or unset it and set the key checkout_service_url",
        "key gateway.retries of the file: must be a whole number, 0 to 5: correct it, or set RETRIES",
        "key crm.prot of the file: there is no such setting: did you mean port?",
        "key gateway.opening_stock of the file: the gateway server does not read it: remove it",
        "key stor of the file: there is no such setting: did you mean store?",
        "key warehuose of the file: there is no such setting: did you mean warehouse?",
    ];
    assert_eq!(errors, expected);
}

#[test]
fn no_value_is_ever_told() {
    const CANARY: &str = "canary-7f3a";
    let everything: Vec<(String, String)> = table::ALL
        .iter()
        .map(|it| (it.name.to_owned(), format!("{CANARY}\u{0}")))
        .collect();
    let pairs: Vec<(&str, &str)> = everything.iter().map(|(a, b)| (&**a, &**b)).collect();
    let told = [
        errors::<UpConfig>(Server::Boutique, "", &pairs),
        errors::<OmsConfig>(Server::Oms, "", &pairs),
        errors::<CheckoutConfig>(Server::Checkout, "", &pairs),
    ];
    assert!(told.iter().all(|it| it.len() > 10), "{told:?}");
    assert!(!format!("{told:?}").contains(CANARY));
    let broken = format!("port = 1\nkey = {CANARY}");
    let Err(error) = Source::parse(&broken, []) else {
        panic!("that is no TOML")
    };
    assert!(
        error.contains("line 2") && !error.contains(CANARY),
        "{error}"
    );
    let headers = [("OTEL_EXPORTER_OTLP_HEADERS", "authorization=canary-7f3a")];
    let fine: CrmConfig = of(Server::Crm, "", &headers).expect("fits");
    assert_eq!(fine.common.traces.headers.len(), 1);
    assert!(!format!("{fine:?}").contains(CANARY));
}

#[test]
fn tokens_of_the_machine_are_accepted_only_when_asked_for_and_never_beside_an_issuer() {
    let own = [("BOUTIQUE_DEV_ISSUER", "1"), ("BOUTIQUE_DEV_KEY", "/k")];
    let gateway: GatewayConfig = of(Server::Gateway, "", &own).expect("fits");
    assert_eq!(gateway.jwt, Jwt::Development { key: "/k".into() });
    let both = [
        ("BOUTIQUE_DEV_ISSUER", "1"),
        ("JWT_ISSUER", "https://issuer.example"),
    ];
    let told = errors::<GatewayConfig>(Server::Gateway, "", &both);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("exclude each other"));
    let half = errors::<OmsConfig>(Server::Oms, "", &[("PUSH_AUDIENCE", "https://oms.example")]);
    assert!(
        half[0].starts_with("PUSH_ACCOUNT, key push_account: is missing"),
        "{half:?}"
    );
    let unsigned = [("PUSH_AUDIENCE", "https://oms.example")];
    let pushes: CheckoutConfig = of(Server::Checkout, "", &unsigned).expect("Google's broker");
    assert_eq!(pushes.push, None);
    let half = errors::<WarehouseConfig>(Server::Warehouse, "", &[("PUSH_KEY", "push.key")]);
    assert!(half[0].starts_with("PUSH_AUDIENCE"), "{half:?}");
}

#[test]
fn events_travel_by_pubsub_only_when_told_so_and_by_names_that_follow_the_topics() {
    let own: CheckoutConfig =
        of(Server::Checkout, "", &[("GCP_PROJECT_ID", "shop-1")]).expect("fits");
    assert_eq!(own.broker, Broker::Own);
    let file = "broker = \"pubsub\"\ngcp_project_id = \"shop-1\"";
    let standard: OmsConfig = of(Server::Oms, file, &[("PUBSUB_PULL", "1")]).expect("fits");
    assert_eq!(standard.broker.topology(), Topology::default());
    let named = [
        ("PUBSUB_TOPIC", "sold"),
        ("PUBSUB_SHIPMENTS_SUBSCRIPTION", "carriers"),
    ];
    let named: CheckoutConfig = of(Server::Checkout, file, &named).expect("fits");
    let topology = named.broker.topology();
    assert_eq!(topology.orders_dead.to_string(), "sold-dead");
    assert_eq!(topology.dead_to_oms.to_string(), "sold-dead.oms");
    assert_eq!(topology.shipments_to_oms.to_string(), "carriers");
    let asked: Vec<_> = named.asks().iter().map(|it| it.name).collect();
    assert_eq!(asked, ["crm", "inventory", "furniture", "fraud"]);

    let pubsub = ("BROKER", "pubsub");
    for (told, begin) in [
        (
            errors::<CheckoutConfig>(Server::Checkout, "", &[pubsub]),
            "GCP_PROJECT_ID, key gcp_project_id: is missing",
        ),
        (
            errors::<OmsConfig>(Server::Oms, "", &[("PUBSUB_PULL", "true")]),
            "PUBSUB_PULL needs BROKER=pubsub",
        ),
        (
            errors::<WarehouseConfig>(Server::Warehouse, file, &[("PUBSUB_CREATE", "true")]),
            "PUBSUB_CREATE is for the emulator",
        ),
        (
            errors::<CheckoutConfig>(Server::Checkout, file, &[("PUBSUB_TOPIC", "a/b")]),
            "PUBSUB_TOPIC: must be a name of Pub/Sub",
        ),
        (
            errors::<OmsConfig>(
                Server::Oms,
                file,
                &[
                    ("PUSH_KEY", "k"),
                    ("PUSH_AUDIENCE", "oms"),
                    ("PUSH_ACCOUNT", "a@b"),
                ],
            ),
            "PUSH_KEY and BROKER=pubsub exclude each other",
        ),
        (
            errors::<UpConfig>(
                Server::Boutique,
                "",
                &[pubsub, ("BOUTIQUE_DEV_ISSUER", "1")],
            ),
            "BROKER=pubsub is for servers that are processes of their own",
        ),
    ] {
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with(begin), "{told:?}");
    }
}

#[test]
fn every_default_has_the_form_of_its_setting() {
    for setting in table::ALL {
        let fits = setting.default.is_none_or(|it| setting.form.fits(it));
        assert!(fits, "{}", setting.name);
    }
    let dev = [("BOUTIQUE_DEV_ISSUER", "1")];
    assert!(of::<UpConfig>(Server::Boutique, "", &dev).is_ok());
}

fn settings_of<T: Configured>(server: Server) -> (Server, Vec<&'static str>) {
    let source = Source::default();
    let mut reader = Reader::new(server, &source);
    T::read(&mut reader);
    (server, reader.settings().iter().map(|it| it.name).collect())
}

/// What each server reads.
fn readers() -> BTreeMap<Server, Vec<&'static str>> {
    [
        settings_of::<GatewayConfig>(Server::Gateway),
        settings_of::<CheckoutConfig>(Server::Checkout),
        settings_of::<CrmConfig>(Server::Crm),
        settings_of::<StockConfig>(Server::Inventory),
        settings_of::<StockConfig>(Server::Furniture),
        settings_of::<FraudConfig>(Server::Fraud),
        settings_of::<OmsConfig>(Server::Oms),
        settings_of::<AccountingConfig>(Server::Accounting),
        settings_of::<WarehouseConfig>(Server::Warehouse),
        settings_of::<UpConfig>(Server::Boutique),
    ]
    .into()
}

/// The table of `docs/configuration.md`.
fn documented() -> String {
    let readers = readers();
    let mut rows = String::from(
        "| variable | key | default | what it does | form | read by |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for it in table::ALL {
        let by: Vec<&str> = readers
            .iter()
            .filter(|(_, read)| read.contains(&it.name))
            .map(|(server, _)| server.name())
            .collect();
        assert!(!by.is_empty(), "nobody reads {}", it.name);
        let by = if by.len() == readers.len() {
            "all".to_owned()
        } else {
            by.join(", ")
        };
        let alias = it.alias.map_or_else(String::new, |it| format!(", `{it}`"));
        let default = it.default.map_or_else(String::new, |it| format!("`{it}`"));
        let form = match it.form {
            Form::OneOf(words) => words
                .iter()
                .map(|it| format!("`{it}`"))
                .collect::<Vec<_>>()
                .join(" or "),
            form => form.to_string(),
        };
        rows.push_str(&format!(
            "| `{}`{alias} | `{}` | {default} | {} | {form} | {by} |\n",
            it.name,
            it.key(),
            it.what
        ));
    }
    rows
}

#[test]
fn the_documentation_has_every_setting() {
    let path = root().join("docs/configuration.md");
    let text = std::fs::read_to_string(&path).expect("docs/configuration.md");
    let table = documented();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        update(&path, &text, &table);
        return;
    }
    assert!(
        text.contains(&table),
        "the table is not the one of the code: UPDATE_DOCS=1 cargo test -p boutique-servers --test config"
    );
}

fn update(path: &Path, text: &str, table: &str) {
    let mut lines: Vec<&str> = text.lines().filter(|it| !it.starts_with('|')).collect();
    let at = lines
        .iter()
        .position(|it| it.contains("<!-- settings -->"))
        .expect("the mark");
    lines.insert(at + 2, table.trim_end());
    std::fs::write(path, lines.join("\n") + "\n").expect("written");
}
