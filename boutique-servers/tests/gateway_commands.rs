//! `boutique token` and `boutique gateway-spec`, as somebody with a configuration file runs them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use boutique_core::gateway::TokenPolicy;
use boutique_servers::cli::Cli;
use boutique_servers::exit::Failure;
use boutique_transport::http::exchange::{BoxExchange, InProcess};
use boutique_transport::jwt::{DevIssuer, JwksOptions, Verifier};
use boutique_transport::sources::SystemClock;
use clap::Parser;
use serde_json::Value;

fn boutique(config: &Path, command: &[&str]) -> Result<String, Failure> {
    let config = config.to_str().expect("a path");
    let words = [&["boutique"], command, &["--config", config]].concat();
    let mut out = Vec::new();
    Cli::try_parse_from(words)
        .expect("a command")
        .run(&mut out)?;
    Ok(String::from_utf8(out).expect("text"))
}

#[tokio::test]
async fn a_token_is_made_only_if_the_development_issuer_was_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let (config, key) = (folder.path().join("b.toml"), folder.path().join("dev.key"));
    let ask = [
        "token",
        "--user",
        "ada",
        "--scope",
        "checkout",
        "--scope",
        "carts:read x",
    ];

    for refused in [
        String::new(),
        "dev_issuer = false\n".to_owned(),
        "jwt_issuer = \"i\"\njwt_audience = \"a\"\njwt_jwks_url = \"https://i.example/\"\n"
            .to_owned(),
    ] {
        let text = format!("{refused}dev_key = {key:?}\n");
        fs::write(&config, text).expect("written");
        let failure = boutique(&config, &ask).expect_err("refused");
        assert_eq!(failure.code(), 2);
        let said = failure.to_string();
        assert!(
            said.starts_with("no token is made: ") && said.contains("BOUTIQUE_DEV_ISSUER=true"),
            "{said}"
        );
        assert!(!key.exists(), "nothing is left behind");
    }

    fs::write(&config, format!("dev_issuer = true\ndev_key = {key:?}\n")).expect("written");
    let token = boutique(&config, &ask).expect("a token");
    let policy = TokenPolicy::new(vec![DevIssuer::issuer("http://127.0.0.1")]);
    let keys = DevIssuer::open(&key).expect("the key").router();
    let verifier = Verifier::new(
        &policy.expect("a policy"),
        &BoxExchange::new(InProcess(keys)),
        Arc::new(SystemClock::default()),
        JwksOptions::default(),
    );
    let verified = verifier
        .expect("a verifier")
        .verify(token.trim())
        .await
        .expect("good");
    let caller = verified.userinfo();
    assert_eq!(caller.user_id.as_str(), "ada");
    assert!(
        ["checkout", "carts:read", "x"]
            .iter()
            .all(|it| caller.has(it))
    );
    assert!(!caller.has("carts:write"));
}

#[test]
fn the_document_names_the_issuer_and_the_upstreams_of_the_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("b.toml");
    fs::write(&config, "").expect("written");
    let ask = |format| ["gateway-spec", "--format", format];
    let failure = boutique(&config, &ask("openapi2")).expect_err("nobody issues tokens");
    let said = failure.to_string();
    assert!(
        ["JWT_ISSUER", "JWT_AUDIENCE", "JWT_JWKS_URL"]
            .iter()
            .all(|it| said.contains(it)),
        "{said}"
    );

    fs::write(&config, "dev_issuer = true\n").expect("written");
    let failure = boutique(&config, &ask("openapi3")).expect_err("its keys are nowhere");
    assert!(failure.to_string().contains("JWT_ISSUER"), "{failure}");

    let text = r#"
        jwt_issuer = "https://login.example"
        jwt_audience = "shop"
        jwt_jwks_url = "https://login.example/jwks"
        checkout_service_url = "https://checkout.example"
        oms_service_url = "https://oms.example"
    "#;
    fs::write(&config, text).expect("written");
    for (format, version) in [("openapi2", "swagger"), ("openapi3", "openapi")] {
        let document = boutique(&config, &ask(format)).expect("a document");
        let document: Value = serde_json::from_str(&document).expect("JSON");
        assert!(document[version].is_string());
        for told in [
            "https://login.example/jwks",
            "https://checkout.example",
            "https://oms.example",
        ] {
            assert!(
                document.to_string().contains(&format!("\"{told}\"")),
                "{told}"
            );
        }
        assert!(document["paths"]["/v1/carts/{userId}/items"]["post"].is_object());
    }
}
