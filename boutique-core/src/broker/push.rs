//! Push: a subscription's messages sent to a service.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::{AckId, Broker, BrokerError, Delivery, SubscriptionId};
use crate::fault::{Fault, FaultKind};
use crate::flow::Ask;

/// A delivery on its way to a service. `Ok` acknowledges it, a fault gives it back: uncounted if
/// it is [`FaultKind::Unavailable`], which says that nothing happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// The subscription it comes from.
    pub subscription: SubscriptionId,
    /// The delivery.
    pub delivery: Delivery,
}

/// What one round of a pump did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pumped {
    /// Messages that were leased and pushed.
    pub delivered: usize,
    /// Those that the service took.
    pub acknowledged: usize,
    /// Those that it did not take; they come again.
    pub rejected: usize,
}

/// What became of one push.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Taken,
    Refused,
    Unsent,
}

impl Outcome {
    fn of(answer: &Result<(), Fault>) -> Self {
        match answer {
            Ok(()) => Self::Taken,
            Err(fault) if fault.kind() == FaultKind::Unavailable => Self::Unsent,
            Err(_) => Self::Refused,
        }
    }
}

/// Pulls messages and pushes them into a service.
///
/// It does not wait: whoever drives it calls [`PushPump::pump`] again when
/// [`Broker::next_due`] says so. Dropping it at any moment is harmless: leases run out.
#[derive(Clone)]
pub struct PushPump<S> {
    /// Where messages come from.
    pub broker: Arc<dyn Broker>,
    /// The subscription.
    pub subscription: SubscriptionId,
    /// Where they go.
    pub service: S,
    /// The most messages that are in the service at a time; at least one is.
    pub in_flight: usize,
}

impl<S> PushPump<S>
where
    S: Ask<Push, Response = (), Error = Fault>,
{
    /// Leases up to `max` messages that are due, pushes them, and acknowledges those that the
    /// service took in one call and gives those back that it did not in others.
    ///
    /// Where the service was away or had no room ([`FaultKind::Unavailable`]), the delivery does
    /// not count towards the dead-letter topic, so that no outage, however long, makes dead
    /// letters. A service says so of itself, never of one message that it cannot take.
    ///
    /// # Errors
    ///
    /// Those of the broker. Messages that were leased then come again when their leases run
    /// out, whether the service took them or not.
    pub async fn pump(&self, max: usize) -> Result<Pumped, BrokerError> {
        let deliveries = self.broker.pull(&self.subscription, max).await?;
        let delivered = deliveries.len();
        let mut outcomes = vec![Outcome::Refused; delivered];
        let ack_ids: Vec<AckId> = deliveries.iter().map(|it| it.ack_id).collect();

        let mut waiting = deliveries.into_iter().enumerate();
        let push = |(at, delivery)| async move {
            let push = Push {
                subscription: self.subscription.clone(),
                delivery,
            };
            (at, Outcome::of(&self.service.ask(push).await))
        };
        let first = waiting.by_ref().take(self.in_flight.max(1));
        let mut pushes: FuturesUnordered<_> = first.map(push).collect();
        while let Some((at, outcome)) = pushes.next().await {
            outcomes[at] = outcome;
            pushes.extend(waiting.next().map(push));
        }

        let select = |outcome: Outcome| -> Vec<AckId> {
            let chosen = ack_ids.iter().zip(&outcomes);
            chosen
                .filter(|it| *it.1 == outcome)
                .map(|it| *it.0)
                .collect()
        };
        let taken = select(Outcome::Taken);
        let (refused, unsent) = (select(Outcome::Refused), select(Outcome::Unsent));
        let pumped = Pumped {
            delivered,
            acknowledged: taken.len(),
            rejected: refused.len() + unsent.len(),
        };
        let mut outcome = Ok(());
        if !taken.is_empty() {
            outcome = self.broker.acknowledge(&self.subscription, taken).await;
        }
        if !refused.is_empty() {
            let rejected = self.broker.reject(&self.subscription, refused).await;
            outcome = outcome.and(rejected);
        }
        if !unsent.is_empty() {
            let returned = self.broker.return_unsent(&self.subscription, unsent).await;
            outcome = outcome.and(returned);
        }
        outcome.map(|()| pumped)
    }
}
