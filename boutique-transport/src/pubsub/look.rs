//! Whether topics and subscriptions are there.

use std::fmt;
use std::time::Duration;

use boutique_core::broker::{SubscriptionId, TopicId};
use boutique_core::fault::Fault;
use google_cloud_gax::error::Error;
use google_cloud_gax::error::rpc::Code;
use google_cloud_gax::options::RequestOptionsBuilder;
use google_cloud_gax::retry_policy::RetryPolicyExt;
use google_cloud_pubsub::client::{SubscriptionAdmin, TopicAdmin};
use google_cloud_pubsub::retry_policy::RetryableErrors;

use super::fault::{code, fault};
use super::{ConnectError, PubSub};

/// How long one look may take.
const LOOK_TIME: Duration = Duration::from_secs(5);

/// Looks whether topics and subscriptions of a project are there, and changes nothing.
#[derive(Clone)]
pub struct Lookout {
    pubsub: PubSub,
    topics: TopicAdmin,
    subscriptions: SubscriptionAdmin,
}

impl fmt::Debug for Lookout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lookout").field(&self.pubsub).finish()
    }
}

impl Lookout {
    /// Looks at `pubsub`. One is made once and asked often: its clients keep their connections.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Client`].
    pub async fn new(pubsub: &PubSub) -> Result<Self, ConnectError> {
        let mut topics = TopicAdmin::builder().with_credentials(pubsub.credentials.clone());
        let mut subscriptions =
            SubscriptionAdmin::builder().with_credentials(pubsub.credentials.clone());
        if let Some(endpoint) = &pubsub.endpoint {
            topics = topics.with_endpoint(endpoint.as_ref());
            subscriptions = subscriptions.with_endpoint(endpoint.as_ref());
        }
        Ok(Self {
            pubsub: pubsub.clone(),
            topics: topics.build().await.map_err(ConnectError::Client)?,
            subscriptions: subscriptions.build().await.map_err(ConnectError::Client)?,
        })
    }

    /// Whether there is such a topic. Whoever may publish may not always look: where looking is
    /// forbidden, the topic is taken to be there.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if nobody says so within 5 s.
    pub async fn has_topic(&self, topic: &TopicId) -> Result<bool, Fault> {
        let request = self.topics.get_topic().set_topic(self.pubsub.topic(topic));
        let request = request.with_retry_policy(RetryableErrors.with_time_limit(LOOK_TIME));
        seen(request.send().await)
    }

    /// The same of a subscription.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if nobody says so within 5 s.
    pub async fn has_subscription(&self, subscription: &SubscriptionId) -> Result<bool, Fault> {
        let name = self.pubsub.subscription(subscription);
        let request = self.subscriptions.get_subscription().set_subscription(name);
        let request = request.with_retry_policy(RetryableErrors.with_time_limit(LOOK_TIME));
        seen(request.send().await)
    }
}

fn seen<T>(answer: Result<T, Error>) -> Result<bool, Fault> {
    match answer {
        Ok(_) => Ok(true),
        Err(error) => match code(&error) {
            Some(Code::NotFound) => Ok(false),
            Some(Code::PermissionDenied) => Ok(true),
            _ => Err(fault("Pub/Sub does not answer", error)),
        },
    }
}
