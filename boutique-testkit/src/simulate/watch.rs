//! The auditor after every commit: what a record that was just written must be, whatever else
//! is going on.
//!
//! It looks at the stores themselves, behind every fault, so its answers are there at once.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use boutique_core::accounting::{BookError, Booked, Entry};
use boutique_core::assembly::Ports;
use boutique_core::checkout::{
    Begun, DependencyPolicy, Intent, Outcome, Policies, Saga, SagaState, StoreError, Verdict,
};
use boutique_core::clock::Timestamp;
use boutique_core::fault::Fault;
use boutique_core::ids::{HoldId, OrderId};
use boutique_core::orders::{Order, OrderError};
use boutique_core::stock::{Hold, HoldState, LedgerError, Level, StockSystem};
use boutique_core::warehouse::{Shipment, ShipmentError};
use futures_util::FutureExt;
use tokio::task::spawn_blocking;

use super::request::order_of;
use super::world::World;

/// One in so many moves of a hold has the whole ledger looked at.
const WHOLE_LEDGER: u64 = 16;

/// Looks at every commit.
pub(super) struct Watch {
    world: Arc<World>,
    /// The stores themselves.
    stores: Ports,
    /// Whether the stores answer at once; else commits are not looked at.
    at_once: bool,
    /// No dependency may be done without: whoever is out keeps orders from being sold.
    closed: bool,
    seen: Mutex<Seen>,
}

/// What earlier commits said.
#[derive(Default)]
struct Seen {
    holds: BTreeMap<HoldId, HoldState>,
    /// The latest transaction of each ledger.
    ledgers: BTreeMap<StockSystem, Timestamp>,
    /// Decisions that are for ever.
    decided: BTreeMap<OrderId, &'static str>,
}

/// How far two wall clocks of a simulated shop may be apart, and a little more.
const CLOCKS_APART: Duration = Duration::from_millis(4_500);

/// While it lives, virtual time stands still: the runtime lets it pass only while no blocking
/// task runs.
pub(super) struct HeldTime(#[expect(dead_code, reason = "its end is its message")] Sender<()>);

impl HeldTime {
    fn new() -> Self {
        let (end, ended) = channel();
        drop(spawn_blocking(move || {
            // Ends when the other side is dropped; there is never a message.
            let _ = ended.recv();
        }));
        Self(end)
    }
}

/// The answer of a store that never waits.
fn now<T>(answer: impl Future<Output = Result<T, Fault>>) -> Option<T> {
    answer.now_or_never().and_then(Result::ok)
}

impl Watch {
    pub(super) fn new(
        world: &Arc<World>,
        stores: Ports,
        at_once: bool,
        policies: &Policies,
    ) -> Self {
        let closed = DependencyPolicy::FailClosed;
        Self {
            world: Arc::clone(world),
            stores,
            at_once,
            closed: policies.crm == closed && policies.fraud == closed,
            seen: Mutex::default(),
        }
    }

    /// Keeps time from passing while a store that answers from a thread of its own is asked:
    /// otherwise nothing would be left to do but to go on to the next timer, at once.
    pub(super) fn held_time(&self) -> Option<HeldTime> {
        (!self.at_once).then(HeldTime::new)
    }

    fn say(&self, rule: &str, subject: &str, detail: impl Into<String>) {
        self.world.breach(rule, subject, detail.into());
    }

    /// Looks at what a store answered to a write, if it was a record.
    pub(super) fn committed(&self, answer: &dyn Any, order: Option<&OrderId>) {
        macro_rules! looked_at {
            ($($type:ty: $take:pat => $look:expr;)*) => {
                $(if let Some(answer) = answer.downcast_ref::<$type>() {
                    if let Ok($take) = answer {
                        $look;
                    }
                    return;
                })*
            };
        }
        looked_at! {
            Result<Hold, LedgerError>: hold => self.hold(hold);
            Result<Saga, StoreError>: saga => self.saga(saga);
            Result<Begun, Fault>: begun => self.begun(begun, order);
            Result<Order, OrderError>: order => self.taken_in(&order.placed.order.order_id);
            Result<Booked, BookError>: booked => self.entry(&booked.entry);
            Result<(Shipment, bool), ShipmentError>: made => self.shipment(&made.0);
            Result<Shipment, ShipmentError>: shipment => self.shipment(shipment);
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, order: &OrderId) -> Option<Saga> {
        self.world.count(|it| it.audits += 1);
        now(self.stores.checkout.saga(order)).flatten()
    }

    fn ledger_hold(&self, system: StockSystem, id: &HoldId) -> Option<Hold> {
        now(self.stores.ledger(system).hold(id)).flatten()
    }

    fn begun(&self, begun: &Begun, order: Option<&OrderId>) {
        if let (Begun::New, Some(order)) = (begun, order) {
            self.world.stands(order, "started");
        }
    }

    /// A hold leaves `Held` once; nothing is pinned or sold that no durable intent names.
    fn hold(&self, hold: &Hold) {
        if !self.at_once {
            return;
        }
        let before = self.seen().holds.insert(hold.id.clone(), hold.state);
        if !may_become(before, hold.state) {
            let before = before.map_or("nothing", HoldState::as_str);
            let detail = format!("was {before} and is {}", hold.state);
            self.say("a hold leaves Held once", hold.id.as_str(), detail);
        }
        let owned = matches!(hold.state, HoldState::Pinned | HoldState::Confirmed);
        if owned && before != Some(hold.state) {
            let saga = order_of(&hold.id).and_then(|it| self.record(&it));
            let owner = saga.filter(|it| names(&it.intent, &hold.id));
            let state = owner.as_ref().map(|it| &it.state);
            let wrong = matches!(
                state,
                None | Some(SagaState::Refused { .. } | SagaState::Failed { .. })
            );
            if wrong {
                let is = state.map_or("unknown", SagaState::name);
                let detail = format!("is {}, but the order is {is}", hold.state);
                self.say(
                    "nothing is sold without an intent",
                    hold.id.as_str(),
                    detail,
                );
            }
        }
        let system = system_of(&hold.id);
        // Moves that change the level there and then: a pin does not, and what has lapsed may
        // have been seen to lapse before.
        let changes = matches!(hold.state, HoldState::Held | HoldState::Confirmed);
        let moved = changes && before != Some(hold.state);
        let sold_now = (before, hold.state) == (Some(HoldState::Held), HoldState::Confirmed);
        for line in &hold.lines {
            let level = now(self.stores.ledger(system).level(&line.product_id)).flatten();
            let Some(level) = level else { continue };
            if !adds_up(&level) {
                let detail = format!("{level:?}");
                self.say("stock adds up", line.product_id.as_str(), detail);
            }
            let mut seen = self.seen();
            let last = seen.ledgers.entry(system).or_default();
            let (now, went_back) = (level.updated_at, moved && level.updated_at < *last);
            *last = now.max(*last);
            drop(seen);
            if went_back {
                let detail = format!("a transaction of {now} follows a later one");
                self.say("a ledger's time goes on", hold.id.as_str(), detail);
            }
            // Both moments are the ledger's own.
            if sold_now && level.updated_at >= hold.expires_at {
                let (sold, lapsed) = (level.updated_at, hold.expires_at);
                let detail = format!("sold at {sold}, lapsed at {lapsed}");
                self.say("a lapsed hold is not sold", hold.id.as_str(), detail);
            }
        }
        if self.world.dice(|it| it.below(WHOLE_LEDGER)) == 0 {
            self.world.count(|it| it.audits += 1);
            if let Some(audit) = now(self.stores.ledger(system).audit()) {
                for it in audit.violations {
                    self.say("stock adds up", &it.subject.to_string(), it.detail);
                }
            }
        }
    }

    /// What is recorded of an order is what its ledgers say.
    fn saga(&self, saga: &Saga) {
        let (intent, state) = (&saga.intent, &saga.state);
        self.world.stands(&intent.order_id, state.name());
        if !self.at_once {
            return;
        }
        self.world.count(|it| it.audits += 1);
        let order_id = intent.order_id.as_str();
        if matches!(
            state,
            SagaState::Confirmed { .. } | SagaState::Refused { .. }
        ) {
            let name = state.name();
            let first = *self
                .seen()
                .decided
                .entry(intent.order_id.clone())
                .or_insert(name);
            if first != name {
                let detail = format!("was {first} and is {name}");
                self.say("a decision is for ever", order_id, detail);
            }
        }
        for intended in &intent.holds {
            let hold = self.ledger_hold(intended.system, &intended.hold_id);
            if let (SagaState::Review { until, .. }, Some(hold)) = (state, &hold)
                && hold.state == HoldState::Held
                && hold.expires_at.after(CLOCKS_APART) < *until
            {
                let (lapses, id) = (hold.expires_at, &hold.id);
                let detail = format!("waits until {until}, but hold {id} lapses at {lapses}");
                self.say("parked goods are held", order_id, detail);
            }
            let hold = hold.map(|it| it.state);
            let wrong = match state {
                SagaState::Confirmed { .. } => !hold.is_some_and(HoldState::is_sold),
                SagaState::Refused { .. } | SagaState::Failed { .. } => {
                    hold.is_some_and(|it| it.is_sold() || it.is_open())
                }
                _ => false,
            };
            if wrong {
                let hold = hold.map_or("unknown", HoldState::as_str);
                let detail = format!("is {state}, but hold {} is {hold}", intended.hold_id);
                let rule = "a record says what the ledger decided";
                self.say(rule, order_id, detail);
            }
        }
    }

    /// Nobody downstream works on an order that is not sold.
    fn taken_in(&self, order: &OrderId) {
        if !self.at_once {
            return;
        }
        let saga = self.record(order);
        let state = saga.as_ref().map_or("unknown", |it| it.state.name());
        if state != "confirmed" {
            let detail = format!("somebody downstream works on it, but it is {state}");
            self.say("effects follow a sale", order.as_str(), detail);
        }
    }

    fn entry(&self, entry: &Entry) {
        if let Some(order) = &entry.order_id {
            self.taken_in(order);
        }
        if let Err(error) = entry.check() {
            self.say("entries balance", entry.id.as_str(), error.to_string());
        }
    }

    fn shipment(&self, shipment: &Shipment) {
        self.taken_in(&shipment.order_id);
    }

    /// What a client was told is so, at the moment it is told.
    pub(super) fn told(&self, outcome: &Outcome) {
        if !self.at_once {
            return;
        }
        let order = outcome.order_id();
        let saga = self.record(order);
        let state = saga.as_ref().map_or("unknown", |it| it.state.name());
        match outcome {
            Outcome::Confirmed(receipt) => {
                let waived = receipt
                    .checks
                    .iter()
                    .find(|it| it.verdict == Verdict::Waived);
                if let (Some(check), true) = (waived, self.closed) {
                    let detail = format!("sold without {}", check.name);
                    self.say("what is closed stays closed", order.as_str(), detail);
                }
                for id in &receipt.holds {
                    let hold = self.ledger_hold(system_of(id), id);
                    if !hold.as_ref().is_some_and(|it| it.state.is_sold()) {
                        let is = hold.map_or("unknown", |it| it.state.as_str());
                        let detail = format!("was told it is sold, but hold {id} is {is}");
                        self.say("an answer is kept", order.as_str(), detail);
                    }
                }
            }
            Outcome::Refused { .. } if state != "refused" => {
                let detail = format!("was told it is refused, but it is {state}");
                self.say("an answer is kept", order.as_str(), detail);
            }
            Outcome::Refused { .. } | Outcome::Parked { .. } => {}
        }
    }
}

fn names(intent: &Intent, hold: &HoldId) -> bool {
    intent.holds.iter().any(|it| it.hold_id == *hold)
}

/// The stock system that a hold's id names.
fn system_of(hold: &HoldId) -> StockSystem {
    let named = hold.as_str().rsplit('.').nth(1);
    let mut all = StockSystem::ALL.into_iter();
    all.find(|it| named == Some(it.as_str()))
        .unwrap_or(StockSystem::Inventory)
}

const fn adds_up(level: &Level) -> bool {
    level.held + level.committed <= level.on_hand && level.received == level.on_hand + level.shipped
}

/// The moves of a hold: the table of [`boutique_core::stock`]. What was not seen at every move
/// may have made two.
const fn may_become(before: Option<HoldState>, after: HoldState) -> bool {
    use HoldState::{Confirmed, Expired, Held, Pinned, Released, Shipped, Voided};
    matches!(
        (before, after),
        (None, Held | Voided | Expired)
            | (Some(Held), _)
            | (
                Some(Pinned),
                Pinned | Confirmed | Voided | Shipped | Released
            )
            | (Some(Confirmed), Confirmed | Shipped | Released)
            | (Some(Shipped), Shipped)
            | (Some(Released), Released)
            | (Some(Voided), Voided)
            | (Some(Expired), Expired)
    )
}
