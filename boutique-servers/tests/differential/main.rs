//! The demo's orders and a thousand that were generated, in three topologies: in this process,
//! through `boutique up` and through `boutique up --processes`. What everybody is answered and
//! all that is kept afterwards are the same. And a few hundred of them, with Pub/Sub between the
//! nine processes.
//!
//! `BOUTIQUE_TEST_ORDERS=n` generates another number. The seed is printed; `BOUTIQUE_TEST_SEED=n` chooses it, `BOUTIQUE_TEST_SEED=fresh` draws one.

mod between;
mod compare;
#[path = "../emulator/mod.rs"]
mod emulator;
mod generated;
mod in_process;
mod perform;
mod records;
mod script;
mod servers;
mod shop;

use std::collections::BTreeSet;
use std::time::Instant;

use boutique_core::assembly::Ports;
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::ids::UserId;
use boutique_transport::sources::SystemClock;

use between::PubSubBetween;
use compare::differences;
use generated::Source;
use in_process::InProcess;
use perform::perform;
use records::{Records, comparable, kept};
use script::{Script, script};
use servers::{How, Servers};

/// Orders beside the demo's.
const GENERATED: usize = 1_000;

fn orders() -> usize {
    std::env::var("BOUTIQUE_TEST_ORDERS").map_or(GENERATED, |it| {
        it.parse().expect("BOUTIQUE_TEST_ORDERS is a number")
    })
}

fn seed() -> u64 {
    match std::env::var("BOUTIQUE_TEST_SEED").as_deref() {
        Ok("fresh") => SystemClock::default().now().as_micros().unsigned_abs(),
        Ok(text) => text.parse().expect("BOUTIQUE_TEST_SEED is a number"),
        Err(_) => 20_260_101,
    }
}

/// The answers and all that is kept.
async fn all(answers: Records, ports: &Ports, script: &Script) -> Records {
    let users: BTreeSet<UserId> = script
        .errands
        .iter()
        .map(|it| it.body.user_id.clone())
        .collect();
    let mut records = kept(ports, &users).await;
    records.extend(answers);
    comparable(records)
}

async fn in_process(script: &Script, at: Timestamp) -> Records {
    let shop = InProcess::open().await;
    let answers = perform(script, &shop, at).await;
    all(answers, shop.ports(), script).await
}

async fn up(script: &Script, at: Timestamp, mut servers: Servers) -> Records {
    let answers = perform(script, &servers, at).await;
    servers.end().await;
    // What they have left on the disk.
    all(answers, &servers.ports(), script).await
}

async fn timed(name: &str, run: impl Future<Output = Records>) -> Records {
    let began = Instant::now();
    let records = run.await;
    eprintln!(
        "{name}: {} records in {:.1?}",
        records.len(),
        began.elapsed()
    );
    records
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_is_the_same_in_one_process_behind_a_gateway_and_in_nine_processes() {
    let seed = seed();
    eprintln!("BOUTIQUE_TEST_SEED={seed}");
    let (people, errands) = Source::new(seed).story(orders());
    let script = script(people, errands);
    let at = SystemClock::default().now();
    let (one, nine) = (
        Servers::start(How::One).await,
        Servers::start(How::Nine).await,
    );
    let (here, one, nine) = tokio::join!(
        timed("in process", in_process(&script, at)),
        timed("up", up(&script, at, one)),
        timed("up --processes", up(&script, at, nine)),
    );

    assert_eq!(here["the audit"]["violations"], 0);
    let told = [("up", &one), ("up --processes", &nine)]
        .map(|(name, it)| differences(["in process", name], &here, it));
    let told: Vec<String> = told.into_iter().flatten().collect();
    assert!(told.is_empty(), "seed {seed}\n{}", told.join("\n"));
}

/// Orders beside the demo's where every message goes through Pub/Sub, whose emulator pushes two at
/// a time.
const THROUGH_PUBSUB: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_is_the_same_with_pubsub_between_its_systems() {
    let Some(host) = emulator::host() else { return };
    let seed = seed();
    eprintln!("BOUTIQUE_TEST_SEED={seed}");
    let (people, errands) = Source::new(seed).story(orders().min(THROUGH_PUBSUB));
    let script = script(people, errands);
    let at = SystemClock::default().now();
    let between = PubSubBetween::open(&host).await;
    let nine = Servers::start(How::PubSub(&between)).await;
    let (here, nine) = tokio::join!(
        timed("in process", in_process(&script, at)),
        timed("with Pub/Sub", up(&script, at, nine)),
    );
    between.close().await;
    assert_eq!(here["the audit"]["violations"], 0);
    let told = differences(["in process", "with Pub/Sub"], &here, &nine);
    assert!(told.is_none(), "seed {seed}\n{}", told.unwrap_or_default());
}
