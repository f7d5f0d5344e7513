//! Requests that cannot become an order: each is told which field is wrong and what to do, and
//! leaves nothing behind.

use std::sync::Arc;

use boutique_core::assembly::{Boutique, Ports, Settings};
use boutique_core::audit::AuditScope;
use boutique_core::carts::CartLine;
use boutique_core::catalog::{Catalog, PricedLine, QuoteCart, QuoteError};
use boutique_core::checkout::{CheckoutError, OrderBody, PlaceOrder};
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::customer::{Address, Email};
use boutique_core::flow::Step;
use boutique_core::ids::{IdempotencyKey, ProductId, TenantId, UserId};
use boutique_core::limits::{UNITS_PER_LINE_MAX, Units};
use boutique_core::money::{Currency, Money, UNITS_MAX};
use boutique_testkit::{CountingIds, ManualClock};
use tower::util::BoxCloneSyncService;

const TANK_TOP: &str = "66VCHSJNUP";

fn memory() -> Ports {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    Ports::memory(clock, Arc::new(CountingIds::default()))
}

async fn boutique(settings: Settings) -> Boutique {
    let boutique = Boutique::new(memory(), settings);
    boutique.start().await.expect("starts");
    boutique
}

fn standard() -> Settings {
    Settings::standard(Arc::new(Catalog::default_range()))
}

fn line(product_id: &str, quantity: i64) -> CartLine {
    CartLine {
        product_id: ProductId::new(product_id).expect("an id"),
        quantity: Units::new(quantity).expect("in range"),
    }
}

fn order(currency: Currency, lines: Option<Vec<CartLine>>) -> PlaceOrder {
    PlaceOrder {
        tenant: TenantId::new("t").expect("an id"),
        key: IdempotencyKey::new("k").expect("a key"),
        body: OrderBody {
            user_id: UserId::new("ada").expect("an id"),
            currency,
            email: Email::new("ada@example.com").expect("an e-mail").into(),
            address: Address {
                street_address: "1 Main Street".to_owned(),
                city: "Springfield".to_owned(),
                state: String::new(),
                country: "United States".to_owned(),
                zip_code: "97477".to_owned(),
            }
            .into(),
            lines: lines.map(Into::into),
            ordered_at: None,
        },
        dry_run: false,
        deadline: Timestamp::MAX,
        traceparent: None,
    }
}

/// Places the order and says why it was refused, once it is certain that nothing was kept.
async fn refused(boutique: &Boutique, request: PlaceOrder) -> String {
    let order_id = boutique.ports().ids.order(&request.tenant, &request.key);
    let error = boutique.place(request).await.expect_err("refused");
    let CheckoutError::Rejected(rejection) = error else {
        panic!("a fault: {error}")
    };
    let saga = boutique
        .ports()
        .checkout
        .saga(&order_id)
        .await
        .expect("reads");
    assert_eq!(saga, None, "a record was kept");
    let holds = boutique
        .ports()
        .inventory
        .holds(None, 10)
        .await
        .expect("reads");
    assert_eq!(holds, [], "a hold was kept");
    let report = boutique.audit(AuditScope::AtRest).await.expect("audits");
    assert!(report.is_clean(), "{:?}", report.violations);
    rejection.to_string()
}

#[tokio::test]
async fn an_unknown_article_is_named_with_its_line() {
    let boutique = boutique(standard()).await;
    let lines = vec![line(TANK_TOP, 1), line("NO-SUCH-THING", 1)];
    let why = refused(&boutique, order(Currency::USD, Some(lines))).await;
    assert_eq!(
        why,
        "items[1].product_id: there is no product NO-SUCH-THING in the catalog"
    );
}

#[tokio::test]
async fn an_empty_cart_says_what_to_do() {
    let boutique = boutique(standard()).await;
    for lines in [None, Some(Vec::new())] {
        let why = refused(&boutique, order(Currency::USD, lines)).await;
        assert_eq!(
            why,
            "items: the cart is empty: add something, or send items"
        );
    }
}

#[tokio::test]
async fn ten_thousand_lines_are_told_how_many_there_may_be() {
    let boutique = boutique(standard()).await;
    let lines = vec![line(TANK_TOP, 1); 10_000];
    let why = refused(&boutique, order(Currency::USD, Some(lines))).await;
    assert!(
        why.starts_with("items: 10000 lines, but an order has at most 100: split it"),
        "{why}"
    );
}

#[tokio::test]
async fn a_currency_nothing_is_sold_in_is_named() {
    let boutique = boutique(standard()).await;
    let kuwait = Currency::new("KWD").expect("a currency");
    let why = refused(&boutique, order(kuwait, Some(vec![line(TANK_TOP, 1)]))).await;
    assert_eq!(
        why,
        format!("items[0].product_id: {TANK_TOP} is not sold in KWD")
    );
}

#[test]
fn a_currency_nobody_knows_is_refused_before_there_is_an_order() {
    for text in ["ZZZ", "usd", "US", "", "DOLLAR"] {
        let error = Currency::new(text).expect_err("refused").to_string();
        assert!(
            error.contains("three capital letters, such as USD"),
            "{error}"
        );
    }
}

#[test]
fn a_quantity_out_of_range_is_told_the_range() {
    for count in [0, -1, i64::from(UNITS_PER_LINE_MAX) + 1, i64::MAX, i64::MIN] {
        let error = Units::new(count).expect_err("refused").to_string();
        assert_eq!(error, format!("quantity must be 1 to 10000, not {count}"));
    }
}

/// Prices everything at the most an amount can be.
struct Dear;

impl Step<QuoteCart> for Dear {
    type Response = Arc<[PricedLine]>;
    type Error = QuoteError;

    async fn run(&self, request: QuoteCart) -> Result<Arc<[PricedLine]>, QuoteError> {
        let catalog = Catalog::default_range();
        let lines = catalog
            .quote(request.currency, &request.lines)
            .expect("known articles");
        let unit_price = Money::new(request.currency, UNITS_MAX, 0).expect("the ceiling");
        Ok(lines
            .iter()
            .map(|it| PricedLine {
                unit_price,
                ..it.clone()
            })
            .collect())
    }
}

#[tokio::test]
async fn an_amount_beyond_the_ceiling_is_refused_and_never_wraps() {
    let mut settings = standard();
    settings.quote = BoxCloneSyncService::new(Dear.into_service());
    let boutique = boutique(settings).await;
    let why = refused(
        &boutique,
        order(Currency::USD, Some(vec![line(TANK_TOP, 2)])),
    )
    .await;
    assert_eq!(
        why,
        "items: the order's amount cannot be computed: amount is beyond 1000000000000 units"
    );
}

#[tokio::test]
async fn a_key_that_was_used_for_another_body_is_told_to_be_new() {
    let boutique = boutique(standard()).await;
    let request = order(Currency::USD, Some(vec![line(TANK_TOP, 1)]));
    boutique
        .place(request.clone())
        .await
        .expect("an answer: not stocked");
    let mut other = request;
    other.body.lines = Some([line(TANK_TOP, 2)].into());
    let error = boutique
        .place(other)
        .await
        .expect_err("refused")
        .to_string();
    let why = "Idempotency-Key: the key was used with another body: use a new key for a new order";
    assert_eq!(error, why);
}
