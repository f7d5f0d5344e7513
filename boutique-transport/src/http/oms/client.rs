//! Order management behind a wire.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use axum::http::{HeaderValue, Method, StatusCode, header};
use boutique_core::broker::Push;
use boutique_core::fault::Fault;
use boutique_core::flow::Step;
use boutique_core::orders::{CancelOrder, DeskError, Order, ReturnGoods, ReturnLine};

use super::desk::{CancelIn, LineIn, ReturnIn};
use super::wire::OrderOut;
use crate::http::call::{Call, Trace};
use crate::http::envelope::EnvelopeOut;
use crate::http::exchange::{BoxExchange, Exchange, Reply, Target, Upstream};
use crate::http::moment::Moment;

/// What a push shows for itself, where its receiver asks for it.
#[async_trait]
pub trait PushCredential: fmt::Debug + Send + Sync + 'static {
    /// The `Authorization` of a push that is sent now.
    ///
    /// # Errors
    ///
    /// A [`Fault`]: nothing is pushed without it.
    async fn authorization(&self) -> Result<HeaderValue, Fault>;
}

/// Pushes deliveries to whoever listens at `POST /`, as a push subscription does: the same
/// service as the receivers of [`boutique_core::orders`], whichever of them it is for.
#[derive(Clone, Debug)]
pub struct PushClient<S = BoxExchange> {
    /// Where it is.
    pub upstream: Upstream<S>,
    /// What each push shows for itself; nothing if `None`.
    pub credential: Option<Arc<dyn PushCredential>>,
}

impl<S: Exchange> Step<Push> for PushClient<S> {
    type Response = ();
    type Error = Fault;

    /// # Errors
    ///
    /// A [`Fault`]: the message was perhaps not taken in and is to be delivered again. A receiver
    /// that does not let us in says nothing of the message: that is
    /// [`Unavailable`](boutique_core::fault::FaultKind::Unavailable), as if it were away.
    async fn run(&self, push: Push) -> Result<(), Fault> {
        let mut body = Vec::with_capacity(1_024 + push.delivery.message.data.len() * 4 / 3);
        serde_json::to_writer(&mut body, &EnvelopeOut::new(&push))
            .map_err(|error| Fault::permanent("the message cannot be written").because(error))?;
        let target = Target::path([""]);
        let mut sent = self.upstream.request(Method::POST, &target, body.into())?;
        let json = HeaderValue::from_static("application/json");
        sent.headers_mut().insert(header::CONTENT_TYPE, json);
        if let Some(credential) = &self.credential {
            let shown = credential.authorization().await?;
            sent.headers_mut().insert(header::AUTHORIZATION, shown);
        }
        let mut call = Call::current().unwrap_or_else(Call::background);
        // The delivery is a part of the trace of the order it tells of.
        let traceparent = push.delivery.message.attributes.get("traceparent");
        if let Some(trace) = traceparent.and_then(|it| Trace::parse(it)) {
            call.trace = trace;
        }
        let reply = call.scope(self.upstream.send(sent)).await?;
        match reply.status {
            status if status.is_success() => Ok(()),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let context = "order management does not believe our pushes: see PUSH_AUDIENCE";
                Err(Fault::unavailable(context))
            }
            _ => Err(reply.unexpected()),
        }
    }
}

/// The desk behind a wire: the same service as [`Desk`](boutique_core::orders::Desk) for
/// cancellations and returns.
#[derive(Clone, Debug)]
pub struct DeskClient<S = BoxExchange> {
    /// Where it is.
    pub upstream: Upstream<S>,
}

impl<S: Exchange> Step<CancelOrder> for DeskClient<S> {
    type Response = Order;
    type Error = DeskError;

    async fn run(&self, request: CancelOrder) -> Result<Order, DeskError> {
        let target = Target::path(["orders", request.order_id.as_str(), "cancel"]);
        let cancel = CancelIn {
            at: request.at.map(Moment),
        };
        order(&self.upstream.json(Method::POST, target, &cancel).await?)
    }
}

impl<S: Exchange> Step<ReturnGoods> for DeskClient<S> {
    type Response = Order;
    type Error = DeskError;

    async fn run(&self, request: ReturnGoods) -> Result<Order, DeskError> {
        let target = Target::path(["orders", request.order_id.as_str(), "returns"]);
        let line = |it: ReturnLine| LineIn {
            line: it.line,
            quantity: it.quantity,
            refund: it.refund,
        };
        let goods = ReturnIn {
            return_id: Some(request.return_id),
            lines: request.lines.into_iter().map(line).collect(),
            restock: request.restock,
            at: request.at.map(Moment),
        };
        order(&self.upstream.json(Method::POST, target, &goods).await?)
    }
}

fn order(reply: &Reply) -> Result<Order, DeskError> {
    let order: OrderOut = reply.port()?;
    Ok(order.into())
}
