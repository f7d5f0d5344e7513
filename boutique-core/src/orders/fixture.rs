//! An order that the tests of this module share.

use crate::clock::{Clock, Timestamp};
use crate::customer::{Address, Email};
use crate::event::{ConfirmedOrder, HoldRef, ItemRef, OrderConfirmedEvent, OrderItem};
use crate::ids::{OrderId, ProductId, UserId};
use crate::limits::Units;
use crate::money::{Currency, Money};
use crate::stock::StockSystem::{Furniture, Inventory};

pub(super) fn usd(cents: i64) -> Money {
    Money::from_minor(Currency::USD, cents).expect("in range")
}

pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(super) fn order_id() -> OrderId {
    OrderId::new("o1").expect("valid")
}

/// Three tea for 10.00 each and a mug for 5.00 from Inventory, a sofa for 100.00 from
/// Furniture, 13.50 of shipping; 10 % of tax in it, no discount: 148.50.
pub(super) fn placed() -> ConfirmedOrder {
    let item = |product: &str, quantity, cents| OrderItem {
        item: ItemRef {
            product_id: ProductId::new(product).expect("valid"),
            quantity: Units::new(quantity).expect("in range"),
        },
        cost: usd(cents),
    };
    let hold = |system: crate::stock::StockSystem, items| HoldRef {
        system,
        hold_id: order_id().hold(system.as_str(), 1),
        items,
    };
    let address = Address {
        street_address: "1 Quay".to_owned(),
        city: "Cork".to_owned(),
        state: String::new(),
        country: "Ireland".to_owned(),
        zip_code: String::new(),
    };
    ConfirmedOrder {
        event_id: order_id().confirmed_event(),
        occurred_at: at(1),
        holds: vec![hold(Inventory, 2), hold(Furniture, 1)],
        total: usd(14_850),
        discount: usd(0),
        tax: usd(1_350),
        traceparent: None,
        order: OrderConfirmedEvent {
            order_id: order_id(),
            user_id: UserId::new("u1").expect("valid"),
            email: Email::new("jane@example.com").expect("valid").into(),
            user_currency: Currency::USD,
            shipping_tracking_id: order_id().tracking(),
            shipping_cost: usd(1_350),
            shipping_address: address.into(),
            items: vec![
                item("tea", 3, 1_000),
                item("mug", 1, 500),
                item("sofa", 1, 10_000),
            ],
        },
    }
}

/// Always the same moment.
#[derive(Clone, Copy)]
pub(super) struct At(pub(super) i64);

impl Clock for At {
    fn now(&self) -> Timestamp {
        at(self.0)
    }
}
