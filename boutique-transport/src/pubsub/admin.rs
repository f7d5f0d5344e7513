//! Looking at topics and subscriptions, and changing them.

use boutique_core::broker::{SubscriptionId, TopicId};
use boutique_core::fault::Fault;
use google_cloud_gax::error::Error;
use google_cloud_gax::error::rpc::Code;
use google_cloud_gax::options::RequestOptionsBuilder;
use google_cloud_gax::paginator::ItemPaginator as _;
use google_cloud_pubsub::client::{SubscriptionAdmin, TopicAdmin};
use google_cloud_wkt::FieldMask;

use super::fault::{code, fault};
use super::settings::{SubscriptionSettings, TopicSettings};
use super::topology::retry;
use super::{ConnectError, PubSub};

impl PubSub {
    /// The short name of a topic or subscription of this project; the whole one of another's.
    pub fn short<'a>(&self, name: &'a str) -> &'a str {
        let project = format!("projects/{}/", self.project());
        let below = name.strip_prefix(&*project);
        let short = below.and_then(|it| it.split_once('/'));
        short.map_or(name, |(_, short)| short)
    }

    /// Every topic of the project, by name.
    ///
    /// # Errors
    ///
    /// A fault.
    pub async fn topics(&self) -> Result<Vec<(TopicId, TopicSettings)>, Fault> {
        let admin = self.topic_admin().await?;
        let request = admin.list_topics().set_project(self.whole_project());
        let mut found = request.with_retry_policy(retry()).by_item();
        let mut topics = Vec::new();
        while let Some(topic) = found.next().await {
            let topic = topic.map_err(|it| fault("the topics cannot be listed", it))?;
            let id = TopicId::from(self.short(&topic.name));
            topics.push((id, TopicSettings::incoming(&topic)));
        }
        topics.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(topics)
    }

    /// Every subscription of the project, by name.
    ///
    /// # Errors
    ///
    /// A fault.
    pub async fn subscriptions(
        &self,
    ) -> Result<Vec<(SubscriptionId, SubscriptionSettings)>, Fault> {
        let admin = self.subscription_admin().await?;
        let request = admin.list_subscriptions().set_project(self.whole_project());
        let mut found = request.with_retry_policy(retry()).by_item();
        let mut all = Vec::new();
        while let Some(it) = found.next().await {
            let it = it.map_err(|it| fault("the subscriptions cannot be listed", it))?;
            let id = SubscriptionId::from(self.short(&it.name));
            all.push((id, SubscriptionSettings::incoming(&it)));
        }
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(all)
    }

    /// Makes a subscription, which gets what is published from now on. One of that name that is
    /// there already stays as it is.
    ///
    /// # Errors
    ///
    /// A fault; it may be called again.
    pub async fn subscribe_as(
        &self,
        id: &SubscriptionId,
        settings: &SubscriptionSettings,
    ) -> Result<(), Fault> {
        let admin = self.subscription_admin().await?;
        let wanted = settings.outgoing(self.subscription(id));
        let request = admin.create_subscription().with_request(wanted);
        match request.with_retry_policy(retry()).send().await {
            Ok(_) => Ok(()),
            Err(error) if code(&error) == Some(Code::AlreadyExists) => Ok(()),
            Err(error) => Err(named("the subscription was not made", id, error)),
        }
    }

    /// Changes a subscription from what it `is` to what it `shall` be, except for what only a new
    /// one [can have otherwise](super::Field::is_fixed); what is the same is not touched, and what
    /// is not described stays as Pub/Sub has it.
    ///
    /// # Errors
    ///
    /// A fault; it may be called again.
    pub async fn resettle(
        &self,
        id: &SubscriptionId,
        is: &SubscriptionSettings,
        shall: &SubscriptionSettings,
    ) -> Result<(), Fault> {
        let fields = is.differences(shall).into_iter().map(|it| it.field);
        let fields = fields.filter(|it| !it.is_fixed());
        let paths: Vec<&str> = fields.flat_map(|it| is.paths(shall, it)).collect();
        if paths.is_empty() {
            return Ok(());
        }
        let admin = self.subscription_admin().await?;
        let name = self.subscription(id);
        let request = admin.get_subscription().set_subscription(name.as_str());
        let found = request.with_retry_policy(retry()).send().await;
        let found = found.map_err(|error| named("the subscription was not found", id, error))?;
        let request = admin
            .update_subscription()
            .set_subscription(shall.over(name, &found))
            .set_update_mask(FieldMask::default().set_paths(paths));
        let done = request.with_retry_policy(retry()).send().await;
        done.map(drop)
            .map_err(|error| named("the subscription was not changed", id, error))
    }

    fn whole_project(&self) -> String {
        format!("projects/{}", self.project())
    }

    async fn topic_admin(&self) -> Result<TopicAdmin, Fault> {
        let mut builder = TopicAdmin::builder().with_credentials(self.credentials.clone());
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint.as_ref());
        }
        builder.build().await.map_err(unmade)
    }

    async fn subscription_admin(&self) -> Result<SubscriptionAdmin, Fault> {
        let mut builder = SubscriptionAdmin::builder().with_credentials(self.credentials.clone());
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint.as_ref());
        }
        builder.build().await.map_err(unmade)
    }
}

fn unmade(error: google_cloud_gax::client_builder::Error) -> Fault {
    Fault::permanent("the client could not be made").because(ConnectError::Client(error))
}

fn named(what: &'static str, id: &SubscriptionId, error: Error) -> Fault {
    let cause = fault(what, error);
    Fault::new(cause.kind(), format!("{id}")).because(cause)
}
