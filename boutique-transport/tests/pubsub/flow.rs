//! The order flow with Pub/Sub between its systems.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use boutique_core::accounting::KeepBooks;
use boutique_core::assembly::{
    BookService, CheckoutEdges, CheckoutPorts, CheckoutSystem, CrmService, FraudService,
    FulfilService, OrderEdges, OrderSystem, Ports, PushService, Settings, Topology, WarehousePorts,
};
use boutique_core::audit::{AuditScope, Auditor};
use boutique_core::broker::{BrokerError, Deliveries, Message, Publish, Push, TopicId};
use boutique_core::carts::CartLine;
use boutique_core::catalog::Catalog;
use boutique_core::checkout::{OrderBody, Outcome, PlaceOrder};
use boutique_core::clock::Clock;
use boutique_core::customer::{Address, Email, LookUpInDirectory};
use boutique_core::fault::Fault;
use boutique_core::flow::{Ask, Step, StepService};
use boutique_core::fraud::AssessRisk;
use boutique_core::ids::{IdempotencyKey, ProductId, ReceiptId, TenantId, UserId};
use boutique_core::limits::Units;
use boutique_core::money::Currency;
use boutique_core::stock::Receive;
use boutique_transport::pubsub::{PubSubPublisher, Pulling};
use boutique_transport::sources::{NamedIds, SystemClock};
use tokio::sync::watch;

use super::support::{Line, at_least, emulator};

const ORDERS: usize = 300;

/// Every order that is sold is taken in, booked and scheduled once, though every message is
/// published twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sold_reaches_order_management_once() {
    let Some(pubsub) = emulator() else { return };
    let line = Line::new(pubsub, |it| it).await;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let ports = Ports::memory(Arc::clone(&clock), Arc::new(NamedIds));
    let catalog = Arc::new(Catalog::default_range());
    let settings = Settings::standard(Arc::clone(&catalog));
    for product in catalog.iter() {
        let receive = Receive {
            receipt_id: ReceiptId::new(format!("first-{}", product.id)).expect("an id"),
            product_id: product.id.clone(),
            quantity: 10_000,
        };
        let received = ports.ledger(product.system).receive(receive).await;
        received.expect("received");
    }
    let topology = Topology {
        orders: line.topic.clone(),
        ..Topology::default()
    };
    let orders = order_system(&ports, &clock, &topology);
    let checkout = checkout_system(&ports, &clock, &line, settings, topology);
    checkout.start().await.expect("starts");

    let how = Pulling {
        streams: 4,
        ..Pulling::default()
    };
    let heard = Heard::new(orders.taking_in());
    let subscribed = line.pull(heard.clone().into_service(), how).await;
    let (parcel, mut sold) = (catalog.iter().next().expect("one").id.clone(), Vec::new());
    for at in 0..ORDERS {
        let placed = checkout.place(order(at, &parcel, &*clock)).await;
        let Ok(Outcome::Confirmed(receipt)) = placed else {
            panic!("order {at}: {placed:?}")
        };
        sold.push(receipt.order.order_id.clone());
        if at % 50 == 49 {
            while !checkout.publish().await.expect("published").is_idle() {}
        }
    }
    heard.times(2 * ORDERS).await;
    subscribed.stop().await;
    for order_id in &sold {
        let taken_in = ports.orders.order(order_id).await.expect("reads");
        assert!(taken_in.is_some(), "{order_id} is lost");
    }

    let entries = ports.journal.entries(None, 10_000).await.expect("reads");
    assert_eq!(entries.len(), ORDERS, "booked once each");
    let shipments = ports.shipments.shipments(None, 10_000).await;
    assert_eq!(shipments.expect("reads").len(), ORDERS, "shipped once each");
    let audit = Auditor::new(&ports, &[], AuditScope::Running).run().await;
    let violations = audit.expect("audits").violations;
    assert!(violations.is_empty(), "{violations:?}");
}

fn order_system(ports: &Ports, clock: &Arc<dyn Clock>, topology: &Topology) -> OrderSystem {
    let crm = LookUpInDirectory {
        directory: Arc::clone(&ports.customers),
    };
    let accounting = KeepBooks {
        journal: Arc::clone(&ports.journal),
        clock: Arc::clone(clock),
        crm: CrmService::new(crm.into_service()),
    };
    let warehouse = WarehousePorts {
        shipments: Arc::clone(&ports.shipments),
        stock: ports.stock(),
        broker: Arc::clone(&ports.broker).into(),
        clock: Arc::clone(clock),
    };
    let edges = OrderEdges {
        accounting: BookService::new(accounting.into_service()),
        warehouse: FulfilService::new(StepService::shared(warehouse.into_warehouse(topology))),
    };
    OrderSystem::new(Arc::clone(&ports.orders), Arc::clone(clock), edges, 100)
}

/// A checkout that publishes everything twice, and delivers nothing itself.
fn checkout_system(
    ports: &Ports,
    clock: &Arc<dyn Clock>,
    line: &Line,
    settings: Settings,
    topology: Topology,
) -> CheckoutSystem {
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
    let twice = Twice(Arc::<PubSubPublisher>::clone(&line.publisher));
    let ports = CheckoutPorts {
        checkout: Arc::clone(&ports.checkout),
        carts: Arc::clone(&ports.carts),
        stock: ports.stock(),
        broker: Deliveries::Managed(Arc::new(twice)),
        analytics: Arc::clone(&ports.analytics),
        clock: Arc::clone(clock),
        ids: Arc::clone(&ports.ids),
    };
    CheckoutSystem::new(ports, edges, settings, topology)
}

/// A publisher whose first answer is always lost.
struct Twice(Arc<PubSubPublisher>);

#[async_trait]
impl Publish for Twice {
    async fn publish(
        &self,
        topic: &TopicId,
        messages: Vec<Message>,
    ) -> Result<Vec<u64>, BrokerError> {
        self.0.publish(topic, messages.clone()).await?;
        self.0.publish(topic, messages).await
    }
}

/// Whom a checkout pushes to that does not deliver.
struct Nobody;

impl Step<Push> for Nobody {
    type Response = ();
    type Error = Fault;

    async fn run(&self, _: Push) -> Result<(), Fault> {
        panic!("a managed broker delivers by itself")
    }
}

/// Counts what is taken in.
#[derive(Clone)]
struct Heard<S> {
    inner: S,
    count: Arc<watch::Sender<usize>>,
}

impl<S> Heard<S> {
    fn new(inner: S) -> Self {
        Self {
            inner,
            count: Arc::new(watch::channel(0).0),
        }
    }

    async fn times(&self, times: usize) {
        at_least(times, "orders", &self.count).await;
    }
}

impl<S> Step<Push> for Heard<S>
where
    S: Ask<Push, Response = (), Error = Fault>,
{
    type Response = ();
    type Error = Fault;

    async fn run(&self, push: Push) -> Result<(), Fault> {
        self.inner.ask(push).await?;
        self.count.send_modify(|it| *it += 1);
        Ok(())
    }
}

fn order(at: usize, product_id: &ProductId, clock: &dyn Clock) -> PlaceOrder {
    let line = CartLine {
        product_id: product_id.clone(),
        quantity: Units::ONE,
    };
    PlaceOrder {
        tenant: TenantId::new("t").expect("an id"),
        key: IdempotencyKey::new(format!("k{at}")).expect("a key"),
        body: OrderBody {
            // Another buyer each time: one who orders every moment is a fraud.
            user_id: UserId::new(format!("u{at}")).expect("an id"),
            currency: Currency::USD,
            email: Email::new(format!("u{at}@example.com"))
                .expect("an e-mail")
                .into(),
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
        deadline: clock.now().after(Duration::from_secs(30)),
        traceparent: None,
    }
}
