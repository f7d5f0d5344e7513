//! What a client is told.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Decide, Intent, Saga, SagaState, Verdicts};
use crate::clock::Timestamp;
use crate::customer::Address;
use crate::event::{
    ConfirmedOrder, HoldRef, ItemRef, OrderConfirmedEvent, OrderItem, OrderRefusedEvent,
};
use crate::fraud::{Band, Reason, Risk};
use crate::ids::{HoldId, OrderId, ProductId, TrackingId};
use crate::money::Money;
use crate::pii::Pii;
use crate::stock::Shortage;

/// The answer under an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Sold (201), or, for a dry run, would be (200).
    Confirmed(Box<Receipt>),
    /// A person decides until then (202). The one answer that is not for ever: once decided,
    /// the key is answered with the decision.
    Parked {
        /// The order.
        order_id: OrderId,
        /// When silence becomes a no.
        until: Timestamp,
    },
    /// Not sold; nothing is held.
    Refused {
        /// The order.
        order_id: OrderId,
        /// Why.
        refusal: Refusal,
    },
}

impl Outcome {
    /// The answer that a record stands for, if it stands for one.
    pub fn of(saga: &Saga) -> Option<Self> {
        let order_id = saga.intent.order_id.clone();
        match &saga.state {
            SagaState::Confirmed { verdicts } => Some(Self::Confirmed(Box::new(Receipt::of(
                &saga.intent,
                verdicts,
            )))),
            SagaState::Review { until, .. } => Some(Self::Parked {
                order_id,
                until: *until,
            }),
            SagaState::Refused { refusal } => Some(Self::Refused {
                order_id,
                refusal: refusal.clone(),
            }),
            SagaState::Started | SagaState::Approved { .. } | SagaState::Failed { .. } => None,
        }
    }

    /// The order.
    pub const fn order_id(&self) -> &OrderId {
        match self {
            Self::Confirmed(receipt) => &receipt.order.order_id,
            Self::Parked { order_id, .. } | Self::Refused { order_id, .. } => order_id,
        }
    }
}

impl Receipt {
    /// The receipt of an attempt that was sold: a function of its two durable records.
    pub fn of(intent: &Intent, verdicts: &Verdicts) -> Self {
        Self {
            order: ReceiptOrder {
                order_id: intent.order_id.clone(),
                shipping_tracking_id: intent.order_id.tracking(),
                shipping_cost: verdicts.totals.shipping,
                shipping_address: intent.body.address.clone(),
                items: items(intent),
            },
            total: verdicts.totals.total,
            discount: verdicts.totals.discount,
            tax: verdicts.totals.tax,
            checks: verdicts.checks.clone(),
            holds: intent.holds.iter().map(|it| it.hold_id.clone()).collect(),
        }
    }
}

impl ConfirmedOrder {
    /// The event of an attempt that was sold: a function of its two durable records.
    pub fn of(intent: &Intent, verdicts: &Verdicts) -> Self {
        Self {
            event_id: intent.order_id.confirmed_event(),
            occurred_at: intent.body.ordered_at.unwrap_or(intent.started_at),
            holds: intent
                .holds
                .iter()
                .map(|it| HoldRef {
                    system: it.system,
                    hold_id: it.hold_id.clone(),
                    items: it.lines,
                })
                .collect(),
            total: verdicts.totals.total,
            discount: verdicts.totals.discount,
            tax: verdicts.totals.tax,
            risk: verdicts.risk,
            traceparent: intent.traceparent.clone(),
            order: OrderConfirmedEvent {
                order_id: intent.order_id.clone(),
                user_id: intent.body.user_id.clone(),
                email: intent.body.email.clone(),
                user_currency: intent.body.currency,
                shipping_tracking_id: intent.order_id.tracking(),
                shipping_cost: verdicts.totals.shipping,
                shipping_address: intent.body.address.clone(),
                items: items(intent),
            },
        }
    }
}

impl OrderRefusedEvent {
    /// What `decision` at `now` makes of the record `before` it, if that is a refusal.
    pub fn of(before: &Saga, decision: &Decide, now: Timestamp) -> Option<Self> {
        let Decide::Refuse(refusal) = decision else {
            return None;
        };
        let intent = &before.intent;
        let found = match (refusal, &before.state) {
            (Refusal::Fraud { score, band, .. }, _) => Some(Risk {
                score: *score,
                band: *band,
            }),
            (_, SagaState::Review { verdicts, .. } | SagaState::Approved { verdicts, .. }) => {
                verdicts.risk
            }
            _ => None,
        };
        let goods = intent
            .lines
            .iter()
            .try_fold(intent.shipping.cost, |sum, it| {
                sum.plus(it.unit_price.times(it.quantity.get())?)
            });
        Some(Self {
            order_id: intent.order_id.clone(),
            user_id: intent.body.user_id.clone(),
            user_currency: intent.body.currency,
            amount: goods.ok().map(Money::rounded),
            reason: refusal.name().to_owned(),
            risk_score: found.map(|it| it.score),
            risk_band: found.map(|it| it.band),
            refused_at: now,
        })
    }
}

fn items(intent: &Intent) -> Vec<OrderItem> {
    let item = |product_id: &ProductId, quantity| ItemRef {
        product_id: product_id.clone(),
        quantity,
    };
    intent
        .lines
        .iter()
        .map(|it| OrderItem {
            item: item(&it.product_id, it.quantity),
            cost: it.unit_price,
        })
        .collect()
}

/// Why an order is not sold. An answer, for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum Refusal {
    /// Too risky (402).
    Fraud {
        /// 0 to 1000.
        score: u16,
        /// In words.
        band: Band,
        /// Why.
        reasons: Vec<Reason>,
    },
    /// The customer's account is blocked (403).
    Standing,
    /// Not enough in stock (409).
    Short {
        /// Of which articles.
        shortages: Vec<Shortage>,
    },
    /// A stock system does not list an article of the catalog (409).
    NotStocked {
        /// The article.
        product_id: ProductId,
    },
    /// A person said no (402).
    ReviewDenied {
        /// Their remark, without personal data.
        remark: String,
    },
    /// Nobody decided in time (402).
    ReviewLapsed,
}

impl Refusal {
    /// The refusal's name, in tables and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Fraud { .. } => "fraud",
            Self::Standing => "standing",
            Self::Short { .. } => "short",
            Self::NotStocked { .. } => "not_stocked",
            Self::ReviewDenied { .. } => "review_denied",
            Self::ReviewLapsed => "review_lapsed",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fraud { score, .. } => write!(f, "refused for fraud risk, score {score}"),
            Self::Standing => f.write_str("the customer's account is blocked"),
            Self::Short { shortages } => {
                f.write_str("not enough in stock: ")?;
                for (at, shortage) in shortages.iter().enumerate() {
                    write!(f, "{}{shortage}", if at == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
            Self::NotStocked { product_id } => write!(f, "no stock system keeps {product_id}"),
            Self::ReviewDenied { .. } => f.write_str("refused in review"),
            Self::ReviewLapsed => f.write_str("nobody reviewed the order in time"),
        }
    }
}

/// What a buyer gets for a confirmed order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The order.
    pub order: ReceiptOrder,
    /// What the buyer pays.
    pub total: Money,
    /// What was taken off the goods.
    pub discount: Money,
    /// What of the total is tax.
    pub tax: Money,
    /// Every check with its verdict.
    pub checks: Vec<Check>,
    /// The holds, the deciding one first.
    pub holds: Vec<HoldId>,
}

/// The order part of a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptOrder {
    /// The order.
    pub order_id: OrderId,
    /// What its shipments are tracked with.
    pub shipping_tracking_id: TrackingId,
    /// What shipping costs.
    pub shipping_cost: Money,
    /// Where the goods go.
    pub shipping_address: Pii<Address>,
    /// What was sold; `cost` is the price of one.
    pub items: Vec<OrderItem>,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing against it.
    Pass,
    /// Against it.
    Refuse,
    /// A person has to look.
    Review,
    /// The dependency was down and its policy let the order through.
    Waived,
}

/// One check of a checkout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was asked: `stock`, `crm`, `fraud`, `review`.
    pub name: Cow<'static, str>,
    /// How it came out.
    pub verdict: Verdict,
    /// The policy that applied.
    pub policy: Cow<'static, str>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// What was found, without personal data.
    pub detail: String,
}
