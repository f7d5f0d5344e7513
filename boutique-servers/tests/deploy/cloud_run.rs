//! The services of Cloud Run.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use boutique_core::assembly::Ports;
use boutique_servers::config::Server;
use boutique_servers::parts::{Making, crm};
use boutique_transport::http::api::Limits;
use boutique_transport::http::gate::GateSize;
use boutique_transport::sources::{NamedIds, SystemClock};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::environment::server;
use super::files::{at, document, items};
use super::gke::text;

/// The servers that are there, and whether they do something between requests.
pub(crate) const SERVICES: [(&str, bool); 3] =
    [("oms", true), ("accounting", false), ("warehouse", true)];

/// The service as it is in its file.
pub(crate) fn service(name: &str) -> Value {
    document(&format!("cloud-run/{name}.yaml"))
}

/// Its pod as Kubernetes would have it: Cloud Run's is the same, and two fields more.
pub(crate) fn pod(name: &str) -> Value {
    let mut spec = at(&service(name), "/spec/template/spec", name).clone();
    let fields = spec.as_object_mut().expect("an object");
    for own in ["containerConcurrency", "timeoutSeconds"] {
        let number = fields.remove(own).and_then(|it| it.as_u64());
        assert!(number.is_some(), "{name}: {own}");
    }
    // Cloud Run names its one container itself.
    fields["containers"][0]["name"] = json!(name);
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
}

/// What a server answers at `path` of its API.
async fn answered(path: &str) -> StatusCode {
    let clock = Arc::new(SystemClock::default());
    let ports = Ports::memory(clock.clone(), Arc::new(NamedIds));
    let making = Making {
        limits: Limits {
            longest: Duration::from_secs(10),
            body: 1 << 10,
        },
        admission: GateSize {
            concurrency: 1,
            queue: 1,
            reserved: 0,
        },
        clock,
    };
    let part = crm(ports.customers, ports.ids, &making);
    let request = Request::get(path).body(Body::empty()).expect("a request");
    let answer = part.router.oneshot(request).await.expect("infallible");
    answer.status()
}

#[tokio::test]
async fn every_service_runs_its_server_with_its_port_and_probes() {
    assert_eq!(answered("/health").await, StatusCode::OK);
    for (name, works) in SERVICES {
        let service = service(name);
        assert_eq!(text(&service, "/apiVersion"), "serving.knative.dev/v1");
        assert_eq!(text(&service, "/kind"), "Service");
        assert_eq!(text(&service, "/metadata/name"), format!("boutique-{name}"));
        let container = at(&service, "/spec/template/spec/containers/0", name);
        assert_eq!(text(container, "/command/0"), format!("boutique-{name}"));
        let port = u64::from(server(name).default_port());
        assert_eq!(
            container["ports"],
            json!([{"name": "http1", "containerPort": port}])
        );
        for probe in ["startupProbe", "livenessProbe"] {
            let get = at(container, &format!("/{probe}/httpGet"), name);
            assert_eq!(*get, json!({"path": "/health", "port": port}), "{name}");
        }
        let annotation =
            |of: &str, it: &str| text(&service, &format!("{of}/annotations/{it}")).to_owned();
        let template = |it| annotation("/spec/template/metadata", it);
        // What works between requests needs a processor then, and an instance.
        let throttled = template("run.googleapis.com~1cpu-throttling");
        assert_eq!(throttled, (!works).to_string(), "{name}");
        let least = template("autoscaling.knative.dev~1minScale");
        assert_eq!(least, if works { "1" } else { "0" }, "{name}");
        // One file, one process.
        assert_eq!(template("autoscaling.knative.dev~1maxScale"), "1", "{name}");
        // Nobody checks who asks, so nobody may from outside.
        let ingress = annotation("/metadata", "run.googleapis.com~1ingress");
        assert_eq!(ingress, "internal", "{name}");
        let interfaces = template("run.googleapis.com~1network-interfaces");
        let interfaces: Value = serde_json::from_str(&interfaces).expect("JSON");
        assert!(interfaces[0]["subnetwork"].is_string(), "{name}");
        let volumes = items(&service, "/spec/template/spec/volumes");
        let mounts = items(container, "/volumeMounts");
        assert_eq!((volumes.len(), mounts.len()), (1, 1), "{name}");
        assert_eq!(volumes[0]["name"], mounts[0]["name"]);
    }
}

/// Cloud Run kills 10 s after it has asked a server to end, and sends no requests meanwhile.
#[test]
fn servers_on_cloud_run_keep_to_its_drain() {
    for (name, _) in SERVICES {
        let container = at(&service(name), "/spec/template/spec/containers/0", name).clone();
        let told: Vec<&str> = items(&container, "/env")
            .iter()
            .map(|it| text(it, "/name"))
            .collect();
        assert!(
            !told.contains(&"DRAIN_WAIT") && !told.contains(&"DRAIN_LIMIT"),
            "{name}"
        );
    }
    let default = |name: &str| {
        let mut all = boutique_servers::config::table::ALL.iter();
        all.find(|it| it.name == name).and_then(|it| it.default)
    };
    assert_eq!(default("DRAIN_WAIT"), Some("0s"));
    assert_eq!(default("DRAIN_LIMIT"), Some("9s"));
}

/// Services know one another by the addresses that Cloud Run gives them.
#[test]
fn services_ask_the_services_that_are_there() {
    let mut asked = 0;
    for (name, _) in SERVICES {
        let container = at(&service(name), "/spec/template/spec/containers/0", name).clone();
        for variable in items(&container, "/env") {
            let (key, value) = (text(variable, "/name"), text(variable, "/value"));
            let Some(wanted) = key.strip_suffix("_SERVICE_URL") else {
                continue;
            };
            let wanted = wanted.to_ascii_lowercase();
            let on_cloud_run = SERVICES.iter().any(|(it, _)| *it == wanted);
            let start = if on_cloud_run {
                format!("https://boutique-{wanted}-")
            } else {
                let port = Server::NINE.into_iter().find(|it| it.name() == wanted);
                let port = port.expect("a server").default_port();
                format!("http://{wanted}.boutique.internal:{port}")
            };
            assert!(value.starts_with(&start), "{name}: {key}={value}");
            asked += 1;
        }
    }
    assert_eq!(asked, 5);
}
