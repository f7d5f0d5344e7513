//! Topics and subscriptions.

use std::time::Duration;

use boutique_core::broker::{
    BrokerError, BrokerRejection, SubscriptionConfig, SubscriptionId, TopicId,
};
use boutique_core::fault::PortError;
use google_cloud_gax::error::Error;
use google_cloud_gax::error::rpc::Code;
use google_cloud_gax::options::RequestOptionsBuilder;
use google_cloud_gax::retry_policy::RetryPolicyExt;
use google_cloud_pubsub::client::{SubscriptionAdmin, TopicAdmin};
use google_cloud_pubsub::model::{DeadLetterPolicy, RetryPolicy, Subscription};
use google_cloud_pubsub::retry_policy::RetryableErrors;

use super::fault::{code, fault};
use super::settings::{Field, FieldDifference, SubscriptionSettings, whole, wkt_duration};
use super::{ConnectError, PubSub};

/// How long one administrative request may go on trying.
const ADMIN_TIME: Duration = Duration::from_secs(20);

/// A subscription as it shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionPlan {
    /// What every broker of ours knows of it. Times are whole seconds here: the acknowledgement
    /// deadline 10 to 600, the back-off up to 600; without any a message comes again at once.
    pub config: SubscriptionConfig,
    /// Where it is pushed to; pulled, if none.
    pub push: Option<PushTo>,
    /// Whether an acknowledgement is confirmed. Only for what is pulled.
    pub exactly_once: bool,
}

/// Where a subscription is pushed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushTo {
    /// The address.
    pub endpoint: String,
    /// The service account whose tokens the pushes carry; none without.
    pub service_account: Option<String>,
    /// Whom the tokens are for; the address, if none.
    pub audience: Option<String>,
}

impl PubSub {
    /// Creates a topic; fine if it exists.
    ///
    /// # Errors
    ///
    /// A fault; it may be called again.
    pub async fn create_topic(&self, topic: &TopicId) -> Result<(), BrokerError> {
        let mut builder = TopicAdmin::builder().with_credentials(self.credentials.clone());
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint.as_ref());
        }
        let admin = builder.build().await.map_err(unmade)?;
        let request = admin.create_topic().set_name(self.topic(topic));
        match request.with_retry_policy(retry()).send().await {
            Ok(_) => Ok(()),
            Err(error) if code(&error) == Some(Code::AlreadyExists) => Ok(()),
            Err(error) => Err(PortError::Fault(fault("the topic was not created", error))),
        }
    }

    /// Creates a subscription, which gets what is published from now on; fine if it exists as
    /// planned.
    ///
    /// # Errors
    ///
    /// [`BrokerRejection`], or a fault; it may be called again.
    pub async fn create_subscription(
        &self,
        id: &SubscriptionId,
        plan: &SubscriptionPlan,
    ) -> Result<(), BrokerError> {
        let policy = plan.config.dead_letter.as_ref();
        let attempts = policy.map_or(5, |it| it.max_attempts);
        if !(5..=100).contains(&attempts) {
            return Err(PortError::Rejected(BrokerRejection::Attempts(attempts)));
        }
        let mut builder = SubscriptionAdmin::builder().with_credentials(self.credentials.clone());
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint.as_ref());
        }
        let admin = builder.build().await.map_err(unmade)?;
        let wanted = self.wanted(id, plan);
        let request = admin.create_subscription().with_request(wanted.clone());
        let error = match request.with_retry_policy(retry()).send().await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        match code(&error) {
            Some(Code::AlreadyExists) => {}
            Some(Code::NotFound) => {
                let topic = plan.config.topic.clone();
                return Err(PortError::Rejected(BrokerRejection::UnknownTopic(topic)));
            }
            _ => return Err(uncreated(error)),
        }
        let request = admin
            .get_subscription()
            .set_subscription(self.subscription(id));
        let found = request.with_retry_policy(retry()).send().await;
        if same(&found.map_err(uncreated)?, &wanted) {
            return Ok(());
        }
        Err(PortError::Rejected(BrokerRejection::Conflict(id.clone())))
    }

    fn wanted(&self, id: &SubscriptionId, plan: &SubscriptionPlan) -> Subscription {
        let config = &plan.config;
        let backoff = RetryPolicy::new()
            .set_minimum_backoff(wkt_duration(config.backoff_min))
            .set_maximum_backoff(wkt_duration(config.backoff_max));
        let wanted = Subscription::new()
            .set_name(self.subscription(id))
            .set_topic(self.topic(&config.topic))
            .set_ack_deadline_seconds(whole(config.ack_deadline))
            .set_enable_message_ordering(config.ordered)
            .set_enable_exactly_once_delivery(plan.exactly_once);
        let wanted = match config.backoff_max.is_zero() {
            true => wanted,
            false => wanted.set_retry_policy(backoff),
        };
        let wanted = match &config.dead_letter {
            Some(policy) => wanted.set_dead_letter_policy(
                DeadLetterPolicy::new()
                    .set_dead_letter_topic(self.topic(&policy.topic))
                    .set_max_delivery_attempts(i32::try_from(policy.max_attempts).unwrap_or(100)),
            ),
            None => wanted,
        };
        match &plan.push {
            Some(push) => wanted.set_push_config(push.config()),
            None => wanted,
        }
    }
}

/// All but what no plan speaks of; the service fills that in.
fn same(found: &Subscription, wanted: &Subscription) -> bool {
    let [found, wanted] = [found, wanted].map(SubscriptionSettings::incoming);
    let differences = found.differences(&wanted);
    let unspoken = |it: &FieldDifference| matches!(it.field, Field::Retention | Field::Expires);
    differences.iter().all(unspoken)
}

pub(super) fn retry() -> impl Into<google_cloud_gax::retry_policy::RetryPolicyArg> {
    RetryableErrors.with_time_limit(ADMIN_TIME)
}

fn unmade(error: google_cloud_gax::client_builder::Error) -> BrokerError {
    let error = ConnectError::Client(error);
    let fault = boutique_core::fault::Fault::permanent("the client could not be made");
    PortError::Fault(fault.because(error))
}

fn uncreated(error: Error) -> BrokerError {
    PortError::Fault(fault("the subscription was not created", error))
}
