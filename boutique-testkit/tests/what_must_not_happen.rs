//! What a shop must not do, case by case: hold goods nobody will get, promise a review that
//! cannot be approved, choke on an input, or have its auditor cry wolf or sleep.

mod shop;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use boutique_core::accounting::{Book, Credit, EntryKind};
use boutique_core::assembly::{Boutique, Ports, Settings};
use boutique_core::audit::{AuditScope, Invariant};
use boutique_core::broker::Message;
use boutique_core::catalog::{Catalog, PricedLine, QuoteCart, QuoteFromCatalog};
use boutique_core::checkout::{
    CheckoutRejection, Outcome, REMARK_BYTES_MAX, ReviewDecision, SagaState,
};
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::fault::{Fault, FaultKind};
use boutique_core::flow::Step;
use boutique_core::ids::{EntryId, ProductId};
use boutique_core::limits::Units;
use boutique_core::money::{Currency, Money};
use boutique_core::stock::{HoldState, Reserve, StockLine, StockSystem};
use boutique_testkit::Scripted;
use boutique_testkit::faulty::{FaultPlan, Faulty, Gate, Gated};
use futures_util::future::join;
use tower::util::BoxCloneSyncService;

use shop::{STOCKED, Shop};

const fn untouched(_: &mut Ports) {}

/// Waits before one verb.
struct Late(&'static str, usize);

#[async_trait]
impl Gate for Late {
    async fn enter(&self, verb: &'static str) -> Result<(), Fault> {
        for _ in 0..if verb == self.0 { self.1 } else { 0 } {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn leave(&self, _: &'static str) -> Result<(), Fault> {
        Ok(())
    }
}

#[tokio::test]
async fn a_request_with_a_taken_key_leaves_nothing_held_in_another_stock_system() {
    let shop = Shop::new(false, untouched).await;
    // Both read that the key is free; the one that holds its goods first begins last.
    let delayed = |verb, polls| {
        let mut ports = shop.ports.clone();
        ports.checkout = Arc::new(Gated::new(Arc::clone(&ports.checkout), Late(verb, polls)));
        Boutique::new(ports, shop.settings.clone())
    };
    let (quick, slow) = (delayed("begin", 5), delayed("begin", 50));
    let parcel = shop.order("k", &[(&shop.parcel, 1)]);
    let bulky = shop.order("k", &[(&shop.bulky, 1)]);
    let (first, second) = join(quick.place(parcel), slow.place(bulky)).await;
    assert!(matches!(first, Ok(Outcome::Confirmed(_))), "{first:?}");
    let second = second.expect_err("the key is taken");
    assert_eq!(second.rejection(), Some(&CheckoutRejection::KeyReused));
    let left = shop.available(&shop.bulky, StockSystem::Furniture).await;
    assert_eq!(left, STOCKED);
    shop.boutique.settle().await.expect("settles");
    let report = shop.audit(AuditScope::AtRest).await;
    assert!(report.is_clean(), "{:#?}", report.violations);
}

#[tokio::test]
async fn goods_that_a_dead_request_held_lapse_and_are_no_violation_until_then() {
    let shop = Shop::new(false, untouched).await;
    let reserve = Reserve {
        hold_id: shop.order_id("k").hold("inventory", 1),
        lines: vec![StockLine {
            product_id: shop.parcel.clone(),
            quantity: Units::ONE,
        }],
        ttl: Duration::from_secs(60),
        valid_until: Timestamp::MAX,
    };
    let hold = shop.ports.inventory.reserve(reserve).await.expect("held");
    for scope in [AuditScope::Running, AuditScope::AtRest] {
        let report = shop.audit(scope).await;
        assert!(report.is_clean(), "{:#?}", report.violations);
    }
    // A pin never lapses: one without an intent would keep the goods for ever.
    shop.ports.inventory.pin(&hold.id).await.expect("pinned");
    let report = shop.audit(AuditScope::Running).await;
    assert_eq!(report.violations.len(), 1, "{:#?}", report.violations);
}

#[tokio::test]
async fn a_review_that_is_promised_can_be_approved() {
    for kind in [FaultKind::Unavailable, FaultKind::Ambiguous] {
        let plan = FaultPlan::default().nth_of("decide", 1, kind);
        let shop = Shop::new(true, |ports| {
            ports.checkout = Arc::new(Gated::new(Arc::clone(&ports.checkout), plan));
        })
        .await;
        let answer = shop.boutique.place(shop.both("k")).await;
        if let Ok(Outcome::Parked { .. }) = answer {
            let state = HoldState::Held;
            let hold_id = shop.order_id("k").hold("inventory", 1);
            let hold = shop.ports.inventory.hold(&hold_id).await.expect("reads");
            assert_eq!(hold.map(|it| it.state), Some(state), "{kind:?}");
        } else {
            let fault = answer.expect_err("not parked");
            assert!(fault.fault().is_some_and(|it| it.kind().is_transient()));
            assert!(matches!(shop.state("k").await, SagaState::Failed { .. }));
        }
        let again = shop
            .boutique
            .place(shop.both("k"))
            .await
            .expect("an answer");
        assert!(matches!(again, Outcome::Parked { .. }), "{again:?}");
        let approve = ReviewDecision {
            order_id: shop.order_id("k"),
            approve: true,
            remark: "known to us".into(),
        };
        let sold = shop.boutique.decide_review(approve).await.expect("decided");
        assert!(matches!(sold, Outcome::Confirmed(_)), "{kind:?}: {sold:?}");
    }
}

#[tokio::test]
async fn a_remark_of_any_length_pins_no_goods_for_ever() {
    let shop = Shop::new(true, untouched).await;
    shop.boutique.place(shop.both("k")).await.expect("parked");
    let approve = |remark: String| ReviewDecision {
        order_id: shop.order_id("k"),
        approve: true,
        remark,
    };
    let too_long = "x".repeat(80_000);
    let refused = shop.boutique.decide_review(approve(too_long)).await;
    let why = CheckoutRejection::RemarkTooLong(80_000);
    assert_eq!(refused.expect_err("too long").rejection(), Some(&why));
    // Control characters take six bytes each in the note.
    let longest = "\u{1}".repeat(REMARK_BYTES_MAX);
    let sold = shop.boutique.decide_review(approve(longest)).await;
    assert!(matches!(sold, Ok(Outcome::Confirmed(_))), "{sold:?}");
    shop.boutique.settle().await.expect("settles");
    let report = shop.audit(AuditScope::AtRest).await;
    assert!(report.is_clean(), "{:#?}", report.violations);
}

fn foreign(order_id: &str, attributes: &[(&str, &str)]) -> Message {
    let data = r#"{"order":{"order_id":"ORDER","shipping_tracking_id":"t",
        "shipping_cost":{"currency_code":"USD","units":8,"nanos":990000000},
        "shipping_address":{"street_address":"s","city":"c","state":"","country":"US","zip_code":94043},
        "items":[{"item":{"product_id":"OLJCESPC7Z","quantity":2},
                  "cost":{"currency_code":"USD","units":19,"nanos":990000000}}]},
        "user_id":"u","email":"bo@example.com","user_currency":"USD"}"#;
    let attributes = attributes.iter();
    Message {
        data: data.replace("ORDER", order_id).into(),
        attributes: Arc::new(
            attributes
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        ),
        ordering_key: None,
    }
}

impl Shop {
    async fn publish(&self, message: Message) {
        let topic = &self.boutique.topology().orders;
        let published = self.ports.broker.publish(topic, vec![message]).await;
        published.expect("published");
    }
}

#[tokio::test]
async fn orders_of_another_publisher_are_booked_and_sent_once_and_are_no_violation() {
    let shop = Shop::new(false, untouched).await;
    let sold = shop.boutique.place(shop.both("k")).await;
    assert!(matches!(sold, Ok(Outcome::Confirmed(_))), "{sold:?}");
    shop.publish(foreign("theirs-1", &[])).await;
    // The same order twice under our type, with ids of the publisher's own.
    for id in ["a", "b"] {
        let attributes = [
            ("ce-type", "boutique.order.confirmed.v1"),
            ("ce-subject", "theirs-2"),
            ("ce-id", id),
        ];
        shop.publish(foreign("theirs-2", &attributes)).await;
    }
    let running = shop.audit(AuditScope::Running).await;
    assert!(running.is_clean(), "{:#?}", running.violations);
    let settled = shop.boutique.settle().await.expect("settles");
    assert_eq!(settled.waiting, 0);
    let report = shop.audit(AuditScope::AtRest).await;
    assert!(report.is_clean(), "{:#?}", report.violations);
    let seen = report.seen;
    assert_eq!((seen.confirmed, seen.foreign, seen.entries), (1, 2, 3));
}

#[tokio::test]
async fn an_event_that_names_holds_no_checkout_made_is_a_violation() {
    let shop = Shop::new(false, untouched).await;
    let holds = r#"[{"system":"inventory","hold_id":"theirs.inventory.1","items":1}]"#;
    shop.publish(foreign("theirs", &[("holds", holds)])).await;
    shop.boutique.settle().await.expect("settles");
    let report = shop.audit(AuditScope::AtRest).await;
    let kinds: Vec<_> = report.violations.iter().map(|it| it.invariant).collect();
    assert!(kinds.contains(&Invariant::UnsoldLeavesNothing), "{kinds:?}");
}

#[tokio::test]
async fn an_event_whose_counts_overflow_is_parked() {
    let shop = Shop::new(false, untouched).await;
    let holds = format!(
        r#"[{{"system":"inventory","hold_id":"x.inventory.1","items":{max}}},
            {{"system":"furniture","hold_id":"x.furniture.1","items":2}}]"#,
        max = usize::MAX
    );
    shop.publish(foreign("theirs", &[("holds", &holds)])).await;
    shop.boutique.settle().await.expect("settles");
    let letters = shop.ports.orders.dead_letters(None, 10).await;
    assert_eq!(letters.expect("kept").len(), 1);
}

#[tokio::test]
async fn the_auditor_sees_more_paid_back_than_was_paid() {
    let shop = Shop::new(false, untouched).await;
    let Ok(Outcome::Confirmed(receipt)) = shop.boutique.place(shop.both("k")).await else {
        panic!("not sold");
    };
    shop.boutique.settle().await.expect("settles");
    let credit = |id: &str, total| {
        Book::Credit(Credit {
            entry_id: EntryId::new(id).expect("an id"),
            kind: EntryKind::Return,
            order_id: Some(receipt.order.order_id.clone()),
            total,
            tax: Money::zero(Currency::USD),
            occurred_at: shop.clock.now(),
            memo: String::new(),
        })
    };
    let all = credit("c1", receipt.total);
    shop.boutique.book(all).await.expect("booked");
    let report = shop.audit(AuditScope::AtRest).await;
    assert!(report.is_clean(), "{:#?}", report.violations);
    let cent = Money::from_minor(Currency::USD, 1).expect("in range");
    shop.boutique
        .book(credit("c2", cent))
        .await
        .expect("booked");
    let report = shop.audit(AuditScope::Running).await;
    assert_eq!(report.violation_count, 1, "{:#?}", report.violations);
    assert_eq!(report.violations[0].invariant, Invariant::BooksBalance);
}

#[tokio::test]
async fn a_catalog_that_prices_other_goods_or_pays_the_buyer_sells_nothing() {
    let spoil: [fn(&mut PricedLine); 3] = [
        |line| line.quantity = Units::new(9).expect("in range"),
        |line| line.product_id = ProductId::new("another").expect("an id"),
        |line| line.unit_price = line.unit_price.negated(),
    ];
    for (at, spoil) in spoil.into_iter().enumerate() {
        let shop = Shop::new(false, untouched).await;
        let catalog = QuoteFromCatalog {
            catalog: Arc::new(Catalog::default_range()),
        };
        let request = shop.both("k");
        let lines = request.body.lines.clone().expect("has lines");
        let priced = catalog.run(QuoteCart {
            reference: request.key.clone(),
            currency: request.body.currency,
            lines,
        });
        let mut priced = priced.await.expect("priced").to_vec();
        spoil(&mut priced[1]);
        let settings = Settings {
            quote: BoxCloneSyncService::new(Scripted::new().answer(priced.into())),
            ..shop.settings.clone()
        };
        let boutique = Boutique::new(shop.ports.clone(), settings);
        let answer = boutique.place(request).await.expect_err("nothing is sold");
        assert!(answer.fault().is_some(), "{at}: {answer:?}");
        let sagas = shop.ports.checkout.sagas(None, 1).await.expect("reads");
        assert!(sagas.is_empty(), "{at}");
    }
}

#[tokio::test]
async fn a_recorded_yes_is_not_told_as_if_nothing_had_happened() {
    let plan = FaultPlan::default().nth_of("pin", 1, FaultKind::Unavailable);
    let shop = Shop::new(true, |ports| {
        ports.furniture = Arc::new(Faulty::new(Arc::clone(&ports.furniture), plan));
    })
    .await;
    let parked = shop.boutique.place(shop.both("k")).await;
    assert!(matches!(parked, Ok(Outcome::Parked { .. })), "{parked:?}");
    let yes = ReviewDecision {
        order_id: shop.order_id("k"),
        approve: true,
        remark: "known to us".into(),
    };
    let error = shop.boutique.decide_review(yes).await.expect_err("a fault");
    let kind = error.fault().map(Fault::kind);
    assert_eq!(kind, Some(FaultKind::Ambiguous), "{error:?}");
    shop.clock.advance(Duration::from_secs(61));
    shop.boutique.settle().await.expect("settles");
    assert_eq!(shop.state("k").await.name(), "confirmed");
}
