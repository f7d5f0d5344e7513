//! A checkout in this process that publishes what it sells on many topics, some of it twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use boutique_core::assembly::{
    CheckoutEdges, CheckoutPorts, CheckoutSystem, CrmService, FraudService, Ports, PushService,
    Settings, Topology,
};
use boutique_core::broker::{BrokerError, Deliveries, Message, Publish, Push, TopicId};
use boutique_core::carts::CartLine;
use boutique_core::catalog::Catalog;
use boutique_core::checkout::{OrderBody, Outcome, PlaceOrder};
use boutique_core::clock::Clock;
use boutique_core::customer::{Address, Email, LookUpInDirectory};
use boutique_core::fault::Fault;
use boutique_core::flow::Step;
use boutique_core::fraud::AssessRisk;
use boutique_core::ids::{IdempotencyKey, OrderId, ProductId, ReceiptId, TenantId, UserId};
use boutique_core::limits::Units;
use boutique_core::money::Currency;
use boutique_core::stock::{Receive, StockSystem};
use boutique_servers::data::TENANT;
use boutique_transport::pubsub::PubSubPublisher;
use boutique_transport::sources::{NamedIds, SystemClock};
use tokio::time::sleep;

/// The line of an order: which topic it is published on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// One that is pulled.
    Pulled,
    /// One of those that are pushed.
    Pushed(usize),
}

/// One order in five is pushed.
pub(crate) fn line(order: &str, pushed: usize) -> Line {
    let sum: usize = order.bytes().map(usize::from).sum();
    match sum % 5 {
        0 => Line::Pushed(sum / 5 % pushed),
        _ => Line::Pulled,
    }
}

/// Publishes every order on its line, and every tenth twice.
pub(crate) struct Lines {
    pub(crate) publisher: PubSubPublisher,
    pub(crate) pulled: TopicId,
    pub(crate) pushed: Vec<TopicId>,
    pub(crate) published: AtomicUsize,
    pub(crate) doubled: AtomicUsize,
}

impl Lines {
    fn topic(&self, message: &Message) -> &TopicId {
        let order = message.ordering_key.as_deref().expect("an order's key");
        match line(order, self.pushed.len()) {
            Line::Pulled => &self.pulled,
            Line::Pushed(at) => &self.pushed[at],
        }
    }
}

#[async_trait]
impl Publish for Lines {
    async fn publish(&self, _: &TopicId, messages: Vec<Message>) -> Result<Vec<u64>, BrokerError> {
        let mut ids = vec![0; messages.len()];
        for topic in self.pushed.iter().chain([&self.pulled]) {
            let own = messages.iter().enumerate();
            let own: Vec<_> = own.filter(|it| self.topic(it.1) == topic).collect();
            let batch = own.iter().map(|it| it.1.clone()).collect();
            let given = self.publisher.publish(topic, batch).await?;
            let mut twice = Vec::new();
            for ((at, message), id) in own.into_iter().zip(given) {
                ids[at] = id;
                let nth = self.published.fetch_add(1, Ordering::Relaxed);
                if nth.is_multiple_of(10) {
                    twice.push(message.clone());
                }
            }
            self.doubled.fetch_add(twice.len(), Ordering::Relaxed);
            self.publisher.publish(topic, twice).await?;
        }
        Ok(ids)
    }
}

/// The checkout.
pub(crate) struct Sale {
    pub(crate) ports: Ports,
    system: CheckoutSystem,
    clock: Arc<dyn Clock>,
    parcel: ProductId,
    bulky: ProductId,
    done: AtomicBool,
}

struct Nobody;

impl Step<Push> for Nobody {
    type Response = ();
    type Error = Fault;

    async fn run(&self, _: Push) -> Result<(), Fault> {
        Err(Fault::permanent("a managed broker delivers by itself"))
    }
}

impl Sale {
    /// Opens it with goods enough for `orders`.
    pub(crate) async fn open(lines: Arc<Lines>, orders: usize) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let ports = Ports::memory(Arc::clone(&clock), Arc::new(NamedIds));
        let catalog = Arc::new(Catalog::default_range());
        let settings = Settings::standard(Arc::clone(&catalog));
        let first = |system| {
            let mut all = catalog.iter();
            let found = all.find(|it| it.system == system);
            found.expect("something is sold of each").id.clone()
        };
        let (parcel, bulky) = (first(StockSystem::Inventory), first(StockSystem::Furniture));
        for (system, product_id) in [
            (StockSystem::Inventory, &parcel),
            (StockSystem::Furniture, &bulky),
        ] {
            let goods = Receive {
                receipt_id: ReceiptId::new(format!("first-{product_id}")).expect("an id"),
                product_id: product_id.clone(),
                quantity: orders as u64,
            };
            let received = ports.ledger(system).receive(goods).await;
            received.expect("received");
        }
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
            broker: Deliveries::Managed(lines),
            analytics: Arc::clone(&ports.analytics),
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ports.ids),
        };
        let system = CheckoutSystem::new(checkout, edges, settings, Topology::default());
        Self {
            ports,
            system,
            clock,
            parcel,
            bulky,
            done: AtomicBool::new(false),
        }
    }

    /// Sells one order; every tenth is of both stock systems.
    pub(crate) async fn sell(&self, at: usize) -> OrderId {
        match self.system.place(self.order(at)).await {
            Ok(Outcome::Confirmed(receipt)) => receipt.order.order_id.clone(),
            other => panic!("order {at}: {other:?}"),
        }
    }

    /// How many shipments that order has.
    pub(crate) const fn shipments(at: usize) -> usize {
        if at.is_multiple_of(10) { 2 } else { 1 }
    }

    /// Publishes what is sold until all of it is.
    pub(crate) async fn publish(&self) {
        loop {
            let done = self.done.load(Ordering::SeqCst);
            match self.system.publish().await {
                Ok(worked) if !worked.is_idle() => continue,
                Ok(_) if done => return,
                Ok(_) => {}
                // As the program does: what is not known to be published is published again.
                Err(fault) => eprintln!("not published yet: {fault}"),
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Nothing more is sold.
    pub(crate) fn close(&self) {
        self.done.store(true, Ordering::SeqCst);
    }

    fn order(&self, at: usize) -> PlaceOrder {
        let line = |product_id: &ProductId| CartLine {
            product_id: product_id.clone(),
            quantity: Units::ONE,
        };
        let mut lines = vec![line(&self.parcel)];
        if Self::shipments(at) == 2 {
            lines.push(line(&self.bulky));
        }
        PlaceOrder {
            tenant: TenantId::new(TENANT).expect("an id"),
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
                lines: Some(lines.into_iter().collect()),
                ordered_at: None,
            },
            dry_run: false,
            deadline: self.clock.now().after(Duration::from_secs(60)),
            traceparent: None,
        }
    }
}
