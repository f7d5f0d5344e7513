//! Any data, with any attributes, as a message of any version: it is an order that is whole and
//! survives a round trip, or an error that repeats nothing.
#![no_main]

use std::sync::Arc;

use boutique_core::broker::Message;
use boutique_core::event::ConfirmedOrder;
use boutique_fuzz::{NOW, assert_silent, head_and_body};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let (head, data) = head_and_body(input.as_bytes());
    let attributes = head.into_iter().filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    let message = Message {
        data: std::str::from_utf8(data)
            .expect("cut between characters")
            .into(),
        attributes: Arc::new(attributes.collect()),
        ordering_key: None,
    };
    let order = match ConfirmedOrder::decode(&message, NOW) {
        Ok(order) => order,
        Err(error) => return assert_silent(&error),
    };
    let currency = order.order.user_currency;
    for amount in [order.total, order.discount, order.tax] {
        assert!(amount.currency() == currency && !amount.is_negative());
    }
    let covered: usize = order.holds.iter().map(|it| it.items).sum();
    assert!(!order.order.items.is_empty());
    assert!(order.holds.is_empty() || covered == order.order.items.len());
    let again = ConfirmedOrder::decode(&order.encode(), NOW);
    assert_eq!(again.expect("what we encode, we decode"), order);
});
