//! The event broker: a port with the semantics of Google Cloud Pub/Sub.
//!
//! A message is delivered at least once to every subscription of its topic: it is leased to a
//! subscriber for the ack deadline and comes back, after a back-off that doubles, unless it is
//! acknowledged in time. Messages with one ordering key are delivered one after the other.
//! After a stated number of attempts a message moves to the dead-letter topic; a delivery that
//! never reached the subscriber is none of them, so that an outage makes no dead letters.

mod book;
#[cfg(test)]
mod deliveries;
mod memory;
mod push;
mod queue;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use book::{DeliveryRow, Fate, SOURCE_ATTEMPTS, SOURCE_SUBSCRIPTION, next_backoff};
pub use memory::MemoryBroker;
pub use push::{Pumped, Push, PushPump};

use crate::clock::Timestamp;
use crate::fault::PortError;

/// Names a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TopicId(pub Arc<str>);

/// Names a subscription.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SubscriptionId(pub Arc<str>);

impl From<&str> for TopicId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<&str> for SubscriptionId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What a message says besides its data, shared by everybody who keeps it.
pub type Attributes = Arc<BTreeMap<String, String>>;

/// What is published.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The data, for our topics a JSON text. It may be personal: `Debug` prints its length.
    pub data: Arc<str>,
    /// Attributes; their values may be personal as well.
    pub attributes: Attributes,
    /// Messages with one key are delivered in the order they were published.
    pub ordering_key: Option<Arc<str>>,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("bytes", &self.data.len())
            .field("attributes", &self.attributes.keys().collect::<Vec<_>>())
            .field("ordering_key", &self.ordering_key)
            .finish()
    }
}

/// One delivery of a message to one subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Acknowledges this delivery and no other.
    pub ack_id: AckId,
    /// The broker's number for the message, one per topic and publish.
    pub message_id: u64,
    /// When it was published.
    pub published_at: Timestamp,
    /// 1 for the first delivery.
    pub attempt: u32,
    /// What was published.
    pub message: Arc<Message>,
}

/// Names one delivery: a message that is delivered again gets another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AckId {
    /// The message.
    pub message_id: u64,
    /// The attempt.
    pub attempt: u32,
}

/// How a subscription delivers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionConfig {
    /// The topic.
    pub topic: TopicId,
    /// How long a delivery may take before the message is delivered again.
    pub ack_deadline: Duration,
    /// Back-off after the first failed delivery; doubles with each further one.
    pub backoff_min: Duration,
    /// Ceiling of the back-off.
    pub backoff_max: Duration,
    /// Deliver one message of an ordering key at a time, in order.
    pub ordered: bool,
    /// Where a message goes that was not acknowledged.
    pub dead_letter: Option<DeadLetterPolicy>,
}

impl SubscriptionConfig {
    /// 10 s to acknowledge, back-off from 100 ms to 60 s, ordered, no dead-letter topic.
    pub fn new(topic: TopicId) -> Self {
        Self {
            topic,
            ack_deadline: Duration::from_secs(10),
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(60),
            ordered: true,
            dead_letter: None,
        }
    }
}

/// Where a message goes that was not acknowledged, and after how many deliveries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterPolicy {
    /// The dead-letter topic. The message keeps its data, attributes and ordering key and gets
    /// `CloudPubSubDeadLetterSourceSubscription` and `CloudPubSubDeadLetterSourceDeliveryCount`.
    pub topic: TopicId,
    /// Deliveries before that, 5 to 100, without those that never reached the subscriber.
    pub max_attempts: u32,
}

/// What a subscription still has to deliver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Messages neither acknowledged nor moved to the dead-letter topic.
    pub messages: u64,
    /// Those of them that are leased at present.
    pub leased: u64,
    /// When the oldest was published.
    pub oldest: Option<Timestamp>,
}

/// An answer of the broker that is not yes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokerRejection {
    /// No such topic.
    #[error("there is no topic {0}: create it first")]
    UnknownTopic(TopicId),
    /// No such subscription.
    #[error("there is no subscription {0}: create it first")]
    UnknownSubscription(SubscriptionId),
    /// The subscription exists with another configuration.
    #[error("subscription {0} exists with another configuration")]
    Conflict(SubscriptionId),
    /// Fewer than 5 or more than 100 attempts.
    #[error("max_attempts must be 5 to 100, not {0}")]
    Attempts(u32),
}

/// Why the broker does not do what it is asked.
pub type BrokerError = PortError<BrokerRejection>;

/// Where messages are handed in.
#[async_trait]
pub trait Publish: Send + Sync + 'static {
    /// Publishes all messages or, on an error, none (or, if ambiguous, perhaps some or all). The
    /// broker's numbers for them, in their order.
    async fn publish(
        &self,
        topic: &TopicId,
        messages: Vec<Message>,
    ) -> Result<Vec<u64>, BrokerError>;
}

/// Who delivers what a system publishes.
#[derive(Clone)]
pub enum Deliveries {
    /// The system itself, out of this broker. It creates its topics and subscriptions.
    Own(Arc<dyn Broker>),
    /// Whoever is behind this publisher, such as a managed service that pushes by itself; its
    /// topics and subscriptions exist.
    Managed(Arc<dyn Publish>),
}

impl Deliveries {
    /// Where to publish.
    pub fn publisher(&self) -> Arc<dyn Publish> {
        match self {
            Self::Own(broker) => Arc::<dyn Broker>::clone(broker),
            Self::Managed(publisher) => Arc::clone(publisher),
        }
    }

    /// The broker, if the system delivers by itself.
    pub const fn own(&self) -> Option<&Arc<dyn Broker>> {
        match self {
            Self::Own(broker) => Some(broker),
            Self::Managed(_) => None,
        }
    }
}

impl From<Arc<dyn Broker>> for Deliveries {
    fn from(broker: Arc<dyn Broker>) -> Self {
        Self::Own(broker)
    }
}

/// At-least-once delivery of messages to subscriptions.
///
/// The broker takes its time from its own clock, one timestamp per call.
#[async_trait]
pub trait Broker: Publish {
    /// Creates a topic; fine if it exists.
    async fn create_topic(&self, topic: &TopicId) -> Result<(), BrokerError>;

    /// Creates a subscription, which gets what is published from now on; fine if it exists
    /// with the same configuration.
    async fn create_subscription(
        &self,
        subscription: &SubscriptionId,
        config: SubscriptionConfig,
    ) -> Result<(), BrokerError>;

    /// Leases up to `max` messages that are due, oldest first.
    async fn pull(
        &self,
        subscription: &SubscriptionId,
        max: usize,
    ) -> Result<Vec<Delivery>, BrokerError>;

    /// Ends the messages of these deliveries. A delivery whose lease has run out and that was
    /// leased again since is ignored.
    async fn acknowledge(
        &self,
        subscription: &SubscriptionId,
        deliveries: Vec<AckId>,
    ) -> Result<(), BrokerError>;

    /// Gives deliveries back: each is due again after its back-off, or dead.
    async fn reject(
        &self,
        subscription: &SubscriptionId,
        deliveries: Vec<AckId>,
    ) -> Result<(), BrokerError>;

    /// Gives deliveries back that nobody got to see: each is due again after its back-off, which
    /// grows as after a rejection, and does not count towards the dead-letter topic.
    async fn return_unsent(
        &self,
        subscription: &SubscriptionId,
        deliveries: Vec<AckId>,
    ) -> Result<(), BrokerError>;

    /// Lets the leases of these deliveries end `by` from now.
    async fn extend(
        &self,
        subscription: &SubscriptionId,
        deliveries: Vec<AckId>,
        by: Duration,
    ) -> Result<(), BrokerError>;

    /// What the subscription still has to deliver.
    async fn backlog(&self, subscription: &SubscriptionId) -> Result<Backlog, BrokerError>;

    /// When the earliest message of the subscription is due that is not leased now, or a lease
    /// runs out; `None` if there is nothing to wait for.
    async fn next_due(
        &self,
        subscription: &SubscriptionId,
    ) -> Result<Option<Timestamp>, BrokerError>;
}
