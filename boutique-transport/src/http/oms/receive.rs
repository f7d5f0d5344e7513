//! `POST /`: what the broker pushes.

use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use boutique_core::broker::SOURCE_SUBSCRIPTION;
use boutique_core::flow::Step;
use boutique_core::orders::{Desk, ReceiveDeadLetters, ReceiveOrders, ReceiveReports};
use boutique_core::warehouse::REPORT_TYPE;
use serde_json::Value;

use super::envelope::{self, Binary};
use super::{Drive, OmsApi};
use crate::http::body::Whole;
use crate::http::problem::{Problem, ProblemSchema};

/// A push of Pub/Sub or Eventarc. A CloudEvent, structured or binary, is taken as well.
#[derive(utoipa::ToSchema)]
#[schema(as = Push)]
#[expect(dead_code, reason = "it is read by a parser that knows more spellings")]
pub(super) struct PushSchema {
    message: MessageSchema,
    /// The subscription it comes from.
    subscription: Option<String>,
    /// 1 for the first delivery.
    #[schema(rename = "deliveryAttempt")]
    delivery_attempt: Option<u32>,
}

#[derive(utoipa::ToSchema)]
#[schema(as = Message)]
#[expect(dead_code, reason = "it is read by a parser that knows more spellings")]
struct MessageSchema {
    /// An event in base64.
    data: String,
    /// What it says besides: `ce-type`, `holds` and so on. All of it may be missing.
    #[schema(value_type = Option<Object>)]
    attributes: Option<Value>,
    #[schema(rename = "messageId")]
    message_id: Option<String>,
    /// RFC 3339.
    #[schema(rename = "publishTime")]
    publish_time: Option<String>,
    #[schema(rename = "orderingKey")]
    ordering_key: Option<String>,
}

/// Take a message in.
///
/// Answered once its effects are durable. A message that cannot be taken in, however often it
/// is delivered, is parked as a dead letter and acknowledged.
#[utoipa::path(
    post,
    path = "/",
    request_body = PushSchema,
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
    if let Some(verify) = &api.verify {
        verify(request.headers()).await?;
    }
    let binary = Binary::of(request.headers());
    let Whole(body) = Whole::from_request(request, &()).await?;
    let Desk {
        orders,
        drive,
        clock,
    } = api.desk;
    let push = envelope::read(binary, &body, || clock.now())?;
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
