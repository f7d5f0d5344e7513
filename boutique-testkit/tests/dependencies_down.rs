//! What a checkout does while the CRM or the fraud engine does not answer, by its policies; and
//! that a dry run says what would happen and leaves no trace.

mod shop;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use boutique_core::assembly::{Boutique, Settings};
use boutique_core::audit::AuditScope;
use boutique_core::carts::CartLine;
use boutique_core::checkout::DependencyPolicy::{Degrade, FailClosed, FailOpenBelow};
use boutique_core::checkout::{DependencyPolicy, Outcome, SagaState, Verdict};
use boutique_core::clock::{Timer, Timestamp};
use boutique_core::fault::{Fault, FaultKind};
use boutique_core::flow::BoxFuture;
use boutique_core::ids::UserId;
use boutique_core::limits::Units;
use boutique_core::money::{Currency, Money};
use boutique_core::stock::StockSystem;
use boutique_testkit::faulty::{Gate, Gated};

use shop::{STOCKED, Shop};

/// Down or hanging until it is switched on.
#[derive(Clone)]
struct Switch {
    on: Arc<AtomicBool>,
    hangs: bool,
}

#[async_trait]
impl Gate for Switch {
    async fn enter(&self, _: &'static str) -> Result<(), Fault> {
        if self.on.load(Ordering::SeqCst) {
            return Ok(());
        }
        if self.hangs {
            std::future::pending::<()>().await;
        }
        Err(Fault::unavailable("it is down"))
    }

    async fn leave(&self, _: &'static str) -> Result<(), Fault> {
        Ok(())
    }
}

/// Rings as soon as anybody waits.
struct AtOnce;

impl Timer for AtOnce {
    fn until(&self, _: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

#[derive(Clone, Copy)]
enum Down {
    Crm,
    Fraud,
}

/// The same shop with one dependency down.
fn without(shop: &Shop, down: Down, policy: DependencyPolicy, switch: Switch) -> Boutique {
    let mut ports = shop.ports.clone();
    let mut settings = Settings {
        timer: Arc::new(AtOnce),
        ..shop.settings.clone()
    };
    match down {
        Down::Crm => {
            ports.customers = Arc::new(Gated::new(Arc::clone(&ports.customers), switch));
            settings.checkout.policies.crm = policy;
        }
        Down::Fraud => {
            ports.signals = Arc::new(Gated::new(Arc::clone(&ports.signals), switch));
            settings.checkout.policies.fraud = policy;
        }
    }
    Boutique::new(ports, settings)
}

async fn nothing_is_held(shop: &Shop) -> bool {
    let parcels = shop.available(&shop.parcel, StockSystem::Inventory).await;
    let bulky = shop.available(&shop.bulky, StockSystem::Furniture).await;
    parcels == STOCKED && bulky == STOCKED
}

#[tokio::test]
async fn an_order_goes_through_without_an_answer_only_as_its_policy_says() {
    let total = {
        let shop = Shop::new(false, |_| {}).await;
        let mut request = shop.both("k");
        request.dry_run = true;
        match shop.boutique.place(request).await.expect("an answer") {
            Outcome::Confirmed(receipt) => receipt.total,
            other => panic!("{other:?}"),
        }
    };
    let cent = Money::from_minor(Currency::USD, 1).expect("in range");
    let below = FailOpenBelow(total.minus(cent).expect("in range"));
    let euros = FailOpenBelow(Money::new(Currency::EUR, 1_000_000, 0).expect("in range"));
    for down in [Down::Crm, Down::Fraud] {
        for hangs in [false, true] {
            for policy in [FailClosed, FailOpenBelow(total), below, euros, Degrade] {
                let shop = Shop::new(false, |_| {}).await;
                let on = Arc::new(AtomicBool::new(false));
                let switch = Switch {
                    on: Arc::clone(&on),
                    hangs,
                };
                let boutique = without(&shop, down, policy, switch);
                let answer = boutique.place(shop.both("k")).await;
                let sells = policy == FailOpenBelow(total);
                match (down, answer) {
                    (Down::Crm, Ok(Outcome::Confirmed(receipt))) => {
                        assert!(sells || policy == Degrade, "{policy:?}");
                        let checks = receipt.checks.iter().filter(|it| it.name == "crm");
                        let verdicts: Vec<_> = checks.map(|it| it.verdict).collect();
                        assert_eq!(verdicts, [Verdict::Waived]);
                    }
                    (Down::Fraud, Ok(Outcome::Confirmed(receipt))) => {
                        assert!(sells, "{policy:?}");
                        let checks = receipt.checks.iter().filter(|it| it.name == "fraud");
                        let verdicts: Vec<_> = checks.map(|it| it.verdict).collect();
                        assert_eq!(verdicts, [Verdict::Waived]);
                    }
                    (Down::Fraud, Ok(Outcome::Parked { .. })) => assert_eq!(policy, Degrade),
                    (_, Err(error)) => {
                        assert!(!sells && policy != Degrade, "{policy:?}");
                        assert_ne!(error.fault().map(Fault::kind), Some(FaultKind::Permanent));
                        assert!(nothing_is_held(&shop).await, "{policy:?}");
                        assert!(matches!(shop.state("k").await, SagaState::Failed { .. }));
                        on.store(true, Ordering::SeqCst);
                        let again = boutique.place(shop.both("k")).await;
                        assert!(matches!(again, Ok(Outcome::Confirmed(_))), "{again:?}");
                    }
                    (_, other) => panic!("{policy:?}: {other:?}"),
                }
                let report = shop.audit(AuditScope::Running).await;
                assert!(report.is_clean(), "{:#?}", report.violations);
            }
        }
    }
}

#[tokio::test]
async fn a_dry_run_leaves_no_trace_and_says_what_happens_then() {
    for doubtful in [false, true] {
        let shop = Shop::new(doubtful, |_| {}).await;
        let user = UserId::new("ada").expect("an id");
        let line = CartLine {
            product_id: shop.parcel.clone(),
            quantity: Units::new(2).expect("in range"),
        };
        shop.ports
            .carts
            .add(&user, line, None)
            .await
            .expect("added");
        let cart = shop.ports.carts.cart(&user).await.expect("reads");
        let mut request = shop.both("k");
        request.body.lines = None;
        request.dry_run = true;
        let said = shop
            .boutique
            .place(request.clone())
            .await
            .expect("an answer");

        let ports = &shop.ports;
        assert!(nothing_is_held(&shop).await);
        assert!(
            ports
                .checkout
                .sagas(None, 9)
                .await
                .expect("reads")
                .is_empty()
        );
        for system in StockSystem::ALL {
            let holds = ports.ledger(system).holds(None, 9).await;
            assert!(holds.expect("reads").is_empty(), "{system}");
        }
        assert_eq!(ports.carts.cart(&user).await.expect("reads"), cart);
        let forgotten = ports.signals.forget(Timestamp::MAX).await;
        assert_eq!(forgotten.expect("forgets"), 0);
        assert_eq!(ports.checkout.outbox().await.expect("reads").waiting, 0);

        request.dry_run = false;
        let done = shop
            .boutique
            .place(request.clone())
            .await
            .expect("an answer");
        match (&said, &done) {
            (Outcome::Confirmed(said), Outcome::Confirmed(done)) => {
                assert!(!doubtful && said.holds.is_empty());
                assert_eq!(said.order, done.order);
                assert_eq!((said.total, said.tax), (done.total, done.tax));
            }
            (said, done) => assert_eq!(said, done),
        }
        // The key is taken now, and a dry run of it is its answer.
        request.dry_run = true;
        assert_eq!(shop.boutique.place(request).await.expect("an answer"), done);
        shop.clock.advance(Duration::from_secs(1));
    }
}
