//! What the process does whose disk loses power: a shop's days, and what it tells whom.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use boutique_core::assembly::{Boutique, Settings};
use boutique_core::carts::CartLine;
use boutique_core::catalog::{Catalog, Product};
use boutique_core::checkout::{Finish, OrderBody, Outcome, PlaceOrder};
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::customer::{Address, Email, UpsertCustomer};
use boutique_core::flow::Step as _;
use boutique_core::ids::{
    CarrierEventId, CustomerId, IdSource as _, IdempotencyKey, OrderId, ReceiptId, ReturnId,
    TenantId, UserId,
};
use boutique_core::limits::Units;
use boutique_core::money::Currency;
use boutique_core::orders::{CancelOrder, ReturnGoods, ReturnLine};
use boutique_core::stock::{Receive, StockSystem};
use boutique_core::warehouse::{CarrierEvent, ShipmentStatus};
use boutique_testkit::sources::ManualClock;
use boutique_transport::sources::NamedIds;
use boutique_transport::sqlite::{SqliteOptions, SqliteStore};
use futures_util::future::join_all;

use crate::facts::Fact;
use crate::log::ACKNOWLEDGED;

/// The data file's name.
pub(crate) const DATA_FILE: &str = "shop.db";
/// When it all begins.
pub(crate) const BEGIN: Timestamp = Timestamp::from_millis(1_700_000_000_000);
/// Times that the process starts, works and ends in good order.
const LIVES: usize = 3;
/// Orders placed at one time, which share syncs.
const AT_A_TIME: usize = 4;

/// How much a process does before its end.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// Orders of the first life; the others have an eleventh of them.
    pub(crate) orders: usize,
    /// Chooses the orders.
    pub(crate) seed: u64,
}

/// A shop of one life of the process.
struct Shop {
    boutique: Boutique,
    clock: Arc<ManualClock>,
    told: Arc<Mutex<File>>,
    load: Load,
}

/// Lives on the data file in `folder` and writes down there what it acknowledges.
pub(crate) async fn live(folder: &Path, load: Load) {
    let mut told = OpenOptions::new();
    let told = told
        .append(true)
        .create(true)
        .open(folder.join(ACKNOWLEDGED));
    let told = Arc::new(Mutex::new(told.expect("opens")));
    let clock = Arc::new(ManualClock::new(BEGIN));
    let mut first = 0;
    for life in 0..LIVES {
        let shop = Shop {
            boutique: open(&folder.join(DATA_FILE), Arc::clone(&clock)),
            clock: Arc::clone(&clock),
            told: Arc::clone(&told),
            load,
        };
        let end = first
            + if life == 0 {
                load.orders
            } else {
                load.orders / 11
            };
        shop.day(life, first..end).await;
        first = end;
    }
}

/// A boutique as the program composes it, on one data file.
pub(crate) fn compose(store: &SqliteStore) -> Boutique {
    let mut settings = Settings::standard(Arc::new(Catalog::default_range()));
    settings.finish = Finish::Spawn(Arc::new(|work| drop(tokio::spawn(work))));
    Boutique::new(store.ports(Arc::new(NamedIds)), settings)
}

fn open(file: &Path, clock: Arc<ManualClock>) -> Boutique {
    let store = SqliteStore::open(file, clock, SqliteOptions::default());
    compose(&store.expect("opens"))
}

/// The order's name, which follows from its key.
pub(crate) fn order_id(number: usize) -> OrderId {
    NamedIds.order(&tenant(), &key(number))
}

/// A delivery of goods, the first or a later one.
pub(crate) fn delivery(system: StockSystem, nth: usize) -> Receive {
    let product_id = product(system).id.clone();
    Receive {
        receipt_id: ReceiptId::new(format!("{product_id}-{nth}")).expect("an id"),
        product_id,
        quantity: 150,
    }
}

/// Whose cart and orders these are.
pub(crate) fn user(number: usize) -> UserId {
    UserId::new(format!("user-{}", number % 5)).expect("an id")
}

fn product(system: StockSystem) -> Arc<Product> {
    let range = Catalog::default_range();
    let mut of_system = range.iter().filter(|it| it.system == system);
    Arc::clone(of_system.next().expect("the range has both"))
}

fn tenant() -> TenantId {
    TenantId::new("t").expect("an id")
}

fn key(number: usize) -> IdempotencyKey {
    IdempotencyKey::new(format!("key-{number}")).expect("a key")
}

impl Shop {
    /// Tells somebody: from here on it must be true.
    fn tell(&self, fact: &Fact) {
        let mut line = serde_json::to_vec(fact).expect("prints");
        line.push(b'\n');
        let mut told = self.told.lock().expect("nobody panics while telling");
        // One call, so one record.
        told.write_all(&line).expect("told");
    }

    async fn day(&self, life: usize, orders: std::ops::Range<usize>) {
        let boutique = &self.boutique;
        boutique.start().await.expect("starts");
        for system in StockSystem::ALL {
            let ledger = boutique.ports().ledger(system);
            ledger
                .receive(delivery(system, life))
                .await
                .expect("received");
            self.tell(&Fact::Received { system, nth: life });
        }
        self.know(life).await;
        let numbers: Vec<usize> = orders.collect();
        let mut sold = Vec::new();
        for (nth, few) in numbers.chunks(AT_A_TIME).enumerate() {
            let answers = join_all(few.iter().map(|it| self.place(*it))).await;
            sold.extend(answers.into_iter().flatten());
            self.clock.advance_millis(1_000);
            if nth % 2 == 1 {
                boutique.work().await.expect("works");
            }
            if nth == numbers.len() / AT_A_TIME / 2 {
                self.rest().await;
                self.ship(&sold).await;
            }
        }
        self.rest().await;
        if let [.., last] = sold[..] {
            let cancel = CancelOrder {
                order_id: order_id(last),
                at: None,
            };
            boutique.desk().run(cancel).await.expect("in time");
        }
        if let [first, ..] = sold[..] {
            self.take_back(first).await;
        }
        self.rest().await;
        self.tell_books(&sold).await;
    }

    async fn know(&self, number: usize) {
        let customer = UpsertCustomer {
            id: CustomerId::new(user(number).as_str()).expect("an id"),
            email: Email::new(format!("{}@example.com", user(number)))
                .expect("an e-mail")
                .into(),
            name: None,
            surname: None,
            address: None,
            tier: None,
            standing: None,
            billing: None,
        };
        let ports = self.boutique.ports();
        ports
            .customers
            .upsert(customer, self.clock.now())
            .await
            .expect("kept");
        self.tell(&Fact::Known { user: number });
    }

    /// Fills a cart and sells it, or hears why not. Answers the number of an order that is sold.
    async fn place(&self, number: usize) -> Option<usize> {
        let roll = (number as u64)
            .wrapping_add(self.load.seed)
            .wrapping_mul(0x9e37_79b9)
            >> 7;
        let ports = self.boutique.ports();
        let line = |system, wanted| CartLine {
            product_id: product(system).id.clone(),
            quantity: Units::new(wanted).expect("in range"),
        };
        // One in eight asks for more than there is, one in three is bulky as well.
        let wanted = if roll.is_multiple_of(8) {
            5_000
        } else {
            1 + (roll % 3).cast_signed()
        };
        let mut lines = vec![line(StockSystem::Inventory, wanted)];
        if roll.is_multiple_of(3) {
            lines.push(line(StockSystem::Furniture, 1));
        }
        if roll.is_multiple_of(2) {
            let cart = ports.carts.add(&user(number), lines[0].clone(), None).await;
            let version = cart.map_or(0, |it| it.version);
            self.tell(&Fact::Carted {
                user: number,
                version,
            });
        }
        let request = PlaceOrder {
            tenant: tenant(),
            key: key(number),
            body: OrderBody {
                user_id: user(number),
                currency: Currency::USD,
                email: Email::new(format!("{}@example.com", user(number)))
                    .expect("an e-mail")
                    .into(),
                address: Address {
                    street_address: format!("{number} Main Street"),
                    city: "Springfield".into(),
                    state: String::new(),
                    country: "United States".into(),
                    zip_code: "97477".into(),
                }
                .into(),
                lines: Some(lines.into()),
                ordered_at: None,
            },
            dry_run: false,
            deadline: self.clock.now().after(Duration::from_secs(5)),
            traceparent: None,
        };
        let outcome = self.boutique.place(request).await.expect("an answer");
        let answer = format!("{outcome:?}");
        self.tell(&Fact::Answered { number, answer });
        matches!(outcome, Outcome::Confirmed(_)).then_some(number)
    }

    async fn ship(&self, sold: &[usize]) {
        let shipments = &self.boutique.ports().shipments;
        for number in sold {
            let of_order = shipments
                .of_order(&order_id(*number))
                .await
                .expect("listed");
            for shipment in of_order {
                let event = CarrierEvent {
                    id: CarrierEventId::new(format!("{}.left", shipment.id)).expect("an id"),
                    at: self.clock.now(),
                    shipment_id: shipment.id,
                    status: ShipmentStatus::Shipped,
                };
                self.boutique.carrier(event).await.expect("taken in");
            }
            self.tell(&Fact::Shipped { number: *number });
        }
    }

    async fn take_back(&self, number: usize) {
        let back = ReturnGoods {
            order_id: order_id(number),
            return_id: ReturnId::new(format!("back-{number}")).expect("an id"),
            lines: vec![ReturnLine {
                line: 0,
                quantity: Units::ONE,
                refund: None,
            }],
            restock: true,
            at: None,
        };
        self.boutique.desk().run(back).await.expect("it has left");
    }

    async fn tell_books(&self, sold: &[usize]) {
        let ports = self.boutique.ports();
        for number in sold {
            let entries = ports
                .journal
                .entries_of(&order_id(*number))
                .await
                .expect("listed");
            self.tell(&Fact::Booked {
                number: *number,
                entries: entries.len(),
            });
        }
        let rows = ports.analytics.raw_rows().await.expect("counted");
        self.tell(&Fact::Counted { rows });
    }

    async fn rest(&self) {
        rest(&self.boutique, &self.clock).await;
    }
}

/// Works until nothing is left to do, whatever has to rest in between.
pub(crate) async fn rest(boutique: &Boutique, clock: &ManualClock) {
    for _ in 0..8 {
        if boutique.settle().await.expect("settles").waiting == 0 {
            return;
        }
        clock.advance(Duration::from_secs(61));
    }
    panic!("it never comes to rest");
}
