//! Events out of a checkout's outbox by the relay and [`PubSubPublisher`], beside Google's own
//! client with the same messages, all handed in at once, in turns, to the emulator that
//! `PUBSUB_EMULATOR_HOST` names. `BOUTIQUE_BENCH_ORDERS=n` publishes another number.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use boutique_core::assembly::{
    CheckoutEdges, CheckoutPorts, CheckoutSystem, CrmService, FraudService, Ports, PushService,
    Settings, Topology,
};
use boutique_core::broker::{Deliveries, Message, Publish, Push, TopicId};
use boutique_core::carts::CartLine;
use boutique_core::catalog::Catalog;
use boutique_core::checkout::{OrderBody, Outcome, PlaceOrder, Relay, Told};
use boutique_core::clock::Clock;
use boutique_core::customer::{Address, Email, LookUpInDirectory};
use boutique_core::fault::Fault;
use boutique_core::flow::Step;
use boutique_core::fraud::AssessRisk;
use boutique_core::ids::{IdempotencyKey, ReceiptId, TenantId, UserId};
use boutique_core::limits::Units;
use boutique_core::money::Currency;
use boutique_core::stock::Receive;
use boutique_transport::pubsub::{EMULATOR_HOST, PubSub, PubSubPublisher, Publishing};
use boutique_transport::sources::{NamedIds, SystemClock};
use futures_util::future::try_join_all;
use google_cloud_auth::credentials::anonymous::Builder as Anonymous;
use google_cloud_pubsub::client::{BasePublisher, Publisher};
use google_cloud_pubsub::model::Message as Theirs;
use mimalloc::MiMalloc;

/// As the programs have it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

type Failed = Box<dyn Error + Send + Sync>;

const ROUNDS: usize = 5;
const ORDERS: usize = 10_000;
/// What the program's relay takes on in a round: the default of `WORK_BATCH`.
const BATCH: usize = 256;
const PROJECT: &str = "boutique-bench";
/// Ticks of `/proc/self/stat` a second (`man 5 proc`).
const TICKS: f64 = 100.0;

struct Nobody;

impl Step<Push> for Nobody {
    type Response = ();
    type Error = Fault;

    async fn run(&self, _: Push) -> Result<(), Fault> {
        Err(Fault::permanent("a managed broker delivers by itself"))
    }
}

/// CPU time of this process, kernel included.
fn cpu() -> Result<Duration, Failed> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let after = text.rsplit_once(") ").ok_or("no name in /proc/self/stat")?;
    let mut fields = after.1.split(' ').skip(11);
    let mut ticks = || -> Result<f64, Failed> { Ok(fields.next().ok_or("short")?.parse()?) };
    Ok(Duration::from_secs_f64((ticks()? + ticks()?) / TICKS))
}

/// A store with this many events in its outbox.
async fn sold(orders: usize, publisher: Arc<dyn Publish>) -> Result<Ports, Failed> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let ports = Ports::memory(Arc::clone(&clock), Arc::new(NamedIds));
    let catalog = Arc::new(Catalog::default_range());
    let settings = Settings::standard(Arc::clone(&catalog));
    let product = catalog.iter().next().ok_or("nothing is sold")?;
    let goods = Receive {
        receipt_id: ReceiptId::new("first")?,
        product_id: product.id.clone(),
        quantity: orders as u64,
    };
    ports.ledger(product.system).receive(goods).await?;
    let crm = LookUpInDirectory {
        directory: Arc::clone(&ports.customers),
    };
    let fraud = AssessRisk {
        store: Arc::clone(&ports.signals),
        rules: Arc::clone(&settings.rules),
    };
    let edges = CheckoutEdges {
        crm: CrmService::new(crm.into_service()),
        fraud: FraudService::new(fraud.into_service()),
        orders: PushService::new(Nobody.into_service()),
    };
    let checkout = CheckoutPorts {
        checkout: Arc::clone(&ports.checkout),
        carts: Arc::clone(&ports.carts),
        stock: ports.stock(),
        broker: Deliveries::Managed(publisher),
        analytics: Arc::clone(&ports.analytics),
        clock: Arc::clone(&clock),
        ids: Arc::clone(&ports.ids),
    };
    let system = CheckoutSystem::new(checkout, edges, settings, Topology::default());
    for at in 0..orders {
        let line = CartLine {
            product_id: product.id.clone(),
            quantity: Units::ONE,
        };
        let placed = system.place(PlaceOrder {
            tenant: TenantId::new("bench")?,
            key: IdempotencyKey::new(format!("k{at}"))?,
            body: OrderBody {
                user_id: UserId::new(format!("u{at}"))?,
                currency: Currency::USD,
                email: Email::new(format!("u{at}@example.com"))?.into(),
                address: Address {
                    street_address: format!("{at} Main Street"),
                    city: "Springfield".into(),
                    state: String::new(),
                    country: "United States".into(),
                    zip_code: "97477".into(),
                }
                .into(),
                lines: Some([line].into()),
                ordered_at: None,
            },
            dry_run: false,
            deadline: clock.now().after(Duration::from_secs(60)),
            traceparent: None,
        });
        if !matches!(placed.await?, Outcome::Confirmed(_)) {
            return Err("an order was not sold".into());
        }
    }
    Ok(ports)
}

/// What was published, how long it took, and what it cost.
struct Figures {
    events: usize,
    time: Duration,
    cpu: Duration,
}

impl Figures {
    fn a_second(&self) -> f64 {
        self.events as f64 / self.time.as_secs_f64()
    }

    fn micros_each(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.events as f64
    }
}

async fn measured(work: impl Future<Output = Result<usize, Failed>>) -> Result<Figures, Failed> {
    let (began, before) = (Instant::now(), cpu()?);
    let events = work.await?;
    Ok(Figures {
        events,
        time: began.elapsed(),
        cpu: cpu()?.saturating_sub(before),
    })
}

/// The relay of a checkout with that many orders, which are sold before the clock starts.
async fn relayed(
    orders: usize,
    topic: &TopicId,
    publisher: &Arc<PubSubPublisher>,
) -> Result<Figures, Failed> {
    let broker = Arc::<PubSubPublisher>::clone(publisher);
    let ports = sold(orders, broker.clone()).await?;
    let relay = Relay {
        store: Arc::clone(&ports.checkout),
        broker,
        topic: topic.clone(),
        what: Told::Confirmed,
        clock: ports.clock,
        lease: Duration::from_secs(30),
    };
    measured(async {
        let mut events = 0;
        loop {
            match relay.round(BATCH).await?.published {
                0 => return Ok(events),
                published => events += published,
            }
        }
    })
    .await
}

/// As somebody publishes who wants nothing else: everything is handed in, then the answers are
/// awaited. The keys are new ones in every round, as orders are.
async fn bare(
    messages: &[Message],
    round: usize,
    publisher: &Publisher,
) -> Result<Figures, Failed> {
    measured(async {
        let taken = messages.iter().map(|it| {
            let attributes = it.attributes.iter();
            let key = it.ordering_key.as_deref().unwrap_or_default();
            let theirs = Theirs::new()
                .set_data(bytes::Bytes::copy_from_slice(it.data.as_bytes()))
                .set_ordering_key(format!("{key}-{round}"))
                .set_attributes(attributes.map(|(name, value)| (name.clone(), value.clone())));
            publisher.publish(theirs)
        });
        let taken: Vec<_> = taken.collect();
        Ok(try_join_all(taken).await?.len())
    })
    .await
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failed> {
    let mut out = std::io::stdout();
    let Ok(host) = std::env::var(EMULATOR_HOST) else {
        writeln!(out, "skipped: {EMULATOR_HOST} names no emulator")?;
        return Ok(());
    };
    let orders = std::env::var("BOUTIQUE_BENCH_ORDERS").map_or(Ok(ORDERS), |it| it.parse())?;
    let pubsub = PubSub::emulator(PROJECT, &host)?;
    let topic = TopicId::from(&*format!("bench-{}", uuid::Uuid::now_v7()));
    pubsub.create_topic(&topic).await?;
    let ours = Arc::new(PubSubPublisher::new(&pubsub, Publishing::default()).await?);
    let theirs = BasePublisher::builder()
        .with_endpoint(format!("http://{host}"))
        .with_credentials(Anonymous::new().build())
        .build()
        .await?;
    let ports = sold(orders, ours.clone()).await?;
    let (now, lease) = (ports.clock.now(), Duration::from_secs(30));
    let records = ports
        .checkout
        .lease_outbox(Told::Confirmed, orders, now, lease)
        .await?;
    let messages: Vec<Message> = records.into_iter().map(|it| it.message).collect();

    writeln!(
        out,
        "| round | bare/s | relay/s | bare CPU | relay CPU | speed | CPU |"
    )?;
    writeln!(out, "| --- | --- | --- | --- | --- | --- | --- |")?;
    let (mut speeds, mut costs) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        // A new one: with what the last one keeps of its keys the heap would be another for both.
        let publisher = theirs.publisher(pubsub.topic(&topic)).build();
        let bare = bare(&messages, round, &publisher).await?;
        drop(publisher);
        let relay = relayed(orders, &topic, &ours).await?;
        if round == 0 {
            // Connections are open and the emulator is warm.
            continue;
        }
        let speed = relay.a_second() / bare.a_second();
        let cost = bare.micros_each() / relay.micros_each();
        writeln!(
            out,
            "| {round} | {:.0} | {:.0} | {:.0} µs | {:.0} µs | {speed:.2} | {cost:.2} |",
            bare.a_second(),
            relay.a_second(),
            bare.micros_each(),
            relay.micros_each(),
        )?;
        speeds.push(speed);
        costs.push(cost);
    }
    let (speed, cost) = (median(speeds), median(costs));
    writeln!(
        out,
        "medians of relay to bare: speed {speed:.2}, events for the same CPU {cost:.2}"
    )?;
    Ok(())
}
