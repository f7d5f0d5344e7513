//! Subscriptions that write into BigQuery by themselves
//! (<https://cloud.google.com/pubsub/docs/bigquery>).

use std::fmt;
use std::str::FromStr;

use boutique_core::broker::{
    BrokerError, BrokerRejection, DeadLetterPolicy, SubscriptionId, TopicId,
};
use boutique_core::fault::{Fault, PortError};
use google_cloud_gax::error::rpc::Code;
use google_cloud_gax::options::RequestOptionsBuilder;
use google_cloud_pubsub::client::SubscriptionAdmin;
use google_cloud_pubsub::model::{
    BigQueryConfig, DeadLetterPolicy as TheirDeadLetterPolicy, Subscription,
};

use super::PubSub;
use super::fault::{code, fault};
use super::topology::{retry, uncreated, unmade};

/// A subscription that writes each message into a table: the fields of its data as columns, and
/// the message's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntoBigQuery {
    /// The topic.
    pub topic: TopicId,
    /// The table.
    pub table: TableName,
    /// Where a message goes that is no row of the table. Without, it comes again for as long as
    /// the subscription keeps messages.
    pub dead_letter: Option<DeadLetterPolicy>,
    /// Whether fields that are no columns are dropped. A message that has one is no row
    /// otherwise.
    pub drop_unknown_fields: bool,
    /// Who writes; Pub/Sub's own service agent, if none.
    pub service_account: Option<String>,
}

/// The whole name of a table, `project.dataset.table`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableName {
    /// The project.
    pub project: String,
    /// The dataset.
    pub dataset: String,
    /// The table.
    pub table: String,
}

/// Not the whole name of a table, or one that no table of ours has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not project.dataset.table of letters, digits, hyphens and underscores")]
pub struct NotATableName;

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.project, self.dataset, self.table)
    }
}

impl FromStr for TableName {
    type Err = NotATableName;

    fn from_str(text: &str) -> Result<Self, NotATableName> {
        let parts: Vec<&str> = text.split('.').collect();
        match parts[..] {
            [project, dataset, table] if parts.iter().all(|it| is_name(it)) => Ok(Self {
                project: project.to_owned(),
                dataset: dataset.to_owned(),
                table: table.to_owned(),
            }),
            _ => Err(NotATableName),
        }
    }
}

fn is_name(text: &str) -> bool {
    let fine = |it: u8| it.is_ascii_alphanumeric() || it == b'_' || it == b'-';
    !text.is_empty() && text.bytes().all(fine)
}

impl PubSub {
    /// Creates a subscription that writes into a table, which exists, by the table's own schema
    /// and with the metadata; fine if it exists as planned.
    ///
    /// # Errors
    ///
    /// [`BrokerRejection`], or a fault; it may be called again.
    pub async fn create_bigquery_subscription(
        &self,
        id: &SubscriptionId,
        plan: &IntoBigQuery,
    ) -> Result<(), BrokerError> {
        let attempts = plan.dead_letter.as_ref().map_or(5, |it| it.max_attempts);
        if !(5..=100).contains(&attempts) {
            return Err(PortError::Rejected(BrokerRejection::Attempts(attempts)));
        }
        let admin = self.admin().await?;
        let wanted = self.theirs(id, plan);
        let request = admin.create_subscription().with_request(wanted.clone());
        let error = match request.with_retry_policy(retry()).send().await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        match code(&error) {
            Some(Code::AlreadyExists) => {}
            Some(Code::NotFound) => {
                let topic = plan.topic.clone();
                return Err(PortError::Rejected(BrokerRejection::UnknownTopic(topic)));
            }
            _ => return Err(uncreated(error)),
        }
        match self.bigquery_subscription(id).await? {
            Some(found) if found == *plan => Ok(()),
            _ => Err(PortError::Rejected(BrokerRejection::Conflict(id.clone()))),
        }
    }

    /// The subscription as it is; none if it does not write into a table, or in a way that
    /// [`IntoBigQuery`] does not say.
    ///
    /// # Errors
    ///
    /// [`BrokerRejection::UnknownSubscription`], or a fault.
    pub async fn bigquery_subscription(
        &self,
        id: &SubscriptionId,
    ) -> Result<Option<IntoBigQuery>, BrokerError> {
        let admin = self.admin().await?;
        let name = self.subscription(id);
        let request = admin.get_subscription().set_subscription(name);
        let found = match request.with_retry_policy(retry()).send().await {
            Ok(found) => found,
            Err(error) if code(&error) == Some(Code::NotFound) => {
                let unknown = BrokerRejection::UnknownSubscription(id.clone());
                return Err(PortError::Rejected(unknown));
            }
            Err(error) => {
                let fault: Fault = fault("the subscription cannot be read", error);
                return Err(PortError::Fault(fault));
            }
        };
        Ok(IntoBigQuery::read(&found))
    }

    async fn admin(&self) -> Result<SubscriptionAdmin, BrokerError> {
        let mut builder = SubscriptionAdmin::builder().with_credentials(self.credentials.clone());
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint.as_ref());
        }
        builder.build().await.map_err(unmade)
    }

    fn theirs(&self, id: &SubscriptionId, plan: &IntoBigQuery) -> Subscription {
        let config = BigQueryConfig::new()
            .set_table(plan.table.to_string())
            .set_use_table_schema(true)
            .set_write_metadata(true)
            .set_drop_unknown_fields(plan.drop_unknown_fields)
            .set_service_account_email(plan.service_account.as_deref().unwrap_or_default());
        let wanted = Subscription::new()
            .set_name(self.subscription(id))
            .set_topic(self.topic(&plan.topic))
            .set_bigquery_config(config);
        match &plan.dead_letter {
            Some(policy) => wanted.set_dead_letter_policy(
                TheirDeadLetterPolicy::new()
                    .set_dead_letter_topic(self.topic(&policy.topic))
                    .set_max_delivery_attempts(i32::try_from(policy.max_attempts).unwrap_or(100)),
            ),
            None => wanted,
        }
    }
}

impl IntoBigQuery {
    fn read(found: &Subscription) -> Option<Self> {
        let config = found.bigquery_config.as_ref()?;
        if !config.use_table_schema || !config.write_metadata || config.use_topic_schema {
            return None;
        }
        let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
        let dead_letter = found
            .dead_letter_policy
            .as_ref()
            .map(|it| DeadLetterPolicy {
                topic: TopicId::from(last(&it.dead_letter_topic).as_str()),
                max_attempts: u32::try_from(it.max_delivery_attempts).unwrap_or_default(),
            });
        let account = &config.service_account_email;
        Some(Self {
            topic: TopicId::from(last(&found.topic).as_str()),
            // The API takes a colon behind the project as well.
            table: config.table.replacen(':', ".", 1).parse().ok()?,
            dead_letter,
            drop_unknown_fields: config.drop_unknown_fields,
            service_account: (!account.is_empty()).then(|| account.clone()),
        })
    }
}
