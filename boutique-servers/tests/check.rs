//! `--check` of every program: what is right, what is wrong and what is missing, by exit code and
//! by what is said. Nothing is made or started.

use std::path::Path;
use std::process::{Command, Output};

use boutique_servers::config::Server;

/// The nine programs.
const PROGRAMS: [(Server, &str); 9] = [
    (Server::Gateway, env!("CARGO_BIN_EXE_boutique-gateway")),
    (Server::Checkout, env!("CARGO_BIN_EXE_boutique-checkout")),
    (Server::Crm, env!("CARGO_BIN_EXE_boutique-crm")),
    (Server::Inventory, env!("CARGO_BIN_EXE_boutique-inventory")),
    (Server::Furniture, env!("CARGO_BIN_EXE_boutique-furniture")),
    (Server::Fraud, env!("CARGO_BIN_EXE_boutique-fraud")),
    (Server::Oms, env!("CARGO_BIN_EXE_boutique-oms")),
    (
        Server::Accounting,
        env!("CARGO_BIN_EXE_boutique-accounting"),
    ),
    (Server::Warehouse, env!("CARGO_BIN_EXE_boutique-warehouse")),
];

/// Where servers are, by setting.
const URLS: [&str; 8] = [
    "CHECKOUT_SERVICE_URL",
    "CRM_SERVICE_URL",
    "INVENTORY_SERVICE_URL",
    "FURNITURE_SERVICE_URL",
    "FRAUD_SERVICE_URL",
    "OMS_SERVICE_URL",
    "ACCOUNTING_SERVICE_URL",
    "WAREHOUSE_SERVICE_URL",
];

/// Tokens of somebody: only the gateway needs them, the others take no notice.
const TOKENS: [(&str, &str); 3] = [
    ("JWT_ISSUER", "https://issuer.example"),
    ("JWT_AUDIENCE", "shop"),
    ("JWT_JWKS_URL", "https://issuer.example/keys"),
];

/// Checks with nothing but this environment, in a folder that stays as it is.
fn check(program: &str, folder: &Path, env: &[(&str, &str)]) -> (Option<i32>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(program)
        .arg("--check")
        .current_dir(folder)
        .env_clear()
        .envs(env.iter().copied())
        .output()
        .expect("it runs");
    let left = std::fs::read_dir(folder).expect("there").count();
    assert_eq!(left, 0, "{program} leaves something behind");
    let said = [stdout, stderr].concat();
    (status.code(), String::from_utf8(said).expect("text"))
}

const fn asks_others(server: Server) -> bool {
    !matches!(
        server,
        Server::Crm | Server::Inventory | Server::Furniture | Server::Fraud
    )
}

/// A server that says it is well to whoever asks.
fn well() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    listener.set_nonblocking(true).expect("allowed");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let health = axum::routing::get(async || "{\"status\":\"healthy\"}");
            let router = axum::Router::new().route("/health", health);
            axum::serve(listener, router).await
        })
    });
    url
}

/// Where nobody listens, and nobody will as long as the socket is kept.
fn nobody() -> (tokio::net::TcpSocket, String) {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let url = format!("http://{}", socket.local_addr().expect("bound"));
    (socket, url)
}

fn with_urls<'a>(url: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let urls = URLS.iter().map(|name| (*name, url));
    urls.chain(TOKENS).chain(more.iter().copied()).collect()
}

#[test]
fn what_is_right_is_told_and_nothing_is_made() {
    let (folder, url) = (tempfile::tempdir().expect("a folder"), well());
    for (server, program) in PROGRAMS {
        let (code, said) = check(program, folder.path(), &with_urls(&url, &[]));
        assert_eq!(code, Some(0), "{said}");
        let right = format!("{}: the configuration is right", server.name());
        assert!(said.contains(&right), "{said}");
        assert_eq!(said.contains(&url), asks_others(server), "{said}");
    }
}

#[test]
fn servers_that_are_asked_and_are_not_there_are_named() {
    let (folder, (_kept, url)) = (tempfile::tempdir().expect("a folder"), nobody());
    for (server, program) in PROGRAMS {
        let (code, said) = check(program, folder.path(), &with_urls(&url, &[]));
        let expected = if asks_others(server) { 1 } else { 0 };
        assert_eq!(code, Some(expected), "{} {said}", server.name());
        assert_eq!(
            said.contains("no answer from"),
            asks_others(server),
            "{said}"
        );
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once_and_no_value() {
    let (folder, url) = (tempfile::tempdir().expect("a folder"), well());
    let wrong = [
        ("PORT", "canary-80800"),
        ("REQUEST_TIMEOUT", "canary-soon"),
        ("LOG_FORMAT", "canary-xml"),
        ("BOUTIQUE_CONFIG", ""),
    ];
    for (server, program) in PROGRAMS {
        let (code, said) = check(program, folder.path(), &with_urls(&url, &wrong));
        assert_eq!(code, Some(2), "{} {said}", server.name());
        for name in ["PORT", "REQUEST_TIMEOUT", "LOG_FORMAT"] {
            assert!(said.contains(name), "no {name} in {said}");
        }
        assert!(!said.contains("canary"), "{said}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    for (server, program) in PROGRAMS {
        let file = [("BOUTIQUE_CONFIG", "no-such-file.toml")];
        let (code, said) = check(program, folder.path(), &file);
        assert_eq!(code, Some(2), "{} {said}", server.name());
        assert!(said.contains("no-such-file.toml"), "{said}");
    }
    let (_, gateway) = PROGRAMS[0];
    let (code, said) = check(gateway, folder.path(), &[]);
    assert_eq!(code, Some(2), "{said}");
    for (name, _) in TOKENS {
        assert!(said.contains(name), "no {name} in {said}");
    }
}

/// Checks all nine at once, as `up --processes` would start them.
fn check_all(env: &[(&str, &str)]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let done = Command::new(env!("CARGO_BIN_EXE_boutique"))
        .args(["up", "--processes", "--dev-issuer", "--check"])
        .current_dir(folder.path())
        .env_clear()
        .envs(env.iter().copied())
        .output()
        .expect("it runs");
    let left = std::fs::read_dir(folder.path()).expect("there").count();
    assert_eq!(left, 0, "something is left behind");
    let said = [done.stdout, done.stderr].concat();
    (done.status.code(), String::from_utf8(said).expect("text"))
}

#[test]
fn nine_servers_are_checked_before_any_of_them_runs() {
    let (code, said) = check_all(&[("PORT", "23100")]);
    assert_eq!(code, Some(0), "{said}");
    for it in [
        "gateway: the configuration is right",
        "API on 127.0.0.1:23100, admin port on 127.0.0.1:24100",
        "warehouse: the configuration is right",
        "API on 127.0.0.1:23108, admin port on 127.0.0.1:24108",
    ] {
        assert!(said.contains(it), "no {it:?} in {said}");
    }
}

#[test]
fn what_nine_servers_cannot_follow_is_refused_by_name() {
    for (name, value) in [
        ("HOST", "0.0.0.0"),
        ("PORT", "65000"),
        ("ADMIN_PORT", "1234"),
        ("BOUTIQUE_STORE", "memory:"),
        ("IN_FLIGHT", "zz"),
    ] {
        let (code, said) = check_all(&[(name, value)]);
        assert_eq!(code, Some(2), "{name}: {said}");
        assert_eq!(said.matches(name).count(), 1, "{name}: {said}");
    }
    // What only one of them reads is found by that one.
    let (code, said) = check_all(&[("CRM_POLICY", "maybe")]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("not fit to run: checkout"), "{said}");
}
