//! A broker in memory.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::queue::{Dead, Queue};
use super::{AckId, Backlog, Broker, BrokerError, BrokerRejection, Delivery, Message, Publish};
use super::{SubscriptionConfig, SubscriptionId, TopicId};
use crate::clock::{Clock, Timestamp};
use crate::fault::PortError;

/// Keeps topics and subscriptions in memory, for tests and for one process that may forget.
pub struct MemoryBroker {
    clock: Arc<dyn Clock>,
    desk: Mutex<Desk>,
}

#[derive(Debug, Default)]
struct Desk {
    topics: BTreeMap<TopicId, Vec<SubscriptionId>>,
    queues: BTreeMap<SubscriptionId, Queue>,
    published: u64,
}

impl fmt::Debug for MemoryBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBroker").finish_non_exhaustive()
    }
}

impl MemoryBroker {
    /// A broker without topics that takes its time from `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            desk: Mutex::default(),
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with a subscription, after leases that have run out are ended.
    fn on<T>(
        &self,
        subscription: &SubscriptionId,
        act: impl FnOnce(&mut Queue, Timestamp) -> (T, Vec<Dead>),
    ) -> Result<T, BrokerError> {
        let mut desk = self.desk();
        // Under the lock, so that time does not run backwards from one call to the next.
        let now = self.clock.now();
        let Some(queue) = desk.queues.get_mut(subscription) else {
            let unknown = BrokerRejection::UnknownSubscription(subscription.clone());
            return Err(PortError::Rejected(unknown));
        };
        let mut dead = queue.lapse(now);
        let (answer, rejected) = act(queue, now);
        dead.extend(rejected);
        if !dead.is_empty() {
            desk.bury(subscription, &dead, now);
        }
        Ok(answer)
    }
}

impl Desk {
    fn publish(&mut self, topic: &TopicId, message: &Arc<Message>, now: Timestamp) -> Option<u64> {
        let subscriptions = self.topics.get(topic)?;
        self.published += 1;
        for subscription in subscriptions {
            if let Some(queue) = self.queues.get_mut(subscription) {
                queue.push(self.published, message, now);
            }
        }
        Some(self.published)
    }

    fn bury(&mut self, subscription: &SubscriptionId, dead: &[Dead], now: Timestamp) {
        let policy = self
            .queues
            .get(subscription)
            .map(|it| &it.config.dead_letter);
        let Some(policy) = policy.cloned().flatten() else {
            return;
        };
        if planted!(DeadLetterDropped) {
            return;
        }
        for it in dead {
            let letter = Arc::new(it.message.dead(subscription, it.attempts));
            // The topic was there when the subscription was created, and topics stay.
            self.publish(&policy.topic, &letter, now);
        }
    }
}

#[async_trait]
impl Publish for MemoryBroker {
    async fn publish(
        &self,
        topic: &TopicId,
        messages: Vec<Message>,
    ) -> Result<Vec<u64>, BrokerError> {
        let messages: Vec<_> = messages.into_iter().map(Arc::new).collect();
        let mut desk = self.desk();
        let now = self.clock.now();
        if !desk.topics.contains_key(topic) {
            let unknown = BrokerRejection::UnknownTopic(topic.clone());
            return Err(PortError::Rejected(unknown));
        }
        let publish = |it| desk.publish(topic, it, now);
        Ok(messages.iter().filter_map(publish).collect())
    }
}

#[async_trait]
impl Broker for MemoryBroker {
    async fn create_topic(&self, topic: &TopicId) -> Result<(), BrokerError> {
        self.desk().topics.entry(topic.clone()).or_default();
        Ok(())
    }

    async fn create_subscription(
        &self,
        subscription: &SubscriptionId,
        config: SubscriptionConfig,
    ) -> Result<(), BrokerError> {
        config.check().map_err(PortError::Rejected)?;
        let mut desk = self.desk();
        let Desk { topics, queues, .. } = &mut *desk;
        let dead_letter = config.dead_letter.as_ref().map(|it| &it.topic);
        for topic in dead_letter.into_iter().chain([&config.topic]) {
            if !topics.contains_key(topic) {
                let unknown = BrokerRejection::UnknownTopic(topic.clone());
                return Err(PortError::Rejected(unknown));
            }
        }
        match queues.entry(subscription.clone()) {
            Entry::Occupied(known) if known.get().config == config => {}
            Entry::Occupied(known) => {
                let conflict = BrokerRejection::Conflict(known.key().clone());
                return Err(PortError::Rejected(conflict));
            }
            Entry::Vacant(place) => {
                let subscriptions = topics.entry(config.topic.clone()).or_default();
                subscriptions.push(subscription.clone());
                place.insert(Queue::new(config));
            }
        }
        Ok(())
    }

    async fn pull(
        &self,
        subscription: &SubscriptionId,
        max: usize,
    ) -> Result<Vec<Delivery>, BrokerError> {
        self.on(subscription, |queue, now| {
            (queue.pull(max, now), Vec::new())
        })
    }

    async fn acknowledge(
        &self,
        subscription: &SubscriptionId,
        deliveries: Vec<AckId>,
    ) -> Result<(), BrokerError> {
        let mut desk = self.desk();
        // Leases are not ended first: an acknowledgement counts until the next lease.
        let Some(queue) = desk.queues.get_mut(subscription) else {
            let unknown = BrokerRejection::UnknownSubscription(subscription.clone());
            return Err(PortError::Rejected(unknown));
        };
        for ack_id in deliveries {
            queue.acknowledge(ack_id);
        }
        Ok(())
    }

    async fn reject(
        &self,
        subscription: &SubscriptionId,
        deliveries: Vec<AckId>,
    ) -> Result<(), BrokerError> {
        self.on(subscription, |queue, now| {
            let reject = |it| queue.reject(it, now);
            ((), deliveries.into_iter().filter_map(reject).collect())
        })
    }

    async fn return_unsent(
        &self,
        subscription: &SubscriptionId,
        deliveries: Vec<AckId>,
    ) -> Result<(), BrokerError> {
        self.on(subscription, |queue, now| {
            for ack_id in deliveries {
                queue.return_unsent(ack_id, now);
            }
            ((), Vec::new())
        })
    }

    async fn extend(
        &self,
        subscription: &SubscriptionId,
        deliveries: Vec<AckId>,
        by: Duration,
    ) -> Result<(), BrokerError> {
        self.on(subscription, |queue, now| {
            for ack_id in deliveries {
                queue.extend(ack_id, by, now);
            }
            ((), Vec::new())
        })
    }

    async fn backlog(&self, subscription: &SubscriptionId) -> Result<Backlog, BrokerError> {
        self.on(subscription, |queue, _| (queue.backlog(), Vec::new()))
    }

    async fn next_due(
        &self,
        subscription: &SubscriptionId,
    ) -> Result<Option<Timestamp>, BrokerError> {
        self.on(subscription, |queue, _| (queue.next_due(), Vec::new()))
    }
}
