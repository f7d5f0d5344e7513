//! A whole boutique on one data file comes to the same books as one in memory, though its
//! process ends in between.

#![cfg(feature = "sqlite")]

use std::sync::Arc;
use std::time::Duration;

use boutique_core::accounting::TrialBalance;
use boutique_core::assembly::{Boutique, Ports, Settings};
use boutique_core::audit::{AuditScope, Seen};
use boutique_core::carts::CartLine;
use boutique_core::catalog::{Catalog, Product};
use boutique_core::checkout::{OrderBody, Outcome, PlaceOrder};
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::customer::{Address, Email, UpsertCustomer};
use boutique_core::fault::Fault;
use boutique_core::flow::Step;
use boutique_core::ids::{
    CarrierEventId, CustomerId, IdSource, IdempotencyKey, OrderId, ReceiptId, TenantId, UserId,
};
use boutique_core::limits::Units;
use boutique_core::money::Currency;
use boutique_core::orders::CancelOrder;
use boutique_core::stock::{Receive, StockSystem};
use boutique_core::warehouse::{CarrierEvent, ShipmentStatus};
use boutique_testkit::sources::{CountingIds, ManualClock};
use boutique_transport::sqlite::{SqliteOptions, SqliteStore};

const ORDERS: i64 = 8;

fn product(system: StockSystem) -> Arc<Product> {
    let range = Catalog::default_range();
    let mut of_system = range.iter().filter(|it| it.system == system);
    Arc::clone(of_system.next().expect("the range has both"))
}

fn tenant() -> TenantId {
    TenantId::new("t").expect("an id")
}

fn key(number: i64) -> IdempotencyKey {
    IdempotencyKey::new(format!("key-{number}")).expect("a key")
}

/// Every third order is bulky as well; the last two ask for more than there is.
fn order(number: i64, now: Timestamp) -> PlaceOrder {
    let wanted = if number % ORDERS < ORDERS - 1 { 2 } else { 500 };
    let line = |system| CartLine {
        product_id: product(system).id.clone(),
        quantity: Units::new(wanted).expect("in range"),
    };
    let mut lines = vec![line(StockSystem::Inventory)];
    if number % 3 == 0 {
        lines.push(line(StockSystem::Furniture));
    }
    PlaceOrder {
        tenant: tenant(),
        key: key(number),
        body: OrderBody {
            user_id: UserId::new(format!("user-{}", number % 4)).expect("an id"),
            currency: Currency::USD,
            email: Email::new(format!("user-{}@example.com", number % 4))
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
        deadline: now.after(Duration::from_secs(5)),
        traceparent: None,
    }
}

/// Stocks the shelves and knows one customer.
async fn prepare(ports: &Ports) {
    for system in StockSystem::ALL {
        let product_id = product(system).id.clone();
        let receive = Receive {
            receipt_id: ReceiptId::new(format!("first-{product_id}")).expect("an id"),
            product_id,
            quantity: 100,
        };
        let received = ports.ledger(system).receive(receive).await;
        received.expect("received");
    }
    let known = UpsertCustomer {
        id: CustomerId::new("user-1").expect("an id"),
        email: Email::new("user-1@example.com").expect("an e-mail").into(),
        name: None,
        surname: None,
        address: None,
        tier: None,
        standing: None,
        billing: None,
    };
    let now = ports.clock.now();
    ports.customers.upsert(known, now).await.expect("kept");
}

/// One life of the process: sells, ships, cancels, and leaves the last orders undelivered.
async fn live(ports: Ports, life: i64, clock: &ManualClock) -> Vec<Outcome> {
    let settings = Settings::standard(Arc::new(Catalog::default_range()));
    let boutique = Boutique::new(ports, settings);
    boutique.start().await.expect("starts");
    rest(&boutique, clock).await.expect("settles");
    let mut outcomes = Vec::new();
    // The first order of a life is the last of the one before, asked for again.
    for number in (life * ORDERS - 1).max(0)..(life + 1) * ORDERS {
        let outcome = boutique.place(order(number, clock.now())).await;
        outcomes.push(outcome.expect("an answer"));
        clock.advance_millis(1_000);
        if number % ORDERS == ORDERS / 2 {
            rest(&boutique, clock).await.expect("settles");
            ship(&boutique).await;
            rest(&boutique, clock).await.expect("settles");
            let order_id = order_id(boutique.ports(), number);
            let cancel = CancelOrder {
                order_id,
                at: Some(clock.now()),
            };
            // It has left: a person hears so, and nothing changes.
            boutique.desk().run(cancel).await.expect_err("too late");
        }
    }
    let last_sold = life * ORDERS + ORDERS - 2;
    let cancel = CancelOrder {
        order_id: order_id(boutique.ports(), last_sold),
        at: Some(clock.now()),
    };
    boutique.settle().await.expect("settles");
    boutique.desk().run(cancel).await.expect("in time");
    outcomes
}

fn order_id(ports: &Ports, number: i64) -> OrderId {
    ports.ids.order(&tenant(), &key(number))
}

async fn ship(boutique: &Boutique) {
    let shipments = boutique.ports().shipments.shipments(None, 1_000).await;
    for shipment in shipments.expect("listed") {
        if shipment.status == ShipmentStatus::Pending {
            let event = CarrierEvent {
                id: CarrierEventId::new(format!("{}.left", shipment.id)).expect("an id"),
                at: boutique.ports().clock.now(),
                shipment_id: shipment.id,
                status: ShipmentStatus::Shipped,
            };
            boutique.carrier(event).await.expect("taken in");
        }
    }
}

/// Works until nothing is left to do, whatever has to rest in between.
async fn rest(boutique: &Boutique, clock: &ManualClock) -> Result<(), Fault> {
    for _ in 0..8 {
        if boutique.settle().await?.waiting == 0 {
            return Ok(());
        }
        clock.advance(Duration::from_secs(61));
    }
    Err(Fault::permanent("it never comes to rest"))
}

/// What is left after everything: counts and books.
async fn end(ports: Ports, clock: &ManualClock) -> (Seen, TrialBalance) {
    let settings = Settings::standard(Arc::new(Catalog::default_range()));
    let boutique = Boutique::new(ports, settings);
    boutique.start().await.expect("starts");
    rest(&boutique, clock).await.expect("settles");
    let report = boutique.audit(AuditScope::AtRest).await.expect("audits");
    assert!(report.is_clean(), "{:#?}", report.violations);
    let books = boutique.ports().journal.trial_balance().await;
    (report.seen, books.expect("sums"))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_lives_on_a_data_file_come_to_the_books_of_one_in_memory() {
    let start = Timestamp::from_millis(1_700_000_000_000);
    let ids: Arc<dyn IdSource> = Arc::new(CountingIds::default());

    let clock = Arc::new(ManualClock::new(start));
    let memory = Ports::memory(
        Arc::clone(&clock) as Arc<dyn Clock>,
        Arc::new(CountingIds::default()),
    );
    prepare(&memory).await;
    let mut expected = Vec::new();
    for life in 0..2 {
        expected.extend(live(memory.clone(), life, &clock).await);
    }
    let expected = (expected, end(memory, &clock).await);

    let directory = tempfile::tempdir().expect("a temporary directory");
    let clock = Arc::new(ManualClock::new(start));
    let open = || {
        let clock = Arc::clone(&clock) as Arc<dyn Clock>;
        let file = directory.path().join("boutique.db");
        SqliteStore::open(file, clock, SqliteOptions::default()).expect("ours")
    };
    prepare(&open().ports(Arc::clone(&ids))).await;
    let mut outcomes = Vec::new();
    for life in 0..2 {
        outcomes.extend(live(open().ports(Arc::clone(&ids)), life, &clock).await);
    }
    let found = (outcomes, end(open().ports(ids), &clock).await);

    let (seen, books) = &found.1;
    assert!(seen.confirmed > 8 && books.is_balanced(), "{seen:?}");
    assert_eq!(found.1, expected.1);
    let words = |it: &Vec<Outcome>| it.iter().map(|it| format!("{it:?}")).collect::<Vec<_>>();
    assert_eq!(words(&found.0), words(&expected.0));
}
