//! [mockall] mocks of every port, for tests that care which calls are made with what.
//!
//! Where a port's methods take a cursor (`Option<&Id>`) the mock's own methods of the same name
//! are not async and take it as an owned value: hold the mock as the port (`Arc<dyn OrderStore>`)
//! to call it, and say `expect_orders` and so on as usual.
//!
//! Prefer a memory implementation where a test cares what comes out; mocks are for the calls.
//!
//! ```
//! use boutique_core::carts::{Cart, Carts};
//! use boutique_core::ids::UserId;
//! use boutique_testkit::mocks::MockCarts;
//!
//! # boutique_testkit::conformance::on_a_runtime(async {
//! let mut carts = MockCarts::new();
//! carts.expect_cart().times(1).returning(|_| Ok(Cart::default()));
//! let ada = UserId::new("ada").expect("an id");
//! assert_eq!(carts.cart(&ada).await.expect("mocked").version, 0);
//! # });
//! ```
// The mocks are written by a macro, which documents nothing and names its own conventions.
#![allow(missing_docs, clippy::needless_pass_by_value)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use boutique_core::accounting::{BookError, Booked, Entry, Journal, SalesTotal, TrialBalance};
use boutique_core::analytics::{AnalyticsRow, AnalyticsStore};
use boutique_core::broker::{
    AckId, Backlog, Broker, BrokerError, Delivery, Message, Publish, SubscriptionConfig,
    SubscriptionId, TopicId,
};
use boutique_core::carts::{Cart, CartError, CartLine, Carts};
use boutique_core::checkout::{
    Begun, CheckoutStore, Decide, Intent, OutboxRecord, OutboxStatus, Saga, StoreError, Told,
};
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::customer::{
    Customer, CustomerDirectory, CustomerOrder, DirectoryError, DirectoryStats, Email,
    ReviseCustomer, UpsertCustomer,
};
use boutique_core::event::ConfirmedOrder;
use boutique_core::fault::Fault;
use boutique_core::fraud::{Features, Observation, SignalStore};
use boutique_core::ids::{
    CustomerId, EntryId, EventId, HoldId, IdSource, IdempotencyKey, OrderId, ProductId, Pseudonym,
    ShipmentId, TenantId, UserId,
};
use boutique_core::orders::{DeadLetter, Fact, Order, OrderError, OrderStore};
use boutique_core::stock::{
    Hold, LedgerError, Level, Receive, Reserve, SetOnHand, Settle, StockAudit, StockLedger,
};
use boutique_core::warehouse::{
    CarrierEvent, Duty, Shipment, ShipmentError, ShipmentStatus, ShipmentStore,
};
use mockall::mock;

/// The port of a mock whose own methods take cursors as owned values, because a mock cannot
/// keep an `Option` of a reference.
macro_rules! ported {
    ($port:ident for $mock:ident {
        $($verb:ident($($arg:ident: $type:ty),*) => ($($passed:expr),*) -> $out:ty;)*
    }) => {
        #[async_trait]
        impl $port for $mock {
            $(async fn $verb(&self, $($arg: $type),*) -> $out {
                Self::$verb(self, $($passed),*)
            })*
        }
    };
}

mock! {
    pub Clock {}
    impl Clock for Clock {
        fn now(&self) -> Timestamp;
    }
}

mock! {
    pub IdSource {}
    impl IdSource for IdSource {
        fn order(&self, tenant: &TenantId, key: &IdempotencyKey) -> OrderId;
        fn pseudonym(&self, what: &str, value: &str) -> Pseudonym;
        fn fresh(&self) -> String;
    }
}

mock! {
    pub StockLedger {
        pub fn reserve(&self, request: Reserve) -> Result<Hold, LedgerError>;
        pub fn extend(&self, hold_id: &HoldId, ttl: Duration) -> Result<Hold, LedgerError>;
        pub fn pin(&self, hold_id: &HoldId) -> Result<Hold, LedgerError>;
        pub fn confirm(&self, hold_id: &HoldId, note: Option<String>)
            -> Result<Hold, LedgerError>;
        pub fn void(&self, hold_id: &HoldId) -> Result<Hold, LedgerError>;
        pub fn ship(&self, request: Settle) -> Result<Hold, LedgerError>;
        pub fn release(&self, hold_id: &HoldId) -> Result<Hold, LedgerError>;
        pub fn receive(&self, request: Receive) -> Result<Level, LedgerError>;
        pub fn set_on_hand(&self, request: SetOnHand) -> Result<Level, LedgerError>;
        pub fn level(&self, product_id: &ProductId) -> Result<Option<Level>, Fault>;
        pub fn levels(&self, after: Option<ProductId>, limit: usize)
            -> Result<Vec<(ProductId, Level)>, Fault>;
        pub fn hold(&self, hold_id: &HoldId) -> Result<Option<Hold>, Fault>;
        pub fn holds(&self, after: Option<HoldId>, limit: usize)
            -> Result<Vec<Hold>, Fault>;
        pub fn sweep(&self, limit: usize) -> Result<usize, Fault>;
        pub fn audit(&self) -> Result<StockAudit, Fault>;
    }
}

ported!(StockLedger for MockStockLedger {
    reserve(request: Reserve) => (request) -> Result<Hold, LedgerError>;
    extend(hold_id: &HoldId, ttl: Duration) => (hold_id, ttl) -> Result<Hold, LedgerError>;
    pin(hold_id: &HoldId) => (hold_id) -> Result<Hold, LedgerError>;
    confirm(hold_id: &HoldId, note: Option<String>) => (hold_id, note) -> Result<Hold, LedgerError>;
    void(hold_id: &HoldId) => (hold_id) -> Result<Hold, LedgerError>;
    ship(request: Settle) => (request) -> Result<Hold, LedgerError>;
    release(hold_id: &HoldId) => (hold_id) -> Result<Hold, LedgerError>;
    receive(request: Receive) => (request) -> Result<Level, LedgerError>;
    set_on_hand(request: SetOnHand) => (request) -> Result<Level, LedgerError>;
    level(product_id: &ProductId) => (product_id) -> Result<Option<Level>, Fault>;
    levels(after: Option<&ProductId>, limit: usize) => (after.cloned(), limit) -> Result<Vec<(ProductId, Level)>, Fault>;
    hold(hold_id: &HoldId) => (hold_id) -> Result<Option<Hold>, Fault>;
    holds(after: Option<&HoldId>, limit: usize) => (after.cloned(), limit) -> Result<Vec<Hold>, Fault>;
    sweep(limit: usize) => (limit) -> Result<usize, Fault>;
    audit() => () -> Result<StockAudit, Fault>;
});

mock! {
    pub CheckoutStore {
        pub fn saga(&self, order_id: &OrderId) -> Result<Option<Saga>, Fault>;
        pub fn begin(&self, intent: Arc<Intent>) -> Result<Begun, Fault>;
        pub fn decide(&self, order_id: &OrderId, attempt: u32, decision: Decide, now: Timestamp)
            -> Result<Saga, StoreError>;
        pub fn unfinished(&self, due: Timestamp, after: Option<OrderId>, limit: usize)
            -> Result<Vec<Saga>, Fault>;
        pub fn sagas(&self, after: Option<OrderId>, limit: usize)
            -> Result<Vec<Saga>, Fault>;
        pub fn lease_outbox(&self, what: Told, max: usize, now: Timestamp, lease: Duration)
            -> Result<Vec<OutboxRecord>, Fault>;
        pub fn published(&self, seqs: Vec<u64>) -> Result<(), Fault>;
        pub fn return_leases(&self, seqs: Vec<u64>) -> Result<(), Fault>;
        pub fn outbox(&self) -> Result<OutboxStatus, Fault>;
    }
}

ported!(CheckoutStore for MockCheckoutStore {
    saga(order_id: &OrderId) => (order_id) -> Result<Option<Saga>, Fault>;
    begin(intent: Arc<Intent>) => (intent) -> Result<Begun, Fault>;
    decide(order_id: &OrderId, attempt: u32, decision: Decide, now: Timestamp) => (order_id, attempt, decision, now) -> Result<Saga, StoreError>;
    unfinished(due: Timestamp, after: Option<&OrderId>, limit: usize) => (due, after.cloned(), limit) -> Result<Vec<Saga>, Fault>;
    sagas(after: Option<&OrderId>, limit: usize) => (after.cloned(), limit) -> Result<Vec<Saga>, Fault>;
    lease_outbox(what: Told, max: usize, now: Timestamp, lease: Duration) => (what, max, now, lease) -> Result<Vec<OutboxRecord>, Fault>;
    published(seqs: Vec<u64>) => (seqs) -> Result<(), Fault>;
    return_leases(seqs: Vec<u64>) => (seqs) -> Result<(), Fault>;
    outbox() => () -> Result<OutboxStatus, Fault>;
});

mock! {
    pub Carts {}
    #[async_trait]
    impl Carts for Carts {
        async fn add(
            &self,
            user_id: &UserId,
            line: CartLine,
            key: Option<IdempotencyKey>,
        ) -> Result<Cart, CartError>;
        async fn cart(&self, user_id: &UserId) -> Result<Cart, Fault>;
        async fn empty(&self, user_id: &UserId, version: Option<u64>) -> Result<Cart, Fault>;
    }
}

mock! {
    pub CustomerDirectory {
        pub fn upsert(&self, customer: UpsertCustomer, now: Timestamp)
            -> Result<Customer, DirectoryError>;
        pub fn revise(&self, customer: ReviseCustomer, now: Timestamp)
            -> Result<Customer, DirectoryError>;
        pub fn customer(&self, id: &CustomerId) -> Result<Option<Customer>, Fault>;
        pub fn by_email(&self, email: &Email) -> Result<Option<Customer>, Fault>;
        pub fn customers(&self, after: Option<CustomerId>, limit: usize)
            -> Result<Vec<Customer>, Fault>;
        pub fn attach(&self, id: &CustomerId, order: CustomerOrder)
            -> Result<Customer, DirectoryError>;
        pub fn detach(&self, order_id: &OrderId) -> Result<bool, Fault>;
        pub fn orders(&self, after: Option<OrderId>, limit: usize)
            -> Result<Vec<(CustomerId, CustomerOrder)>, Fault>;
        pub fn erase(&self, id: &CustomerId) -> Result<bool, Fault>;
        pub fn stats(&self) -> Result<DirectoryStats, Fault>;
    }
}

ported!(CustomerDirectory for MockCustomerDirectory {
    upsert(customer: UpsertCustomer, now: Timestamp) => (customer, now) -> Result<Customer, DirectoryError>;
    revise(customer: ReviseCustomer, now: Timestamp) => (customer, now) -> Result<Customer, DirectoryError>;
    customer(id: &CustomerId) => (id) -> Result<Option<Customer>, Fault>;
    by_email(email: &Email) => (email) -> Result<Option<Customer>, Fault>;
    customers(after: Option<&CustomerId>, limit: usize) => (after.cloned(), limit) -> Result<Vec<Customer>, Fault>;
    attach(id: &CustomerId, order: CustomerOrder) => (id, order) -> Result<Customer, DirectoryError>;
    detach(order_id: &OrderId) => (order_id) -> Result<bool, Fault>;
    orders(after: Option<&OrderId>, limit: usize) => (after.cloned(), limit) -> Result<Vec<(CustomerId, CustomerOrder)>, Fault>;
    erase(id: &CustomerId) => (id) -> Result<bool, Fault>;
    stats() => () -> Result<DirectoryStats, Fault>;
});

mock! {
    pub SignalStore {}
    #[async_trait]
    impl SignalStore for SignalStore {
        async fn observe(&self, observation: Observation) -> Result<Features, Fault>;
        async fn peek(&self, observation: Observation) -> Result<Features, Fault>;
        async fn forget(&self, before: Timestamp) -> Result<u64, Fault>;
    }
}

mock! {
    pub OrderStore {
        pub fn accept(&self, order: ConfirmedOrder, now: Timestamp) -> Result<bool, OrderError>;
        pub fn record(
            &self,
            order_id: &OrderId,
            facts: Vec<Fact>,
            event: Option<EventId>,
            now: Timestamp,
        ) -> Result<Order, OrderError>;
        pub fn order(&self, order_id: &OrderId) -> Result<Option<Order>, Fault>;
        pub fn orders(&self, after: Option<OrderId>, limit: usize)
            -> Result<Vec<Order>, Fault>;
        pub fn newest(&self, after: Option<OrderId>, limit: usize)
            -> Result<Vec<Order>, Fault>;
        pub fn orders_of(&self, user: &UserId, after: Option<OrderId>, limit: usize)
            -> Result<Vec<Order>, Fault>;
        pub fn unfinished(
            &self,
            idle_since: Timestamp,
            after: Option<OrderId>,
            limit: usize,
        ) -> Result<Vec<OrderId>, Fault>;
        pub fn park(&self, letter: DeadLetter) -> Result<(), Fault>;
        pub fn dead_letters(&self, after: Option<String>, limit: usize)
            -> Result<Vec<DeadLetter>, Fault>;
        pub fn discard(&self, letter_id: &str) -> Result<bool, Fault>;
    }
}

ported!(OrderStore for MockOrderStore {
    accept(order: ConfirmedOrder, now: Timestamp) => (order, now) -> Result<bool, OrderError>;
    record(order_id: &OrderId, facts: Vec<Fact>, event: Option<EventId>, now: Timestamp) => (order_id, facts, event, now) -> Result<Order, OrderError>;
    order(order_id: &OrderId) => (order_id) -> Result<Option<Order>, Fault>;
    orders(after: Option<&OrderId>, limit: usize) => (after.cloned(), limit) -> Result<Vec<Order>, Fault>;
    newest(after: Option<&OrderId>, limit: usize) => (after.cloned(), limit) -> Result<Vec<Order>, Fault>;
    orders_of(user: &UserId, after: Option<&OrderId>, limit: usize) => (user, after.cloned(), limit) -> Result<Vec<Order>, Fault>;
    unfinished(idle_since: Timestamp, after: Option<&OrderId>, limit: usize) => (idle_since, after.cloned(), limit) -> Result<Vec<OrderId>, Fault>;
    park(letter: DeadLetter) => (letter) -> Result<(), Fault>;
    dead_letters(after: Option<&str>, limit: usize) => (after.map(str::to_owned), limit) -> Result<Vec<DeadLetter>, Fault>;
    discard(letter_id: &str) => (letter_id) -> Result<bool, Fault>;
});

mock! {
    pub Journal {}
    #[async_trait]
    impl Journal for Journal {
        async fn post(&self, entry: Entry) -> Result<Booked, BookError>;
        async fn entry(&self, id: &EntryId) -> Result<Option<Entry>, Fault>;
        async fn entries_of(&self, order_id: &OrderId) -> Result<Vec<Entry>, Fault>;
        async fn entries(&self, after: Option<u64>, limit: usize)
            -> Result<Vec<(u64, Entry)>, Fault>;
        async fn sales(&self, after: Option<u64>, limit: usize)
            -> Result<Vec<(u64, Entry)>, Fault>;
        async fn sales_total(&self) -> Result<SalesTotal, Fault>;
        async fn trial_balance(&self) -> Result<TrialBalance, Fault>;
    }
}

mock! {
    pub ShipmentStore {
        pub fn create(&self, shipment: Shipment) -> Result<(Shipment, bool), ShipmentError>;
        pub fn apply(&self, event: CarrierEvent) -> Result<Shipment, ShipmentError>;
        pub fn discharge(&self, shipment_id: &ShipmentId, of: ShipmentStatus, done: Vec<Duty>)
            -> Result<(), ShipmentError>;
        pub fn shipment(&self, id: &ShipmentId) -> Result<Option<Shipment>, Fault>;
        pub fn of_order(&self, order_id: &OrderId) -> Result<Vec<Shipment>, Fault>;
        pub fn shipments(&self, after: Option<ShipmentId>, limit: usize)
            -> Result<Vec<Shipment>, Fault>;
        pub fn unfinished(&self, after: Option<ShipmentId>, limit: usize)
            -> Result<Vec<Shipment>, Fault>;
    }
}

ported!(ShipmentStore for MockShipmentStore {
    create(shipment: Shipment) => (shipment) -> Result<(Shipment, bool), ShipmentError>;
    apply(event: CarrierEvent) => (event) -> Result<Shipment, ShipmentError>;
    discharge(shipment_id: &ShipmentId, of: ShipmentStatus, done: &[Duty]) => (shipment_id, of, done.to_vec()) -> Result<(), ShipmentError>;
    shipment(id: &ShipmentId) => (id) -> Result<Option<Shipment>, Fault>;
    of_order(order_id: &OrderId) => (order_id) -> Result<Vec<Shipment>, Fault>;
    shipments(after: Option<&ShipmentId>, limit: usize) => (after.cloned(), limit) -> Result<Vec<Shipment>, Fault>;
    unfinished(after: Option<&ShipmentId>, limit: usize) => (after.cloned(), limit) -> Result<Vec<Shipment>, Fault>;
});

mock! {
    pub Broker {}
    #[async_trait]
    impl Publish for Broker {
        async fn publish(&self, topic: &TopicId, messages: Vec<Message>)
            -> Result<Vec<u64>, BrokerError>;
    }
    #[async_trait]
    impl Broker for Broker {
        async fn create_topic(&self, topic: &TopicId) -> Result<(), BrokerError>;
        async fn create_subscription(
            &self,
            subscription: &SubscriptionId,
            config: SubscriptionConfig,
        ) -> Result<(), BrokerError>;
        async fn pull(&self, subscription: &SubscriptionId, max: usize)
            -> Result<Vec<Delivery>, BrokerError>;
        async fn acknowledge(&self, subscription: &SubscriptionId, deliveries: Vec<AckId>)
            -> Result<(), BrokerError>;
        async fn reject(&self, subscription: &SubscriptionId, deliveries: Vec<AckId>)
            -> Result<(), BrokerError>;
        async fn return_unsent(&self, subscription: &SubscriptionId, deliveries: Vec<AckId>)
            -> Result<(), BrokerError>;
        async fn extend(
            &self,
            subscription: &SubscriptionId,
            deliveries: Vec<AckId>,
            by: Duration,
        ) -> Result<(), BrokerError>;
        async fn backlog(&self, subscription: &SubscriptionId) -> Result<Backlog, BrokerError>;
        async fn next_due(&self, subscription: &SubscriptionId)
            -> Result<Option<Timestamp>, BrokerError>;
    }
}

mock! {
    pub AnalyticsStore {
        pub fn append(&self, rows: Vec<AnalyticsRow>) -> Result<(), Fault>;
        pub fn raw_rows(&self) -> Result<u64, Fault>;
        pub fn deduplicated(&self, after: Option<EventId>, limit: usize)
            -> Result<Vec<AnalyticsRow>, Fault>;
    }
}

ported!(AnalyticsStore for MockAnalyticsStore {
    append(rows: Vec<AnalyticsRow>) => (rows) -> Result<(), Fault>;
    raw_rows() => () -> Result<u64, Fault>;
    deduplicated(after: Option<&EventId>, limit: usize) => (after.cloned(), limit) -> Result<Vec<AnalyticsRow>, Fault>;
});
