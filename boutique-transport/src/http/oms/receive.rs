//! `POST /`: what the broker pushes.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use boutique_core::broker::SOURCE_SUBSCRIPTION;
use boutique_core::flow::Step;
use boutique_core::orders::{Desk, ReceiveDeadLetters, ReceiveOrders, ReceiveReports};
use boutique_core::warehouse::REPORT_TYPE;

use super::{Drive, OmsApi};
use crate::http::envelope::{Envelope, EnvelopeOut};
use crate::http::problem::{Problem, ProblemSchema};

/// Take a message in.
///
/// Answered once its effects are durable. A message that cannot be taken in, however often it
/// is delivered, is parked as a dead letter and acknowledged.
#[utoipa::path(
    post,
    path = "/",
    request_body = EnvelopeOut,
    responses(
        (status = 200, description = "Taken in, or parked: do not deliver it again"),
        (status = 400, description = "No envelope; names the field", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 401, description = "Not the broker's token", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 503, description = "Deliver it again", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn receive<D: Drive>(
    State(api): State<OmsApi<D>>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let envelope = Envelope::receive(request).await?;
    let Desk {
        orders,
        drive,
        clock,
    } = api.desk;
    let push = envelope.into_push(clock.now());
    // Any subscription may push here: the message itself says what it is.
    let attributes = &push.delivery.message.attributes;
    let report = attributes
        .get("ce-type")
        .is_some_and(|it| it == REPORT_TYPE);
    let taken = if attributes.contains_key(SOURCE_SUBSCRIPTION) {
        ReceiveDeadLetters { orders, clock }.run(push).await
    } else if report {
        let receive = ReceiveReports {
            orders,
            drive,
            clock,
        };
        receive.run(push).await
    } else {
        let receive = ReceiveOrders {
            orders,
            drive,
            clock,
        };
        receive.run(push).await
    };
    match taken {
        Ok(()) => Ok(StatusCode::OK),
        // Whatever kind of failure it is, the broker keeps the message.
        Err(fault) => Err(Problem::from(fault).under(StatusCode::SERVICE_UNAVAILABLE)),
    }
}
