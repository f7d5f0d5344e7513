//! Publishing.

use std::time::Duration;

use async_trait::async_trait;
use boutique_core::broker::{BrokerError, BrokerRejection, Message, Publish, TopicId};
use boutique_core::fault::{Fault, FaultKind, PortError};
use futures_util::future::join_all;
use google_cloud_gax::error::rpc::Code;
use google_cloud_gax::retry_policy::RetryPolicyExt;
use google_cloud_pubsub::builder::publisher::BasePublisherBuilder;
use google_cloud_pubsub::client::BasePublisher;
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
    /// The most messages in one request, 1 to 1,000. Google's client sends each ordering key's
    /// in requests of their own, so this bounds those of one key, and those without any.
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
///
/// A call makes one request for each of its ordering keys, all at a time: what is published of
/// many orders is as many requests.
pub struct PubSubPublisher {
    pubsub: PubSub,
    base: BasePublisher,
    batch: u32,
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
        })
    }
}

#[async_trait]
impl Publish for PubSubPublisher {
    /// # Errors
    ///
    /// [`BrokerRejection::UnknownTopic`], or a fault: unavailable if nothing was taken, ambiguous
    /// if part of it was or may have been. Keys that failed can be published to again. Dropped
    /// before it answers, it may go on for [`Publishing::time`].
    async fn publish(
        &self,
        topic: &TopicId,
        messages: Vec<Message>,
    ) -> Result<Vec<u64>, BrokerError> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        // One for this call: the client keeps a task for every ordering key it has ever seen, and
        // what it has paused, for as long as there is a publisher. The connections are the base's.
        let publisher = self.base.publisher(self.pubsub.topic(topic));
        let publisher = publisher.set_message_count_threshold(self.batch).build();
        // In the client's hands in this order, before any of them is waited for.
        let taken: Vec<_> = messages
            .iter()
            .map(|it| publisher.publish(outgoing(it)))
            .collect();
        // Nothing more will come: it sends what it has instead of waiting for company, and ends.
        drop(publisher);
        let answers = join_all(taken).await;
        let mut ids = Vec::with_capacity(answers.len());
        let mut failure = None;
        for answer in answers {
            match answer {
                Ok(id) => ids.push(number(&id)),
                Err(error) => {
                    // Those behind a failure are only held up by it.
                    if failure.is_none() || !matches!(error, PublishError::OrderingKeyPaused) {
                        failure = Some(error);
                    }
                }
            }
        }
        match failure {
            None => Ok(ids),
            Some(failure) => Err(refused(topic, failure, !ids.is_empty())),
        }
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
