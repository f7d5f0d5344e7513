//! Everybody outside: a buyer who places an order and asks again until there is an answer, or
//! gives up; the reviewer, the carrier and the desk that then have to do with it.

use std::sync::Arc;
use std::time::Duration;

use boutique_core::carts::CartLine;
use boutique_core::checkout::ReviewDecision;
use boutique_core::checkout::{CheckoutRejection, OrderBody, Outcome, PlaceOrder, Receipt};
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::customer::{Address, Email};
use boutique_core::fault::PortError;
use boutique_core::flow::Ask;
use boutique_core::ids::{
    CarrierEventId, IdempotencyKey, OrderId, ProductId, ReturnId, TenantId, UserId,
};
use boutique_core::limits::Units;
use boutique_core::money::Currency;
use boutique_core::orders::{CancelOrder, ReturnGoods, ReturnLine};
use boutique_core::stock::StockSystem;
use boutique_core::warehouse::{CarrierEvent, ShipmentStatus};
use tokio::time::sleep;

use super::answers::{Answers, Body, named};
use super::cluster::Cluster;
use super::dice::Dice;
use super::edge::{Patience, edge};
use super::request::Request;
use super::shop::CUSTOMERS;
use super::site::Site;
use super::wire::{Served, Slot};
use super::world::streams;

/// Orders are placed in the first so many milliseconds of a seed.
pub(super) const RUSH: u64 = 12_000;

/// How often somebody outside asks for the same thing before he leaves it.
const PATIENCE: u32 = 60;

/// One buyer with one order, and all who have to do with it.
pub(super) struct Buyer {
    pub(super) cluster: Arc<Cluster>,
    pub(super) answers: Arc<Answers>,
    pub(super) range: Arc<[(ProductId, StockSystem)]>,
    pub(super) number: u32,
    pub(super) order_id: OrderId,
    pub(super) key: IdempotencyKey,
    pub(super) tenant: TenantId,
    dice: Dice,
    /// Two bodies are sent with the key.
    reuses: bool,
}

async fn pause(millis: u64) {
    sleep(Duration::from_millis(millis)).await;
}

impl Buyer {
    pub(super) fn new(
        cluster: &Arc<Cluster>,
        answers: &Arc<Answers>,
        range: &Arc<[(ProductId, StockSystem)]>,
        seed: u64,
        number: u32,
    ) -> Self {
        // Two shops whose buyers choose the same keys.
        let tenant = TenantId::new(["shop", "other"][number as usize % 2]).expect("an id");
        let key = IdempotencyKey::new(format!("order-{}", number / 2)).expect("a key");
        let mut dice = Dice::new(seed, streams::ORDERS + u64::from(number));
        Self {
            cluster: Arc::clone(cluster),
            answers: Arc::clone(answers),
            range: Arc::clone(range),
            number,
            order_id: cluster.stores.ports.ids.order(&tenant, &key),
            key,
            tenant,
            reuses: dice.percent(8),
            dice,
        }
    }

    /// Everything that has to do with the order.
    pub(super) async fn live(mut self) {
        let begin = self.dice.below(RUSH);
        pause(begin).await;
        let body = self.body().await;
        if self.reuses {
            let other = self.other(&body);
            let (mut twin, wait) = (self.twin(), self.dice.below(3_000));
            let task = async move {
                pause(wait).await;
                twin.place(Body::Other, &other, 4).await;
            };
            let node = self.cluster.node(Site::Clients);
            node.spawn(Some(self.order_id.clone()), task);
        }
        // Some go away before they are answered.
        let tries = match self.dice.below(10) {
            0 => 1,
            1 => 3,
            _ => PATIENCE,
        };
        let Some(mut outcome) = self.place(Body::First, &body, tries).await else {
            return;
        };
        if let Outcome::Parked { .. } = outcome {
            self.review().await;
            let Some(decided) = self.place(Body::First, &body, PATIENCE).await else {
                return;
            };
            outcome = decided;
        }
        if let Outcome::Confirmed(receipt) = &outcome {
            self.after_sale(receipt).await;
        }
        if self.dice.percent(30) {
            pause(self.dice.below(5_000)).await;
            self.place(Body::First, &body, 6).await;
        }
    }

    /// Somebody else with the same key.
    fn twin(&mut self) -> Self {
        Self {
            cluster: Arc::clone(&self.cluster),
            answers: Arc::clone(&self.answers),
            range: Arc::clone(&self.range),
            number: self.number,
            order_id: self.order_id.clone(),
            key: self.key.clone(),
            tenant: self.tenant.clone(),
            dice: Dice::new(self.dice.draw(), 1),
            reuses: true,
        }
    }

    fn lines(&mut self) -> Vec<CartLine> {
        let first = self.dice.below(self.range.len() as u64);
        (0..=self.dice.below(2))
            .map(|at| {
                let at = (first + at * 3) % self.range.len() as u64;
                let quantity = match self.dice.below(12) {
                    0 => 5,
                    1 => 9,
                    few => few % 3 + 1,
                };
                CartLine {
                    product_id: self.range[at as usize].0.clone(),
                    quantity: Units::new(quantity as i64).expect("in range"),
                }
            })
            .collect()
    }

    async fn body(&mut self) -> OrderBody {
        let lines = self.lines();
        let from_cart = self.dice.percent(15);
        // A cart belongs to one buyer; everybody else may be a customer, or unknown.
        let user = match (from_cart, self.dice.below(CUSTOMERS + 4)) {
            (true, _) => format!("cart-{}", self.number),
            (false, it) => format!("c{it}"),
        };
        let user_id = UserId::new(user.clone()).expect("an id");
        if from_cart {
            for line in lines.clone() {
                // The page before the checkout, which is not simulated.
                drop(
                    self.cluster
                        .stores
                        .ports
                        .carts
                        .add(&user_id, line, None)
                        .await,
                );
            }
        }
        OrderBody {
            user_id,
            currency: Currency::USD,
            email: Email::new(format!("{user}@example.com"))
                .expect("an e-mail")
                .into(),
            address: Address {
                street_address: "1 Main Street".into(),
                city: "Springfield".into(),
                state: String::new(),
                country: "United States".into(),
                zip_code: "97477".into(),
            }
            .into(),
            lines: (!from_cart).then(|| lines.into()),
            ordered_at: None,
        }
    }

    fn other(&mut self, body: &OrderBody) -> OrderBody {
        let mut other = body.clone();
        let mut lines = self.lines();
        lines.truncate(1);
        if body.lines.as_deref() == Some(&*lines) {
            lines[0].quantity = Units::new(4).expect("in range");
        }
        other.lines = Some(lines.into());
        other
    }

    /// Asks until there is an answer that is one.
    async fn place(&mut self, body: Body, of: &OrderBody, tries: u32) -> Option<Outcome> {
        let slot = &self.cluster.slots.place;
        let checkout = edge(self.cluster.node(Site::Clients), slot, Patience::CLIENT);
        for attempt in 0..tries {
            let request = PlaceOrder {
                tenant: self.tenant.clone(),
                key: self.key.clone(),
                body: of.clone(),
                dry_run: attempt == 0 && self.dice.percent(3),
                deadline: Timestamp::MAX,
                traceparent: None,
            };
            let dry_run = request.dry_run;
            let answer = checkout.ask(request).await;
            let said = match &answer {
                Ok(outcome) => named(outcome),
                Err(PortError::Rejected(CheckoutRejection::KeyReused)) => "key reused",
                Err(PortError::Rejected(CheckoutRejection::InProgress)) => "in progress",
                Err(PortError::Rejected(_)) => "rejected",
                Err(PortError::Fault(_)) => "fault",
            };
            let order = self.order_id.as_str();
            let world = &self.cluster.world;
            world.note(Site::Clients, "told", order, said);
            match answer {
                Ok(_) if dry_run => continue,
                Ok(outcome) => {
                    self.answers.told(body, &outcome);
                    return Some(outcome);
                }
                Err(PortError::Rejected(CheckoutRejection::KeyReused)) => {
                    if !self.reuses {
                        self.answers.disowned(&self.order_id);
                    }
                    return None;
                }
                Err(PortError::Rejected(CheckoutRejection::InProgress) | PortError::Fault(_)) => {}
                Err(PortError::Rejected(_)) => return None,
            }
            let longest = 100 << attempt.min(5);
            pause(self.dice.between(30, longest)).await;
        }
        if tries == PATIENCE {
            // Nothing has gone wrong for a long time by now.
            let detail = format!("asked {tries} times and was never answered");
            let order = self.order_id.as_str();
            let world = &self.cluster.world;
            world.breach("who is patient is answered", order, detail);
        }
        None
    }

    /// Asks somebody for something until he is told yes or no.
    async fn ask<Q, A, R>(
        &mut self,
        slot: &Arc<Slot<Served<Q, A, PortError<R>>>>,
        request: Q,
        again: impl Fn(&R) -> bool,
    ) -> Option<A>
    where
        Q: Request,
        A: Send + 'static,
        R: std::error::Error + Send + Sync + 'static,
    {
        let service = edge(self.cluster.node(Site::Clients), slot, Patience::CLIENT);
        for attempt in 0..PATIENCE {
            match service.ask(request.clone()).await {
                Ok(answer) => return Some(answer),
                Err(PortError::Rejected(why)) if !again(&why) => return None,
                // Nobody outside knows better than to try again.
                Err(_) => {}
            }
            let longest = 100 << attempt.min(5);
            pause(self.dice.between(50, longest)).await;
        }
        None
    }

    /// A person looks at the order, or nobody does and it lapses.
    async fn review(&mut self) {
        pause(self.dice.below(8_000)).await;
        let approve = match self.dice.below(10) {
            0..=5 => true,
            6..=7 => false,
            _ => return,
        };
        let decision = ReviewDecision {
            order_id: self.order_id.clone(),
            approve,
            remark: "looked at".into(),
        };
        let slot = Arc::clone(&self.cluster.slots.review);
        if let Some(outcome) = self.ask(&slot, decision, |_| false).await {
            self.answers.told(Body::First, &outcome);
        }
    }

    async fn after_sale(&mut self, receipt: &Receipt) {
        if self.dice.percent(15) {
            let (mut other, wait) = (self.twin(), self.dice.below(6_000));
            let node = self.cluster.node(Site::Clients);
            node.spawn(Some(self.order_id.clone()), async move {
                pause(wait).await;
                other.cancel().await;
            });
        }
        let systems: Vec<StockSystem> = StockSystem::ALL
            .into_iter()
            .filter(|system| {
                let named = |it: &boutique_core::ids::HoldId| {
                    it.as_str().rsplit('.').nth(1) == Some(system.as_str())
                };
                receipt.holds.iter().any(named)
            })
            .collect();
        let mut left = false;
        for system in systems {
            if self.dice.percent(80) {
                pause(self.dice.below(3_000)).await;
                left |= self.carrier(system, ShipmentStatus::Shipped).await;
                if self.dice.percent(40) {
                    self.carrier(system, ShipmentStatus::Delivered).await;
                }
            }
        }
        if left && self.dice.percent(25) {
            self.take_back().await;
        }
    }

    async fn cancel(&mut self) {
        let request = CancelOrder {
            order_id: self.order_id.clone(),
            at: None,
        };
        let slot = Arc::clone(&self.cluster.slots.cancel);
        // The order may not have reached order management yet.
        self.ask(&slot, request, |_| true).await;
    }

    async fn take_back(&mut self) {
        let request = ReturnGoods {
            order_id: self.order_id.clone(),
            return_id: ReturnId::new(format!("return-{}", self.number)).expect("an id"),
            lines: vec![ReturnLine {
                line: 0,
                quantity: Units::ONE,
                refund: None,
            }],
            restock: self.dice.percent(50),
            at: None,
        };
        let slot = Arc::clone(&self.cluster.slots.take_back);
        self.ask(&slot, request, |_| true).await;
    }

    /// The carrier reports of one shipment; says whether that was taken in.
    async fn carrier(&mut self, system: StockSystem, status: ShipmentStatus) -> bool {
        use boutique_core::warehouse::ShipmentRejection::Impossible;

        let shipment_id = self.order_id.shipment(system.as_str());
        let event = CarrierEvent {
            id: CarrierEventId::new(format!("{shipment_id}.{status}")).expect("an id"),
            shipment_id,
            status,
            at: self.cluster.node(Site::Clients).now(),
        };
        let slot = Arc::clone(&self.cluster.slots.carrier);
        let known = |why: &_| !matches!(why, Impossible { .. });
        self.ask(&slot, event, known).await.is_some()
    }
}
