//! Any text as the data of a message: it is an order that survives a round trip, or an error.
#![no_main]

use std::sync::Arc;

use boutique_core::broker::Message;
use boutique_core::clock::Timestamp;
use boutique_core::event::ConfirmedOrder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &str| {
    let message = Message {
        data: data.into(),
        attributes: Arc::default(),
        ordering_key: None,
    };
    if let Ok(order) = ConfirmedOrder::decode(&message, Timestamp::EPOCH) {
        let again = ConfirmedOrder::decode(&order.encode(), Timestamp::EPOCH);
        assert_eq!(again.expect("what we encode, we decode"), order);
    }
});
