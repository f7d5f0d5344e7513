//! The warehouse behind a wire.

use axum::http::{Method, StatusCode};
use boutique_core::fault::PortError;
use boutique_core::flow::Step;
use boutique_core::ids::{OrderId, ShipmentId};
use boutique_core::stock::StockSystem;
use boutique_core::warehouse::{
    CarrierEvent, Fulfil, Fulfilled, Shipment, ShipmentError, ShipmentRejection,
};
use serde::de::IgnoredAny;

use super::super::exchange::{BoxExchange, Exchange, Target, Upstream};
use super::super::moment::Micros;
use super::routes::mismatched;
use super::wire::{
    BackLine, CalledOff, ReportIn, ScheduleOut, ScheduledIn, ShipmentWire, Status, TakeBackWire,
};

/// The warehouse behind a wire: the same services as
/// [`Warehouse`](boutique_core::warehouse::Warehouse).
#[derive(Clone, Debug)]
pub struct WarehouseClient<S = BoxExchange> {
    /// Where it is.
    pub upstream: Upstream<S>,
}

fn target(id: &ShipmentId, what: &str) -> Target {
    Target::path(["shipments", id.as_str(), what])
}

fn id(order_id: &OrderId, system: StockSystem) -> ShipmentId {
    order_id.shipment(system.as_str())
}

impl<S: Exchange> Step<Fulfil> for WarehouseClient<S> {
    type Response = Fulfilled;
    type Error = ShipmentError;

    async fn run(&self, request: Fulfil) -> Result<Fulfilled, ShipmentError> {
        let upstream = &self.upstream;
        match request {
            Fulfil::Schedule(schedule) => {
                let target = Target::path(["shipments"]);
                let body = ScheduleOut::from(&schedule);
                let reply = upstream.json(Method::POST, target, &body).await?;
                let scheduled: ScheduledIn = reply.port()?;
                let shipment = scheduled.shipments.into_iter().next();
                Ok(Fulfilled::Shipment {
                    shipment: shipment.ok_or_else(mismatched)?.into(),
                    repeated: reply.status != StatusCode::CREATED,
                })
            }
            Fulfil::Cancel(cancel) => {
                let target = target(&id(&cancel.order_id, cancel.system), "cancel");
                let reply = upstream.bare(Method::POST, target).await?;
                let called_off: CalledOff<'static> = reply.port::<_, ShipmentRejection>()?;
                Ok(Fulfilled::Shipment {
                    shipment: called_off.shipment.into(),
                    repeated: called_off.repeated,
                })
            }
            Fulfil::TakeBack(back) => {
                let target = target(&id(&back.order_id, back.system), "take-back");
                let lines = back.lines.into_iter();
                let items = lines.map(|(product_id, quantity)| BackLine {
                    product_id,
                    quantity,
                });
                let body = TakeBackWire {
                    return_id: back.return_id,
                    items: items.collect(),
                };
                let reply = upstream.json(Method::POST, target, &body).await?;
                let _: IgnoredAny = reply.port::<_, ShipmentRejection>()?;
                Ok(Fulfilled::TakenBack)
            }
        }
    }
}

impl<S: Exchange> Step<CarrierEvent> for WarehouseClient<S> {
    type Response = Shipment;
    type Error = ShipmentError;

    async fn run(&self, event: CarrierEvent) -> Result<Shipment, ShipmentError> {
        let target = target(&event.shipment_id, "events");
        let body = ReportIn {
            id: Some(event.id),
            status: Status(event.status),
            at: Some(Micros(event.at)),
        };
        let reply = self.upstream.json(Method::POST, target, &body).await?;
        let shipment: Result<ShipmentWire<'static>, PortError<_>> = reply.port();
        Ok(shipment?.into())
    }
}
