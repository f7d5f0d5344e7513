//! Nine processes with Pub/Sub between them: order management is pushed to, or pulls.

use std::process::Stdio;
use std::time::Duration;

use boutique_core::audit::AuditScope;
use boutique_core::ids::OrderId;
use boutique_core::orders::OrderState;
use boutique_servers::config::Server;
use boutique_servers::data::look_into;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use super::emulator;
use super::nine::shop::{Shop, order};
use super::nine::{Nine, PROGRAM, send};

/// How long anything may take that has to come to pass.
const PATIENCE: Duration = Duration::from_secs(90);

const SETTINGS: [(&str, &str); 6] = [
    ("OPENING_STOCK", "1000"),
    ("PUBSUB_CREATE", "true"),
    ("CHECK_EVERY", "200ms"),
    ("PRINCIPAL_RATE", "100000"),
    ("ADDRESS_RATE", "100000"),
    ("LOG_LEVEL", "error"),
];

/// One after the other: who looks for free ports finds those that another is about to take.
static TURN: Mutex<()> = Mutex::const_new(());

async fn get(url: &str) -> String {
    let answer = reqwest::get(url).await.expect("it answers");
    let body = answer.bytes().await.expect("a body");
    String::from_utf8(body.to_vec()).expect("text")
}

/// Sells `count` orders to buyers called `name`.
async fn sell(shop: &Shop, name: &str, count: usize) -> Vec<OrderId> {
    let mut sold = Vec::new();
    for at in 0..count {
        // Those that can be had: see `order`.
        let name = format!("{name}-{at}");
        let told = shop.buy(name.clone(), order(&name, 2 * at)).await;
        assert_eq!(told.status, 201, "{}", told.body);
        let id = told.body["order"]["order_id"].as_str().expect("an order");
        sold.push(id.parse().expect("an id"));
    }
    sold
}

/// Waits until every one of these orders has come so far.
async fn reach(nine: &Nine, sold: &[OrderId], state: OrderState) {
    let ports = look_into(nine.data()).expect("the files");
    let all = async {
        for id in sold {
            loop {
                let order = ports.orders.order(id).await.expect("read");
                if order.is_some_and(|it| it.progress.state() == state) {
                    break;
                }
                sleep(Duration::from_millis(20)).await;
            }
        }
    };
    let reached = timeout(PATIENCE, all).await;
    if reached.is_err() {
        let mut states = Vec::new();
        for id in sold {
            states.push(
                ports
                    .orders
                    .order(id)
                    .await
                    .expect("read")
                    .map(|it| it.progress.parts),
            );
        }
        panic!("not every order is {state}: {states:?}");
    }
}

/// Lets a carrier say of every shipment that it has left.
async fn ship(nine: &Nine, sold: &[OrderId]) {
    let ports = look_into(nine.data()).expect("the files");
    let warehouse = nine.plan.iter().find(|it| it.server == Server::Warehouse);
    let (client, warehouse) = (reqwest::Client::new(), warehouse.expect("planned").url());
    for id in sold {
        for shipment in ports.shipments.of_order(id).await.expect("read") {
            for status in ["packed", "shipped"] {
                let event =
                    json!({"eventId": format!("{}.{status}", shipment.id), "status": status});
                let url = format!("{warehouse}/shipments/{}/events", shipment.id);
                let answer = client
                    .post(url)
                    .header("content-type", "application/json")
                    .body(event.to_string())
                    .send();
                let answer = answer.await.expect("it answers");
                assert!(answer.status().is_success(), "{}", answer.status());
            }
        }
    }
}

async fn sells(pull: bool) {
    let Some(host) = emulator::host() else { return };
    let _turn = TURN.lock().await;
    let mut settings: Vec<_> = emulator::settings(&host);
    settings.push(("PUBSUB_PULL", pull.to_string()));
    let mut env: Vec<(&'static str, &str)> = SETTINGS.to_vec();
    env.extend(settings.iter().map(|(name, value)| (*name, value.as_str())));
    let nine = Nine::start(&env).await;
    let shop = Shop::new(nine.gateway(), nine.token(), Duration::from_secs(5));

    let mut sold = sell(&shop, "before", 4).await;
    // Not where it pulls: the emulator goes on feeding the stream of a process that is dead, and
    // who gets what is chance. `order_flow` has streams enough.
    if !pull {
        nine.signal(Server::Oms, Signal::KILL);
    }
    sold.extend(sell(&shop, "meanwhile", 4).await);
    reach(&nine, &sold, OrderState::Fulfilling).await;
    ship(&nine, &sold).await;
    reach(&nine, &sold, OrderState::Shipped).await;

    let ports = look_into(nine.data()).expect("the files");
    for id in &sold {
        let shipments = ports.shipments.of_order(id).await.expect("read").len();
        let entries = ports.journal.entries_of(id).await.expect("read").len();
        // The sale, and what each shipment recognises of it.
        assert_eq!(entries, 1 + shipments, "{id} is booked once");
    }
    let report = nine.audit(AuditScope::Running).await;
    assert!(report.is_clean(), "{:?}", report.violations);
    assert_eq!(report.seen.confirmed, sold.len() as u64);

    // Who publishes depends on Pub/Sub, and not on order management.
    for (server, pubsub) in [
        (Server::Checkout, true),
        (Server::Warehouse, true),
        (Server::Oms, pull),
    ] {
        let ready = get(&format!("{}/readyz", nine.admin(server))).await;
        let ready: Value = serde_json::from_str(&ready).expect("JSON");
        let dependencies = ready["dependencies"].as_array().expect("a list");
        let state = |name: &str| {
            let found = dependencies.iter().find(|it| it["name"] == name);
            found.map(|it| it["state"].clone())
        };
        assert_eq!(state("pubsub"), pubsub.then(|| "up".into()), "{ready}");
        assert_eq!(state("oms"), None, "{ready}");
    }
    let metrics = get(&format!("{}/metrics", nine.admin(Server::Checkout))).await;
    assert!(!metrics.contains("boutique_backlog_messages"), "{metrics}");
    let metrics = get(&format!("{}/metrics", nine.admin(Server::Oms))).await;
    assert_eq!(
        metrics.contains("boutique_pulled_total{"),
        pull,
        "{metrics}"
    );
    nine.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn order_management_that_is_pushed_to_hears_of_every_order_though_it_was_killed() {
    sells(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn order_management_that_pulls_hears_of_every_order_and_shipment() {
    sells(true).await;
}

#[tokio::test]
async fn order_management_that_pulls_ends_well_when_it_is_told_to() {
    let Some(host) = emulator::host() else { return };
    let _turn = TURN.lock().await;
    let nine = Nine::planned(&[]);
    let planned = nine.plan.iter().find(|it| it.server == Server::Oms);
    let planned = planned.expect("planned");
    let child = Command::new(PROGRAM)
        .args(["serve", "oms"])
        .envs(planned.env.iter().map(|(name, value)| (name, value)))
        .envs(emulator::settings(&host))
        .env("PUBSUB_PULL", "true")
        .env("PUBSUB_CREATE", "true")
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    boutique_servers::up::ready(std::slice::from_ref(planned))
        .await
        .expect("it is ready");
    send(child.id().expect("it runs"), Signal::TERM);
    let ended = timeout(PATIENCE, child.wait_with_output()).await;
    let ended = ended.expect("it ends").expect("it can be waited for");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{}: {said}", ended.status);
    assert!(!said.contains("not finished in time"), "{said}");
}
