//! Short ways to say what a case is about.

use std::collections::BTreeMap;
use std::sync::Arc;

use boutique_core::broker::Message;
use boutique_core::carts::CartLine;
use boutique_core::catalog::PricedLine;
use boutique_core::checkout::{Check, IntendedHold, Intent, OrderBody, Verdict, Verdicts};
use boutique_core::clock::Timestamp;
use boutique_core::customer::{Address, Email, Tier};
use boutique_core::event::{ConfirmedOrder, HoldRef, ItemRef, OrderConfirmedEvent, OrderItem};
use boutique_core::ids::{
    CustomerId, EntryId, EventId, HoldId, IdempotencyKey, OrderId, ProductId, ReceiptId,
    ShipmentId, TenantId, UserId,
};
use boutique_core::limits::Units;
use boutique_core::money::{Currency, Money};
use boutique_core::pii::Pii;
use boutique_core::pricing::{TaxMode, Totals};
use boutique_core::shipping::ShippingQuote;
use boutique_core::stock::{StockLine, StockSystem};

macro_rules! named {
    ($($name:ident -> $id:ident),* $(,)?) => {$(
        pub(crate) fn $name(text: impl Into<Arc<str>>) -> $id {
            $id::new(text).expect("the case names it rightly")
        }
    )*};
}

named!(
    product -> ProductId,
    hold_id -> HoldId,
    receipt_id -> ReceiptId,
    shipment_id -> ShipmentId,
    order_id -> OrderId,
    user -> UserId,
    customer_id -> CustomerId,
    entry_id -> EntryId,
    event_id -> EventId,
);

pub(crate) fn units(count: i64) -> Units {
    Units::new(count).expect("within one line's ceiling")
}

pub(crate) fn usd(cents: i64) -> Money {
    Money::from_minor(Currency::USD, cents).expect("within the ceiling")
}

pub(crate) fn lines(lines: &[(&str, i64)]) -> Vec<StockLine> {
    lines
        .iter()
        .map(|&(name, count)| StockLine {
            product_id: product(name),
            quantity: units(count),
        })
        .collect()
}

pub(crate) fn email(text: &str) -> Pii<Email> {
    Email::new(text).expect("an e-mail").into()
}

pub(crate) fn address() -> Pii<Address> {
    Address {
        street_address: "1 Harbour Street".to_owned(),
        city: "Port".to_owned(),
        state: String::new(),
        country: "Country".to_owned(),
        zip_code: "01234".to_owned(),
    }
    .checked()
    .expect("an address")
    .into()
}

/// So many seconds after 2026-01-01, where a [`ManualClock`](crate::ManualClock) begins.
pub(crate) const fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000 + second * 1_000)
}

/// Does `action` in `tasks` tasks that begin together, and answers with what they answered.
pub(crate) async fn together<T, F>(tasks: usize, action: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(tokio::sync::Barrier::new(tasks));
    let tasks: Vec<_> = (0..tasks)
        .map(|task| {
            let (start, action) = (Arc::clone(&start), action(task));
            tokio::spawn(async move {
                start.wait().await;
                action.await
            })
        })
        .collect();
    let mut answers = Vec::with_capacity(tasks.len());
    for task in tasks {
        answers.push(task.await.expect("a task of the case panicked"));
    }
    answers
}

/// The rejection of an answer that has to be one.
#[track_caller]
pub(crate) fn refused<T, R>(answer: Result<T, boutique_core::fault::PortError<R>>) -> R
where
    T: std::fmt::Debug,
    R: std::error::Error,
{
    match answer {
        Err(boutique_core::fault::PortError::Rejected(rejection)) => rejection,
        Err(boutique_core::fault::PortError::Fault(fault)) => {
            panic!("should have been refused, but failed: {fault:?}")
        }
        Ok(answer) => panic!("should have been refused, but was answered: {answer:?}"),
    }
}

/// Takes `Ok`, or shows the fault.
#[track_caller]
pub(crate) fn fine<T, E: std::fmt::Debug>(answer: Result<T, E>) -> T {
    match answer {
        Ok(answer) => answer,
        Err(error) => panic!("should have been answered: {error:?}"),
    }
}

/// An attempt of 30 seconds to sell two teas, begun at second `began`.
pub(crate) fn intent(order: &str, attempt: u32, began: i64) -> Intent {
    let id = order_id(order);
    let hold_id = id.hold("inventory", attempt);
    Intent {
        order_id: id,
        tenant: TenantId::new("shop").expect("a tenant"),
        key: IdempotencyKey::new(format!("key-{order}")).expect("a key"),
        body: OrderBody {
            user_id: user("ada"),
            currency: Currency::USD,
            email: email("ada@example.com"),
            address: address(),
            lines: Some(Arc::new([CartLine {
                product_id: product("tea"),
                quantity: units(2),
            }])),
            ordered_at: None,
        },
        attempt,
        lines: Arc::new([PricedLine {
            product_id: product("tea"),
            quantity: units(2),
            unit_price: usd(1_999),
            weight_grams: 250,
            system: StockSystem::Inventory,
            freight_class: None,
        }]),
        shipping: ShippingQuote {
            parcels: usd(899),
            freight: usd(0),
            cost: usd(899),
            lead_days: 3,
        },
        holds: vec![IntendedHold {
            system: StockSystem::Inventory,
            hold_id,
            lines: 1,
        }],
        cart: None,
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        started_at: at(began),
        deadline: at(began + 30),
    }
}

pub(crate) fn verdicts(detail: &str) -> Verdicts {
    Verdicts {
        tier: Tier::Gold,
        totals: Totals {
            goods: usd(3_998),
            discount: usd(200),
            shipping: usd(899),
            tax: usd(0),
            tax_mode: TaxMode::Inclusive,
            total: usd(4_697),
        },
        checks: vec![Check {
            name: "stock".into(),
            verdict: Verdict::Pass,
            policy: "fail closed".into(),
            duration_ms: 3,
            detail: detail.to_owned(),
        }],
        risk: None,
    }
}

pub(crate) fn message(text: &str) -> Message {
    Message {
        data: text.into(),
        attributes: Arc::new(BTreeMap::from([
            ("ce-id".to_owned(), format!("{text}.confirmed")),
            ("note".to_owned(), "caf\u{e9}, \"quoted\"".to_owned()),
        ])),
        ordering_key: Some(text.into()),
    }
}

/// Three teas and a mug from Inventory and a sofa from Furniture.
pub(crate) fn placed(order: &str) -> ConfirmedOrder {
    let id = order_id(order);
    let item = |name: &str, quantity, cents| OrderItem {
        item: ItemRef {
            product_id: product(name),
            quantity: units(quantity),
        },
        cost: usd(cents),
    };
    let hold = |system: StockSystem, items| HoldRef {
        system,
        hold_id: id.hold(system.as_str(), 1),
        items,
    };
    ConfirmedOrder {
        event_id: id.confirmed_event(),
        occurred_at: at(1),
        holds: vec![
            hold(StockSystem::Inventory, 2),
            hold(StockSystem::Furniture, 1),
        ],
        total: usd(14_850),
        discount: usd(0),
        tax: usd(1_350),
        risk: None,
        traceparent: None,
        order: OrderConfirmedEvent {
            user_id: user("ada"),
            email: email("ada@example.com"),
            user_currency: Currency::USD,
            shipping_tracking_id: id.tracking(),
            shipping_cost: usd(1_350),
            shipping_address: address(),
            items: vec![
                item("tea", 3, 1_000),
                item("mug", 1, 500),
                item("sofa", 1, 10_000),
            ],
            order_id: id,
        },
    }
}
