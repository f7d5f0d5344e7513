//! Twenty thousand orders through Pub/Sub: one in five pushed, the others pulled, every tenth
//! published twice, to an order management that is killed, slow, fails and loses answers. Every
//! order has its effects once. What nobody gets through is dead after its attempts, is parked, and
//! is replayed by the program once it is mended.
//!
//! `BOUTIQUE_TEST_ORDERS=n` sells another number.

#[path = "../emulator/mod.rs"]
mod emulator;
mod front;
mod oms;
mod sale;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use boutique_core::assembly::Ports;
use boutique_core::audit::{AuditScope, Auditor};
use boutique_core::broker::{DeadLetterPolicy, SubscriptionConfig, SubscriptionId, TopicId};
use boutique_core::ids::OrderId;
use boutique_core::orders::OrderState;
use boutique_servers::data::look_into;
use boutique_servers::up::free_ports;
use boutique_transport::pubsub::{PubSub, PubSubPublisher, Publishing, PushTo, SubscriptionPlan};
use futures_util::future::join_all;
use tokio::time::{sleep, timeout};

use front::{Front, POISON};
use oms::Oms;
use sale::{Line, Lines, Sale, line};
use support::run;

/// Orders that are sold.
const ORDERS: usize = 20_000;
/// The emulator pushes two messages of a subscription at a time.
const PUSHED: usize = 4;
/// Deliveries before a message is dead: the fewest there may be.
const ATTEMPTS: u32 = 5;
/// How long until what has to come has come to pass.
const PATIENCE: Duration = Duration::from_secs(600);
/// Buyers at a time.
const BUYERS: usize = 4;

fn orders() -> usize {
    std::env::var("BOUTIQUE_TEST_ORDERS").map_or(ORDERS, |it| {
        it.parse().expect("BOUTIQUE_TEST_ORDERS is a number")
    })
}

/// The topics that are pushed, each with its subscription.
async fn lines(pubsub: &PubSub, settings: &[(&'static str, String)], front: &Front) -> Lines {
    let topic = settings.iter().find(|it| it.0 == "PUBSUB_TOPIC");
    let pulled = TopicId::from(&*topic.expect("a topic").1);
    let dead = TopicId::from(&*format!("{pulled}-dead"));
    let mut pushed = Vec::new();
    for at in 0..PUSHED {
        let topic = TopicId::from(&*format!("{pulled}-{at}"));
        pubsub.create_topic(&topic).await.expect("created");
        let plan = SubscriptionPlan {
            config: SubscriptionConfig {
                // With a back-off, one acknowledgement that comes too late ends redelivery there.
                backoff_min: Duration::ZERO,
                backoff_max: Duration::ZERO,
                // The emulator cannot let a message die that is delivered in order.
                ordered: false,
                dead_letter: Some(DeadLetterPolicy {
                    topic: dead.clone(),
                    max_attempts: ATTEMPTS,
                }),
                ..SubscriptionConfig::new(topic.clone())
            },
            push: Some(PushTo {
                endpoint: front.url.clone(),
                service_account: None,
                audience: None,
            }),
            exactly_once: false,
        };
        let subscription = SubscriptionId::from(&*format!("{topic}.oms"));
        let created = pubsub.create_subscription(&subscription, &plan).await;
        created.expect("created");
        pushed.push(topic);
    }
    let publisher = PubSubPublisher::new(pubsub, Publishing::default()).await;
    Lines {
        publisher: publisher.expect("made"),
        pulled,
        pushed,
        published: AtomicUsize::new(0),
        doubled: AtomicUsize::new(0),
    }
}

/// Waits until an order is booked and with the warehouse.
async fn fulfilling(ports: &Ports, id: &OrderId) {
    loop {
        let order = ports.orders.order(id).await.expect("read");
        if order.is_some_and(|it| it.progress.state() == OrderState::Fulfilling) {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Kills order management twice on the way, each time once it has come so far.
async fn kill(oms: &mut Oms, file: &Path, sold: &[OrderId]) {
    let ports = look_into(file).expect("it can be read");
    // The emulator goes on feeding the stream of a process that is dead: in the end there are many
    // more that live.
    for (share, streams) in [(5, 1), (2, 16)] {
        let mut later = sold.iter().skip(sold.len() / share);
        // One that is poisoned would never come.
        let id = later.find(|it| line(it.as_str(), PUSHED) == Line::Pulled);
        let id = id.expect("most are pulled");
        let come = timeout(PATIENCE, fulfilling(&ports, id)).await;
        assert!(
            come.is_ok(),
            "order {id}, 1/{share} of the way, does not come"
        );
        oms.kill(streams).await;
    }
}

/// The letters of a data file, as the program lists them.
fn letters(file: &Path) -> BTreeSet<String> {
    let file = file.to_str().expect("text");
    let listed = run(["dead-letters", "--json", "--data", file]);
    let listed = listed.succeeds().json();
    let letters = listed.as_array().expect("a list").iter();
    let id = |it: &serde_json::Value| {
        assert_eq!(it["source"], "undelivered");
        it["id"].as_str().expect("an id").to_owned()
    };
    letters.map(id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_has_its_effects_once_whatever_happens_to_its_message() {
    let Some(host) = emulator::host() else { return };
    let (began, count) = (Instant::now(), orders());
    let pubsub = emulator::pubsub(&host);
    let settings = emulator::settings(&host);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("oms.db");
    let port = free_ports().expect("a port");
    let mut oms = Oms::start(&file, port, &settings).await;
    let front = Front::open(port).await;
    let lines = Arc::new(lines(&pubsub, &settings, &front).await);
    let sale = Arc::new(Sale::open(Arc::clone(&lines), count).await);

    let publishing = Arc::clone(&sale);
    let publishing = tokio::spawn(async move { publishing.publish().await });
    let buyers = (0..BUYERS).map(|buyer| {
        let sale = Arc::clone(&sale);
        tokio::spawn(async move {
            let mut sold = Vec::new();
            for at in (buyer..count).step_by(BUYERS) {
                sold.push((at, sale.sell(at).await));
            }
            sold
        })
    });
    let mut sold = Vec::with_capacity(count);
    for buyer in join_all(buyers).await {
        sold.extend(buyer.expect("it buys"));
    }
    sale.close();
    eprintln!("{count} orders sold after {:.1?}", began.elapsed());
    sold.sort_unstable();
    let ids: Vec<OrderId> = sold.iter().map(|it| it.1.clone()).collect();
    kill(&mut oms, &file, &ids).await;
    let published = timeout(PATIENCE, publishing).await;
    let published = published.expect("what is sold is not published");
    published.expect("it publishes");

    // All but those that nobody gets through.
    let ports = look_into(&file).expect("it can be read");
    let all = async {
        for id in &ids {
            if !front.poison().0.contains(id) {
                fulfilling(&ports, id).await;
            }
        }
        while ports
            .orders
            .dead_letters(None, 10)
            .await
            .expect("read")
            .len()
            < POISON
        {
            sleep(Duration::from_millis(100)).await;
        }
    };
    let all = timeout(PATIENCE, all).await;
    assert!(all.is_ok(), "not everything has come");
    eprintln!("all of them taken in after {:.1?}", began.elapsed());
    let (poison, attempts) = front.poison();
    assert!(
        attempts.iter().all(|it| *it == ATTEMPTS as usize),
        "{attempts:?}"
    );

    // What is dead is taken in once it is mended.
    let parked = letters(&file);
    assert_eq!(parked.len(), poison.len(), "{parked:?}");
    let url = format!("http://127.0.0.1:{port}");
    for letter in &parked {
        run(["dead-letters", "replay", letter, "--url", &url]).succeeds();
    }
    assert!(letters(&file).is_empty());
    let mended = join_all(poison.iter().map(|id| fulfilling(&ports, id)));
    let mended = timeout(PATIENCE, mended).await;
    assert!(mended.is_ok(), "what was replayed is not done");
    oms.end().await;

    let ports = look_into(&file).expect("it can be read");
    let mut shipped = 0;
    for (at, id) in &sold {
        let order = ports.orders.order(id).await.expect("read");
        let state = order.map(|it| it.progress.state());
        assert_eq!(state, Some(OrderState::Fulfilling), "order {at}");
        let entries = ports.journal.entries_of(id).await.expect("read").len();
        assert_eq!(entries, 1, "order {at} is booked once");
        let shipments = ports.shipments.of_order(id).await.expect("read").len();
        assert_eq!(shipments, Sale::shipments(*at), "order {at} is sent once");
        shipped += shipments;
    }
    let (entries, shipments) = totals(&ports).await;
    assert_eq!(
        (entries, shipments),
        (count, shipped),
        "and nothing else is"
    );
    let whole = Ports {
        orders: ports.orders,
        journal: ports.journal,
        shipments: ports.shipments,
        ..sale.ports.clone()
    };
    let audit = Auditor::new(&whole, &[], AuditScope::Running).run().await;
    let audit = audit.expect("it can be read");
    assert!(audit.is_clean(), "{:?}", audit.violations);
    assert_eq!(audit.seen.confirmed, count as u64);

    let (asked, failed) = front.seen();
    let doubled = lines.doubled.load(Ordering::Relaxed);
    eprintln!(
        "{count} orders, {doubled} of them published twice, {asked} pushes of which {failed} \
         failed, {} dead and replayed, two kills: once each, after {:.1?}",
        poison.len(),
        began.elapsed()
    );
    assert!(doubled > 0 && failed > poison.len() * ATTEMPTS as usize);
}

/// Entries and shipments in all.
async fn totals(ports: &Ports) -> (usize, usize) {
    const PAGE: usize = 1_000;
    let (mut entries, mut shipments) = (0, 0);
    let mut after = None;
    loop {
        let page = ports.journal.entries(after, PAGE).await.expect("read");
        let Some(last) = page.last() else { break };
        (after, entries) = (Some(last.0), entries + page.len());
    }
    let mut after = None;
    loop {
        let page = ports.shipments.shipments(after.as_ref(), PAGE).await;
        let page = page.expect("read");
        let Some(last) = page.last() else { break };
        (after, shipments) = (Some(last.id.clone()), shipments + page.len());
    }
    (entries, shipments)
}
