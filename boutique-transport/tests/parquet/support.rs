//! Orders to write.

use std::sync::Arc;

use boutique_core::analytics::{ORDERS, Source, TableRow};
use boutique_core::broker::{Message, SubscriptionId};
use boutique_core::clock::Timestamp;

/// A message that tells of an order of two items for `units` euros each.
pub(crate) fn message(name: &str, units: i64) -> Message {
    let data = format!(
        r#"{{"order_id":"{name}","user_id":"ada","email":"ada@example.com","user_currency":"EUR",
        "shipping_tracking_id":"t","shipping_cost":{{"currency_code":"EUR","units":0,"nanos":0}},
        "shipping_address":{{"street_address":"1 \"Main\" Street","city":"Zürich","state":"",
        "country":"CH","zip_code":"8001"}},
        "items":[{{"item":{{"product_id":"OLJCESPC7Z","quantity":2}},
        "cost":{{"currency_code":"EUR","units":{units},"nanos":990000000}}}},
        {{"item":{{"product_id":"66VCHSJNUP","quantity":1}},
        "cost":{{"currency_code":"EUR","units":"{units}","nanos":10000000}}}}]}}"#
    );
    Message {
        data: data.into(),
        attributes: Arc::new([("ce-subject".to_owned(), name.to_owned())].into()),
        ordering_key: Some(name.into()),
    }
}

/// The row of such an order, published at `at`.
pub(crate) fn order(name: &str, units: i64, at: Timestamp) -> TableRow {
    let subscription = SubscriptionId::from("orders.warehouse");
    let source = Source {
        subscription: &subscription,
        message_id: name,
        published_at: at,
    };
    ORDERS
        .row(&source, &message(name, units))
        .expect("an order")
}

/// A moment on 30 November 2010, 23:59:59.999999 in UTC, and `micros` later.
pub(crate) fn moment(micros: i64) -> Timestamp {
    Timestamp::from_micros(1_291_161_599_999_999 + micros)
}
