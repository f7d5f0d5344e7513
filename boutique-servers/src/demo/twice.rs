//! A broker that publishes twice, as any broker may deliver.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use boutique_core::broker::{
    AckId, Backlog, Broker, BrokerError, Delivery, Message, Publish, SubscriptionConfig,
    SubscriptionId, TopicId,
};
use boutique_core::clock::Timestamp;

/// Passes everything on, and publishes every third message a second time.
pub(super) struct PublishTwice {
    inner: Arc<dyn Broker>,
    published: AtomicU64,
    repeated: AtomicU64,
}

impl PublishTwice {
    pub(super) fn new(inner: Arc<dyn Broker>) -> Self {
        Self {
            inner,
            published: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
        }
    }

    /// Messages that were published a second time.
    pub(super) fn repeated(&self) -> u64 {
        self.repeated.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Publish for PublishTwice {
    async fn publish(
        &self,
        topic: &TopicId,
        messages: Vec<Message>,
    ) -> Result<Vec<u64>, BrokerError> {
        let number = || self.published.fetch_add(1, Ordering::Relaxed);
        let third = |_: &&Message| number().is_multiple_of(3);
        let again: Vec<Message> = messages.iter().filter(third).cloned().collect();
        let numbers = self.inner.publish(topic, messages).await?;
        let repeated = again.len() as u64;
        if repeated > 0 {
            self.inner.publish(topic, again).await?;
            self.repeated.fetch_add(repeated, Ordering::Relaxed);
        }
        Ok(numbers)
    }
}

#[async_trait]
impl Broker for PublishTwice {
    async fn create_topic(&self, topic: &TopicId) -> Result<(), BrokerError> {
        self.inner.create_topic(topic).await
    }

    async fn create_subscription(
        &self,
        subscription: &SubscriptionId,
        config: SubscriptionConfig,
    ) -> Result<(), BrokerError> {
        self.inner.create_subscription(subscription, config).await
    }

    async fn pull(
        &self,
        subscription: &SubscriptionId,
        max: usize,
    ) -> Result<Vec<Delivery>, BrokerError> {
        self.inner.pull(subscription, max).await
    }

    async fn acknowledge(
        &self,
        subscription: &SubscriptionId,
        deliveries: Vec<AckId>,
    ) -> Result<(), BrokerError> {
        self.inner.acknowledge(subscription, deliveries).await
    }

    async fn reject(
        &self,
        subscription: &SubscriptionId,
        deliveries: Vec<AckId>,
    ) -> Result<(), BrokerError> {
        self.inner.reject(subscription, deliveries).await
    }

    async fn return_unsent(
        &self,
        subscription: &SubscriptionId,
        deliveries: Vec<AckId>,
    ) -> Result<(), BrokerError> {
        self.inner.return_unsent(subscription, deliveries).await
    }

    async fn extend(
        &self,
        subscription: &SubscriptionId,
        deliveries: Vec<AckId>,
        by: Duration,
    ) -> Result<(), BrokerError> {
        self.inner.extend(subscription, deliveries, by).await
    }

    async fn backlog(&self, subscription: &SubscriptionId) -> Result<Backlog, BrokerError> {
        self.inner.backlog(subscription).await
    }

    async fn next_due(
        &self,
        subscription: &SubscriptionId,
    ) -> Result<Option<Timestamp>, BrokerError> {
        self.inner.next_due(subscription).await
    }
}
