//! Failures and crashes on purpose: ports that fail at a chosen call, ports whose every await
//! is a crash point, and a tool that crashes there.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use boutique_core::accounting::{BookError, Booked, Entry, Journal, SalesTotal, TrialBalance};
use boutique_core::analytics::{AnalyticsRow, AnalyticsStore};
use boutique_core::assembly::Ports;
use boutique_core::broker::{
    AckId, Backlog, Broker, BrokerError, Delivery, Message, Publish, SubscriptionConfig,
    SubscriptionId, TopicId,
};
use boutique_core::carts::{Cart, CartError, CartLine, Carts};
use boutique_core::checkout::{
    Begun, CheckoutStore, Decide, Intent, OutboxRecord, OutboxStatus, Saga, StoreError, Told,
};
use boutique_core::clock::Timestamp;
use boutique_core::customer::{
    Customer, CustomerDirectory, CustomerOrder, DirectoryError, DirectoryStats, Email,
    ReviseCustomer, UpsertCustomer,
};
use boutique_core::event::ConfirmedOrder;
use boutique_core::fault::{Fault, FaultKind};
use boutique_core::fraud::{Features, Observation, SignalStore};
use boutique_core::ids::{
    CustomerId, EntryId, EventId, HoldId, IdempotencyKey, OrderId, ProductId, ShipmentId, UserId,
};
use boutique_core::orders::{DeadLetter, Fact, Order, OrderError, OrderStore};
use boutique_core::stock::{
    Hold, LedgerError, Level, Receive, Reserve, SetOnHand, Settle, StockAudit, StockLedger,
};
use boutique_core::warehouse::{
    CarrierEvent, Duty, Shipment, ShipmentError, ShipmentStatus, ShipmentStore,
};

/// What stands before and behind every call of a port that is [`Gated`].
#[async_trait]
pub trait Gate: Send + Sync + 'static {
    /// Runs before the port is called; on a fault it is not called.
    async fn enter(&self, verb: &'static str) -> Result<(), Fault>;

    /// Runs after the port has answered, whatever it answered; a fault takes the answer's place.
    async fn leave(&self, verb: &'static str) -> Result<(), Fault>;

    /// What is kept from the moment the port is called until it has answered, or its caller has
    /// gone.
    fn during(&self) -> Option<Box<dyn Any + Send>> {
        None
    }

    /// Sees what the port answered, before [`Gate::leave`]: a `Result` of the verb's own type.
    fn answered(&self, _verb: &'static str, _answer: &dyn Any) {}
}

/// A port with a [`Gate`] around every call. It is the port itself: `Gated<dyn StockLedger, G>`
/// is a `StockLedger`.
pub struct Gated<P: ?Sized, G> {
    inner: Arc<P>,
    gate: G,
}

/// A port that fails where a [`FaultPlan`] says so.
pub type Faulty<P> = Gated<P, FaultPlan>;

/// A port that is pending once before and once after every call, so that every await on it is a
/// place where [`cut_after`] can crash, even if the port behind it never waits.
pub type Yielding<P> = Gated<P, Yield>;

/// A stock ledger at which every await is a crash point.
pub type YieldingLedger = Yielding<dyn StockLedger>;

impl<P: ?Sized, G> Gated<P, G> {
    /// Puts `gate` around `inner`.
    pub const fn new(inner: Arc<P>, gate: G) -> Self {
        Self { inner, gate }
    }
}

impl<P: ?Sized> Gated<P, Yield> {
    /// Makes every await on `inner` a crash point.
    pub const fn yielding(inner: Arc<P>) -> Self {
        Self::new(inner, Yield)
    }
}

impl<P: ?Sized, G> fmt::Debug for Gated<P, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gated").finish_non_exhaustive()
    }
}

/// Which calls fail, and how: before the port was called if the fault says that nothing
/// happened, after it if it says that something may have. Clones share the plan and its count.
///
/// ```
/// use boutique_core::fault::FaultKind;
/// use boutique_testkit::faulty::FaultPlan;
///
/// let plan = FaultPlan::default()
///     .nth(3, FaultKind::Ambiguous)
///     .nth_of("confirm", 1, FaultKind::Unavailable);
/// assert_eq!(plan.calls(), 0);
/// ```
#[derive(Clone, Debug, Default)]
pub struct FaultPlan(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    calls: u64,
    of: BTreeMap<&'static str, u64>,
    all: BTreeMap<u64, FaultKind>,
    verbs: BTreeMap<(String, u64), FaultKind>,
    /// The fault that awaits a call that has entered, per verb. Two calls of one verb at the
    /// same time may swap theirs.
    due: Vec<(&'static str, FaultKind)>,
}

impl FaultPlan {
    /// The `n`-th call from the beginning, counted from 1 over all verbs, fails.
    #[must_use]
    pub fn nth(self, n: u64, kind: FaultKind) -> Self {
        self.with(|plan| plan.all.insert(n, kind));
        self
    }

    /// The `n`-th call of `verb`, such as `"confirm"`, counted from 1, fails.
    #[must_use]
    pub fn nth_of(self, verb: &str, n: u64, kind: FaultKind) -> Self {
        self.with(|plan| plan.verbs.insert((verb.to_owned(), n), kind));
        self
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.with(|plan| plan.calls)
    }

    /// How many calls of `verb` there were.
    pub fn calls_of(&self, verb: &str) -> u64 {
        self.with(|plan| plan.of.get(verb).copied().unwrap_or(0))
    }

    fn with<T>(&self, action: impl FnOnce(&mut Plan) -> T) -> T {
        action(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Gate for FaultPlan {
    async fn enter(&self, verb: &'static str) -> Result<(), Fault> {
        self.with(|plan| {
            plan.calls += 1;
            let of = plan.of.entry(verb).or_default();
            *of += 1;
            let of = *of;
            let planned = plan
                .all
                .remove(&plan.calls)
                .or_else(|| plan.verbs.remove(&(verb.to_owned(), of)));
            match planned {
                Some(FaultKind::Ambiguous) => {
                    plan.due.push((verb, FaultKind::Ambiguous));
                    Ok(())
                }
                Some(kind) => Err(Fault::new(kind, format!("{verb} fails by plan, undone"))),
                None => Ok(()),
            }
        })
    }

    async fn leave(&self, verb: &'static str) -> Result<(), Fault> {
        self.with(|plan| match plan.due.iter().position(|due| due.0 == verb) {
            Some(at) => {
                let (_, kind) = plan.due.swap_remove(at);
                Err(Fault::new(
                    kind,
                    format!("{verb} fails by plan, carried out"),
                ))
            }
            None => Ok(()),
        })
    }
}

/// The gate of [`Yielding`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Yield;

#[async_trait]
impl Gate for Yield {
    async fn enter(&self, _: &'static str) -> Result<(), Fault> {
        tokio::task::yield_now().await;
        Ok(())
    }

    async fn leave(&self, _: &'static str) -> Result<(), Fault> {
        tokio::task::yield_now().await;
        Ok(())
    }
}

/// Polls `future` and drops it when it is pending for the `n`-th time: a crash at that await.
/// `Some` if it was over before.
///
/// A test runs its scenario with `n` from 1 on until the answer is `Some`; after each it
/// restarts whatever recovers and checks what was left.
///
/// ```
/// use boutique_testkit::faulty::cut_after;
///
/// # boutique_testkit::conformance::on_a_runtime(async {
/// let two_awaits = || async {
///     tokio::task::yield_now().await;
///     tokio::task::yield_now().await;
///     "done"
/// };
/// assert_eq!(cut_after(1, two_awaits()).await, None);
/// assert_eq!(cut_after(2, two_awaits()).await, None);
/// assert_eq!(cut_after(3, two_awaits()).await, Some("done"));
/// # });
/// ```
pub fn cut_after<F: Future>(n: usize, future: F) -> CutAfter<F> {
    CutAfter {
        left: n,
        future: Some(Box::pin(future)),
    }
}

/// The future of [`cut_after`].
#[derive(Debug)]
pub struct CutAfter<F> {
    left: usize,
    future: Option<Pin<Box<F>>>,
}

impl<F: Future> Future for CutAfter<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == 0 {
            self.future = None;
        }
        let Some(future) = self.future.as_mut() else {
            return Poll::Ready(None);
        };
        match future.as_mut().poll(context) {
            Poll::Ready(output) => {
                self.future = None;
                Poll::Ready(Some(output))
            }
            Poll::Pending => {
                self.left -= 1;
                if self.left == 0 {
                    self.future = None;
                    return Poll::Ready(None);
                }
                Poll::Pending
            }
        }
    }
}

macro_rules! gated {
    ($port:ident { $($verbs:tt)* }) => {
        gated!($port of dyn $port { $($verbs)* });
    };
    ($port:ident of dyn $whole:ident { $($verb:ident($($arg:ident: $type:ty),*) -> $out:ty;)* }) => {
        #[async_trait]
        impl<G: Gate> $port for Gated<dyn $whole, G> {
            $(async fn $verb(&self, $($arg: $type),*) -> $out {
                self.gate.enter(stringify!($verb)).await?;
                let during = self.gate.during();
                let answer = self.inner.$verb($($arg),*).await;
                drop(during);
                self.gate.answered(stringify!($verb), &answer);
                self.gate.leave(stringify!($verb)).await?;
                answer
            })*
        }
    };
}

gated!(StockLedger {
    reserve(request: Reserve) -> Result<Hold, LedgerError>;
    extend(hold_id: &HoldId, ttl: Duration) -> Result<Hold, LedgerError>;
    pin(hold_id: &HoldId) -> Result<Hold, LedgerError>;
    confirm(hold_id: &HoldId, note: Option<String>) -> Result<Hold, LedgerError>;
    void(hold_id: &HoldId) -> Result<Hold, LedgerError>;
    ship(request: Settle) -> Result<Hold, LedgerError>;
    release(hold_id: &HoldId) -> Result<Hold, LedgerError>;
    receive(request: Receive) -> Result<Level, LedgerError>;
    set_on_hand(request: SetOnHand) -> Result<Level, LedgerError>;
    level(product_id: &ProductId) -> Result<Option<Level>, Fault>;
    levels(after: Option<&ProductId>, limit: usize) -> Result<Vec<(ProductId, Level)>, Fault>;
    hold(hold_id: &HoldId) -> Result<Option<Hold>, Fault>;
    holds(after: Option<&HoldId>, limit: usize) -> Result<Vec<Hold>, Fault>;
    open_holds() -> Result<u64, Fault>;
    sweep(limit: usize) -> Result<usize, Fault>;
    audit() -> Result<StockAudit, Fault>;
});

gated!(CheckoutStore {
    saga(order_id: &OrderId) -> Result<Option<Saga>, Fault>;
    begin(intent: Arc<Intent>) -> Result<Begun, Fault>;
    decide(order_id: &OrderId, attempt: u32, decision: Decide, now: Timestamp)
        -> Result<Saga, StoreError>;
    unfinished(due: Timestamp, after: Option<&OrderId>, limit: usize)
        -> Result<Vec<Saga>, Fault>;
    sagas(after: Option<&OrderId>, limit: usize) -> Result<Vec<Saga>, Fault>;
    lease_outbox(what: Told, max: usize, now: Timestamp, lease: Duration)
        -> Result<Vec<OutboxRecord>, Fault>;
    published(seqs: Vec<u64>) -> Result<(), Fault>;
    return_leases(seqs: Vec<u64>) -> Result<(), Fault>;
    outbox() -> Result<OutboxStatus, Fault>;
});

gated!(Carts {
    add(user_id: &UserId, line: CartLine, key: Option<IdempotencyKey>)
        -> Result<Cart, CartError>;
    cart(user_id: &UserId) -> Result<Cart, Fault>;
    empty(user_id: &UserId, version: Option<u64>) -> Result<Cart, Fault>;
});

gated!(CustomerDirectory {
    upsert(customer: UpsertCustomer, now: Timestamp) -> Result<Customer, DirectoryError>;
    revise(customer: ReviseCustomer, now: Timestamp) -> Result<Customer, DirectoryError>;
    customer(id: &CustomerId) -> Result<Option<Customer>, Fault>;
    by_email(email: &Email) -> Result<Option<Customer>, Fault>;
    customers(after: Option<&CustomerId>, limit: usize) -> Result<Vec<Customer>, Fault>;
    attach(id: &CustomerId, order: CustomerOrder) -> Result<Customer, DirectoryError>;
    detach(order_id: &OrderId) -> Result<bool, Fault>;
    orders(after: Option<&OrderId>, limit: usize)
        -> Result<Vec<(CustomerId, CustomerOrder)>, Fault>;
    erase(id: &CustomerId) -> Result<bool, Fault>;
    stats() -> Result<DirectoryStats, Fault>;
});

gated!(SignalStore {
    peek(observation: Observation) -> Result<Features, Fault>;
    observe(observation: Observation) -> Result<Features, Fault>;
    forget(before: Timestamp) -> Result<u64, Fault>;
});

gated!(OrderStore {
    accept(order: ConfirmedOrder, now: Timestamp) -> Result<bool, OrderError>;
    record(order_id: &OrderId, facts: Vec<Fact>, event: Option<EventId>, now: Timestamp)
        -> Result<Order, OrderError>;
    order(order_id: &OrderId) -> Result<Option<Order>, Fault>;
    orders(after: Option<&OrderId>, limit: usize) -> Result<Vec<Order>, Fault>;
    newest(after: Option<&OrderId>, limit: usize) -> Result<Vec<Order>, Fault>;
    orders_of(user: &UserId, after: Option<&OrderId>, limit: usize) -> Result<Vec<Order>, Fault>;
    unfinished(idle_since: Timestamp, after: Option<&OrderId>, limit: usize)
        -> Result<Vec<OrderId>, Fault>;
    park(letter: DeadLetter) -> Result<(), Fault>;
    dead_letters(after: Option<&str>, limit: usize) -> Result<Vec<DeadLetter>, Fault>;
    discard(letter_id: &str) -> Result<bool, Fault>;
});

gated!(Journal {
    post(entry: Entry) -> Result<Booked, BookError>;
    entry(id: &EntryId) -> Result<Option<Entry>, Fault>;
    entries_of(order_id: &OrderId) -> Result<Vec<Entry>, Fault>;
    entries(after: Option<u64>, limit: usize) -> Result<Vec<(u64, Entry)>, Fault>;
    sales(after: Option<u64>, limit: usize) -> Result<Vec<(u64, Entry)>, Fault>;
    sales_total() -> Result<SalesTotal, Fault>;
    trial_balance() -> Result<TrialBalance, Fault>;
});

gated!(ShipmentStore {
    create(shipment: Shipment) -> Result<(Shipment, bool), ShipmentError>;
    apply(event: CarrierEvent) -> Result<Shipment, ShipmentError>;
    discharge(shipment_id: &ShipmentId, of: ShipmentStatus, done: &[Duty])
        -> Result<(), ShipmentError>;
    shipment(id: &ShipmentId) -> Result<Option<Shipment>, Fault>;
    of_order(order_id: &OrderId) -> Result<Vec<Shipment>, Fault>;
    shipments(after: Option<&ShipmentId>, limit: usize) -> Result<Vec<Shipment>, Fault>;
    unfinished(after: Option<&ShipmentId>, limit: usize) -> Result<Vec<Shipment>, Fault>;
});

gated!(Publish of dyn Broker {
    publish(topic: &TopicId, messages: Vec<Message>) -> Result<Vec<u64>, BrokerError>;
});

gated!(Broker {
    create_topic(topic: &TopicId) -> Result<(), BrokerError>;
    create_subscription(subscription: &SubscriptionId, config: SubscriptionConfig)
        -> Result<(), BrokerError>;
    pull(subscription: &SubscriptionId, max: usize) -> Result<Vec<Delivery>, BrokerError>;
    acknowledge(subscription: &SubscriptionId, deliveries: Vec<AckId>)
        -> Result<(), BrokerError>;
    reject(subscription: &SubscriptionId, deliveries: Vec<AckId>) -> Result<(), BrokerError>;
    return_unsent(subscription: &SubscriptionId, deliveries: Vec<AckId>)
        -> Result<(), BrokerError>;
    extend(subscription: &SubscriptionId, deliveries: Vec<AckId>, by: Duration)
        -> Result<(), BrokerError>;
    backlog(subscription: &SubscriptionId) -> Result<Backlog, BrokerError>;
    next_due(subscription: &SubscriptionId) -> Result<Option<Timestamp>, BrokerError>;
});

gated!(AnalyticsStore {
    append(rows: Vec<AnalyticsRow>) -> Result<(), Fault>;
    raw_rows() -> Result<u64, Fault>;
    deduplicated(after: Option<&EventId>, limit: usize) -> Result<Vec<AnalyticsRow>, Fault>;
});

/// The same ports with a crash point before and behind every call.
pub fn yielding_ports(ports: &Ports) -> Ports {
    gated_ports(ports, &Yield)
}

/// The same ports with `gate` around every call of each.
pub fn gated_ports<G: Gate + Clone>(ports: &Ports, gate: &G) -> Ports {
    Ports {
        inventory: Arc::new(Gated::new(Arc::clone(&ports.inventory), gate.clone())),
        furniture: Arc::new(Gated::new(Arc::clone(&ports.furniture), gate.clone())),
        checkout: Arc::new(Gated::new(Arc::clone(&ports.checkout), gate.clone())),
        carts: Arc::new(Gated::new(Arc::clone(&ports.carts), gate.clone())),
        customers: Arc::new(Gated::new(Arc::clone(&ports.customers), gate.clone())),
        signals: Arc::new(Gated::new(Arc::clone(&ports.signals), gate.clone())),
        orders: Arc::new(Gated::new(Arc::clone(&ports.orders), gate.clone())),
        journal: Arc::new(Gated::new(Arc::clone(&ports.journal), gate.clone())),
        shipments: Arc::new(Gated::new(Arc::clone(&ports.shipments), gate.clone())),
        analytics: Arc::new(Gated::new(Arc::clone(&ports.analytics), gate.clone())),
        broker: Arc::new(Gated::new(Arc::clone(&ports.broker), gate.clone())),
        clock: Arc::clone(&ports.clock),
        ids: Arc::clone(&ports.ids),
    }
}
