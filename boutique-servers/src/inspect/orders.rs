//! `boutique orders`.

use boutique_core::assembly::Ports;
use boutique_core::checkout::{Saga, SagaState};
use boutique_core::money::Money;
use serde_json::json;

use super::PAGE;
use crate::exit::Failure;
use crate::output::{Output, Rows, moment};

/// Prints every order, placed or refused, in the order of their ids.
///
/// # Errors
///
/// [`Failure`]; the data file is unchanged.
pub async fn orders(ports: &Ports, out: &mut Output<'_>) -> Result<(), Failure> {
    let mut rows = Rows::new(["order", "key", "date", "checkout", "fulfilment", "#total"]);
    let mut list = Vec::new();
    let mut after = None;
    loop {
        let page = ports.checkout.sagas(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.intent.order_id.clone());
        for saga in &page {
            let order = ports.orders.order(&saga.intent.order_id).await?;
            let state = order.map(|it| it.progress.state().as_str());
            let (intent, date) = (&saga.intent, ordered_at(saga));
            if out.json {
                list.push(json!({
                    "order_id": intent.order_id,
                    "key": intent.key,
                    "date": date,
                    "checkout": standing(saga),
                    "fulfilment": state,
                    "total": total(saga).map(|it| it.decimal()),
                    "currency": intent.body.currency,
                }));
            } else {
                rows.push([
                    intent.order_id.to_string(),
                    intent.key.to_string(),
                    date,
                    standing(saga),
                    state.unwrap_or("-").to_owned(),
                    total(saga).map_or_else(|| "-".to_owned(), |it| it.to_string()),
                ]);
            }
        }
    }
    if out.json {
        out.json(&list)
    } else {
        out.table("orders", &rows)
    }
}

/// The date the books count an order for.
fn ordered_at(saga: &Saga) -> String {
    moment(
        saga.intent
            .body
            .ordered_at
            .unwrap_or(saga.intent.started_at),
    )
}

/// Where a checkout stands, and why if it was refused.
pub(super) fn standing(saga: &Saga) -> String {
    match &saga.state {
        SagaState::Refused { refusal } => format!("refused: {}", refusal.name()),
        state => state.name().to_owned(),
    }
}

/// What the buyer pays, once that is known.
pub(super) fn total(saga: &Saga) -> Option<Money> {
    match &saga.state {
        SagaState::Confirmed { verdicts }
        | SagaState::Review { verdicts, .. }
        | SagaState::Approved { verdicts, .. } => Some(verdicts.totals.total),
        _ => None,
    }
}
