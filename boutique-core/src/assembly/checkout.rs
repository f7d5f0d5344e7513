//! The checkout as a system: what sells, and what it owes the world afterwards.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join3};

use super::topology::broker_fault;
use super::{CrmService, FraudService, PushService, QuoteService, Settings, ShippingService};
use super::{Topology, Worked};
use crate::analytics::{AnalyticsStore, IngestPump};
use crate::broker::{Deliveries, Pumped, PushPump, TopicId};
use crate::carts::Carts;
use crate::checkout::{
    Checkout, CheckoutError, CheckoutStore, DecideReview, Dependencies, Foundations, Outcome,
    PlaceOrder, Recovery, Relay, ReviewDecision, Told,
};
use crate::clock::{Clock, Timestamp};
use crate::fault::Fault;
use crate::flow::{Ask, Step, StepService};
use crate::ids::IdSource;
use crate::stock::StockRouter;

/// What the checkout stands on. It owns the topic of confirmed orders, and with it what the data
/// warehouse is told.
#[derive(Clone)]
pub struct CheckoutPorts {
    /// Saga records and outbox.
    pub checkout: Arc<dyn CheckoutStore>,
    /// Carts; usually the same object as `checkout`, which empties them.
    pub carts: Arc<dyn Carts>,
    /// Both stock systems, wherever they are.
    pub stock: StockRouter,
    /// The broker confirmed orders are published on.
    pub broker: Deliveries,
    /// The table of the data warehouse, which the system fills if it delivers by itself.
    pub analytics: Arc<dyn AnalyticsStore>,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Names.
    pub ids: Arc<dyn IdSource>,
}

/// Whom the checkout asks.
#[derive(Clone)]
pub struct CheckoutEdges {
    /// Knows customers.
    pub crm: CrmService,
    /// Scores fraud.
    pub fraud: FraudService,
    /// Order management, which confirmed orders are delivered to.
    pub orders: PushService,
}

/// Places orders.
pub type PlaceService =
    StepService<Checkout<QuoteService, ShippingService, CrmService, FraudService>>;

/// The checkout with all that runs behind it: recovery, relay and deliveries.
pub struct CheckoutSystem {
    place: PlaceService,
    review: StepService<DecideReview>,
    recovery: Recovery,
    confirmed: Relay,
    refused: Relay,
    pumps: Option<Pumps>,
    topology: Topology,
    batch: usize,
}

/// What the system delivers by itself.
struct Pumps {
    to_oms: PushPump<PushService>,
    dead_to_oms: PushPump<PushService>,
    to_analytics: IngestPump,
}

/// How long the relay may take for one batch.
const OUTBOX_LEASE: Duration = Duration::from_secs(30);

impl CheckoutSystem {
    /// Composes a checkout.
    pub fn new(
        ports: CheckoutPorts,
        edges: CheckoutEdges,
        settings: Settings,
        topology: Topology,
    ) -> Self {
        let foundations = Foundations {
            store: Arc::clone(&ports.checkout),
            carts: ports.carts,
            stock: ports.stock,
            clock: Arc::clone(&ports.clock),
            timer: settings.timer,
            ids: ports.ids,
        };
        let review = DecideReview::new(&foundations, settings.checkout.attempt_time);
        let dependencies = Dependencies {
            quote: settings.quote,
            shipping: settings.shipping,
            customers: edges.crm,
            fraud: edges.fraud,
        };
        let pumps = ports.broker.own().map(|broker| {
            let pump = |subscription: &_| PushPump {
                broker: Arc::clone(broker),
                subscription: Clone::clone(subscription),
                service: edges.orders.clone(),
                in_flight: settings.in_flight,
            };
            Pumps {
                to_oms: pump(&topology.orders_to_oms),
                dead_to_oms: pump(&topology.dead_to_oms),
                to_analytics: IngestPump {
                    broker: Arc::clone(broker),
                    subscription: topology.orders_to_analytics.clone(),
                    store: ports.analytics,
                },
            }
        });
        let relay = |what, topic: &TopicId| Relay {
            store: Arc::clone(&ports.checkout),
            broker: ports.broker.publisher(),
            what,
            topic: topic.clone(),
            clock: Arc::clone(&ports.clock),
            lease: OUTBOX_LEASE,
        };
        Self {
            recovery: Recovery::new(&foundations),
            place: Checkout::new(
                dependencies,
                foundations,
                settings.checkout,
                settings.finish,
            )
            .into_service(),
            review: review.into_service(),
            confirmed: relay(Told::Confirmed, &topology.orders),
            refused: relay(Told::Refused, &topology.refusals),
            pumps,
            topology,
            batch: settings.batch,
        }
    }

    /// Creates the topic of confirmed orders and its subscriptions, if it delivers them.
    ///
    /// # Errors
    ///
    /// A [`Fault`] of a store or of the broker; it may be called again.
    pub async fn start(&self) -> Result<(), Fault> {
        match &self.pumps {
            Some(pumps) => self.topology.create_orders(&*pumps.to_oms.broker).await,
            None => Ok(()),
        }
    }

    /// Places an order, or says why not; the same key is answered the same for ever.
    ///
    /// # Errors
    ///
    /// See [`Checkout`].
    pub async fn place(&self, request: PlaceOrder) -> Result<Outcome, CheckoutError> {
        self.place.ask(request).await
    }

    /// Decides an order that waits for a person.
    ///
    /// # Errors
    ///
    /// See [`DecideReview`].
    pub async fn decide_review(&self, request: ReviewDecision) -> Result<Outcome, CheckoutError> {
        self.review.ask(request).await
    }

    /// The service that places orders.
    pub const fn placing(&self) -> &PlaceService {
        &self.place
    }

    /// The service that decides reviews.
    pub const fn reviewing(&self) -> &StepService<DecideReview> {
        &self.review
    }

    /// One round of both: see [`CheckoutSystem::publish`] and [`CheckoutSystem::deliver`].
    ///
    /// # Errors
    ///
    /// The first [`Fault`]; the other parts of the round are done all the same.
    pub async fn work(&self) -> Result<Worked, Fault> {
        let parts = join3(self.publish(), self.report(), self.deliver());
        let (published, reported, delivered) = parts.await;
        Ok(published? + reported? + delivered?)
    }

    /// Publishes the confirmed orders that wait in the outbox.
    ///
    /// # Errors
    ///
    /// A [`Fault`]; what was not published is published later.
    pub async fn publish(&self) -> Result<Worked, Fault> {
        let relayed = self.confirmed.round(self.batch).await?;
        Ok(Worked {
            published: relayed.published,
            ..Worked::default()
        })
    }

    /// Tells the data warehouse: publishes the refusals that wait in the outbox and, if this
    /// system delivers, writes the rows of confirmed orders.
    ///
    /// # Errors
    ///
    /// The first [`Fault`]; the other part is done all the same.
    pub async fn report(&self) -> Result<Worked, Fault> {
        let relayed = self.refused.round(self.batch);
        let analytics = async {
            match &self.pumps {
                Some(pumps) => pumps.to_analytics.pump(self.batch).await,
                None => Ok(Pumped::default()),
            }
        };
        let (relayed, analytics) = join(relayed, analytics).await;
        let mut worked = Worked {
            published: relayed?.published,
            ..Worked::default()
        };
        worked.deliver(analytics.map_err(broker_fault)?);
        Ok(worked)
    }

    /// Whether it delivers by itself: [`CheckoutSystem::deliver`] has something to do.
    pub const fn delivers(&self) -> bool {
        self.pumps.is_some()
    }

    /// Delivers to order management what is due.
    ///
    /// # Errors
    ///
    /// The first [`Fault`]; the other part is done all the same.
    pub async fn deliver(&self) -> Result<Worked, Fault> {
        let mut worked = Worked::default();
        let Some(pumps) = &self.pumps else {
            return Ok(worked);
        };
        let dead = pumps.dead_to_oms.pump(self.batch);
        let (orders, dead) = join(pumps.to_oms.pump(self.batch), dead).await;
        worked.deliver(orders.map_err(broker_fault)?);
        worked.deliver(dead.map_err(broker_fault)?);
        Ok(worked)
    }

    /// Ends attempts that nobody works on any more: those that were due by `due`. That is the
    /// present, or, before a process that owns the store alone takes its first request,
    /// [`Timestamp::MAX`].
    ///
    /// # Errors
    ///
    /// A [`Fault`] if they cannot be listed; the next call goes on.
    pub async fn recover(&self, due: Timestamp) -> Result<Worked, Fault> {
        let recovered = self.recovery.round(due).await?;
        Ok(Worked {
            resumed: recovered.confirmed + recovered.refused + recovered.failed,
            ..Worked::default()
        })
    }
}
