//! Publishing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use boutique_core::broker::{BrokerError, BrokerRejection, Message, Publish, TopicId};
use boutique_core::fault::{Fault, FaultKind, PortError};
use futures_util::future::join_all;
use google_cloud_gax::error::rpc::Code;
use google_cloud_gax::retry_policy::RetryPolicyExt;
use google_cloud_pubsub::builder::publisher::BasePublisherBuilder;
use google_cloud_pubsub::client::{BasePublisher, Publisher};
use google_cloud_pubsub::error::PublishError;
use google_cloud_pubsub::retry_policy::RetryableErrors;

use super::fault;
use super::message::{number, outgoing};
use super::{ConnectError, PubSub};

/// How messages are handed in.
#[derive(Clone, Copy, Debug)]
pub struct Publishing {
    /// How long one call may go on trying. Shorter than the lease of whoever calls, or another
    /// relay publishes the same in the meantime.
    pub time: Duration,
    /// The most messages in one request, 1 to 1,000.
    pub batch: u32,
    /// Connections; a connection carries some hundred requests at a time.
    pub connections: usize,
}

impl Default for Publishing {
    /// 10 s, 500 messages, one connection.
    fn default() -> Self {
        Self {
            time: Duration::from_secs(10),
            batch: 500,
            connections: 1,
        }
    }
}

/// Hands messages to Pub/Sub, in the order of each ordering key.
pub struct PubSubPublisher {
    pubsub: PubSub,
    base: BasePublisher,
    batch: u32,
    topics: Mutex<BTreeMap<TopicId, Publisher>>,
}

impl PubSubPublisher {
    /// Publishes to topics of `pubsub`, which exist.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Client`]. That nobody is there shows when something is published.
    pub async fn new(pubsub: &PubSub, how: Publishing) -> Result<Self, ConnectError> {
        let mut builder: BasePublisherBuilder = BasePublisher::builder()
            .with_credentials(pubsub.credentials.clone())
            // The client's own limit is ten minutes.
            .with_retry_policy(RetryableErrors.with_time_limit(how.time))
            .with_grpc_subchannel_count(how.connections.max(1));
        if let Some(endpoint) = &pubsub.endpoint {
            builder = builder.with_endpoint(endpoint.as_ref());
        }
        Ok(Self {
            pubsub: pubsub.clone(),
            base: builder.build().await.map_err(ConnectError::Client)?,
            batch: how.batch.clamp(1, 1_000),
            topics: Mutex::default(),
        })
    }

    fn topic(&self, topic: &TopicId) -> Publisher {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let publisher = self.base.publisher(self.pubsub.topic(topic));
            publisher.set_message_count_threshold(self.batch).build()
        };
        let found = topics.entry(topic.clone());
        found.or_insert_with(make).clone()
    }
}

#[async_trait]
impl Publish for PubSubPublisher {
    /// # Errors
    ///
    /// [`BrokerRejection::UnknownTopic`], or a fault: unavailable if nothing was taken, ambiguous
    /// if part of it was or may have been. Keys that failed can be published to again.
    async fn publish(
        &self,
        topic: &TopicId,
        messages: Vec<Message>,
    ) -> Result<Vec<u64>, BrokerError> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let publisher = self.topic(topic);
        // In the client's hands in this order, before any of them is waited for.
        let taken: Vec<_> = messages
            .iter()
            .map(|it| publisher.publish(outgoing(it)))
            .collect();
        // They are all there is for now: nothing is gained by waiting for company.
        let (answers, ()) = tokio::join!(join_all(taken), publisher.flush());
        let mut ids = Vec::with_capacity(answers.len());
        let mut failure = None;
        let mut keys = BTreeSet::new();
        for (answer, message) in answers.into_iter().zip(&messages) {
            match answer {
                Ok(id) => ids.push(number(&id)),
                Err(error) => {
                    keys.extend(message.ordering_key.clone());
                    // Those behind a failure are only held up by it.
                    if failure.is_none() || !matches!(error, PublishError::OrderingKeyPaused) {
                        failure = Some(error);
                    }
                }
            }
        }
        let Some(failure) = failure else {
            return Ok(ids);
        };
        for key in keys {
            publisher.resume_publish(key.as_ref());
        }
        Err(refused(topic, failure, !ids.is_empty()))
    }
}

/// `failure` as the port says it; `some` of the messages were taken all the same.
fn refused(topic: &TopicId, failure: PublishError, some: bool) -> BrokerError {
    const CONTEXT: &str = "Pub/Sub did not take the messages";
    let (kind, cause) = match failure {
        PublishError::Rpc(error) => {
            if fault::code(&error) == Some(Code::NotFound) {
                return PortError::Rejected(BrokerRejection::UnknownTopic(topic.clone()));
            }
            (fault::kind(&error), PublishError::Rpc(error))
        }
        other => (FaultKind::Unavailable, other),
    };
    let kind = match kind {
        FaultKind::Unavailable if some => FaultKind::Ambiguous,
        kind => kind,
    };
    PortError::Fault(Fault::new(kind, CONTEXT).because(cause))
}
