//! Every await of the order flow is a place where the process may die. For each of them in
//! turn: die there, start again, recover, and let the auditor look.

use std::sync::Arc;
use std::time::Duration;

use boutique_core::assembly::{Boutique, Ports, Settings};
use boutique_core::audit::AuditScope;
use boutique_core::carts::CartLine;
use boutique_core::catalog::Catalog;
use boutique_core::checkout::{
    CheckoutError, OrderBody, Outcome, PlaceOrder, Refusal, ReviewDecision, SagaState,
};
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::customer::{Address, Email, Standing, UpsertCustomer};
use boutique_core::flow::{BoxFuture, Step};
use boutique_core::fraud::{RuleSet, Thresholds};
use boutique_core::ids::{
    CarrierEventId, CustomerId, IdempotencyKey, ProductId, ReceiptId, ReturnId, TenantId, UserId,
};
use boutique_core::limits::Units;
use boutique_core::money::Currency;
use boutique_core::orders::{CancelOrder, ReturnGoods, ReturnLine};
use boutique_core::stock::{Receive, StockSystem};
use boutique_core::warehouse::{CarrierEvent, ShipmentStatus};
use boutique_testkit::faulty::{cut_after, yielding_ports};
use boutique_testkit::sources::{CountingIds, ManualClock};

const PARCEL: &str = "OLJCESPC7Z";
const STOCKED: u64 = 5;

/// A boutique whose process can die and be started again over the same stores.
struct World {
    clock: Arc<ManualClock>,
    ports: Ports,
    settings: Settings,
}

impl World {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
        let ports = Ports::memory(
            Arc::clone(&clock) as Arc<dyn Clock>,
            Arc::new(CountingIds::default()),
        );
        let catalog = Arc::new(Catalog::default_range());
        for product in catalog.iter() {
            let receive = Receive {
                receipt_id: ReceiptId::new(format!("first-{}", product.id)).expect("an id"),
                product_id: product.id.clone(),
                quantity: STOCKED,
            };
            ports
                .ledger(product.system)
                .receive(receive)
                .await
                .expect("received");
        }
        Self {
            clock,
            ports,
            settings: Settings::standard(catalog),
        }
    }

    /// The process that will die: every await on a store is a place to die at.
    async fn doomed(&self) -> Boutique {
        self.healthy().await;
        Boutique::new(yielding_ports(&self.ports), self.settings.clone())
    }

    /// A process that lives, started and recovered.
    async fn healthy(&self) -> Boutique {
        let boutique = Boutique::new(self.ports.clone(), self.settings.clone());
        boutique.start().await.expect("starts");
        boutique
    }

    /// Starts again after the crash, finishes what is left, and has it audited.
    async fn recovered(&self, at: &str) -> Boutique {
        let boutique = self.healthy().await;
        self.rest(&boutique, at).await;
        boutique
    }

    async fn rest(&self, boutique: &Boutique, at: &str) {
        // Leases of the dead process run out; a few rounds are enough for any back-off.
        for _ in 0..8 {
            self.clock.advance(Duration::from_secs(61));
            if boutique.settle().await.expect("settles").waiting == 0 {
                break;
            }
        }
        let report = boutique.audit(AuditScope::AtRest).await.expect("audits");
        assert!(report.is_clean(), "{at}: {:#?}", report.violations);
    }

    fn furniture(&self) -> ProductId {
        let range = Catalog::default_range();
        let mut bulky = range
            .iter()
            .filter(|it| it.system == StockSystem::Furniture);
        bulky.next().expect("the range has furniture").id.clone()
    }

    fn order(&self, key: &str, quantity: i64) -> PlaceOrder {
        let line = |product_id| CartLine {
            product_id,
            quantity: Units::new(quantity).expect("in range"),
        };
        PlaceOrder {
            tenant: TenantId::new("t").expect("an id"),
            key: IdempotencyKey::new(key).expect("a key"),
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
                lines: Some(
                    [
                        line(self.furniture()),
                        line(ProductId::new(PARCEL).expect("an id")),
                    ]
                    .into(),
                ),
                ordered_at: None,
            },
            dry_run: false,
            deadline: self.clock.now().after(Duration::from_secs(5)),
            traceparent: None,
        }
    }

    async fn available(&self, product_id: &ProductId, system: StockSystem) -> u64 {
        let level = self
            .ports
            .ledger(system)
            .level(product_id)
            .await
            .expect("reads");
        level.expect("listed").available()
    }
}

/// Runs `scenario` with a crash at its first await, then at its second, and so on until it gets
/// through; `afterwards` sees each world after recovery. Says how many crash points there were.
async fn crash_everywhere<T: std::fmt::Debug>(
    what: &str,
    prepare: impl AsyncFn() -> World,
    scenario: impl for<'a> Fn(&'a Boutique, &'a World) -> BoxFuture<'a, T>,
    afterwards: impl AsyncFn(&World, &Boutique),
) -> usize {
    for n in 1.. {
        let world = prepare().await;
        let doomed = world.doomed().await;
        let through = cut_after(n, scenario(&doomed, &world)).await.is_some();
        drop(doomed);
        let boutique = world
            .recovered(&format!("{what}, crash at await {n}"))
            .await;
        afterwards(&world, &boutique).await;
        world
            .rest(
                &boutique,
                &format!("{what}, after crash {n} and what follows"),
            )
            .await;
        if through {
            return n - 1;
        }
        assert!(n < 10_000, "{what} never gets through");
    }
    unreachable!("the loop has no end")
}

fn confirmed(answer: &Result<Outcome, CheckoutError>) -> bool {
    matches!(answer, Ok(Outcome::Confirmed(_)))
}

#[tokio::test]
async fn a_checkout_that_dies_anywhere_is_sold_once_when_it_is_tried_again() {
    let points = crash_everywhere(
        "checkout",
        World::new,
        |boutique, world| Box::pin(boutique.place(world.order("k", 2))),
        async |world, boutique| {
            let answer = boutique.place(world.order("k", 2)).await;
            assert!(confirmed(&answer), "{answer:?}");
            assert_eq!(
                answer.expect("sold"),
                boutique.place(world.order("k", 2)).await.expect("sold")
            );
            let parcel = ProductId::new(PARCEL).expect("an id");
            assert_eq!(
                world.available(&parcel, StockSystem::Inventory).await,
                STOCKED - 2
            );
            let bulky = world.furniture();
            assert_eq!(
                world.available(&bulky, StockSystem::Furniture).await,
                STOCKED - 2
            );
        },
    )
    .await;
    assert!(
        points >= 10,
        "only {points} crash points: the stores are not yielding"
    );
}

#[tokio::test]
async fn a_refusal_that_dies_anywhere_leaves_nothing_held() {
    let beyond = i64::try_from(STOCKED).expect("small") + 1;
    crash_everywhere(
        "refusal",
        World::new,
        |boutique, world| Box::pin(boutique.place(world.order("k", beyond))),
        async |world, boutique| {
            let answer = boutique
                .place(world.order("k", beyond))
                .await
                .expect("an answer");
            let Outcome::Refused {
                refusal: Refusal::Short { shortages },
                ..
            } = answer
            else {
                panic!("not short: {answer:?}");
            };
            assert_eq!(shortages.len(), 2);
            assert!(shortages.iter().all(|it| it.left == STOCKED));
        },
    )
    .await;
}

#[tokio::test]
async fn a_blocked_customer_is_refused_wherever_the_checkout_dies() {
    let blocked = async || {
        let world = World::new().await;
        let customer = UpsertCustomer {
            id: CustomerId::new("ada").expect("an id"),
            email: Email::new("ada@example.com").expect("an e-mail").into(),
            name: None,
            surname: None,
            address: None,
            tier: None,
            standing: Some(Standing::Blocked),
            billing: None,
        };
        world
            .ports
            .customers
            .upsert(customer, world.clock.now())
            .await
            .expect("kept");
        world
    };
    crash_everywhere(
        "standing",
        blocked,
        |boutique, world| Box::pin(boutique.place(world.order("k", 1))),
        async |world, boutique| {
            let answer = boutique
                .place(world.order("k", 1))
                .await
                .expect("an answer");
            let refusal = Refusal::Standing;
            assert!(matches!(answer, Outcome::Refused { refusal: it, .. } if it == refusal));
        },
    )
    .await;
}

/// Every order goes to review.
async fn doubtful() -> World {
    let mut world = World::new().await;
    let thresholds = Thresholds {
        review: 0,
        deny: 1_001,
    };
    let rules = RuleSet::new([], thresholds).expect("rules");
    world.settings.rules = Arc::new(rules);
    world
}

#[tokio::test]
async fn a_review_that_dies_anywhere_is_decided_once() {
    let parked = async || {
        let world = doubtful().await;
        let boutique = world.healthy().await;
        let answer = boutique
            .place(world.order("k", 1))
            .await
            .expect("an answer");
        assert!(matches!(answer, Outcome::Parked { .. }), "{answer:?}");
        world
    };
    let decide = |world: &World| ReviewDecision {
        order_id: world
            .ports
            .ids
            .order(&world.order("k", 1).tenant, &world.order("k", 1).key),
        approve: true,
        remark: "known to us".into(),
    };
    crash_everywhere(
        "approval",
        parked,
        |boutique, world| Box::pin(boutique.decide_review(decide(world))),
        async |world, boutique| {
            let answer = boutique.decide_review(decide(world)).await;
            assert!(confirmed(&answer), "{answer:?}");
            assert!(confirmed(&boutique.place(world.order("k", 1)).await));
        },
    )
    .await;
}

#[tokio::test]
async fn parking_that_dies_anywhere_can_be_tried_again() {
    crash_everywhere(
        "parking",
        doubtful,
        |boutique, world| Box::pin(boutique.place(world.order("k", 1))),
        async |world, boutique| {
            let answer = boutique
                .place(world.order("k", 1))
                .await
                .expect("an answer");
            let Outcome::Parked { order_id, .. } = answer else {
                panic!("{answer:?}")
            };
            world
                .clock
                .advance(world.settings.checkout.review_time + Duration::from_secs(1));
            boutique.tidy().await.expect("tidies");
            let saga = world
                .ports
                .checkout
                .saga(&order_id)
                .await
                .expect("reads")
                .expect("kept");
            let SagaState::Refused { refusal } = saga.state else {
                panic!("{:?}", saga.state)
            };
            assert_eq!(refusal, Refusal::ReviewLapsed);
        },
    )
    .await;
}

async fn sold() -> World {
    let world = World::new().await;
    let boutique = world.healthy().await;
    assert!(confirmed(&boutique.place(world.order("k", 2)).await));
    world
}

#[tokio::test]
async fn order_management_that_dies_anywhere_books_and_ships_once() {
    let points = crash_everywhere(
        "fulfilment",
        sold,
        |boutique, _| Box::pin(async move { boutique.settle().await.expect("settles") }),
        async |_, _| {},
    )
    .await;
    assert!(
        points >= 30,
        "only {points} crash points: the stores are not yielding"
    );
}

async fn fulfilling() -> World {
    let world = sold().await;
    let boutique = world.healthy().await;
    world.rest(&boutique, "before the crash").await;
    world
}

fn order_id(world: &World) -> boutique_core::ids::OrderId {
    world
        .ports
        .ids
        .order(&world.order("k", 2).tenant, &world.order("k", 2).key)
}

async fn ship(boutique: &Boutique, world: &World) {
    let shipments = world
        .ports
        .shipments
        .of_order(&order_id(world))
        .await
        .expect("reads");
    for shipment in shipments {
        let event = CarrierEvent {
            id: CarrierEventId::new(format!("{}.left", shipment.id)).expect("an id"),
            shipment_id: shipment.id,
            status: ShipmentStatus::Shipped,
            at: Timestamp::from_millis(1_700_000_100_000),
        };
        boutique.carrier(event).await.expect("reported");
    }
}

#[tokio::test]
async fn a_shipment_report_that_dies_anywhere_takes_the_goods_once() {
    crash_everywhere(
        "shipping",
        fulfilling,
        |boutique, world| {
            Box::pin(async move {
                ship(boutique, world).await;
                boutique.settle().await.expect("settles")
            })
        },
        async |world, boutique| {
            ship(boutique, world).await;
            boutique.settle().await.expect("settles");
            let parcel = ProductId::new(PARCEL).expect("an id");
            let level = world
                .ports
                .inventory
                .level(&parcel)
                .await
                .expect("reads")
                .expect("listed");
            assert_eq!(
                (level.on_hand, level.committed, level.shipped),
                (STOCKED - 2, 0, 2)
            );
        },
    )
    .await;
}

#[tokio::test]
async fn a_cancellation_that_dies_anywhere_pays_back_once_and_frees_the_goods() {
    let cancel = |world: &World| CancelOrder {
        order_id: order_id(world),
        at: None,
    };
    crash_everywhere(
        "cancellation",
        fulfilling,
        |boutique, world| {
            Box::pin(async move {
                boutique.desk().run(cancel(world)).await.expect("cancelled");
                boutique.settle().await.expect("settles")
            })
        },
        async |world, boutique| {
            boutique.desk().run(cancel(world)).await.expect("cancelled");
            boutique.settle().await.expect("settles");
            let parcel = ProductId::new(PARCEL).expect("an id");
            assert_eq!(
                world.available(&parcel, StockSystem::Inventory).await,
                STOCKED
            );
            let balance = world.ports.journal.trial_balance().await.expect("reads");
            for (account, (debits, credits)) in balance.rows {
                assert_eq!(debits, credits, "{account:?} is not paid back");
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a_return_that_dies_anywhere_is_paid_back_and_shelved_once() {
    let shipped = async || {
        let world = fulfilling().await;
        let boutique = world.healthy().await;
        ship(&boutique, &world).await;
        world.rest(&boutique, "before the crash").await;
        world
    };
    let back = |world: &World| ReturnGoods {
        order_id: order_id(world),
        return_id: ReturnId::new("r1").expect("an id"),
        lines: vec![ReturnLine {
            line: 0,
            quantity: Units::ONE,
            refund: None,
        }],
        restock: true,
        at: None,
    };
    crash_everywhere(
        "return",
        shipped,
        |boutique, world| {
            Box::pin(async move {
                boutique.desk().run(back(world)).await.expect("taken back");
                boutique.settle().await.expect("settles")
            })
        },
        async |world, boutique| {
            boutique.desk().run(back(world)).await.expect("taken back");
            boutique.settle().await.expect("settles");
            let parcel = ProductId::new(PARCEL).expect("an id");
            assert_eq!(
                world.available(&parcel, StockSystem::Inventory).await,
                STOCKED - 1
            );
            let entries = world
                .ports
                .journal
                .entries_of(&order_id(world))
                .await
                .expect("reads");
            let returns = entries
                .iter()
                .filter(|it| it.id.as_str().contains("r1"))
                .count();
            assert_eq!(returns, 1);
        },
    )
    .await;
}
