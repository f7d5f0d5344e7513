//! The checkout's JSON.

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use boutique_core::carts::{Cart, CartLine, CartRejection};
use boutique_core::catalog::QuoteRejection;
use boutique_core::checkout::{
    CheckoutRejection, OrderBody, Outcome, Receipt, Refusal, Saga, SagaState,
};
use boutique_core::clock::Timestamp;
use boutique_core::customer::{Address, Email};
use boutique_core::ids::{OrderId, UserId};
use boutique_core::money::Currency;
use boutique_core::pii::Pii;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::api::answer;
use crate::http::moment::Moment;
use crate::http::problem::Problem;
use crate::http::schema::{AddressSchema, LineSchema, MoneySchema, OrderItemSchema};

/// What a client asks to buy. Names are accepted in camelCase as well.
#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = Order)]
pub(super) struct OrderIn {
    /// The buyer.
    #[serde(alias = "userId")]
    #[schema(value_type = String)]
    pub(super) user_id: UserId,
    /// The currency they pay in.
    #[serde(alias = "userCurrency")]
    #[schema(value_type = String, example = "USD")]
    pub(super) user_currency: Currency,
    /// Their e-mail.
    #[schema(value_type = String)]
    pub(super) email: Pii<Email>,
    /// Where the goods go.
    #[schema(value_type = AddressSchema)]
    pub(super) address: Pii<Address>,
    /// What they buy; their stored cart if it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<LineSchema>>)]
    pub(super) items: Option<Arc<[CartLine]>>,
    /// The date the books count it for, RFC 3339, if it is not the present: for our own servers
    /// and for tokens that may act for anybody.
    #[serde(default, alias = "orderedAt", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) ordered_at: Option<Moment>,
}

impl From<OrderIn> for OrderBody {
    fn from(it: OrderIn) -> Self {
        Self {
            user_id: it.user_id,
            currency: it.user_currency,
            email: it.email,
            address: it.address,
            lines: it.items,
            ordered_at: it.ordered_at.map(|it| it.0),
        }
    }
}

impl From<OrderBody> for OrderIn {
    fn from(it: OrderBody) -> Self {
        Self {
            user_id: it.user_id,
            user_currency: it.currency,
            email: it.email,
            address: it.address,
            items: it.lines,
            ordered_at: it.ordered_at.map(Moment),
        }
    }
}

/// An order that waits for a person.
#[derive(Deserialize, Serialize, ToSchema)]
pub(super) struct Parked {
    /// The order.
    #[schema(value_type = String)]
    pub(super) order_id: OrderId,
    /// `review`.
    pub(super) state: Cow<'static, str>,
    /// When silence becomes a no, RFC 3339.
    #[schema(value_type = String)]
    pub(super) until: Moment,
}

impl Parked {
    pub(super) const fn new(order_id: OrderId, until: Timestamp) -> Self {
        Self {
            order_id,
            state: Cow::Borrowed("review"),
            until: Moment(until),
        }
    }
}

/// Where an order stands, and what its buyer was told.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct Standing {
    /// The order.
    #[schema(value_type = String)]
    pub(super) order_id: OrderId,
    /// `started`, `review`, `approved`, `confirmed`, `refused` or `failed`.
    pub(super) state: Cow<'static, str>,
    /// What was sold, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReceiptSchema>)]
    pub(super) receipt: Option<Box<Receipt>>,
    /// Why it was not, if it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(super) refusal: Option<Refusal>,
    /// When silence becomes a no, if it waits for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) until: Option<Moment>,
}

impl From<Outcome> for Standing {
    fn from(outcome: Outcome) -> Self {
        let mut standing = Self {
            order_id: outcome.order_id().clone(),
            state: Cow::Borrowed("confirmed"),
            receipt: None,
            refusal: None,
            until: None,
        };
        match outcome {
            Outcome::Confirmed(receipt) => standing.receipt = Some(receipt),
            Outcome::Parked { until, .. } => {
                standing.state = Cow::Borrowed("review");
                standing.until = Some(Moment(until));
            }
            Outcome::Refused { refusal, .. } => {
                standing.state = Cow::Borrowed("refused");
                standing.refusal = Some(refusal);
            }
        }
        standing
    }
}

impl Standing {
    /// The outcome, if there is one.
    pub(super) fn outcome(self) -> Option<Outcome> {
        let order_id = self.order_id;
        match (self.receipt, self.refusal, self.until) {
            (Some(receipt), None, None) => Some(Outcome::Confirmed(receipt)),
            (None, Some(refusal), None) => Some(Outcome::Refused { order_id, refusal }),
            (None, None, Some(Moment(until))) => Some(Outcome::Parked { order_id, until }),
            _ => None,
        }
    }
}

/// The record of an order.
#[derive(Serialize, ToSchema)]
pub(super) struct Record {
    #[serde(flatten)]
    standing: Standing,
    /// What went wrong, if the attempt failed: the same key may be tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Which attempt of this key it is, counted from one.
    attempt: u32,
    /// What happened, oldest first; the last is the present state.
    timeline: Vec<Step>,
}

/// A state that an order got into.
#[derive(Serialize, ToSchema)]
struct Step {
    /// The state.
    #[schema(value_type = String)]
    state: Cow<'static, str>,
    /// When it got there, RFC 3339.
    #[schema(value_type = String)]
    at: Moment,
}

impl From<Saga> for Record {
    fn from(saga: Saga) -> Self {
        let state = saga.state.name();
        let standing = match Outcome::of(&saga) {
            Some(outcome) => outcome.into(),
            None => Standing {
                order_id: saga.intent.order_id.clone(),
                state: Cow::Borrowed(state),
                receipt: None,
                refusal: None,
                until: None,
            },
        };
        let earlier = saga.timeline.into_iter();
        let steps = earlier.chain([(Cow::Borrowed(state), saga.since)]);
        Self {
            standing,
            reason: match saga.state {
                SagaState::Failed { reason } => Some(reason),
                _ => None,
            },
            attempt: saga.intent.attempt,
            timeline: steps
                .map(|(state, at)| Step {
                    state,
                    at: Moment(at),
                })
                .collect(),
        }
    }
}

/// A person's decision.
#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = Review)]
pub(super) struct ReviewIn {
    /// `approve` or `deny`.
    #[schema(value_type = String)]
    pub(super) decision: Decision,
    /// Why, without personal data; at most 2000 bytes.
    #[serde(default)]
    pub(super) remark: String,
}

#[derive(Clone, Copy, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Decision {
    Approve,
    Deny,
}

/// A user's cart.
#[derive(Serialize, ToSchema)]
#[schema(as = Cart)]
pub(super) struct CartOut {
    /// Whose it is.
    #[schema(value_type = String)]
    user_id: UserId,
    /// One line per article, in the order they were first added.
    #[schema(value_type = Vec<LineSchema>)]
    items: Vec<CartLine>,
    /// Grows with every change.
    version: u64,
}

impl CartOut {
    pub(super) fn new(user_id: UserId, cart: Cart) -> Self {
        Self {
            user_id,
            items: cart.lines,
            version: cart.version,
        }
    }

    /// The cart, with its version as the `ETag`.
    pub(super) fn answer(&self) -> Response {
        let mut response = answer(StatusCode::OK, self);
        if let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", self.version)) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

/// What a buyer gets for a confirmed order.
#[derive(ToSchema)]
#[schema(as = Receipt)]
#[expect(dead_code, reason = "core's receipt is what is sent")]
pub(super) struct ReceiptSchema {
    order: ReceiptOrderSchema,
    /// What the buyer pays.
    total: MoneySchema,
    /// What was taken off the goods.
    discount: MoneySchema,
    /// What of the total is tax.
    tax: MoneySchema,
    /// Every check, in the order they were made.
    checks: Vec<CheckSchema>,
    /// The holds, the deciding one first; none for a dry run.
    holds: Vec<String>,
}

#[derive(ToSchema)]
#[schema(as = ReceiptOrder)]
#[expect(dead_code, reason = "core's receipt is what is sent")]
struct ReceiptOrderSchema {
    order_id: String,
    shipping_tracking_id: String,
    shipping_cost: MoneySchema,
    shipping_address: AddressSchema,
    items: Vec<OrderItemSchema>,
}

#[derive(ToSchema)]
#[schema(as = Check)]
#[expect(dead_code, reason = "core's receipt is what is sent")]
struct CheckSchema {
    /// `stock`, `crm`, `fraud` or `review`.
    name: String,
    /// `pass`, `refuse`, `review` or `waived`.
    verdict: String,
    /// The policy that applied.
    policy: String,
    duration_ms: u64,
    detail: String,
}

impl From<CheckoutRejection> for Problem {
    fn from(rejection: CheckoutRejection) -> Self {
        use CheckoutRejection as R;
        let status = match rejection {
            R::InProgress | R::NotInReview => StatusCode::CONFLICT,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let problem = Self::rejection(status, &rejection);
        match rejection {
            R::EmptyCart | R::TooManyLines { .. } | R::Amount(_) | R::QuoteMismatch { .. } => {
                problem.about("items")
            }
            R::Quote(
                QuoteRejection::UnknownProduct { line, .. } | QuoteRejection::NoPrice { line, .. },
            ) => problem.about(format!("items[{line}].product_id")),
            R::Shipping(_) => problem.about("user_currency"),
            R::KeyReused => problem.about("Idempotency-Key"),
            R::InProgress => problem.about("Idempotency-Key").retry_after(1),
            R::RemarkTooLong(_) => problem.about("remark"),
            R::NotInReview => problem,
        }
    }
}

impl From<CartRejection> for Problem {
    fn from(rejection: CartRejection) -> Self {
        let problem = Self::rejection(StatusCode::UNPROCESSABLE_ENTITY, &rejection);
        problem.about(match rejection {
            CartRejection::Units(_) => "quantity",
            CartRejection::Full => "items",
            CartRejection::KeyReused => "Idempotency-Key",
        })
    }
}
