//! An order that the tests of this module share.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use super::{DriveOrder, MemoryOrders, OrderStore, Part};
use crate::accounting::{Journal, KeepBooks, MemoryJournal};
use crate::broker::{Broker, Deliveries, MemoryBroker, SubscriptionConfig};
use crate::clock::{Clock, Timestamp};
use crate::customer::{Address, CustomerProfile, Email, LookUpCustomer};
use crate::event::{ConfirmedOrder, HoldRef, ItemRef, OrderConfirmedEvent, OrderItem};
use crate::fault::{Fault, PortError};
use crate::flow::{Step, StepService};
use crate::ids::{CarrierEventId, OrderId, ProductId, UserId};
use crate::limits::Units;
use crate::money::{Currency, Money};
use crate::stock::StockSystem::{self, Furniture, Inventory};
use crate::stock::{MemoryLedger, Receive, Reserve, StockLedger};
use crate::warehouse::{
    CarrierEvent, MemoryShipments, Moved, ShipmentStatus, ShipmentStore, Warehouse,
};

pub(super) fn usd(cents: i64) -> Money {
    Money::from_minor(Currency::USD, cents).expect("in range")
}

pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(super) fn order_id() -> OrderId {
    OrderId::new("o1").expect("valid")
}

/// Three tea for 10.00 each and a mug for 5.00 from Inventory, a sofa for 100.00 from
/// Furniture, 13.50 of shipping; 10 % of tax in it, no discount: 148.50.
pub(super) fn placed() -> ConfirmedOrder {
    let item = |product: &str, quantity, cents| OrderItem {
        item: ItemRef {
            product_id: ProductId::new(product).expect("valid"),
            quantity: Units::new(quantity).expect("in range"),
        },
        cost: usd(cents),
    };
    let hold = |system: StockSystem, items| HoldRef {
        system,
        hold_id: order_id().hold(system.as_str(), 1),
        items,
    };
    let address = Address {
        street_address: "1 Quay".to_owned(),
        city: "Cork".to_owned(),
        state: String::new(),
        country: "Ireland".to_owned(),
        zip_code: String::new(),
    };
    ConfirmedOrder {
        event_id: order_id().confirmed_event(),
        occurred_at: at(1),
        holds: vec![hold(Inventory, 2), hold(Furniture, 1)],
        total: usd(14_850),
        discount: usd(0),
        tax: usd(1_350),
        risk: None,
        traceparent: None,
        order: OrderConfirmedEvent {
            order_id: order_id(),
            user_id: UserId::new("u1").expect("valid"),
            email: Email::new("jane@example.com").expect("valid").into(),
            user_currency: Currency::USD,
            shipping_tracking_id: order_id().tracking(),
            shipping_cost: usd(1_350),
            shipping_address: address.into(),
            items: vec![
                item("tea", 3, 1_000),
                item("mug", 1, 500),
                item("sofa", 1, 10_000),
            ],
        },
    }
}

/// Always the same moment.
#[derive(Clone, Copy)]
pub(super) struct At(pub(super) i64);

impl Clock for At {
    fn now(&self) -> Timestamp {
        at(self.0)
    }
}

/// Lets others go first, that many times.
struct Turns(u32);

impl Future for Turns {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A step that is far away: its caller may be gone before the request arrives, and before the
/// answer does. It can be cut off, and counts what arrives.
pub(super) struct Far<S> {
    inner: S,
    turns: u32,
    pub(super) cut_off: AtomicBool,
    pub(super) arrived: AtomicUsize,
}

impl<S, R, Q, E> Step<Q> for Far<S>
where
    S: Step<Q, Response = R, Error = PortError<E>>,
    E: std::error::Error + Send + 'static,
    R: Send,
    Q: Send + 'static,
{
    type Response = R;
    type Error = PortError<E>;

    async fn run(&self, request: Q) -> Result<R, PortError<E>> {
        Turns(self.turns).await;
        if self.cut_off.load(Ordering::SeqCst) {
            return Err(Fault::unavailable("cut off").into());
        }
        self.arrived.fetch_add(1, Ordering::SeqCst);
        let answer = self.inner.run(request).await;
        Turns(self.turns).await;
        answer
    }
}

type NoCrm = tower::util::BoxCloneSyncService<LookUpCustomer, Option<CustomerProfile>, Fault>;
pub(super) type Books = Far<KeepBooks<NoCrm>>;
pub(super) type Driver = DriveOrder<StepService<Books>, StepService<Far<Warehouse>>>;

/// The shop behind the checkout, in memory, with the goods of [`placed`] sold.
pub(super) struct World {
    pub(super) orders: Arc<MemoryOrders>,
    pub(super) journal: Arc<MemoryJournal>,
    pub(super) shipments: Arc<MemoryShipments>,
    pub(super) ledgers: BTreeMap<StockSystem, Arc<dyn StockLedger>>,

    pub(super) warehouse: Warehouse,
    pub(super) far_warehouse: Arc<Far<Warehouse>>,
    pub(super) far_books: Arc<Books>,
    pub(super) clock: Arc<At>,
}

impl World {
    pub(super) async fn new() -> Self {
        let clock = Arc::new(At(5));
        let broker = Arc::new(MemoryBroker::new(Arc::<At>::clone(&clock)));
        let topic = "reports".into();
        broker.create_topic(&topic).await.expect("created");
        let config = SubscriptionConfig::new(topic.clone());
        let created = broker.create_subscription(&"oms".into(), config).await;
        created.expect("created");
        let mut ledgers: BTreeMap<StockSystem, Arc<dyn StockLedger>> = BTreeMap::new();
        for part in Part::all_of(&placed()) {
            let ledger = MemoryLedger::new(Arc::<At>::clone(&clock));
            let lines = part.goods(&placed());
            for line in &lines {
                let receive = Receive {
                    receipt_id: order_id().receipt(line.product_id.as_str()),
                    product_id: line.product_id.clone(),
                    quantity: 10,
                };
                ledger.receive(receive).await.expect("received");
            }
            let hold_id = part.hold_id.expect("has one").clone();
            let reserve = Reserve {
                hold_id: hold_id.clone(),
                lines,
                ttl: Duration::from_secs(60),
                valid_until: Timestamp::MAX,
            };
            ledger.reserve(reserve).await.expect("reserved");
            ledger.confirm(&hold_id, None).await.expect("confirmed");
            ledgers.insert(part.system, Arc::new(ledger));
        }
        let shipments = Arc::new(MemoryShipments::default());
        let warehouse = Warehouse {
            shipments: Arc::<MemoryShipments>::clone(&shipments),
            ledgers: ledgers.clone(),
            broker: Deliveries::Own(broker),
            topic,
            clock: Arc::<At>::clone(&clock),
            moved: Moved::default(),
        };
        let journal = Arc::new(MemoryJournal::default());
        let nobody = tower::service_fn(|_: LookUpCustomer| async { Ok::<_, Fault>(None) });
        let books = KeepBooks {
            journal: Arc::<MemoryJournal>::clone(&journal),
            clock: Arc::<At>::clone(&clock),
            crm: NoCrm::new(nobody),
        };
        // Of different distance, so that their answers interleave.
        let far_books = far(books, 1);
        let far_warehouse = far(warehouse.clone(), 2);
        Self {
            orders: Arc::default(),
            journal,
            shipments,
            ledgers,
            warehouse,
            far_warehouse,
            far_books,
            clock,
        }
    }

    pub(super) fn driver(&self) -> Driver {
        DriveOrder {
            orders: Arc::<MemoryOrders>::clone(&self.orders),
            accounting: StepService::shared(Arc::clone(&self.far_books)),
            warehouse: StepService::shared(Arc::clone(&self.far_warehouse)),
            clock: Arc::<At>::clone(&self.clock),
        }
    }

    pub(super) async fn carrier_says(&self, system: StockSystem, status: ShipmentStatus) {
        let shipment_id = order_id().shipment(system.as_str());
        let event = CarrierEvent {
            id: CarrierEventId::new(format!("{shipment_id}.{status}")).expect("valid"),
            shipment_id,
            status,
            at: at(7),
        };
        self.warehouse.run(event).await.expect("taken");
    }

    /// Everything that is left behind, one fact a line, in an order that does not depend on
    /// when it happened.
    pub(super) async fn print(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let entries = self.journal.entries(None, 100).await.expect("kept");
        for (_, entry) in entries {
            let amount = entry.amount().expect("one currency");
            lines.push(format!("entry {} {}", entry.id, amount.decimal()));
        }
        for it in self.shipments.shipments(None, 100).await.expect("kept") {
            lines.push(format!("shipment {} {}", it.id, it.status));
        }
        for (system, ledger) in &self.ledgers {
            for it in ledger.holds(None, 100).await.expect("kept") {
                lines.push(format!("hold {} {}", it.id, it.state));
            }
            for (product, it) in ledger.levels(None, 100).await.expect("kept") {
                lines.push(format!(
                    "{system} {product}: {} {}",
                    it.on_hand, it.committed
                ));
            }
        }
        if let Some(order) = self.orders.order(&order_id()).await.expect("kept") {
            let timeline = order.progress.timeline.iter();
            lines.extend(timeline.map(|it| format!("order {}", it.0)));
            lines.push(format!("order is {}", order.progress.state()));
        }
        lines.sort();
        lines
    }
}

fn far<S>(inner: S, turns: u32) -> Arc<Far<S>> {
    Arc::new(Far {
        inner,
        turns,
        cut_off: AtomicBool::new(false),
        arrived: AtomicUsize::new(0),
    })
}
