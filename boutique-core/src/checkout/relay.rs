//! The relay: publishes what waits in the outbox.

use std::sync::Arc;
use std::time::Duration;

use super::{CheckoutStore, OutboxRecord};
use crate::broker::{Publish, TopicId};
use crate::clock::Clock;
use crate::event::REFUSED_TYPE;
use crate::fault::Fault;

/// Publishes events under leases, so that several relays share one outbox. Only the broker's
/// acknowledgement ends a record: an event is published at least once.
pub struct Relay {
    /// The outbox.
    pub store: Arc<dyn CheckoutStore>,
    /// Where to publish.
    pub broker: Arc<dyn Publish>,
    /// The topic of confirmed orders.
    pub topic: TopicId,
    /// The topic of refused ones.
    pub refusals: TopicId,
    /// The present, which leases are counted from.
    pub clock: Arc<dyn Clock>,
    /// How long a record is leased. Longer than the broker takes to answer.
    pub lease: Duration,
}

/// What one round of the relay did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relayed {
    /// Events published.
    pub published: usize,
}

impl Relay {
    /// Publishes up to `max` events, those of one topic in one batch.
    ///
    /// # Errors
    ///
    /// A [`Fault`] of the outbox or the broker. Records that are not known to be published are
    /// published again, at the latest when their lease runs out.
    pub async fn round(&self, max: usize) -> Result<Relayed, Fault> {
        let records = self
            .store
            .lease_outbox(max, self.clock.now(), self.lease)
            .await?;
        let refused = |it: &OutboxRecord| {
            let of = it.message.attributes.get("ce-type");
            of.is_some_and(|it| it == REFUSED_TYPE)
        };
        let (refused, confirmed): (Vec<_>, Vec<_>) = records.into_iter().partition(refused);
        // What cannot be told of refusals keeps no confirmed order back, nor the other way round.
        let confirmed = self.publish(&self.topic, confirmed).await;
        let refused = self.publish(&self.refusals, refused).await;
        Ok(Relayed {
            published: confirmed? + refused?,
        })
    }

    async fn publish(&self, topic: &TopicId, records: Vec<OutboxRecord>) -> Result<usize, Fault> {
        if records.is_empty() {
            return Ok(0);
        }
        let (seqs, messages): (Vec<_>, Vec<_>) =
            records.into_iter().map(|it| (it.seq, it.message)).unzip();
        let published = seqs.len();
        if planted!(RelayMarksFirst) {
            self.store.published(seqs.clone()).await?;
        }
        match self.broker.publish(topic, messages).await {
            Ok(_) => {
                self.store.published(seqs).await?;
                Ok(published)
            }
            Err(error) => {
                // If this fails too, the lease runs out.
                drop(self.store.return_leases(seqs).await);
                Err(error.into_fault("the broker refuses the event"))
            }
        }
    }
}
