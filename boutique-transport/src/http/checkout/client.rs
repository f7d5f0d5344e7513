//! The checkout behind a wire.

use std::fmt;
use std::sync::Arc;

use axum::http::{HeaderValue, Method, StatusCode, header};
use boutique_core::checkout::{CheckoutError, Outcome, PlaceOrder, Refusal, ReviewDecision};
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::fault::{Fault, PortError};
use boutique_core::flow::Step;
use boutique_core::ids::OrderId;
use tokio::time::Instant;

use super::TENANT;
use super::wire::{Decision, OrderIn, Parked, ReviewIn, Standing};
use crate::http::body::{IDEMPOTENCY_KEY, key_value};
use crate::http::call::{Call, Lane, Trace};
use crate::http::exchange::{BoxExchange, Exchange, Reply, Target, Upstream};

/// The checkout behind a wire: the same service as
/// [`Checkout`](boutique_core::checkout::Checkout) and
/// [`DecideReview`](boutique_core::checkout::DecideReview).
#[derive(Clone)]
pub struct CheckoutClient<S = BoxExchange> {
    /// Where it is.
    pub upstream: Upstream<S>,
    /// The clock that a request's deadline is a moment of.
    pub clock: Arc<dyn Clock>,
}

impl<S: fmt::Debug> fmt::Debug for CheckoutClient<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckoutClient")
            .field("upstream", &self.upstream)
            .finish_non_exhaustive()
    }
}

impl<S> CheckoutClient<S> {
    /// The call that `request` is part of: the present one, or one of its own; no longer than
    /// the request has, in the trace that it names.
    fn call(&self, deadline: Timestamp, traceparent: Option<&str>) -> Call {
        let mut call = Call::current().unwrap_or_else(|| Call {
            lane: Lane::Client,
            ..Call::background()
        });
        let left = deadline.since(self.clock.now());
        let until = Instant::now().checked_add(left);
        call.deadline = [call.deadline, until].into_iter().flatten().min();
        if let Some(trace) = traceparent.and_then(Trace::parse) {
            call.trace = trace;
        }
        call
    }
}

impl<S: Exchange> Step<PlaceOrder> for CheckoutClient<S> {
    type Response = Outcome;
    type Error = CheckoutError;

    /// # Errors
    ///
    /// Those of the checkout; a permanent [`Fault`] if the server is another shop's.
    async fn run(&self, request: PlaceOrder) -> Result<Outcome, CheckoutError> {
        let mut target = Target::path(["checkout"]);
        if request.dry_run {
            target = target.query("dry_run", true);
        }
        let body = serde_json::to_vec(&OrderIn::from(request.body))
            .map_err(|error| Fault::permanent("the order cannot be written").because(error))?;
        let mut sent = self.upstream.request(Method::POST, &target, body.into())?;
        let headers = sent.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.extend(key_value(&request.key).map(|it| (IDEMPOTENCY_KEY, it)));
        let tenant = HeaderValue::from_str(request.tenant.as_str());
        headers.extend(tenant.ok().map(|it| (TENANT, it)));
        let call = self.call(request.deadline, request.traceparent.as_deref());
        let reply = call.scope(self.upstream.send(sent)).await?;
        outcome(&reply)
    }
}

impl<S: Exchange> Step<ReviewDecision> for CheckoutClient<S> {
    type Response = Outcome;
    type Error = CheckoutError;

    async fn run(&self, request: ReviewDecision) -> Result<Outcome, CheckoutError> {
        let target = Target::path(["checkout", request.order_id.as_str(), "review"]);
        let review = ReviewIn {
            decision: if request.approve {
                Decision::Approve
            } else {
                Decision::Deny
            },
            remark: request.remark,
        };
        let reply = self.upstream.json(Method::POST, target, &review).await?;
        let standing: Standing = reply.port()?;
        let outcome = standing.outcome();
        outcome.ok_or_else(|| PortError::Fault(reply.unexpected()))
    }
}

fn outcome(reply: &Reply) -> Result<Outcome, CheckoutError> {
    match reply.status {
        StatusCode::CREATED | StatusCode::OK => Ok(Outcome::Confirmed(Box::new(reply.json()?))),
        StatusCode::ACCEPTED => {
            let Parked {
                order_id, until, ..
            } = reply.json()?;
            let until = until.0;
            Ok(Outcome::Parked { order_id, until })
        }
        _ => match refused(reply) {
            Some(outcome) => Ok(outcome),
            None => Err(reply.refused()),
        },
    }
}

/// The refusal of an order, which is an outcome; a request that cannot become one names no order.
fn refused(reply: &Reply) -> Option<Outcome> {
    let problem = reply.problem()?;
    let order_id = problem.member("order_id")?.as_str()?;
    let order_id = OrderId::new(order_id).ok()?;
    let refusal: Refusal = problem.refusal()?;
    Some(Outcome::Refused { order_id, refusal })
}
