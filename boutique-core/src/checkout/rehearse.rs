//! A dry run: the verdicts, and nothing left behind.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::examine::{Examined, check};
use super::{
    Checkout, CheckoutError, DependencyPolicy, Outcome, PlaceOrder, Receipt, Refusal, Verdict,
};
use crate::catalog::{PricedLine, QuoteCart, QuoteError};
use crate::customer::{CustomerProfile, LookUpCustomer};
use crate::fault::Fault;
use crate::flow::Ask;
use crate::fraud::{Assess, RiskAssessment};
use crate::ids::OrderId;
use crate::shipping::{QuoteShipping, ShippingError, ShippingQuote};
use crate::stock::{Leg, Shortage};

impl<Q, S, C, F> Checkout<Q, S, C, F>
where
    Q: Ask<QuoteCart, Response = Arc<[PricedLine]>, Error = QuoteError>,
    S: Ask<QuoteShipping, Response = ShippingQuote, Error = ShippingError>,
    C: Ask<LookUpCustomer, Response = Option<CustomerProfile>, Error = Fault>,
    F: Ask<Assess, Response = RiskAssessment, Error = Fault>,
{
    /// Gives the verdicts and leaves nothing behind.
    pub(super) async fn rehearse(
        &self,
        request: &PlaceOrder,
        order_id: OrderId,
        attempt: u32,
    ) -> Result<Outcome, CheckoutError> {
        let draft = self.draft(request).await?;
        let now = self.now();
        let legs = Self::legs(&order_id, attempt, &draft.lines);
        let stock = self.availability(&legs).await?;
        let took = self.now().since(now);
        let stock = stock.map(|()| {
            check(
                "stock",
                Verdict::Pass,
                DependencyPolicy::FailClosed,
                took,
                "available".to_owned(),
            )
        });
        let customer = self.customer(request, request.deadline).await;
        let priced = (&*draft.lines, &draft.shipping);
        let examined = self
            .examine(
                request,
                &order_id,
                priced,
                customer,
                stock,
                request.deadline,
            )
            .await?;
        let intent = self.intent(request, order_id, attempt, draft, &legs, now);
        match examined {
            Examined::Clear(verdicts) => Ok(Outcome::Confirmed(Box::new(Receipt {
                holds: Vec::new(),
                ..Receipt::of(&intent, &verdicts)
            }))),
            Examined::Doubtful(_) => Ok(Outcome::Parked {
                order_id: intent.order_id,
                until: now.after(self.settings.review_time),
            }),
            Examined::Refused(refusal) => Ok(Outcome::Refused {
                order_id: intent.order_id,
                refusal,
            }),
            Examined::Failed(fault) => Err(fault.into()),
        }
    }
}

impl<Q, S, C, F> Checkout<Q, S, C, F> {
    /// Whether every leg could be held now; nothing is held.
    async fn availability(&self, legs: &[Leg]) -> Result<Result<(), Refusal>, Fault> {
        let mut shortages = Vec::new();
        for leg in legs {
            let ledger = self.sagas.stock.ledger(leg.system);
            let mut wanted = BTreeMap::new();
            for line in &leg.lines {
                *wanted.entry(&line.product_id).or_insert(0) += u64::from(line.quantity.get());
            }
            for (product_id, wanted) in wanted {
                let product_id = product_id.clone();
                match ledger.level(&product_id).await? {
                    None => return Ok(Err(Refusal::NotStocked { product_id })),
                    Some(level) if level.available() < wanted => {
                        let left = level.available();
                        shortages.push(Shortage {
                            product_id,
                            wanted,
                            left,
                        });
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(if shortages.is_empty() {
            Ok(())
        } else {
            Err(Refusal::Short { shortages })
        })
    }
}
