//! Ids, time, money, quantities.

use std::time::Duration;

use boutique_core::carts::CartLine;
use boutique_core::clock::Timestamp;
use boutique_core::ids::{
    CarrierEventId, CustomerId, EntryId, EventId, HoldId, IdempotencyKey, OrderId, ProductId,
    Pseudonym, ReceiptId, ReturnId, ShipmentId, TenantId, TrackingId, UserId,
};
use boutique_core::limits::{UNITS_PER_LINE_MAX, Units};
use boutique_core::money::{Currency, Money};
use boutique_core::stock::{Reserve, StockLine, StockSystem};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::BoxedStrategy;

/// Visible ASCII of 1 to `max` characters: mostly short, now and then as long as it may be.
fn visible(max: usize) -> BoxedStrategy<String> {
    prop_oneof![
        8 => "[a-zA-Z0-9-]{1,12}",
        2 => "[!-~]{1,24}",
        1 => proptest::string::string_regex(&format!("[!-~]{{{max}}}"))
            .expect("a range of characters is a regular expression"),
    ]
    .prop_filter("within the ceiling", move |it| it.len() <= max)
    .boxed()
}

/// Text of 1 to `max` bytes without control characters.
fn printed(max: usize) -> BoxedStrategy<String> {
    prop_oneof![4 => "[a-zA-Z0-9 -]{1,12}", 1 => "[ -~\u{e0}-\u{ff}\u{1f375}]{1,15}"]
        .prop_filter("within the ceiling", move |it| it.len() <= max)
        .boxed()
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident: $id:ident, $text:ident, $max:literal;)*) => {$(
        $(#[$doc])*
        pub fn $name() -> impl Strategy<Value = $id> + Clone {
            $text($max).prop_map(|it| $id::new(it).expect("valid by construction"))
        }
    )*};
}

ids! {
    /// Any tenant.
    tenant_id: TenantId, visible, 64;
    /// Any idempotency key.
    idempotency_key: IdempotencyKey, visible, 255;
    /// Any article.
    product_id: ProductId, printed, 64;
    /// Any user.
    user_id: UserId, printed, 128;
    /// Any customer id.
    customer_id: CustomerId, visible, 128;
    /// Any order id.
    order_id: OrderId, visible, 128;
    /// Any hold id.
    hold_id: HoldId, visible, 192;
    /// Any stock receipt.
    receipt_id: ReceiptId, visible, 255;
    /// Any shipment id.
    shipment_id: ShipmentId, visible, 192;
    /// Any tracking id.
    tracking_id: TrackingId, visible, 192;
    /// Any journal entry's id.
    entry_id: EntryId, visible, 255;
    /// Any event id.
    event_id: EventId, visible, 192;
    /// Any return's id.
    return_id: ReturnId, visible, 128;
    /// Any carrier's report.
    carrier_event_id: CarrierEventId, visible, 192;
    /// Any pseudonym.
    pseudonym: Pseudonym, visible, 64;
}

/// A short remark, sometimes with characters that have to be escaped.
pub fn text() -> impl Strategy<Value = String> + Clone {
    prop_oneof![3 => "[a-z ]{0,20}", 1 => "[ -~\u{e9}\u{1f375}]{0,12}"]
}

/// A moment of the years 2000 to 2099, to the microsecond.
pub fn timestamp() -> impl Strategy<Value = Timestamp> + Clone {
    (946_684_800_000_000..4_102_444_800_000_000_i64).prop_map(Timestamp::from_micros)
}

/// Up to an hour, to the millisecond.
pub fn duration() -> impl Strategy<Value = Duration> + Clone {
    (0..3_600_000_u64).prop_map(Duration::from_millis)
}

/// Any currency; the ones people use most of the time.
pub fn currency() -> impl Strategy<Value = Currency> + Clone {
    let all: Vec<_> = Currency::all().collect();
    let usual = vec![Currency::USD, Currency::EUR, Currency::GBP, Currency::JPY];
    prop_oneof![3 => select(usual), 1 => select(all)]
}

/// Any amount of any currency, exact to a billionth, of either sign.
pub fn money() -> impl Strategy<Value = Money> + Clone {
    let nanos = prop_oneof![
        4 => -1_000_000_000_000_000..1_000_000_000_000_000_i128,
        1 => -1_000_000_000_000_000_000_000..=1_000_000_000_000_000_000_000_i128,
    ];
    (currency(), nanos)
        .prop_map(|(currency, nanos)| Money::from_nanos(currency, nanos).expect("in range"))
}

/// A price or a fee in `currency`: 0 to 10,000.00 minor units and a bit.
pub fn price(currency: Currency) -> impl Strategy<Value = Money> + Clone {
    (0..1_000_000_i64).prop_map(move |it| Money::from_minor(currency, it).expect("in range"))
}

/// Units of one line: mostly few, now and then as many as there may be.
pub fn units() -> impl Strategy<Value = Units> + Clone {
    prop_oneof![8 => 1..20_i64, 1 => 1..=i64::from(UNITS_PER_LINE_MAX)]
        .prop_map(|it| Units::new(it).expect("in range"))
}

/// Either stock system.
pub fn stock_system() -> impl Strategy<Value = StockSystem> + Clone {
    select(StockSystem::ALL.to_vec())
}

/// One line of a cart.
pub fn cart_line() -> impl Strategy<Value = CartLine> + Clone {
    (product_id(), units()).prop_map(|(product_id, quantity)| CartLine {
        product_id,
        quantity,
    })
}

/// One line of a hold.
pub fn stock_line() -> impl Strategy<Value = StockLine> + Clone {
    (product_id(), units()).prop_map(|(product_id, quantity)| StockLine {
        product_id,
        quantity,
    })
}

/// Asks for a hold; a product may be in more than one line.
pub fn reserve() -> impl Strategy<Value = Reserve> + Clone {
    let lines = prop::collection::vec(stock_line(), 1..5);
    (hold_id(), lines, duration(), timestamp()).prop_map(|(hold_id, lines, ttl, valid_until)| {
        Reserve {
            hold_id,
            lines,
            ttl,
            valid_until,
        }
    })
}
