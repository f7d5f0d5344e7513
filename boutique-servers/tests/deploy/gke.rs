//! The cluster: what kustomize makes of the folders.

use std::process::Command;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use boutique_servers::admin::Admin;
use boutique_servers::config::Server;
use serde_json::Value;
use tower::ServiceExt as _;

use super::environment::server;
use super::files::{at, deploy, items, yaml};
use super::support::{Ran, needs};

/// Every shop that is in the folder.
pub(crate) const OVERLAYS: [&str; 2] = ["example", "all-gke"];

/// What is applied; nothing, where kustomize cannot be had.
pub(crate) fn applied(overlay: &str) -> Vec<Value> {
    if !needs("kubectl") {
        return Vec::new();
    }
    let folder = deploy().join("gke/overlays").join(overlay);
    let built = Command::new("kubectl")
        .arg("kustomize")
        .arg(folder)
        .output();
    let built = Ran::from(built.expect("it runs")).succeeds();
    // A pod gets its settings by a map whose name has a hash: kustomize has replaced it.
    yaml(overlay, &built.stdout)
}

pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|it| it["kind"] == kind).collect()
}

fn named<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let mut found = of_kind(objects, kind).into_iter();
    let found = found.find(|it| text(it, "/metadata/name") == name);
    found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
}

fn seconds(text: &str) -> u64 {
    let number = text.strip_suffix('s').and_then(|it| it.parse().ok());
    number.unwrap_or_else(|| panic!("{text:?} is no number of seconds"))
}

/// Paths that probes may ask, because the program answers them.
async fn answered(path: &str) -> StatusCode {
    let admin = Admin::new(Server::Checkout, Vec::new(), Vec::new());
    let request = Request::get(path).body(Body::empty()).expect("a request");
    let answer = admin.router().oneshot(request).await.expect("infallible");
    answer.status()
}

#[tokio::test]
async fn every_pod_runs_its_server_with_its_ports_probes_and_time_to_drain() {
    for overlay in OVERLAYS {
        let objects = applied(overlay);
        let mut workloads = of_kind(&objects, "Deployment");
        workloads.extend(of_kind(&objects, "StatefulSet"));
        for workload in &workloads {
            let name = text(workload, "/metadata/name");
            let server = server(name);
            let pod = at(workload, "/spec/template/spec", name);
            let container = at(pod, "/containers/0", name);
            assert_eq!(text(container, "/command/0"), format!("boutique-{name}"));
            assert!(
                text(container, "/image").contains("/boutique/servers:"),
                "{name}"
            );
            let ports = items(container, "/ports").iter();
            let ports: Vec<_> = ports
                .map(|it| (text(it, "/name"), it["containerPort"].as_u64()))
                .collect();
            let api = u64::from(server.default_port());
            assert_eq!(ports, [("api", Some(api)), ("admin", Some(api + 1_000))]);
            for (probe, path) in [
                ("startupProbe", "/healthz"),
                ("livenessProbe", "/healthz"),
                ("readinessProbe", "/readyz"),
            ] {
                let get = at(container, &format!("/{probe}/httpGet"), name);
                assert_eq!(
                    (text(get, "/path"), text(get, "/port")),
                    (path, "admin"),
                    "{name}"
                );
                assert_eq!(answered(path).await, StatusCode::OK);
            }
            let map = text(container, "/envFrom/0/configMapRef/name");
            let told = at(named(&objects, "ConfigMap", map), "/data", name);
            let limit = seconds(text(told, "/DRAIN_LIMIT"));
            let wait = seconds(text(told, "/DRAIN_WAIT"));
            let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap_or(30);
            assert!(
                wait < limit && limit < grace,
                "{name}: {wait} {limit} {grace}"
            );
            let account = text(pod, "/serviceAccountName");
            let account = named(&objects, "ServiceAccount", account);
            assert!(
                !account.to_string().contains("PROJECT"),
                "{name}: nobody said whose"
            );
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{name}");
            assert_eq!(
                container["securityContext"]["readOnlyRootFilesystem"], true,
                "{name}"
            );
        }
        if !objects.is_empty() {
            let expected = if overlay == "example" { 2 } else { 5 };
            assert_eq!(workloads.len(), expected, "{overlay}");
        }
    }
}

/// Two processes on one file are refused each other's, so what has a file is never two pods.
#[test]
fn what_has_a_file_is_one_pod_with_a_volume_and_what_has_none_scales() {
    for overlay in OVERLAYS {
        let objects = applied(overlay);
        for set in of_kind(&objects, "StatefulSet") {
            let name = text(set, "/metadata/name");
            assert_eq!(set["spec"]["replicas"], 1, "{name}");
            let claim = at(set, "/spec/volumeClaimTemplates/0", name);
            assert_eq!(
                text(claim, "/spec/accessModes/0"),
                "ReadWriteOncePod",
                "{name}"
            );
            let mount = at(set, "/spec/template/spec/containers/0/volumeMounts/0", name);
            assert_eq!(text(claim, "/metadata/name"), text(mount, "/name"));
            let kept = text(
                set,
                "/spec/persistentVolumeClaimRetentionPolicy/whenDeleted",
            );
            assert_eq!(kept, "Retain", "{name}");
        }
        for scaler in of_kind(&objects, "HorizontalPodAutoscaler") {
            let target = at(scaler, "/spec/scaleTargetRef", "the autoscaler");
            let (kind, name) = (text(target, "/kind"), text(target, "/name"));
            let scaled = named(&objects, kind, name);
            assert_eq!(kind, "Deployment");
            assert!(
                scaled["spec"].get("replicas").is_none(),
                "{name}: two would say how many"
            );
        }
        for claimed in of_kind(&objects, "Deployment") {
            let pod = &claimed["spec"]["template"]["spec"];
            assert!(
                pod.get("volumes").is_none(),
                "it would be shared by several pods"
            );
        }
    }
}

#[test]
fn services_budgets_and_policies_are_about_pods_that_are_there() {
    for overlay in OVERLAYS {
        let objects = applied(overlay);
        let mut pods = of_kind(&objects, "Deployment");
        pods.extend(of_kind(&objects, "StatefulSet"));
        let is_there = |labels: &Value| {
            let wanted = labels.as_object().expect("labels");
            let found = pods.iter().any(|it| {
                let has = &it["spec"]["template"]["metadata"]["labels"];
                wanted
                    .iter()
                    .all(|(name, value)| has.get(name) == Some(value))
            });
            assert!(found, "{overlay}: no pod has {labels}");
        };
        for service in of_kind(&objects, "Service") {
            is_there(&service["spec"]["selector"]);
            let name = text(service, "/metadata/name");
            let port = service["spec"]["ports"][0]["port"].as_u64();
            assert_eq!(port, Some(server(name).default_port().into()), "{name}");
        }
        for budget in of_kind(&objects, "PodDisruptionBudget") {
            is_there(&budget["spec"]["selector"]["matchLabels"]);
        }
        let policies = of_kind(&objects, "NetworkPolicy");
        for policy in &policies {
            is_there(&policy["spec"]["podSelector"]["matchLabels"]);
            for rule in items(policy, "/spec/ingress") {
                for from in items(rule, "/from")
                    .iter()
                    .filter_map(|it| it.get("podSelector"))
                {
                    // The gateway asks order management wherever that is.
                    is_there(&from["matchLabels"]);
                }
            }
        }
        // Whoever believes the gateway's word for the user hears the gateway alone.
        for set in of_kind(&objects, "StatefulSet") {
            let name = text(set, "/metadata/name");
            let has = policies.iter().any(|it| text(it, "/metadata/name") == name);
            assert!(has, "{name}: everybody in the cluster may ask it");
        }
    }
}

/// Google's own kinds, for which there is no schema: the fields that we use.
pub(crate) fn is_googles(object: &Value) -> bool {
    let fields: &[&str] = match (text(object, "/apiVersion"), text(object, "/kind")) {
        ("cloud.google.com/v1", "BackendConfig") => &[
            "/spec/healthCheck/requestPath",
            "/spec/healthCheck/port",
            "/spec/connectionDraining/drainingTimeoutSec",
            "/spec/timeoutSec",
        ],
        ("networking.gke.io/v1", "ManagedCertificate") => &["/spec/domains/0"],
        ("networking.gke.io/v1beta1", "FrontendConfig") => &["/spec/redirectToHttps/enabled"],
        _ => return false,
    };
    for field in fields {
        at(object, field, text(object, "/kind"));
    }
    true
}

#[test]
fn the_load_balancer_asks_the_gateway_what_it_answers() {
    let objects = applied("example");
    if objects.is_empty() {
        return;
    }
    let service = named(&objects, "Service", "gateway");
    let config = text(
        service,
        "/metadata/annotations/cloud.google.com~1backend-config",
    );
    let config: Value = serde_json::from_str(config).expect("JSON");
    let backend = named(&objects, "BackendConfig", text(&config, "/default"));
    let check = at(backend, "/spec/healthCheck", "gateway");
    assert_eq!(
        check["port"],
        u64::from(Server::Gateway.default_port()) + 1_000
    );
    assert_eq!(text(check, "/requestPath"), "/readyz");
    let ingress = named(&objects, "Ingress", "gateway");
    let annotation = |it: &str| text(ingress, &format!("/metadata/annotations/{it}"));
    named(
        &objects,
        "ManagedCertificate",
        annotation("networking.gke.io~1managed-certificates"),
    );
    named(
        &objects,
        "FrontendConfig",
        annotation("networking.gke.io~1v1beta1.FrontendConfig"),
    );
    assert_eq!(
        text(ingress, "/spec/defaultBackend/service/name"),
        "gateway"
    );
}
