//! Ten thousand buyers want the last unit at the same moment.

use std::sync::Arc;
use std::time::Duration;

use boutique_core::assembly::{Boutique, Ports, Settings};
use boutique_core::audit::AuditScope;
use boutique_core::carts::CartLine;
use boutique_core::catalog::Catalog;
use boutique_core::checkout::{OrderBody, Outcome, PlaceOrder, Refusal};
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::customer::{Address, Email};
use boutique_core::ids::{IdempotencyKey, ProductId, ReceiptId, TenantId, UserId};
use boutique_core::limits::Units;
use boutique_core::money::Currency;
use boutique_core::stock::{HoldState, Receive};
use boutique_transport::sources::{NamedIds, SystemClock};
use boutique_transport::sqlite::{SqliteOptions, SqliteStore};

const BUYERS: u32 = 10_000;
const WATCH: &str = "1YMWWN1N4O";

fn order(buyer: u32) -> PlaceOrder {
    let line = CartLine {
        product_id: ProductId::new(WATCH).expect("an id"),
        quantity: Units::ONE,
    };
    PlaceOrder {
        tenant: TenantId::new("t").expect("an id"),
        key: IdempotencyKey::new(format!("buyer-{buyer}")).expect("a key"),
        body: OrderBody {
            user_id: UserId::new(format!("buyer-{buyer}")).expect("an id"),
            currency: Currency::USD,
            email: Email::new(format!("buyer-{buyer}@example.com"))
                .expect("an e-mail")
                .into(),
            address: Address {
                street_address: format!("{buyer} Main Street"),
                city: "Springfield".to_owned(),
                state: String::new(),
                country: "United States".to_owned(),
                zip_code: "97477".to_owned(),
            }
            .into(),
            lines: Some([line].into()),
            ordered_at: None,
        },
        dry_run: false,
        deadline: Timestamp::MAX,
        traceparent: None,
    }
}

async fn sell_the_last_unit(ports: Ports) {
    let mut settings = Settings::standard(Arc::new(Catalog::default_range()));
    // Nobody may lose for being slow: this is about the unit, not about the machine.
    settings.checkout.attempt_time = Duration::from_secs(3_600);
    settings.checkout.hold_ttl = Duration::from_secs(7_200);
    let boutique = Arc::new(Boutique::new(ports, settings));
    boutique.start().await.expect("starts");
    let receive = Receive {
        receipt_id: ReceiptId::new("one").expect("an id"),
        product_id: ProductId::new(WATCH).expect("an id"),
        quantity: 1,
    };
    boutique
        .ports()
        .inventory
        .receive(receive)
        .await
        .expect("received");
    let buyers: Vec<_> = (0..BUYERS)
        .map(|buyer| {
            let boutique = Arc::clone(&boutique);
            tokio::spawn(async move { boutique.place(order(buyer)).await.expect("an answer") })
        })
        .collect();
    let (mut sold, mut told) = (0, 0);
    for buyer in buyers {
        match buyer.await.expect("no panic") {
            Outcome::Confirmed(_) => sold += 1,
            Outcome::Refused {
                refusal: Refusal::Short { shortages },
                ..
            } => {
                assert_eq!(shortages.len(), 1);
                assert_eq!((shortages[0].wanted, shortages[0].left), (1, 0));
                told += 1;
            }
            other => panic!("neither sold nor short: {other:?}"),
        }
    }
    assert_eq!((sold, told), (1, BUYERS - 1));
    let product_id = ProductId::new(WATCH).expect("an id");
    let inventory = &boutique.ports().inventory;
    let level = inventory
        .level(&product_id)
        .await
        .expect("reads")
        .expect("listed");
    assert_eq!((level.on_hand, level.held, level.committed), (1, 0, 1));
    let (mut after, mut open, mut confirmed) = (None, 0, 0);
    loop {
        let page = inventory.holds(after.as_ref(), 1_000).await.expect("reads");
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        open += page.iter().filter(|it| it.state.is_open()).count();
        confirmed += page
            .iter()
            .filter(|it| it.state == HoldState::Confirmed)
            .count();
    }
    assert_eq!((open, confirmed), (0, 1));
    boutique.settle().await.expect("settles");
    let report = boutique.audit(AuditScope::AtRest).await.expect("audits");
    assert!(report.is_clean(), "{:#?}", report.violations);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_thousand_buyers_one_gets_it_in_memory() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    sell_the_last_unit(Ports::memory(clock, Arc::new(NamedIds))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_thousand_buyers_one_gets_it_on_a_data_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let options = SqliteOptions::default();
    let store = SqliteStore::open(folder.path().join("shop.db"), clock, options).expect("opens");
    sell_the_last_unit(store.ports(Arc::new(NamedIds))).await;
}
