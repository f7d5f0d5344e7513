//! `boutique order ID`.

use boutique_core::assembly::Ports;
use boutique_core::checkout::{Saga, SagaState};
use boutique_core::ids::{IdempotencyKey, OrderId, TenantId};
use boutique_core::orders::Order;
use boutique_core::warehouse::Shipment;
use serde_json::json;

use super::journal::entry_json;
use super::orders::{standing, total};
use crate::data::TENANT;
use crate::exit::Failure;
use crate::output::{Output, Rows, moment};

/// Prints all that is known of one order. `name` is its id, or the key it was placed with.
///
/// # Errors
///
/// [`Failure::Input`] if there is no such order.
pub async fn order(ports: &Ports, name: &str, out: &mut Output<'_>) -> Result<(), Failure> {
    let saga = find(ports, name).await?;
    let id = &saga.intent.order_id;
    let order = ports.orders.order(id).await?;
    let shipments = ports.shipments.of_order(id).await?;
    let entries = ports.journal.entries_of(id).await?;
    if out.json {
        return out.json(&json!({
            "order_id": id,
            "key": saga.intent.key,
            "user_id": saga.intent.body.user_id,
            "checkout": standing(&saga),
            "refusal": refusal(&saga),
            "checks": checks_json(&saga),
            "fulfilment": order.as_ref().map(|it| it.progress.state().as_str()),
            "total": total(&saga).map(|it| it.decimal()),
            "currency": saga.intent.body.currency,
            "items": saga.intent.lines.iter().map(|it| json!({
                "product_id": it.product_id,
                "quantity": it.quantity,
                "unit_price": it.unit_price,
                "system": it.system,
            })).collect::<Vec<_>>(),
            "shipments": shipments.iter().map(|it| json!({
                "shipment_id": it.id,
                "system": it.system,
                "status": it.status,
                "tracking_id": it.tracking_id,
            })).collect::<Vec<_>>(),
            "entries": entries.iter().map(entry_json).collect::<Vec<_>>(),
            "timeline": timeline(&saga, order.as_ref()),
        }));
    }
    out.line(&format!("order {id}, placed with key {}", saga.intent.key))?;
    let paid = total(&saga).map_or_else(String::new, |it| format!(", total {it}"));
    let state = order.as_ref().map_or_else(String::new, |it| {
        format!(", fulfilment {}", it.progress.state())
    });
    out.line(&format!("checkout {}{state}{paid}", standing(&saga)))?;
    if let Some(reason) = refusal(&saga) {
        out.line(&reason)?;
    }
    print_items(&saga, out)?;
    print_shipments(&shipments, out)?;
    let mut rows = Rows::new(["entry", "kind", "date", "#amount"]);
    for entry in &entries {
        rows.push([
            entry.id.to_string(),
            entry.kind.as_str().to_owned(),
            moment(entry.occurred_at),
            entry.amount().map(|it| it.to_string()).unwrap_or_default(),
        ]);
    }
    out.table("journal", &rows)?;
    let mut rows = Rows::new(["when", "what"]);
    for (what, at) in timeline(&saga, order.as_ref()) {
        rows.push([at, what]);
    }
    out.table("timeline", &rows)
}

async fn find(ports: &Ports, name: &str) -> Result<Saga, Failure> {
    let unknown = || {
        Failure::Input(format!(
            "there is no order {name:?}: `boutique orders` lists them all"
        ))
    };
    if let Ok(id) = OrderId::new(name)
        && let Some(saga) = ports.checkout.saga(&id).await?
    {
        return Ok(saga);
    }
    let (Ok(tenant), Ok(key)) = (TenantId::new(TENANT), IdempotencyKey::new(name)) else {
        return Err(unknown());
    };
    let id = ports.ids.order(&tenant, &key);
    ports.checkout.saga(&id).await?.ok_or_else(unknown)
}

fn print_items(saga: &Saga, out: &mut Output<'_>) -> Result<(), Failure> {
    let mut rows = Rows::new(["#line", "article", "#units", "#price", "stock"]);
    for (at, line) in saga.intent.lines.iter().enumerate() {
        rows.push([
            at.to_string(),
            line.product_id.to_string(),
            line.quantity.to_string(),
            line.unit_price.to_string(),
            line.system.to_string(),
        ]);
    }
    out.table("items", &rows)?;
    let mut rows = Rows::new(["check", "verdict", "policy", "detail"]);
    for check in checks(saga) {
        rows.push([
            check.name.to_string(),
            format!("{:?}", check.verdict).to_lowercase(),
            check.policy.to_string(),
            check.detail.clone(),
        ]);
    }
    out.table("checks", &rows)
}

fn print_shipments(shipments: &[Shipment], out: &mut Output<'_>) -> Result<(), Failure> {
    let mut rows = Rows::new(["shipment", "status", "tracking"]);
    for shipment in shipments {
        rows.push([
            shipment.id.to_string(),
            shipment.status.to_string(),
            shipment.tracking_id.to_string(),
        ]);
    }
    out.table("shipments", &rows)
}

fn refusal(saga: &Saga) -> Option<String> {
    match &saga.state {
        SagaState::Refused { refusal } => Some(refusal.to_string()),
        SagaState::Failed { reason } => Some(reason.clone()),
        _ => None,
    }
}

fn checks(saga: &Saga) -> &[boutique_core::checkout::Check] {
    match &saga.state {
        SagaState::Confirmed { verdicts }
        | SagaState::Review { verdicts, .. }
        | SagaState::Approved { verdicts, .. } => &verdicts.checks,
        _ => &[],
    }
}

fn checks_json(saga: &Saga) -> serde_json::Value {
    json!(checks(saga))
}

/// What happened when, checkout and fulfilment together.
fn timeline(saga: &Saga, order: Option<&Order>) -> Vec<(String, String)> {
    let mut all: Vec<(String, _)> = saga
        .timeline
        .iter()
        .map(|(name, at)| (name.to_string(), *at))
        .collect();
    all.push((saga.state.name().to_owned(), saga.since));
    if let Some(order) = order {
        let facts = order.progress.timeline.iter();
        all.extend(facts.map(|(name, at)| (name.to_string(), *at)));
    }
    all.sort_by_key(|(_, at)| *at);
    all.into_iter()
        .map(|(what, at)| (what, at.to_string()))
        .collect()
}
