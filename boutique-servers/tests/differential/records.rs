//! Everything a boutique keeps, by name, without what may differ from run to run: moments,
//! durations, spans, and the order in which things came that nobody put in order.

use std::collections::{BTreeMap, BTreeSet};

use boutique_core::assembly::{Ports, Topology};
use boutique_core::audit::{AuditScope, Auditor};
use boutique_core::ids::UserId;
use boutique_core::stock::StockSystem;
use boutique_servers::inspect::audit_json;
use serde::Serialize;
use serde_json::{Value, json};

/// What is compared: records by name.
pub(crate) type Records = BTreeMap<String, Value>;

/// Rows read at a time.
const PAGE: usize = 500;

/// Any moment of this century in microseconds. No amount or count of the script is as large.
const MOMENT: std::ops::Range<i64> = 1_000_000_000_000_000..5_000_000_000_000_000;

fn value(it: &impl Serialize) -> Value {
    serde_json::to_value(it).expect("prints")
}

/// Reads a list page by page.
macro_rules! all {
    ($records:ident, $kind:literal, $page:expr, $key:expr, $value:expr) => {{
        let mut after = None;
        loop {
            let page = $page(after.as_ref()).await.expect("it can be read");
            for it in &page {
                $records.insert(format!(concat!($kind, " {}"), $key(it)), $value(it));
            }
            after = page.last().map($key);
            if page.len() < PAGE {
                break;
            }
        }
    }};
}

/// All that is kept in `ports`; of carts those of `users`.
pub(crate) async fn kept(ports: &Ports, users: &BTreeSet<UserId>) -> Records {
    let mut records = Records::new();
    all!(
        records,
        "checkout's record of",
        |after| ports.checkout.sagas(after, PAGE),
        |it: &boutique_core::checkout::Saga| it.intent.order_id.clone(),
        value
    );
    all!(
        records,
        "order management's order",
        |after| ports.orders.orders(after, PAGE),
        |it: &boutique_core::orders::Order| it.placed.order.order_id.clone(),
        |it: &boutique_core::orders::Order| json!({
            "placed": it.placed,
            "progress": it.progress,
            "state": it.progress.state(),
        })
    );
    // Nobody parks one; a page of them is more than anybody wants to read.
    let letters = ports.orders.dead_letters(None, PAGE).await;
    for letter in letters.expect("it can be read") {
        records.insert(format!("dead letter {}", letter.id), value(&letter));
    }
    all!(
        records,
        "event",
        |after| ports.analytics.deduplicated(after, PAGE),
        |it: &boutique_core::analytics::AnalyticsRow| it.event_id.clone(),
        |it: &boutique_core::analytics::AnalyticsRow| json!({
            "order_id": it.order_id,
            "data": serde_json::from_str::<Value>(&it.data).expect("JSON"),
            "attributes": *it.attributes,
        })
    );
    all!(
        records,
        "shipment",
        |after| ports.shipments.shipments(after, PAGE),
        |it: &boutique_core::warehouse::Shipment| it.id.clone(),
        value
    );
    all!(
        records,
        "customer",
        |after| ports.customers.customers(after, PAGE),
        |it: &boutique_core::customer::Customer| it.id.clone(),
        value
    );
    for system in StockSystem::ALL {
        let ledger = ports.ledger(system);
        all!(
            records,
            "level of",
            |after| ledger.levels(after, PAGE),
            |it: &(boutique_core::ids::ProductId, _)| it.0.clone(),
            |it: &(_, boutique_core::stock::Level)| value(&it.1)
        );
        all!(
            records,
            "hold",
            |after| ledger.holds(after, PAGE),
            |it: &boutique_core::stock::Hold| it.id.clone(),
            value
        );
    }
    let mut after = None;
    loop {
        let page = ports.journal.entries(after, PAGE).await;
        let page = page.expect("it can be read");
        after = page.last().map(|it| it.0);
        for (_, entry) in &page {
            records.insert(format!("journal entry {}", entry.id), value(entry));
        }
        if page.len() < PAGE {
            break;
        }
    }
    for user in users {
        let cart = ports.carts.cart(user).await.expect("it can be read");
        records.insert(format!("cart of {user}"), value(&cart));
    }
    let subscriptions = Topology::default().subscriptions();
    let audit = Auditor::new(ports, &subscriptions, AuditScope::AtRest);
    let audit = audit.run().await.expect("it can be read");
    records.insert("the audit".to_owned(), audit_json(&audit));
    records
}

/// The same records without what may differ.
pub(crate) fn comparable(mut records: Records) -> Records {
    for record in records.values_mut() {
        settle(record);
    }
    records
}

fn settle(value: &mut Value) {
    match value {
        Value::Number(it) if it.as_i64().is_some_and(|it| MOMENT.contains(&it)) => {
            *value = "a moment".into();
        }
        Value::Object(members) => {
            for (name, value) in members {
                member(name, value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(settle),
        _ => {}
    }
}

fn member(name: &str, value: &mut Value) {
    settle(value);
    match (name, &mut *value) {
        ("duration_ms", it) => *it = "a while".into(),
        ("ce-time" | "occurred-at-us", it) => *it = "a moment".into(),
        // The trace stays, the span is another on every hop.
        ("traceparent", Value::String(it)) => it.truncate("00-".len() + 32),
        // Attributes, and the note of a hold, which are JSON as text.
        ("holds" | "total" | "discount" | "tax" | "note", Value::String(text)) => {
            let mut inner = serde_json::from_str(text).expect("JSON");
            settle(&mut inner);
            *value = inner;
        }
        // Two systems of one order are at work side by side.
        ("timeline", Value::Array(steps)) => steps.sort_by_key(Value::to_string),
        _ => {}
    }
}
