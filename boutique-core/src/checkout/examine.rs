//! What has to be known of an order before it is sold.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};

use super::policy::share_of;
use super::{
    Check, Checkout, CheckoutError, CheckoutRejection, DependencyPolicy, PlaceOrder, Refusal,
    Verdict, Verdicts,
};
use crate::carts::{CartLine, CartRef};
use crate::catalog::{PricedLine, QuoteCart, QuoteError};
use crate::clock::Timestamp;
use crate::customer::{CustomerProfile, LookUpCustomer, Standing, Tier};
use crate::fault::{Fault, PortError};
use crate::flow::Ask;
use crate::fraud::{Assess, Decision, Risk, RiskAssessment, Signals};
use crate::ids::OrderId;
use crate::money::Money;
use crate::pricing::Totals;
use crate::shipping::{QuoteShipping, ShippingError, ShippingQuote};

/// A priced cart that may become an attempt.
pub(super) struct Draft {
    pub(super) lines: Arc<[PricedLine]>,
    pub(super) shipping: ShippingQuote,
    pub(super) cart: Option<CartRef>,
}

/// What was found out, or why to stop.
pub(super) enum Examined {
    Clear(Verdicts),
    Doubtful(Verdicts),
    Refused(Refusal),
    Failed(Fault),
}

impl<Q, S, C, F> Checkout<Q, S, C, F> {
    /// Waits for `answer` until `percent` of the time left is over.
    pub(super) async fn within<T, E>(
        &self,
        answer: impl Future<Output = Result<T, E>> + Send,
        deadline: Timestamp,
        percent: u8,
    ) -> Result<T, E>
    where
        E: From<Fault>,
    {
        let until = share_of(self.now(), deadline, percent);
        let answer = std::pin::pin!(answer);
        match select(answer, self.timer.until(until)).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Err(Fault::ambiguous("no answer in time").into()),
        }
    }
}

impl<Q, S, C, F> Checkout<Q, S, C, F>
where
    Q: Ask<QuoteCart, Response = Arc<[PricedLine]>, Error = QuoteError>,
    S: Ask<QuoteShipping, Response = ShippingQuote, Error = ShippingError>,
    C: Ask<LookUpCustomer, Response = Option<CustomerProfile>, Error = Fault>,
    F: Ask<Assess, Response = RiskAssessment, Error = Fault>,
{
    /// Prices the cart. Nothing is written.
    pub(super) async fn draft(&self, request: &PlaceOrder) -> Result<Draft, CheckoutError> {
        let body = &request.body;
        let (asked, cart): (Arc<[CartLine]>, _) = match &body.lines {
            Some(lines) => (Arc::clone(lines), None),
            None => {
                let cart = self.carts.cart(&body.user_id).await?;
                let version = cart.version;
                (
                    cart.lines.into(),
                    Some(CartRef {
                        user_id: body.user_id.clone(),
                        version,
                    }),
                )
            }
        };
        CheckoutRejection::check_lines(&asked, self.settings.limits.lines_per_order)
            .map_err(PortError::Rejected)?;
        let quote = QuoteCart {
            reference: request.key.clone(),
            currency: body.currency,
            lines: Arc::clone(&asked),
        };
        let priced = self.quote.ask(quote).await.map_err(widen)?;
        if priced.len() != asked.len() {
            let (asked, priced) = (asked.len(), priced.len());
            return Err(PortError::Rejected(CheckoutRejection::QuoteMismatch {
                asked,
                priced,
            }));
        }
        // An order of other goods, or one that pays the buyer, would be sold and then refused by
        // everybody after that.
        let as_asked = priced.iter().zip(asked.iter()).all(|(priced, asked)| {
            priced.product_id == asked.product_id
                && priced.quantity == asked.quantity
                && !priced.unit_price.is_negative()
        });
        if !as_asked {
            let context = "the catalog priced other lines than were asked, or below zero";
            return Err(Fault::permanent(context).into());
        }
        // Lines of one system stand together, the deciding one first; else in the client's order.
        let lines = if priced.is_sorted_by_key(|it| it.system) {
            priced
        } else {
            let mut lines = priced.to_vec();
            lines.sort_by_key(|it| it.system);
            lines.into()
        };
        let parcel = QuoteShipping {
            address: body.address.clone(),
            currency: body.currency,
            lines: Arc::clone(&lines),
        };
        let shipping = self.shipping.ask(parcel).await.map_err(widen)?;
        if shipping.cost.is_negative() {
            return Err(Fault::permanent("shipping was quoted below zero").into());
        }
        // Without a discount the amounts are largest: what can be had now can be had later.
        self.totals(&lines, &shipping, request, Tier::Standard)?;
        Ok(Draft {
            lines,
            shipping,
            cart,
        })
    }

    pub(super) fn totals(
        &self,
        lines: &[PricedLine],
        shipping: &ShippingQuote,
        request: &PlaceOrder,
        tier: Tier,
    ) -> Result<Totals, CheckoutError> {
        let body = &request.body;
        let country = &body.address.expose().country;
        Totals::of(
            lines,
            body.currency,
            tier,
            shipping.cost,
            &self.settings.taxes,
            country,
        )
        .map_err(|error| PortError::Rejected(error.into()))
    }

    pub(super) async fn customer(
        &self,
        request: &PlaceOrder,
        deadline: Timestamp,
    ) -> (Result<Option<CustomerProfile>, Fault>, Duration) {
        let began = self.now();
        let question = LookUpCustomer {
            user_id: request.body.user_id.clone(),
            email: request.body.email.clone(),
        };
        let share = self.settings.policies.crm_share;
        let answer = self
            .within(self.customers.ask(question), deadline, share)
            .await;
        (answer, self.now().since(began))
    }

    /// Judges what the CRM said, then asks the fraud engine.
    pub(super) async fn examine(
        &self,
        request: &PlaceOrder,
        order_id: &OrderId,
        draft: (&[PricedLine], &ShippingQuote),
        (customer, took): (Result<Option<CustomerProfile>, Fault>, Duration),
        stock: Result<Check, Refusal>,
        deadline: Timestamp,
    ) -> Result<Examined, CheckoutError> {
        let (lines, shipping) = draft;
        let policies = &self.settings.policies;
        let full = self.totals(lines, shipping, request, Tier::Standard)?;
        let crm =
            |verdict, detail: &str| check("crm", verdict, policies.crm, took, detail.to_owned());
        let (customer, crm) = match customer {
            Ok(Some(profile)) if profile.standing == Standing::Blocked => {
                return Ok(Examined::Refused(Refusal::Standing));
            }
            Ok(Some(profile)) => (Some(profile), crm(Verdict::Pass, "in good standing")),
            Ok(None) => (None, crm(Verdict::Pass, "not a customer yet")),
            Err(fault) if waives(policies.crm, full.total) => {
                (None, crm(Verdict::Waived, &fault.to_string()))
            }
            Err(fault) => return Ok(Examined::Failed(fault)),
        };
        let stock = match stock {
            Ok(check) => check,
            Err(refusal) => return Ok(Examined::Refused(refusal)),
        };
        let tier = customer.as_ref().map_or(Tier::Standard, |it| it.tier);
        let totals = self.totals(lines, shipping, request, tier)?;
        let mut verdicts = Verdicts {
            tier,
            totals,
            checks: vec![stock, crm],
            risk: None,
        };
        let began = self.now();
        let question = Assess {
            signals: self.signals(request, order_id, lines, &totals, customer.as_ref(), began),
            at: began,
            dry_run: request.dry_run,
        };
        let answer = self
            .within(self.fraud.ask(question), deadline, policies.fraud_share)
            .await;
        let took = self.now().since(began);
        let fraud = |verdict, detail| check("fraud", verdict, policies.fraud, took, detail);
        let scored = |it: &RiskAssessment| format!("score {}", it.score);
        verdicts.risk = answer.as_ref().ok().map(|it| Risk {
            score: it.score,
            band: it.band,
        });
        let doubtful = match answer {
            Ok(risk) => match risk.decision {
                Decision::Allow => {
                    verdicts.checks.push(fraud(Verdict::Pass, scored(&risk)));
                    false
                }
                Decision::Review => {
                    verdicts.checks.push(fraud(Verdict::Review, scored(&risk)));
                    true
                }
                Decision::Deny => {
                    let RiskAssessment {
                        score,
                        band,
                        reasons,
                        ..
                    } = risk;
                    return Ok(Examined::Refused(Refusal::Fraud {
                        score,
                        band,
                        reasons,
                    }));
                }
            },
            Err(fault)
                if !waives(policies.fraud, totals.total) && !planted!(FraudOutageLetsThrough) =>
            {
                return Ok(Examined::Failed(fault));
            }
            Err(fault) => {
                let degrade = policies.fraud == DependencyPolicy::Degrade;
                let verdict = if degrade {
                    Verdict::Review
                } else {
                    Verdict::Waived
                };
                verdicts.checks.push(fraud(verdict, fault.to_string()));
                degrade
            }
        };
        Ok(if doubtful {
            Examined::Doubtful(verdicts)
        } else {
            Examined::Clear(verdicts)
        })
    }

    pub(super) fn signals(
        &self,
        request: &PlaceOrder,
        order_id: &OrderId,
        lines: &[PricedLine],
        totals: &Totals,
        customer: Option<&CustomerProfile>,
        now: Timestamp,
    ) -> Signals {
        let body = &request.body;
        let address = body.address.expose();
        Signals {
            order_id: order_id.clone(),
            user: self.ids.pseudonym("user", body.user_id.as_str()),
            email: self.ids.pseudonym("email", &body.email.expose().folded()),
            address: self.ids.pseudonym("address", &address.folded()),
            country: address.country.clone(),
            amount: totals.total,
            lines: u32::try_from(lines.len()).unwrap_or(u32::MAX),
            units: lines.iter().map(|it| u64::from(it.quantity.get())).sum(),
            known_customer: customer.is_some(),
            tier: customer.map_or(Tier::Standard, |it| it.tier),
            customer_age: customer.map(|it| now.since(it.created_at)),
            prior_orders: customer.map_or(0, |it| it.orders),
        }
    }
}

/// Whether the policy lets an order of `total` through without the dependency's answer.
fn waives(policy: DependencyPolicy, total: Money) -> bool {
    match policy {
        DependencyPolicy::FailClosed => false,
        DependencyPolicy::FailOpenBelow(most) => {
            most.minus(total).is_ok_and(|left| !left.is_negative())
        }
        DependencyPolicy::Degrade => true,
    }
}

/// The longest detail of a check, in bytes.
const DETAIL_BYTES_MAX: usize = 1_000;

pub(super) fn check(
    name: &'static str,
    verdict: Verdict,
    policy: DependencyPolicy,
    took: Duration,
    mut detail: String,
) -> Check {
    // A note has room for every check: the text of a fault comes from outside.
    while detail.len() > DETAIL_BYTES_MAX {
        detail.pop();
    }
    Check {
        name: name.into(),
        verdict,
        policy: policy.name().into(),
        duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        detail,
    }
}

fn widen<R>(error: PortError<R>) -> CheckoutError
where
    R: std::error::Error + Into<CheckoutRejection>,
{
    match error {
        PortError::Rejected(rejection) => PortError::Rejected(rejection.into()),
        PortError::Fault(fault) => PortError::Fault(fault),
    }
}
