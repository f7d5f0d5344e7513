//! What the data file keeps reads back the same after a restart as it would from memory, and
//! what it promises beyond the ports: books that cannot be altered, customers that are gone.

#![cfg(feature = "sqlite")]

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use boutique_core::accounting::{Account, Entry, EntryKind, EntryLine, Journal, MemoryJournal};
use boutique_core::analytics::{AnalyticsRow, AnalyticsStore};
use boutique_core::broker::{
    AckId, Broker, DeadLetterPolicy, Delivery, MemoryBroker, Message, Publish, SubscriptionConfig,
};
use boutique_core::clock::Timestamp;
use boutique_core::customer::{
    CustomerDirectory, CustomerOrder, Email, MemoryDirectory, Tier, UpsertCustomer,
};
use boutique_core::event::ConfirmedOrder;
use boutique_core::fraud::{MemorySignals, Observation, SignalStore};
use boutique_core::ids::{CarrierEventId, CustomerId, EntryId, EventId, OrderId, Pseudonym};
use boutique_core::limits::Units;
use boutique_core::money::{Currency, Money, UNITS_MAX};
use boutique_core::orders::{DeadLetter, DeadLetterSource, Fact, MemoryOrders, OrderStore};
use boutique_core::stock::{StockLine, StockSystem};
use boutique_core::warehouse::{
    CarrierEvent, Duty, MemoryShipments, Schedule, Shipment, ShipmentStatus, ShipmentStore,
};
use boutique_testkit::ManualClock;
use boutique_transport::sqlite::{SqliteOptions, SqliteStore};
use serde::de::DeserializeOwned;
use serde_json::json;
use tempfile::TempDir;

struct DataFile {
    directory: TempDir,
    clock: Arc<ManualClock>,
}

impl DataFile {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().expect("a temporary directory"),
            clock: Arc::new(ManualClock::new(at(0))),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("boutique.db")
    }

    fn open(&self) -> SqliteStore {
        let clock = Arc::<ManualClock>::clone(&self.clock);
        SqliteStore::open(self.path(), clock, SqliteOptions::default()).expect("ours")
    }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn id<T: TryFrom<Arc<str>, Error: Debug>>(text: &str) -> T {
    T::try_from(text.into()).expect("an id")
}

fn usd(cents: i64) -> Money {
    Money::from_minor(Currency::USD, cents).expect("in range")
}

fn parsed<T: DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).expect("a value of the domain")
}

/// Answers in words, personal data redacted.
#[derive(Default, PartialEq)]
struct Transcript(Vec<String>);

impl Transcript {
    fn note(&mut self, answer: impl Debug) {
        self.0.push(format!("{answer:?}"));
    }
}

impl Debug for Transcript {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

fn confirmed(order: &str, event: &str, quantity: i64) -> ConfirmedOrder {
    let money = |units: i64| json!({"currency_code": "USD", "units": units, "nanos": 0});
    parsed(json!({
        "event_id": event, "occurred_at": 5_000, "holds": [], "total": money(20 * quantity),
        "discount": money(0), "tax": money(0),
        "order": {
            "order_id": order, "user_id": "ada", "email": "ada@example.org",
            "user_currency": "USD", "shipping_tracking_id": "BT-1", "shipping_cost": money(0),
            "shipping_address": {"street_address": "1 Quay", "city": "Cork", "country": "Ireland"},
            "items": [{"item": {"product_id": "TEA", "quantity": quantity}, "cost": money(20)}],
        },
    }))
}

async fn work_on_orders(store: &dyn OrderStore) -> Transcript {
    let mut said = Transcript::default();
    for (order, event, quantity) in [
        ("o2", "e2", 1),
        ("o1", "e1", 2),
        ("o1", "e1", 2),
        ("o1", "e1", 3),
        ("o1", "e9", 2),
        ("o9", "e1", 2),
    ] {
        said.note(store.accept(confirmed(order, event, quantity), at(1)).await);
    }
    let system = StockSystem::Inventory;
    let scheduled = || Fact::Scheduled {
        system,
        tracking_id: id("BT-1"),
    };
    let shipped = || Fact::Reported {
        system,
        status: ShipmentStatus::Shipped,
        at: at(3),
    };
    let early = Fact::Recognised { system };
    for (order, facts, event) in [
        ("o1", vec![Fact::SaleBooked], None),
        ("o1", vec![Fact::SaleBooked], None),
        // The second contradicts: neither it, nor the first, nor the event has any effect.
        ("o1", vec![scheduled(), early.clone()], Some("r1")),
        ("o1", vec![scheduled(), shipped()], Some("r1")),
        ("o1", vec![early.clone()], Some("r1")),
        ("o1", vec![early], Some("r2")),
        ("none", vec![Fact::SaleBooked], Some("r3")),
        ("o2", vec![Fact::SaleBooked], Some("r3")),
    ] {
        let event: Option<EventId> = event.map(id);
        said.note(store.record(&id(order), facts, event, at(4)).await);
    }
    // An event that had its effect as a report is not an order.
    said.note(store.accept(confirmed("o3", "r1", 1), at(5)).await);
    for reason in ["first", "again"] {
        let letter = DeadLetter {
            id: "l1".to_owned(),
            source: DeadLetterSource::Refused,
            reason: reason.to_owned(),
            parked_at: at(6),
            message: message("{}", None),
        };
        said.note(store.park(letter).await);
    }
    said.note(store.discard("l0").await);
    said
}

async fn look_at_orders(store: &dyn OrderStore) -> Transcript {
    let mut said = Transcript::default();
    for order in ["o1", "o2", "none"] {
        said.note(store.order(&id(order)).await);
    }
    let first: OrderId = id("o1");
    said.note(store.orders(None, 1).await);
    said.note(store.orders(Some(&first), 5).await);
    for (idle_since, after) in [(at(3), None), (at(4), None), (at(4), Some(&first))] {
        said.note(store.unfinished(idle_since, after, 5).await);
    }
    for after in [None, Some(""), Some("l1")] {
        said.note(store.dead_letters(after, 5).await);
    }
    said
}

#[tokio::test]
async fn orders_facts_and_dead_letters_survive_a_restart() {
    let (file, memory) = (DataFile::new(), MemoryOrders::default());
    let worked = work_on_orders(&memory).await;
    assert_eq!(work_on_orders(&file.open().orders()).await, worked);
    let seen = look_at_orders(&memory).await;
    let orders = file.open().orders();
    assert_eq!(look_at_orders(&orders).await, seen);
    assert!(orders.discard("l1").await.expect("there"));
}

fn entry(entry_id: &str, order: Option<&str>, lines: &[(Account, Money)]) -> Entry {
    let line = |&(account, amount)| EntryLine { account, amount };
    Entry {
        id: id(entry_id),
        kind: EntryKind::CreditNote,
        order_id: order.map(id),
        reverses: Some(id("older")),
        occurred_at: at(1),
        recorded_at: at(2),
        memo: "thanks".to_owned(),
        billing: Some(parsed(json!({
            "name": "Ada",
            "address": {"street_address": "1 Quay", "city": "Cork", "country": "Ireland"},
        }))),
        lines: lines.iter().map(line).collect(),
    }
}

async fn work_on_journal(journal: &dyn Journal) -> Transcript {
    use Account::{Receivables, Revenue};
    let most = Money::new(Currency::USD, UNITS_MAX, 0).expect("the ceiling itself");
    let odd = Money::new(Currency::USD, 1, 999_999_999).expect("in range");
    let yen = Money::from_minor(Currency::JPY, 7).expect("in range");
    let pair = |amount: Money| [(Receivables, amount), (Revenue, amount.negated())];
    let mut said = Transcript::default();
    for entry in [
        entry("a", Some("o1"), &pair(odd)),
        entry("a", Some("o1"), &pair(odd)),
        entry("a", Some("o1"), &pair(yen)),
        entry("b", Some("o1"), &pair(odd.negated())),
        entry("c", None, &pair(yen)),
        entry("d", None, &[(Receivables, odd), (Revenue, yen)]),
        entry("d", None, &[(Receivables, odd)]),
        entry("d", Some("o2"), &pair(usd(0))),
        // One account would come to more than money can say.
        entry("e", Some("o2"), &pair(most)),
    ] {
        said.note(journal.post(entry).await);
    }
    said
}

async fn look_at_journal(journal: &dyn Journal) -> Transcript {
    let mut said = Transcript::default();
    for entry in ["a", "e"] {
        let entry: EntryId = id(entry);
        said.note(journal.entry(&entry).await);
    }
    said.note(journal.entries_of(&id("o1")).await);
    for (after, limit) in [(None, 2), (Some(2), 9), (Some(u64::MAX), 9)] {
        said.note(journal.entries(after, limit).await);
        said.note(journal.sales(after, limit).await);
    }
    said.note(journal.sales_total().await);
    said.note(journal.trial_balance().await);
    said
}

#[tokio::test]
async fn the_journal_survives_a_restart_and_nobody_can_alter_it() {
    let (file, memory) = (DataFile::new(), MemoryJournal::default());
    let worked = work_on_journal(&memory).await;
    assert_eq!(work_on_journal(&file.open().journal()).await, worked);
    let seen = look_at_journal(&memory).await;

    let db = rusqlite::Connection::open(file.path()).expect("a database");
    for tampering in [
        "UPDATE journal_entry SET occurred_at = 0",
        "DELETE FROM journal_entry WHERE id = 'a'",
        "UPDATE journal_line SET units = 0",
        "DELETE FROM journal_line WHERE n = 1",
    ] {
        let refused = db.execute(tampering, []).expect_err("immutable");
        assert!(refused.to_string().contains("book a reversal"), "{refused}");
    }
    drop(db);
    assert_eq!(look_at_journal(&file.open().journal()).await, seen);
}

fn shipment(order: &str, quantity: i64) -> Shipment {
    let order_id: OrderId = id(order);
    let schedule = Schedule {
        system: StockSystem::Furniture,
        hold_id: Some(order_id.hold("furniture", 1)),
        lines: vec![StockLine {
            product_id: id("SOFA"),
            quantity: Units::new(quantity).expect("in range"),
        }],
        tracking_id: order_id.tracking(),
        address: parsed(json!({"street_address": "1 Quay", "city": "Cork", "country": "Ireland"})),
        order_id,
    };
    Shipment::new(schedule, at(1)).expect("has a line")
}

async fn work_on_shipments(store: &dyn ShipmentStore) -> Transcript {
    let mut said = Transcript::default();
    for shipment in [
        shipment("o2", 1),
        shipment("o1", 1),
        shipment("o1", 1),
        shipment("o1", 2),
    ] {
        said.note(store.create(shipment).await);
    }
    let (first, second) = (shipment("o1", 1).id, shipment("o2", 1).id);
    for (of, event, status) in [
        (&first, "c1", ShipmentStatus::Shipped),
        (&first, "c1", ShipmentStatus::Shipped),
        (&first, "c2", ShipmentStatus::Cancelled),
        (&second, "c1", ShipmentStatus::Packed),
        (&id("none"), "c1", ShipmentStatus::Packed),
    ] {
        let event = CarrierEvent {
            id: id::<CarrierEventId>(event),
            shipment_id: of.clone(),
            status,
            at: at(2),
        };
        said.note(store.apply(event).await);
    }
    let duties = [Duty::Announce];
    for status in [ShipmentStatus::Pending, ShipmentStatus::Packed] {
        said.note(store.discharge(&second, status, &duties).await);
    }
    said.note(
        store
            .discharge(&id("none"), ShipmentStatus::Packed, &duties)
            .await,
    );
    said
}

async fn look_at_shipments(store: &dyn ShipmentStore) -> Transcript {
    let mut said = Transcript::default();
    let first = shipment("o1", 1).id;
    said.note(store.shipment(&first).await);
    said.note(store.of_order(&id("o2")).await);
    for after in [None, Some(&first)] {
        said.note(store.shipments(after, 5).await);
        said.note(store.unfinished(after, 5).await);
    }
    said
}

#[tokio::test]
async fn shipments_and_what_is_owed_for_them_survive_a_restart() {
    let (file, memory) = (DataFile::new(), MemoryShipments::default());
    let worked = work_on_shipments(&memory).await;
    assert_eq!(work_on_shipments(&file.open().shipments()).await, worked);
    let seen = look_at_shipments(&memory).await;
    assert_eq!(look_at_shipments(&file.open().shipments()).await, seen);
}

fn observation(order: i64, user: i64, millis: i64) -> Observation {
    let name = |what: &str, number: i64| id::<Pseudonym>(&format!("{what}{number}"));
    Observation {
        order_id: id(&format!("o{order:04}")),
        user: name("u", user),
        email: name("e", user % 2),
        address: name("a", order % 3),
        amount: usd(1_099),
        at: at(millis),
    }
}

async fn observe(signals: &dyn SignalStore) -> Transcript {
    let mut said = Transcript::default();
    for order in 0..300 {
        let observation = observation(order, 0, order / 3);
        said.note(signals.observe(observation).await);
    }
    for (order, user, millis) in [(7, 5, 1), (299, 0, 0), (400, 1, 90_000_000), (401, 1, 50)] {
        said.note(signals.peek(observation(order, user, millis)).await);
        said.note(signals.observe(observation(order, user, millis)).await);
    }
    said.note(signals.forget(at(40)).await);
    said.note(signals.forget(at(40)).await);
    said.note(signals.observe(observation(500, 0, 120)).await);
    said
}

#[tokio::test]
async fn velocity_windows_count_as_in_memory_up_to_the_ceiling() {
    let (file, memory) = (DataFile::new(), MemorySignals::default());
    let store = file.open();
    assert_eq!(observe(&store.signals()).await, observe(&memory).await);
    drop(store);
    let next = || observation(501, 0, 130);
    let (kept, known) = (file.open().signals(), memory.peek(next()).await);
    assert_eq!(
        kept.peek(next()).await.expect("there"),
        known.expect("there")
    );
}

fn said(customer: &str, email: &str) -> UpsertCustomer {
    UpsertCustomer {
        id: id(customer),
        email: Email::new(email).expect("an e-mail").into(),
        name: Some("Ada".to_owned().into()),
        surname: Some("Quaternion".to_owned().into()),
        address: None,
        tier: None,
        standing: None,
        billing: None,
    }
}

async fn work_on_customers(directory: &dyn CustomerDirectory) -> Transcript {
    let mut answers = Transcript::default();
    for (customer, email, millis) in [
        ("c1", "Ada@Example.org", 1),
        ("c2", "bob@example.org", 2),
        ("c3", "eve@example.org", 2),
        ("c9", "ADA@example.org", 3),
        ("c1", "new@example.org", 4),
        ("c2", "ada@example.org", 5),
    ] {
        let customer = UpsertCustomer {
            tier: (millis > 2).then_some(Tier::Gold),
            ..said(customer, email)
        };
        answers.note(directory.upsert(customer, at(millis)).await);
    }
    for (customer, order, cents, millis) in [
        ("c1", "o2", 250, 9),
        ("c1", "o1", 500, 8),
        ("c1", "o1", 500, 1),
        ("c1", "o1", 501, 8),
        ("c2", "o1", 500, 8),
        ("c2", "o3", 100, 8),
        ("c9", "o4", 100, 8),
    ] {
        let order = CustomerOrder {
            order_id: id(order),
            total: usd(cents),
            placed_at: at(millis),
        };
        let customer: CustomerId = id(customer);
        answers.note(directory.attach(&customer, order).await);
    }
    answers
}

async fn look_at_customers(directory: &dyn CustomerDirectory) -> Transcript {
    let mut answers = Transcript::default();
    let third: CustomerId = id("c3");
    answers.note(directory.customer(&third).await);
    let email = Email::new("aDa@example.org").expect("an e-mail");
    answers.note(directory.by_email(&email).await);
    for after in [None, Some(&third), Some(&id("gone"))] {
        answers.note(directory.customers(after, 2).await);
    }
    answers.note(directory.stats().await);
    answers
}

#[tokio::test]
async fn customers_survive_a_restart_until_they_are_erased() {
    let (file, memory) = (DataFile::new(), MemoryDirectory::default());
    let worked = work_on_customers(&memory).await;
    assert_eq!(work_on_customers(&file.open().customers()).await, worked);
    let directory = file.open().customers();
    assert_eq!(
        look_at_customers(&directory).await,
        look_at_customers(&memory).await
    );

    for customer in ["c1", "c2", "c3", "c3"] {
        let customer = id(customer);
        let (erased, known) = (
            directory.erase(&customer).await,
            memory.erase(&customer).await,
        );
        assert_eq!(erased.expect("answers"), known.expect("answers"));
    }
    assert_eq!(
        look_at_customers(&directory).await,
        look_at_customers(&memory).await
    );
    drop(directory);
    let bytes = std::fs::read(file.path()).expect("the data file");
    for trace in ["Quaternion", "example.org"] {
        let found = bytes.windows(trace.len()).any(|it| it == trace.as_bytes());
        assert!(!found, "{trace} is still in the file");
    }
}

fn message(data: &str, key: Option<&str>) -> Message {
    Message {
        data: data.into(),
        attributes: Arc::new([("a".to_owned(), "b".to_owned())].into()),
        ordering_key: key.map(Into::into),
    }
}

async fn set_up(broker: &dyn Broker) {
    for topic in ["orders", "dead", "silent"] {
        broker.create_topic(&topic.into()).await.expect("created");
    }
    let mut books = SubscriptionConfig::new("orders".into());
    books.dead_letter = Some(DeadLetterPolicy {
        topic: "dead".into(),
        max_attempts: 5,
    });
    let mut rows = SubscriptionConfig::new("orders".into());
    rows.ordered = false;
    let letters = SubscriptionConfig::new("dead".into());
    for (name, config) in [("books", books), ("rows", rows), ("letters", letters)] {
        let created = broker.create_subscription(&name.into(), config).await;
        created.expect("created");
    }
}

/// One round of whatever number: publishes, pulls, and answers some deliveries in each way.
async fn round(broker: &dyn Broker, number: u64, said: &mut Transcript) {
    let keys = [None, Some("k1"), Some("k2"), Some("k1")];
    let (one, two) = (number as usize % 4, (number as usize / 3) % 4);
    let messages = vec![
        message(&format!("{number}.1"), keys[one]),
        message(&format!("{number}.2"), keys[two]),
    ];
    let topic = if number % 7 == 3 { "silent" } else { "orders" };
    said.note(broker.publish(&topic.into(), messages).await);
    for name in ["books", "rows", "letters"] {
        let name = name.into();
        let pulled = broker.pull(&name, number as usize % 5).await;
        said.note(pulled.as_ref().map(|it| {
            let data = |it: &Delivery| (it.clone(), it.message.clone(), it.message.data.clone());
            it.iter().map(data).collect::<Vec<_>>()
        }));
        let ack_ids: Vec<AckId> = pulled.iter().flatten().map(|it| it.ack_id).collect();
        for (place, ack_id) in ack_ids.iter().enumerate() {
            let answer = vec![*ack_id, *ack_id];
            let longer = Duration::from_secs(30);
            match (number as usize + place) % 7 {
                0 => said.note(broker.acknowledge(&name, answer).await),
                1 | 2 => said.note(broker.reject(&name, answer).await),
                4 => said.note(broker.return_unsent(&name, answer).await),
                3 => said.note(broker.extend(&name, answer, longer).await),
                // Lost, or late.
                _ => {}
            }
        }
        let late = AckId {
            message_id: number / 2,
            attempt: 1,
        };
        said.note(broker.acknowledge(&name, vec![late]).await);
        said.note(broker.backlog(&name).await);
        said.note(broker.next_due(&name).await);
    }
}

#[tokio::test]
async fn the_broker_delivers_as_in_memory_across_restarts() {
    let file = DataFile::new();
    let clock = Arc::<ManualClock>::clone(&file.clock);
    let memory = MemoryBroker::new(clock);
    set_up(&memory).await;
    let mut store = file.open();
    set_up(&store.broker()).await;
    let mut dead = 0;
    for number in 0..120 {
        let (mut kept, mut known) = (Transcript::default(), Transcript::default());
        round(&store.broker(), number, &mut kept).await;
        round(&memory, number, &mut known).await;
        assert_eq!(kept, known, "round {number}");
        let letters = known.0.iter().filter(|it| it.contains("DeadLetter"));
        dead += letters.count();
        file.clock
            .advance_millis([0, 90, 400, 9_000][number as usize % 4]);
        if number % 40 == 39 {
            drop(store);
            store = file.open();
        }
    }
    assert!(dead > 0, "no message went all the way");
}

#[tokio::test]
async fn a_message_goes_when_no_subscription_needs_it() {
    let file = DataFile::new();
    let broker = file.open().broker();
    set_up(&broker).await;
    let topic = "orders".into();
    let published = broker.publish(&topic, vec![message("1", Some("k"))]).await;
    assert_eq!(published.expect("published"), [1]);
    for name in ["books", "rows"] {
        let pulled = broker.pull(&name.into(), 9).await.expect("known");
        let ack_ids = pulled.iter().map(|it| it.ack_id).collect();
        broker
            .acknowledge(&name.into(), ack_ids)
            .await
            .expect("known");
    }
    drop(broker);
    let db = rusqlite::Connection::open(file.path()).expect("a database");
    let left: i64 = db
        .query_row(
            "SELECT (SELECT count(*) FROM message) + (SELECT count(*) FROM delivery)",
            [],
            |row| row.get(0),
        )
        .expect("the broker's tables");
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_subscription_can_be_looked_at_beside_the_process_that_works_on_it() {
    let file = DataFile::new();
    let store = file.open();
    let broker = store.broker();
    set_up(&broker).await;
    let messages = vec![message("1", None), message("2", None)];
    let published = broker.publish(&"orders".into(), messages).await;
    published.expect("published");
    let books = "books".into();
    broker.pull(&books, 1).await.expect("known");

    let clock = Arc::<ManualClock>::clone(&file.clock);
    let beside = SqliteStore::open_read_only(file.path(), clock).expect("ours");
    let look = async || {
        let broker = beside.broker();
        let backlog = broker.backlog(&books).await.expect("known");
        let due = broker.next_due(&books).await.expect("known");
        (backlog.messages, backlog.leased, due)
    };
    assert_eq!(look().await, (2, 1, Some(at(0))));
    // The lease has run out, and nobody has noticed yet: it is not leased, it rests.
    file.clock.advance_millis(10_000);
    assert_eq!(look().await, (2, 0, Some(at(0))));
    let rest = broker.pull(&books, 9).await.expect("known");
    let ack_ids = rest.iter().map(|it| it.ack_id).collect();
    broker.acknowledge(&books, ack_ids).await.expect("known");
    assert_eq!(look().await, (1, 0, Some(at(10_100))));
}

#[tokio::test]
async fn the_view_shows_of_each_event_what_was_published_first() {
    let file = DataFile::new();
    let row = |message_id, millis, event: &str, data: &str| AnalyticsRow {
        message_id,
        published_at: at(millis),
        event_id: id(event),
        order_id: id("o1"),
        data: data.into(),
        attributes: Arc::new([("ce-id".to_owned(), event.to_owned())].into()),
    };
    let rows = vec![
        row(5, 9, "e2", "late"),
        row(3, 2, "e2", "first"),
        row(4, 2, "e2", "second"),
        row(3, 2, "e2", "first"),
        row(9, 1, "e1", "only"),
    ];
    file.open().analytics().append(rows).await.expect("room");
    let analytics = file.open().analytics();
    assert_eq!(analytics.raw_rows().await.expect("counted"), 5);
    let shown = analytics.deduplicated(None, 9).await.expect("shown");
    assert_eq!(shown, [row(9, 1, "e1", "only"), row(3, 2, "e2", "first")]);
    let first = id::<EventId>("e1");
    let next = analytics.deduplicated(Some(&first), 9).await;
    assert_eq!(next.expect("shown").len(), 1);
}
