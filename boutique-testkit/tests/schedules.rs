//! Requests, retries, recovery, reviews, cancellations, background work and the auditor at the
//! same time, in an order that a seed draws, over stores that answer late and fail at random.
//! Whatever the order, a key has one answer, a running audit finds nothing wrong, and nothing is
//! left once everything has come to rest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use boutique_core::assembly::{Boutique, Ports, Settings};
use boutique_core::audit::AuditScope;
use boutique_core::carts::CartLine;
use boutique_core::catalog::Catalog;
use boutique_core::checkout::{OrderBody, Outcome, PlaceOrder, ReviewDecision};
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::customer::{Address, Email};
use boutique_core::fault::{Fault, PortError};
use boutique_core::flow::{BoxFuture, Step};
use boutique_core::fraud::{RuleSet, Thresholds};
use boutique_core::ids::{
    CarrierEventId, IdempotencyKey, OrderId, ProductId, ReceiptId, ReturnId, TenantId, UserId,
};
use boutique_core::limits::Units;
use boutique_core::money::Currency;
use boutique_core::orders::{CancelOrder, ReturnGoods, ReturnLine};
use boutique_core::stock::{Receive, StockSystem};
use boutique_core::warehouse::{CarrierEvent, ShipmentStatus};
use boutique_testkit::faulty::{Gate, cut_after, gated_ports};
use boutique_testkit::sources::{CountingIds, ManualClock};
use futures_util::future::join_all;

const KEYS: usize = 5;
const STOCKED: u64 = 6;

/// Marsaglia's xorshift64: the whole schedule follows from its seed.
#[derive(Clone)]
struct Dice(Arc<Mutex<u64>>);

impl Dice {
    fn new(seed: u64) -> Self {
        let mixed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self(Arc::new(Mutex::new(mixed | 1)))
    }

    fn below(&self, sides: u64) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        (*state >> 11) % sides
    }

    async fn pause(&self, most: u64) {
        for _ in 0..self.below(most) {
            tokio::task::yield_now().await;
        }
    }
}

/// Answers late, and sometimes not, before or after the call was carried out.
#[derive(Clone)]
struct Chance {
    dice: Dice,
    /// One call in this many fails; none if zero.
    fails: u64,
}

#[async_trait]
impl Gate for Chance {
    async fn enter(&self, _: &'static str) -> Result<(), Fault> {
        self.dice.pause(6).await;
        if self.fails > 0 && self.dice.below(self.fails) == 0 {
            return Err(Fault::unavailable("undone"));
        }
        Ok(())
    }

    async fn leave(&self, _: &'static str) -> Result<(), Fault> {
        self.dice.pause(6).await;
        if self.fails > 0 && self.dice.below(self.fails) == 0 {
            return Err(Fault::ambiguous("perhaps done"));
        }
        Ok(())
    }
}

struct World {
    clock: Arc<ManualClock>,
    ports: Ports,
    settings: Settings,
    dice: Dice,
    parcel: ProductId,
    bulky: ProductId,
}

impl World {
    async fn new(seed: u64, doubtful: bool) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
        let ports = Ports::memory(
            Arc::clone(&clock) as Arc<dyn Clock>,
            Arc::new(CountingIds::default()),
        );
        let catalog = Arc::new(Catalog::default_range());
        let first = |system| {
            let mut products = catalog.iter().filter(|it| it.system == system);
            products.next().expect("listed").id.clone()
        };
        let parcel = first(StockSystem::Inventory);
        let bulky = first(StockSystem::Furniture);
        for product in catalog.iter() {
            let receive = Receive {
                receipt_id: ReceiptId::new(format!("first-{}", product.id)).expect("an id"),
                product_id: product.id.clone(),
                quantity: STOCKED,
            };
            let ledger = ports.ledger(product.system);
            ledger.receive(receive).await.expect("received");
        }
        let mut settings = Settings::standard(catalog);
        if doubtful {
            let thresholds = Thresholds {
                review: 0,
                deny: 1_001,
            };
            settings.rules = Arc::new(RuleSet::new([], thresholds).expect("rules"));
            settings.checkout.review_time = Duration::from_secs(40);
        }
        Self {
            clock,
            ports,
            settings,
            dice: Dice::new(seed),
            parcel,
            bulky,
        }
    }

    /// The request that `key` stands for, or one of three others with the same key.
    fn order(&self, key: usize, body: u64) -> PlaceOrder {
        let line = |product_id: &ProductId, quantity| CartLine {
            product_id: product_id.clone(),
            quantity: Units::new(quantity).expect("in range"),
        };
        let lines: Vec<CartLine> = match body {
            0 => vec![line(&self.bulky, 1), line(&self.parcel, 2)],
            1 => vec![line(&self.parcel, 2)],
            2 => vec![line(&self.bulky, 1)],
            _ => vec![line(&self.parcel, 1), line(&self.bulky, 2)],
        };
        PlaceOrder {
            tenant: TenantId::new("t").expect("an id"),
            key: IdempotencyKey::new(format!("k{key}")).expect("a key"),
            body: OrderBody {
                user_id: UserId::new("ada").expect("an id"),
                currency: Currency::USD,
                email: Email::new("ada@example.com").expect("an e-mail").into(),
                address: Address {
                    street_address: "1 Main Street".into(),
                    city: "Springfield".into(),
                    state: String::new(),
                    country: "United States".into(),
                    zip_code: "97477".into(),
                }
                .into(),
                lines: Some(lines.into()),
                ordered_at: None,
            },
            dry_run: self.dice.below(12) == 0,
            deadline: self.clock.now().after(Duration::from_secs(5)),
            traceparent: None,
        }
    }

    fn order_id(&self, key: usize) -> OrderId {
        let request = self.order(key, 0);
        self.ports.ids.order(&request.tenant, &request.key)
    }
}

/// Final answers by key and body: whatever was said once is said for ever.
#[derive(Default)]
struct Answers(Mutex<BTreeMap<(usize, u64), Outcome>>);

impl Answers {
    fn keep(&self, at: &str, key: usize, body: u64, outcome: &Outcome) {
        if matches!(outcome, Outcome::Parked { .. }) {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = &*kept.entry((key, body)).or_insert_with(|| outcome.clone());
        assert_eq!(before, outcome, "{at}: key {key} is answered two ways");
        let bodies = kept.keys().filter(|it| it.0 == key).count();
        assert_eq!(bodies, 1, "{at}: key {key} stands for two bodies");
    }
}

async fn client(world: &World, shop: &Boutique, answers: &Answers, at: &str) {
    for _ in 0..3 {
        world.dice.pause(60).await;
        let key = usize::try_from(world.dice.below(KEYS as u64)).expect("small");
        let body = world.dice.below(9).saturating_sub(5);
        let request = world.order(key, body);
        let dry_run = request.dry_run;
        let place = shop.place(request);
        // One client in six goes away in the middle of it.
        let answer = if world.dice.below(6) == 0 {
            let polls = usize::try_from(world.dice.below(40)).expect("small") + 1;
            cut_after(polls, place).await
        } else {
            Some(place.await)
        };
        if let Some(Ok(outcome)) = answer
            && !dry_run
        {
            answers.keep(at, key, body, &outcome);
        }
    }
}

async fn time(world: &World) {
    for _ in 0..40 {
        world.dice.pause(30).await;
        world.clock.advance_millis(world.dice.below(1_500));
    }
}

async fn background(world: &World, shop: &Boutique) {
    for _ in 0..15 {
        world.dice.pause(20).await;
        let _ = shop.work().await;
        let _ = shop.tidy().await;
    }
}

async fn people(world: &World, shop: &Boutique) {
    for _ in 0..25 {
        world.dice.pause(40).await;
        let key = usize::try_from(world.dice.below(KEYS as u64)).expect("small");
        let order_id = world.order_id(key);
        match world.dice.below(6) {
            0 | 1 => {
                let decision = ReviewDecision {
                    order_id,
                    approve: world.dice.below(3) > 0,
                    remark: "looked at".into(),
                };
                let _ = shop.decide_review(decision).await;
            }
            2 => {
                let _ = shop.desk().run(CancelOrder { order_id, at: None }).await;
            }
            3 => {
                let goods = ReturnGoods {
                    order_id,
                    return_id: ReturnId::new(format!("r{}", world.dice.below(3))).expect("an id"),
                    lines: vec![ReturnLine {
                        line: usize::try_from(world.dice.below(2)).expect("small"),
                        quantity: Units::ONE,
                        refund: None,
                    }],
                    restock: world.dice.below(2) == 0,
                    at: None,
                };
                let _ = shop.desk().run(goods).await;
            }
            _ => {
                for system in StockSystem::ALL {
                    let shipment_id = order_id.shipment(system.as_str());
                    let event = CarrierEvent {
                        id: CarrierEventId::new(format!("{shipment_id}.left")).expect("an id"),
                        shipment_id,
                        status: ShipmentStatus::Shipped,
                        at: world.clock.now(),
                    };
                    let _ = shop.carrier(event).await;
                }
            }
        }
    }
}

async fn auditor(world: &World, calm: &Boutique, at: &str) {
    for _ in 0..12 {
        world.dice.pause(60).await;
        let report = calm.audit(AuditScope::Running).await.expect("audits");
        assert!(report.is_clean(), "{at}, running: {:#?}", report.violations);
    }
}

/// Says what became of its orders, and how often.
async fn schedule(seed: u64, fails: u64, doubtful: bool) -> BTreeMap<String, u64> {
    let at = format!("seed {seed}, doubtful {doubtful}, fails {fails}");
    let world = World::new(seed, doubtful).await;
    let sure = Boutique::new(world.ports.clone(), world.settings.clone());
    sure.start().await.expect("starts");
    let gate = |fails| Chance {
        dice: world.dice.clone(),
        fails,
    };
    let shop = Boutique::new(
        gated_ports(&world.ports, &gate(fails)),
        world.settings.clone(),
    );
    let calm = Boutique::new(gated_ports(&world.ports, &gate(0)), world.settings.clone());
    let answers = Answers::default();
    let mut parts: Vec<BoxFuture<'_, ()>> = vec![
        Box::pin(time(&world)),
        Box::pin(background(&world, &shop)),
        Box::pin(people(&world, &shop)),
        Box::pin(auditor(&world, &calm, &at)),
    ];
    for _ in 0..6 {
        parts.push(Box::pin(client(&world, &shop, &answers, &at)));
    }
    join_all(parts).await;

    // The process dies and is started again; whatever was promised lapses or is finished.
    let sure = Boutique::new(world.ports.clone(), world.settings.clone());
    sure.start().await.expect("starts");
    for _ in 0..16 {
        world.clock.advance(Duration::from_secs(61));
        if sure.settle().await.expect("settles").waiting == 0 {
            break;
        }
    }
    let report = sure.audit(AuditScope::AtRest).await.expect("audits");
    assert!(report.is_clean(), "{at}, at rest: {:#?}", report.violations);
    let mut fates = BTreeMap::new();
    for saga in world.ports.checkout.sagas(None, 100).await.expect("reads") {
        let earlier = saga.timeline.iter().map(|it| it.0.to_string());
        for state in earlier.chain([saga.state.name().to_owned()]) {
            *fates.entry(state).or_insert(0) += 1;
        }
    }
    for order in world.ports.orders.orders(None, 100).await.expect("reads") {
        *fates.entry(order.progress.state().to_string()).or_insert(0) += 1;
        *fates.entry("return".to_owned()).or_insert(0) += order.progress.returns.len() as u64;
    }
    for key in 0..KEYS {
        for body in 0..4 {
            let mut request = world.order(key, body);
            request.dry_run = false;
            let known = answers.0.lock().expect("whole").contains_key(&(key, body));
            match sure.place(request).await {
                Ok(outcome) => answers.keep(&at, key, body, &outcome),
                Err(PortError::Rejected(_)) => assert!(!known, "{at}: key {key} was answered"),
                Err(PortError::Fault(_)) => assert!(!known, "{at}: key {key} was answered"),
            }
        }
    }
    fates
}

/// `SEEDS` and `FROM` in the environment choose other seeds.
#[tokio::test]
async fn a_key_has_one_answer_and_nothing_is_left_however_requests_interleave() {
    let number = |name, otherwise| {
        let text = std::env::var(name).ok();
        text.and_then(|it| it.parse().ok()).unwrap_or(otherwise)
    };
    let (from, seeds): (u64, u64) = (number("FROM", 0), number("SEEDS", 60));
    let mut fates = BTreeMap::new();
    for seed in from..from + seeds {
        for (fate, count) in schedule(seed, [0, 25, 60][(seed % 3) as usize], seed % 2 == 0).await {
            *fates.entry(fate).or_insert(0) += count;
        }
    }
    // What never happened was not tested.
    for fate in [
        "approved",
        "cancelled",
        "confirmed",
        "failed",
        "refused",
        "return",
        "review",
        "shipped",
    ] {
        assert!(
            fates.get(fate).is_some_and(|it| *it > 0),
            "no {fate}: {fates:?}"
        );
    }
}
