//! The relay: publishes what waits in the outbox.

use std::sync::Arc;
use std::time::Duration;

use super::{CheckoutStore, Told};
use crate::broker::{Publish, TopicId};
use crate::clock::Clock;
use crate::fault::Fault;

/// Publishes events of one kind under leases, so that several relays share one outbox. Only the
/// broker's acknowledgement ends a record: an event is published at least once.
pub struct Relay {
    /// The outbox.
    pub store: Arc<dyn CheckoutStore>,
    /// Where to publish.
    pub broker: Arc<dyn Publish>,
    /// Which events. Each kind has a relay of its own: what cannot be told of one keeps nothing of
    /// the other back.
    pub what: Told,
    /// Their topic.
    pub topic: TopicId,
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
    /// Publishes up to `max` events in one batch.
    ///
    /// # Errors
    ///
    /// A [`Fault`] of the outbox or the broker. Records that are not known to be published are
    /// published again, at the latest when their lease runs out.
    pub async fn round(&self, max: usize) -> Result<Relayed, Fault> {
        let now = self.clock.now();
        let leased = self.store.lease_outbox(self.what, max, now, self.lease);
        let records = leased.await?;
        if records.is_empty() {
            return Ok(Relayed::default());
        }
        let (seqs, messages): (Vec<_>, Vec<_>) =
            records.into_iter().map(|it| (it.seq, it.message)).unzip();
        let published = seqs.len();
        if planted!(RelayMarksFirst) {
            self.store.published(seqs.clone()).await?;
        }
        match self.broker.publish(&self.topic, messages).await {
            Ok(_) => {
                self.store.published(seqs).await?;
                Ok(Relayed { published })
            }
            Err(error) => {
                // If this fails too, the lease runs out.
                drop(self.store.return_leases(seqs).await);
                Err(error.into_fault("the broker refuses the event"))
            }
        }
    }
}
