//! The handlers.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use boutique_core::fault::Fault;
use boutique_core::ids::{CarrierEventId, OrderId, ShipmentId};
use boutique_core::stock::StockSystem;
use boutique_core::warehouse::{CancelShipment, CarrierEvent, Fulfil, Fulfilled};
use boutique_core::warehouse::{ShipmentRejection, TakeBack};
use serde::Deserialize;

use super::super::api::answer;
use super::super::body::{JsonBody, MaybeKey, PathOf, QueryOf};
use super::super::envelope::{EnvelopeOut, Pushed};
use super::super::page::{Page, listed};
use super::super::problem::{Problem, ProblemSchema};
use super::wire::{CalledOff, ReportIn, Scheduled, Sending, ShipmentIn, ShipmentWire};
use super::wire::{TakeBackWire, TakenBack};
use super::{WarehouseApi, Warehousing};

/// Send the goods of an order that one stock system keeps.
///
/// It is kept before it is answered. The same order and stock system again sends nothing and is
/// answered with the same shipment. A push envelope with the same JSON, or with the event of an
/// order, is as good as the plain body; the event sends from every stock system it touches.
#[utoipa::path(
    post,
    path = "/shipments",
    request_body = ShipmentIn,
    responses(
        (status = 201, description = "Scheduled", body = Scheduled),
        (status = 200, description = "It had been scheduled", body = Scheduled),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, description = "The shipment exists with other goods", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 503, description = "Not kept: ask again", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn schedule<W: Warehousing>(
    State(api): State<WarehouseApi<W>>,
    Pushed(sending): Pushed<Sending>,
) -> Result<Response, Problem> {
    let schedules = sending.schedules()?;
    let (mut shipments, mut all_repeated) = (Vec::with_capacity(schedules.len()), true);
    for schedule in schedules {
        match api.warehouse.ask(Fulfil::Schedule(schedule)).await? {
            Fulfilled::Shipment { shipment, repeated } => {
                all_repeated &= repeated;
                shipments.push(shipment);
            }
            Fulfilled::TakenBack => return Err(mismatched().into()),
        }
    }
    let status = if all_repeated {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let message = "Shipment scheduled successfully";
    Ok(answer(status, &Scheduled::new(message, &shipments)))
}

/// A service that answers another question than it was asked.
pub(super) fn mismatched() -> Fault {
    Fault::permanent("the warehouse gave another answer than was asked for")
}

/// Send what a push brings: the same as `POST /shipments`.
#[utoipa::path(
    post,
    path = "/",
    request_body = EnvelopeOut,
    responses(
        (status = 201, description = "Scheduled", body = Scheduled),
        (status = 200, description = "It had been scheduled", body = Scheduled),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 503, body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn push<W: Warehousing>(
    state: State<WarehouseApi<W>>,
    body: Pushed<Sending>,
) -> Result<Response, Problem> {
    schedule(state, body).await
}

/// Whose shipments.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OfOrder {
    /// Only those of this order, all of them on one page.
    #[serde(default, rename = "orderId")]
    #[param(value_type = Option<String>)]
    order_id: Option<OrderId>,
}

/// List shipments by id.
#[utoipa::path(
    get,
    path = "/shipments",
    params(Page, OfOrder),
    responses((status = 200, body = Vec<ShipmentWire>), (status = 400, body = ProblemSchema, content_type = "application/problem+json")),
)]
pub(super) async fn list<W: Warehousing>(
    State(api): State<WarehouseApi<W>>,
    uri: Uri,
    QueryOf(page): QueryOf<Page>,
    QueryOf(of): QueryOf<OfOrder>,
) -> Result<Response, Problem> {
    let limit = page.limit()?;
    let (shipments, paged) = match of.order_id {
        Some(order_id) => (api.shipments.of_order(&order_id).await?, false),
        None => {
            let after: Option<ShipmentId> = page.after()?;
            (api.shipments.shipments(after.as_ref(), limit).await?, true)
        }
    };
    let last = shipments.last();
    let next = last.filter(|_| paged && shipments.len() == limit);
    let list: Vec<_> = shipments.iter().map(ShipmentWire::from).collect();
    Ok(listed(&uri, limit, &list, next.map(|it| it.id.as_str())))
}

/// Tell one shipment.
#[utoipa::path(
    get,
    path = "/shipments/{id}",
    params(("id" = String, Path)),
    responses((status = 200, body = ShipmentWire), (status = 404, body = ProblemSchema, content_type = "application/problem+json")),
)]
pub(super) async fn one<W: Warehousing>(
    State(api): State<WarehouseApi<W>>,
    PathOf(id): PathOf<ShipmentId>,
) -> Result<Response, Problem> {
    let Some(shipment) = api.shipments.shipment(&id).await? else {
        return Err(ShipmentRejection::UnknownShipment(id).into());
    };
    Ok(answer(StatusCode::OK, &ShipmentWire::from(&shipment)))
}

/// Take in what a carrier reports. The same report again changes nothing.
#[utoipa::path(
    post,
    path = "/shipments/{id}/events",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "The report's id, if the body has none")),
    request_body = ReportIn,
    responses(
        (status = 200, body = ShipmentWire),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 404, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, description = "The shipment cannot come to that status", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn report<W: Warehousing>(
    State(api): State<WarehouseApi<W>>,
    PathOf(shipment_id): PathOf<ShipmentId>,
    MaybeKey(key): MaybeKey,
    JsonBody(report): JsonBody<ReportIn>,
) -> Result<Response, Problem> {
    let id = match (report.id, key) {
        (Some(id), _) => id,
        (None, Some(key)) => CarrierEventId::new(key.as_str())
            .map_err(|why| Problem::invalid("Idempotency-Key", why))?,
        (None, None) => {
            let why = "is missing: give the report an id, here or as Idempotency-Key";
            return Err(Problem::invalid("id", why));
        }
    };
    let event = CarrierEvent {
        id,
        shipment_id,
        status: report.status.0,
        at: report.at.map_or_else(|| api.clock.now(), |it| it.0),
    };
    let shipment = api.warehouse.ask(event).await?;
    Ok(answer(StatusCode::OK, &ShipmentWire::from(&shipment)))
}

/// A shipment's id names its order and its stock system.
fn order_and_system(id: ShipmentId) -> Result<(OrderId, StockSystem), ShipmentRejection> {
    let named = StockSystem::ALL.into_iter().find_map(|system| {
        let order = id
            .as_str()
            .strip_suffix(system.as_str())?
            .strip_suffix('.')?;
        Some((OrderId::new(order).ok()?, system))
    });
    named.ok_or(ShipmentRejection::UnknownShipment(id))
}

/// Call a shipment off, unless it has left.
#[utoipa::path(
    post,
    path = "/shipments/{id}/cancel",
    params(("id" = String, Path)),
    responses(
        (status = 200, body = CalledOff),
        (status = 404, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, description = "It has left", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn cancel<W: Warehousing>(
    State(api): State<WarehouseApi<W>>,
    PathOf(id): PathOf<ShipmentId>,
) -> Result<Response, Problem> {
    let (order_id, system) = order_and_system(id)?;
    let cancel = CancelShipment { order_id, system };
    match api.warehouse.ask(Fulfil::Cancel(cancel)).await? {
        Fulfilled::Shipment { shipment, repeated } => {
            let shipment = ShipmentWire::from(&shipment);
            let called_off = CalledOff { shipment, repeated };
            Ok(answer(StatusCode::OK, &called_off))
        }
        Fulfilled::TakenBack => Err(mismatched().into()),
    }
}

/// Take goods of a shipment back onto the shelf, once per return and product.
#[utoipa::path(
    post,
    path = "/shipments/{id}/take-back",
    params(("id" = String, Path)),
    request_body = TakeBackWire,
    responses(
        (status = 200, body = TakenBack),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 404, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, description = "The stock ledger refuses the goods", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn take_back<W: Warehousing>(
    State(api): State<WarehouseApi<W>>,
    PathOf(id): PathOf<ShipmentId>,
    JsonBody(back): JsonBody<TakeBackWire>,
) -> Result<Response, Problem> {
    let (order_id, system) = order_and_system(id)?;
    let lines = back.items.into_iter();
    let take_back = TakeBack {
        order_id,
        system,
        return_id: back.return_id,
        lines: lines.map(|it| (it.product_id, it.quantity)).collect(),
    };
    match api.warehouse.ask(Fulfil::TakeBack(take_back)).await? {
        Fulfilled::TakenBack => {
            let message = "Goods taken back";
            Ok(answer(StatusCode::OK, &TakenBack { message }))
        }
        Fulfilled::Shipment { .. } => Err(mismatched().into()),
    }
}
