//! Placing an order.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join3;

use super::examine::{Draft, Examined, check};
use super::saga::{Sagas, outcome_of, stock_fault, verdicts_of};
use super::{
    Begun, CheckoutError, CheckoutRejection, CheckoutStore, Decide, DependencyPolicy, IntendedHold,
    Intent, Outcome, PlaceOrder, Policies, Receipt, Refusal, Saga, SagaState, Verdict, Verdicts,
};
use crate::carts::Carts;
use crate::catalog::{PricedLine, QuoteCart, QuoteError};
use crate::clock::{Clock, Timer, Timestamp};
use crate::customer::{CustomerProfile, LookUpCustomer};
use crate::fault::{Fault, PortError};
use crate::flow::{Ask, BoxFuture, Step};
use crate::fraud::{Assess, RiskAssessment};
use crate::ids::{IdSource, OrderId};
use crate::limits::{LINES_PER_ORDER_MAX, Limits};
use crate::pricing::TaxTable;
use crate::shipping::{QuoteShipping, ShippingError, ShippingQuote};
use crate::stock::{
    Decided, Hold, HoldState, LedgerError, Leg, Rejection, StockLine, StockRouter, StockSystem,
};

/// What a checkout is configured with.
#[derive(Clone, Debug)]
pub struct CheckoutSettings {
    /// How big an order may be.
    pub limits: Limits,
    /// Tax by country.
    pub taxes: Arc<TaxTable>,
    /// What to do without a dependency.
    pub policies: Policies,
    /// How long goods are promised to an attempt. Longer than `attempt_time`.
    pub hold_ttl: Duration,
    /// How long after its begin an attempt may still be worked on; then recovery takes over.
    pub attempt_time: Duration,
    /// How long an order waits for a person.
    pub review_time: Duration,
}

impl Default for CheckoutSettings {
    /// Holds for 15 minutes, attempts of 10 seconds, reviews of a day, no tax.
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            taxes: Arc::new(TaxTable::none()),
            policies: Policies::default(),
            hold_ttl: Duration::from_secs(15 * 60),
            attempt_time: Duration::from_secs(10),
            review_time: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// Runs a future that nobody waits for.
pub type Spawn = Arc<dyn Fn(BoxFuture<'static, ()>) + Send + Sync>;

/// Who records that an order is sold once its answer is decided.
#[derive(Clone)]
pub enum Finish {
    /// The request itself, before it answers.
    Inline,
    /// Whatever this hands the future to, off the client's path. A future that never runs is
    /// made up for by recovery.
    Spawn(Spawn),
}

/// The step that sells a cart, or leaves nothing behind.
///
/// `Q` prices, `S` quotes shipping, `C` knows customers, `F` scores fraud.
pub struct Checkout<Q, S, C, F> {
    pub(super) quote: Q,
    pub(super) shipping: S,
    pub(super) customers: C,
    pub(super) fraud: F,
    pub(super) carts: Arc<dyn Carts>,
    pub(super) ids: Arc<dyn IdSource>,
    pub(super) timer: Arc<dyn Timer>,
    pub(super) sagas: Sagas,
    pub(super) settings: CheckoutSettings,
    finish: Finish,
}

/// The services a [`Checkout`] asks.
pub struct Dependencies<Q, S, C, F> {
    /// Prices a cart.
    pub quote: Q,
    /// Quotes shipping.
    pub shipping: S,
    /// Knows customers.
    pub customers: C,
    /// Scores fraud.
    pub fraud: F,
}

/// The ports a [`Checkout`] stands on.
#[derive(Clone)]
pub struct Foundations {
    /// Keeps saga records and the outbox.
    pub store: Arc<dyn CheckoutStore>,
    /// Keeps carts.
    pub carts: Arc<dyn Carts>,
    /// The two stock systems.
    pub stock: StockRouter,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Ends waiting for a dependency.
    pub timer: Arc<dyn Timer>,
    /// Names orders.
    pub ids: Arc<dyn IdSource>,
}

impl<Q, S, C, F> Checkout<Q, S, C, F> {
    /// A checkout.
    ///
    /// # Panics
    ///
    /// If the settings let a hold lapse while its attempt may still be worked on, or allow more
    /// lines than the ceiling.
    pub fn new(
        dependencies: Dependencies<Q, S, C, F>,
        foundations: Foundations,
        settings: CheckoutSettings,
        finish: Finish,
    ) -> Self {
        assert!(
            settings.hold_ttl > settings.attempt_time,
            "a hold must outlive its attempt"
        );
        assert!(
            settings.limits.lines_per_order <= LINES_PER_ORDER_MAX,
            "beyond the ceiling"
        );
        let Dependencies {
            quote,
            shipping,
            customers,
            fraud,
        } = dependencies;
        let sagas = Sagas::of(&foundations);
        let Foundations {
            carts, timer, ids, ..
        } = foundations;
        Self {
            quote,
            shipping,
            customers,
            fraud,
            carts,
            ids,
            timer,
            sagas,
            settings,
            finish,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.sagas.clock.now()
    }

    /// The answer of an order that exists, or the attempt that comes next.
    async fn existing(
        &self,
        saga: Saga,
        request: &PlaceOrder,
    ) -> Result<Result<Outcome, u32>, CheckoutError> {
        let intent = &saga.intent;
        let ours = intent.tenant == request.tenant && intent.key == request.key;
        if (!ours || intent.body != request.body) && !planted!(KeyReusedUnnoticed) {
            return Err(PortError::Rejected(CheckoutRejection::KeyReused));
        }
        if let Some(outcome) = Outcome::of(&saga) {
            return Ok(Ok(outcome));
        }
        if let SagaState::Failed { .. } = saga.state {
            return Ok(Err(intent.attempt + 1));
        }
        // Decided, but not recorded yet: the ledger knows.
        match self.sagas.stock.deciding(&intent.legs()).await? {
            Some(hold) if hold.state.is_sold() => {
                match self.sagas.give_up(intent, String::new()).await {
                    Ok(saga) => outcome_of(&saga).map(Ok),
                    Err(PortError::Fault(fault)) => Err(untold(fault).into()),
                    Err(rejected) => Err(rejected),
                }
            }
            _ => Err(PortError::Rejected(CheckoutRejection::InProgress)),
        }
    }

    /// Refuses to begin an effect that nobody waits for any more.
    fn in_time(&self, deadline: Timestamp) -> Result<(), Fault> {
        if self.now() < deadline || planted!(EffectAfterTheDeadline) {
            Ok(())
        } else {
            Err(Fault::unavailable("the request's deadline has passed"))
        }
    }

    pub(super) fn legs(order_id: &OrderId, attempt: u32, lines: &[PricedLine]) -> Vec<Leg> {
        let mut legs: Vec<Leg> = Vec::with_capacity(2);
        for line in lines {
            if legs.last().is_none_or(|it| it.system != line.system) {
                legs.push(Leg {
                    system: line.system,
                    hold_id: order_id.hold(line.system.as_str(), attempt),
                    lines: Vec::new(),
                });
            }
            if let Some(leg) = legs.last_mut() {
                leg.lines.push(StockLine {
                    product_id: line.product_id.clone(),
                    quantity: line.quantity,
                });
            }
        }
        legs
    }

    /// Voids what this request holds and the attempt that came first has no part in: another
    /// body, or another state of the cart, may touch another stock system. The goods of the
    /// attempt itself are its own to end. What cannot be voided lapses.
    async fn drop_strays(&self, first: &Intent, attempt: u32, legs: &[Leg]) {
        // An attempt has one intent for ever, so no later one can own these holds either.
        if first.attempt < attempt {
            return;
        }
        for leg in legs {
            if first.holds.iter().all(|it| it.hold_id != leg.hold_id) {
                let ledger = self.sagas.stock.ledger(leg.system);
                drop(ledger.void(&leg.hold_id).await);
            }
        }
    }

    async fn finish(&self, intent: Arc<Intent>, verdicts: Verdicts) -> Outcome {
        let outcome = Outcome::Confirmed(Box::new(Receipt::of(&intent, &verdicts)));
        match &self.finish {
            // The order is sold whether or not this succeeds: recovery makes up for it.
            Finish::Inline => drop(self.sagas.complete(&intent, verdicts).await),
            Finish::Spawn(spawn) => {
                let sagas = self.sagas.clone();
                spawn(Box::pin(async move {
                    drop(sagas.complete(&intent, verdicts).await)
                }));
            }
        }
        outcome
    }

    /// Ends an attempt that went wrong for no reason of the client's; the answer is `fault`,
    /// unless the order turns out to be sold.
    async fn abandon(&self, intent: &Intent, fault: Fault) -> Result<Outcome, CheckoutError> {
        match self.sagas.give_up(intent, fault.to_string()).await {
            Ok(saga) => match Outcome::of(&saga) {
                Some(outcome) => Ok(outcome),
                None => Err(fault.into()),
            },
            // Still undecided: recovery goes on. What was not to be sold yet cannot be sold.
            Err(_) => Err(fault.into()),
        }
    }

    /// Ends an attempt whose sale went wrong, if anybody can tell how it went.
    async fn undecided(&self, intent: &Intent, fault: Fault) -> Result<Outcome, CheckoutError> {
        match self.sagas.give_up(intent, fault.to_string()).await {
            Ok(saga) => Outcome::of(&saga).ok_or_else(|| fault.into()),
            Err(_) => Err(untold(fault).into()),
        }
    }

    async fn sell(
        &self,
        intent: Arc<Intent>,
        verdicts: Verdicts,
        deadline: Timestamp,
    ) -> Result<Outcome, CheckoutError> {
        if let Err(late) = self.in_time(deadline) {
            return self.abandon(&intent, late).await;
        }
        let note = serde_json::to_string(&verdicts)
            .map_err(|error| Fault::permanent("the verdicts cannot be written").because(error))?;
        let legs = intent.legs();
        match self.sagas.stock.pin(&legs).await {
            Ok(None) => {}
            Ok(Some(gone)) => return self.abandon(&intent, lapsed(gone)).await,
            Err(error) => return self.abandon(&intent, stock_fault(error)).await,
        }
        // The pin may have taken the rest of the client's patience.
        if let Err(late) = self.in_time(deadline) {
            return self.abandon(&intent, late).await;
        }
        match self.sagas.stock.confirm(&legs, note.clone()).await {
            // The first confirm's note stays; it is ours unless recovery was faster.
            Ok(Decided::Sold(hold)) if hold.note.as_deref() == Some(&note) => {
                Ok(self.finish(intent, verdicts).await)
            }
            Ok(Decided::Sold(hold)) => Ok(self.finish(intent, verdicts_of(&hold)?).await),
            Ok(Decided::NotSold(state)) => self.abandon(&intent, lapsed(state)).await,
            Err(error) if planted!(TimeoutIsFailure) => {
                let failed = Decide::Fail(error.to_string());
                let order_id = &intent.order_id;
                self.sagas.decide(order_id, intent.attempt, failed).await?;
                Err(stock_fault(error).into())
            }
            Err(error) => self.undecided(&intent, stock_fault(error)).await,
        }
    }

    async fn park(
        &self,
        intent: &Intent,
        verdicts: Verdicts,
        deadline: Timestamp,
    ) -> Result<Outcome, CheckoutError> {
        if let Err(late) = self.in_time(deadline) {
            return self.abandon(intent, late).await;
        }
        let until = self.now().after(self.settings.review_time);
        let ttl = if planted!(ParkedGoodsLapse) {
            self.settings.hold_ttl
        } else {
            self.settings.review_time + self.settings.hold_ttl
        };
        match self.sagas.stock.extend(&intent.legs(), ttl).await {
            Ok(holds) if holds.iter().all(|it| it.state == HoldState::Held) => {}
            Ok(_) => {
                let fault = Fault::unavailable("the hold has lapsed: try again");
                return self.abandon(intent, fault).await;
            }
            Err(error) => return self.abandon(intent, stock_fault(error)).await,
        }
        let parked = Decide::Park { verdicts, until };
        match self
            .sagas
            .decide(&intent.order_id, intent.attempt, parked)
            .await
        {
            Ok(saga) => outcome_of(&saga),
            Err(error) => {
                let fault = Fault::ambiguous("the order could not be parked").because(error);
                self.abandon(intent, fault).await
            }
        }
    }
}

/// The goods are not held any more.
fn lapsed(state: HoldState) -> Fault {
    Fault::unavailable(format!("the hold is {state} by now: try again"))
}

/// The order may be sold, and whoever knows does not answer.
fn untold(fault: Fault) -> Fault {
    let text = "nobody can tell yet whether the order is sold: ask again with the same key";
    Fault::ambiguous(text).because(fault)
}

impl<Q, S, C, F> Checkout<Q, S, C, F>
where
    Q: Ask<QuoteCart, Response = Arc<[PricedLine]>, Error = QuoteError>,
    S: Ask<QuoteShipping, Response = ShippingQuote, Error = ShippingError>,
    C: Ask<LookUpCustomer, Response = Option<CustomerProfile>, Error = Fault>,
    F: Ask<Assess, Response = RiskAssessment, Error = Fault>,
{
    pub(super) fn intent(
        &self,
        request: &PlaceOrder,
        order_id: OrderId,
        attempt: u32,
        draft: Draft,
        legs: &[Leg],
        now: Timestamp,
    ) -> Intent {
        Intent {
            order_id,
            tenant: request.tenant.clone(),
            key: request.key.clone(),
            body: request.body.clone(),
            attempt,
            lines: draft.lines,
            shipping: draft.shipping,
            holds: legs
                .iter()
                .map(|it| IntendedHold {
                    system: it.system,
                    hold_id: it.hold_id.clone(),
                    lines: it.lines.len(),
                })
                .collect(),
            cart: draft.cart,
            traceparent: request.traceparent.clone(),
            started_at: now,
            deadline: now.after(self.settings.attempt_time),
        }
    }

    async fn attempt(
        &self,
        request: &PlaceOrder,
        order_id: OrderId,
        attempt: u32,
    ) -> Result<Outcome, CheckoutError> {
        let draft = self.draft(request).await?;
        let now = self.now();
        let legs = Self::legs(&order_id, attempt, &draft.lines);
        let intent = Arc::new(self.intent(request, order_id, attempt, draft, &legs, now));
        // An attempt ends with the client's patience, or with its own time if that is shorter.
        let deadline = request.deadline.min(intent.deadline);
        self.in_time(deadline)?;
        let (begun, customer, held) = join3(
            self.sagas.store.begin(Arc::clone(&intent)),
            self.customer(request, deadline),
            self.sagas
                .stock
                .reserve(&legs, self.settings.hold_ttl, deadline),
        )
        .await;
        let took = self.now().since(now);
        match begun {
            Ok(Begun::New) => {}
            Ok(Begun::Taken(saga)) => {
                self.drop_strays(&saga.intent, attempt, &legs).await;
                return match self.existing(*saga, request).await? {
                    Ok(outcome) => Ok(outcome),
                    Err(_) => Err(PortError::Rejected(CheckoutRejection::InProgress)),
                };
            }
            Err(_) if planted!(ConfirmBeforeIntent) => {}
            // Not ours to void: another request with this key may own the holds by now. What
            // this one held lapses.
            Err(fault) => return Err(fault.into()),
        }
        let stock = match judge(held) {
            Ok(()) => {
                let closed = DependencyPolicy::FailClosed;
                Ok(check(
                    "stock",
                    Verdict::Pass,
                    closed,
                    took,
                    "held".to_owned(),
                ))
            }
            Err(Ok(refusal)) => Err(refusal),
            Err(Err(fault)) => return self.abandon(&intent, fault).await,
        };
        let priced = (&*intent.lines, &intent.shipping);
        let order_id = &intent.order_id;
        match self
            .examine(request, order_id, priced, customer, stock, deadline)
            .await
        {
            Ok(Examined::Clear(verdicts)) => self.sell(intent, verdicts, deadline).await,
            Ok(Examined::Doubtful(verdicts)) => self.park(&intent, verdicts, deadline).await,
            Ok(Examined::Refused(refusal)) => {
                outcome_of(&self.sagas.refuse(&intent, refusal).await?)
            }
            Ok(Examined::Failed(fault)) => self.abandon(&intent, fault).await,
            Err(error) => {
                self.sagas.give_up(&intent, error.to_string()).await?;
                Err(error)
            }
        }
    }
}

impl<Q, S, C, F> Step<PlaceOrder> for Checkout<Q, S, C, F>
where
    Q: Ask<QuoteCart, Response = Arc<[PricedLine]>, Error = QuoteError>,
    S: Ask<QuoteShipping, Response = ShippingQuote, Error = ShippingError>,
    C: Ask<LookUpCustomer, Response = Option<CustomerProfile>, Error = Fault>,
    F: Ask<Assess, Response = RiskAssessment, Error = Fault>,
{
    type Response = Outcome;
    type Error = CheckoutError;

    /// Places an order, or says why not. The same key is answered the same for ever.
    ///
    /// # Errors
    ///
    /// A [`CheckoutRejection`], with nothing kept; or a [`Fault`]: nothing is sold that is not
    /// recorded, nothing stays held, and the same key may be sent again.
    async fn run(&self, request: PlaceOrder) -> Result<Outcome, CheckoutError> {
        let order_id = if planted!(KeyNotScoped) {
            let everybody = crate::ids::TenantId::new("everybody").expect("a name");
            self.ids.order(&everybody, &request.key)
        } else {
            self.ids.order(&request.tenant, &request.key)
        };
        let attempt = match self.sagas.store.saga(&order_id).await? {
            None => 1,
            Some(saga) => match self.existing(saga, &request).await? {
                Ok(outcome) => return Ok(outcome),
                Err(next) => next,
            },
        };
        if request.dry_run {
            self.rehearse(&request, order_id, attempt).await
        } else {
            self.attempt(&request, order_id, attempt).await
        }
    }
}

/// Whether the goods are held; else why not: a refusal, or a fault.
fn judge(held: Result<Vec<Hold>, LedgerError>) -> Result<(), Result<Refusal, Fault>> {
    match held {
        Ok(holds) => match holds.iter().find(|it| it.state != HoldState::Held) {
            None => Ok(()),
            Some(hold) => {
                let state = hold.state;
                Err(Err(Fault::unavailable(format!(
                    "the hold is {state} already: try again"
                ))))
            }
        },
        Err(PortError::Rejected(Rejection::Short(shortages))) => {
            Err(Ok(Refusal::Short { shortages }))
        }
        Err(PortError::Rejected(Rejection::UnknownProduct(product_id))) => {
            Err(Ok(Refusal::NotStocked { product_id }))
        }
        // Another body with this key came first: its holds are in the way until they are void.
        Err(PortError::Rejected(Rejection::HoldMismatch | Rejection::TooLate)) => Err(Err(
            Fault::unavailable("the goods could not be held in time: try again"),
        )),
        Err(error) => Err(Err(stock_fault(error))),
    }
}

const _: () = assert!(StockSystem::ALL.len() == 2, "an order has at most two legs");
