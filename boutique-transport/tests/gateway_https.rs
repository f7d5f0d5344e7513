//! The gateway and an upstream that it reaches by TLS.
//!
//! Whom a process trusts is read from its environment, so the gateway is a process of its own:
//! this very program, told to run the one test that is the gateway.
#![cfg(feature = "jwt")]

mod jwt_support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use boutique_core::gateway::{Algorithm, RouteTable};
use boutique_transport::gateway::{Gateway, GatewayOptions, GatewayUpstream};
use boutique_transport::http::api::Limits;
use boutique_transport::http::edge::{EdgeSettings, Stack};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use jwt_support::{Endpoints, Watch, claims, ec, published, token, verifier};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tower::ServiceExt;

/// The folder of the upstream's certificate and key.
const FOLDER: &str = "BOUTIQUE_TEST_TLS";
/// What becomes of a request.
const STATUS: &str = "BOUTIQUE_TEST_STATUS";

#[test]
fn an_upstream_is_asked_by_tls_if_its_certificate_is_trusted_and_not_otherwise() {
    let folder = tempfile::tempdir().expect("a folder");
    let make = |name: &str, host: &str| {
        let made = rcgen::generate_simple_self_signed([host.to_owned()]).expect("a certificate");
        let file = folder.path().join(name);
        std::fs::write(file.with_extension("pem"), made.cert.pem()).expect("written");
        let key = made.signing_key.serialize_pem();
        std::fs::write(file.with_extension("key"), key).expect("written");
        file
    };
    make("upstream", "localhost");
    make("other", "localhost");
    for (trusted, status) in [("upstream.pem", "200"), ("other.pem", "503")] {
        let program = std::env::current_exe().expect("this program");
        let ran = Command::new(program)
            .args(["--exact", "the_gateway", "--ignored", "--nocapture"])
            .env("SSL_CERT_FILE", folder.path().join(trusted))
            .env(FOLDER, folder.path())
            .env(STATUS, status)
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success(), "{trusted}: {said}");
        assert!(said.contains("1 passed"), "{trusted}: {said}");
    }
}

/// Answers by TLS with what it is sent; how many requests it got.
async fn listening(folder: &Path) -> (u16, Arc<AtomicUsize>) {
    let certificate = CertificateDer::from_pem_file(folder.join("upstream.pem"));
    let key = PrivateKeyDer::from_pem_file(folder.join("upstream.key"));
    let config = ServerConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.expect("a certificate")],
            key.expect("a key"),
        );
    let acceptor = TlsAcceptor::from(Arc::new(config.expect("fits")));
    let got = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&got);
    let echo = Router::new().fallback(async move |request: Request<Body>| {
        count.fetch_add(1, Ordering::SeqCst);
        request.into_body()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, echo) = (acceptor.clone(), echo.clone());
            tokio::spawn(async move {
                // Who does not trust us hangs up.
                if let Ok(stream) = acceptor.accept(stream).await {
                    let service = TowerToHyperService::new(echo);
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                }
            });
        }
    });
    (port, got)
}

/// Not a test by itself.
#[tokio::test]
#[ignore = "is the gateway of the test above"]
async fn the_gateway() {
    let (Some(folder), Ok(expected)) = (std::env::var_os(FOLDER), std::env::var(STATUS)) else {
        return;
    };
    let (port, got) = listening(Path::new(&folder)).await;
    let stack = Stack::new("checkout", EdgeSettings::default());
    let base = format!("https://localhost:{port}").parse().expect("a URL");
    let upstream = GatewayUpstream::http(&base, Duration::from_secs(5), &stack);
    let upstreams = BTreeMap::from([
        ("checkout".to_owned(), upstream.expect("an upstream")),
        ("oms".to_owned(), GatewayUpstream::InProcess(Router::new())),
    ]);
    let key = ec();
    let endpoints = Endpoints::new(&[published(&key, "k1")]);
    let verifier = verifier(Algorithm::Es256, &endpoints, &Watch::new());
    let options = GatewayOptions::default();
    let gateway = Gateway::new(RouteTable::standard(), verifier, &upstreams, options);
    let router = gateway.expect("a gateway").server(Limits::default(), None);
    let mut claims = claims();
    claims["scope"] = "checkout".into();
    let bearer = format!("Bearer {}", token(&key, "k1", &claims));
    let request = Request::post("/v1/checkout")
        .header("authorization", bearer)
        .body(Body::from("an order"))
        .expect("a request");
    let Ok(answer) = router.oneshot(request).await;
    assert_eq!(answer.status().as_str(), expected);
    let body = answer
        .into_body()
        .collect()
        .await
        .expect("whole")
        .to_bytes();
    let reached = got.load(Ordering::SeqCst);
    if expected == StatusCode::OK.as_str() {
        assert_eq!((&*body, reached), (&b"an order"[..], 1));
    } else {
        assert_eq!(reached, 0, "nothing is sent to whoever is not trusted");
    }
}
