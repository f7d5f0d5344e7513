//! What a subscription is, in Pub/Sub's own terms, and how two differ.

use std::fmt;
use std::time::Duration;

use google_cloud_pubsub::model::push_config::{AuthenticationMethod, OidcToken, Wrapper};
use google_cloud_pubsub::model::{
    DeadLetterPolicy, ExpirationPolicy, PushConfig, RetryPolicy, Subscription, Topic,
};
use google_cloud_wkt as wkt;

use super::PushTo;

/// A subscription as it is, or as it shall be. Topics are whole names, times whole seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionSettings {
    /// Whose messages it gets: `projects/PROJECT/topics/TOPIC`.
    pub topic: String,
    /// Whether messages of one ordering key come one after the other.
    pub ordered: bool,
    /// Which messages it gets; all, if empty.
    pub filter: String,
    /// How long a delivery may take: 10 to 600 s.
    pub ack_deadline: Duration,
    /// Whether an acknowledgement is confirmed. Only for what is pulled.
    pub exactly_once: bool,
    /// How long a message is kept that nobody acknowledges: 10 minutes to 31 days.
    pub retention: Duration,
    /// After how long without a subscriber it is deleted; never, if none.
    pub expires: Option<Duration>,
    /// The shortest and the longest rest before a message comes again; at once, if none.
    pub backoff: Option<(Duration, Duration)>,
    /// The whole name of the topic that dead messages go to, and after how many deliveries.
    pub dead_letter: Option<(String, u32)>,
    /// How it delivers.
    pub delivery: Delivery,
    /// Whether messages are changed or dropped on their way, by transforms that are on
    /// (<https://cloud.google.com/pubsub/docs/smts/smts-overview>). One that shall have some gets
    /// none.
    pub transformed: bool,
    /// Whether somebody has cut it off from its topic, for good: it gets nothing and keeps nothing
    /// (<https://cloud.google.com/pubsub/docs/detach-subscriptions>).
    pub detached: bool,
}

/// What a topic does with what is published, as far as it is not to keep it and deliver it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicSettings {
    /// The whole name of the schema that messages are held against: others are refused. Anything
    /// is taken, if none.
    pub schema: Option<String>,
    /// Whether messages are changed or dropped before they are kept, by transforms that are on.
    pub transformed: bool,
}

/// How a subscription delivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// To whoever pulls.
    Pull,
    /// To an address, in an envelope.
    Push(PushTo),
    /// Into a table.
    BigQuery(ToTable),
    /// In a way that is not described here: the field of Pub/Sub's that does.
    Other(&'static str),
}

/// A table that a subscription writes
/// (<https://cloud.google.com/pubsub/docs/bigquery>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToTable {
    /// `project.dataset.table`.
    pub table: String,
    /// Whether the fields of the data are the table's columns.
    pub use_table_schema: bool,
    /// Whether message id, publish time, attributes and subscription are columns.
    pub write_metadata: bool,
    /// Whether fields without a column are dropped; a message that has some is dead otherwise.
    pub drop_unknown_fields: bool,
}

/// One thing about a subscription or a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// [`SubscriptionSettings::topic`].
    Topic,
    /// [`SubscriptionSettings::ordered`].
    Ordered,
    /// [`SubscriptionSettings::filter`].
    Filter,
    /// [`SubscriptionSettings::ack_deadline`].
    AckDeadline,
    /// [`SubscriptionSettings::exactly_once`].
    ExactlyOnce,
    /// [`SubscriptionSettings::retention`].
    Retention,
    /// [`SubscriptionSettings::expires`].
    Expires,
    /// [`SubscriptionSettings::backoff`].
    Backoff,
    /// [`SubscriptionSettings::dead_letter`].
    DeadLetter,
    /// [`SubscriptionSettings::delivery`].
    Delivery,
    /// [`SubscriptionSettings::transformed`], [`TopicSettings::transformed`].
    Transformed,
    /// [`SubscriptionSettings::detached`].
    Detached,
    /// [`TopicSettings::schema`].
    Schema,
}

impl Field {
    /// Every one of a subscription.
    pub const ALL: [Self; 12] = [
        Self::Topic,
        Self::Ordered,
        Self::Filter,
        Self::AckDeadline,
        Self::ExactlyOnce,
        Self::Retention,
        Self::Expires,
        Self::Backoff,
        Self::DeadLetter,
        Self::Delivery,
        Self::Transformed,
        Self::Detached,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Ordered => "ordered",
            Self::Filter => "filter",
            Self::AckDeadline => "ack_deadline",
            Self::ExactlyOnce => "exactly_once",
            Self::Retention => "retention",
            Self::Expires => "expires",
            Self::Backoff => "backoff",
            Self::DeadLetter => "dead_letter",
            Self::Delivery => "delivery",
            Self::Transformed => "transformed",
            Self::Detached => "detached",
            Self::Schema => "schema",
        }
    }

    /// Whether only a new subscription can have it otherwise
    /// (<https://cloud.google.com/pubsub/docs/subscription-properties>).
    pub const fn is_fixed(self) -> bool {
        matches!(
            self,
            Self::Topic | Self::Ordered | Self::Filter | Self::Detached
        )
    }
}

/// Something that is otherwise than it shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldDifference {
    /// What.
    pub field: Field,
    /// How it is.
    pub is: String,
    /// How it shall be.
    pub shall: String,
}

impl SubscriptionSettings {
    /// Everything in which this one is otherwise than `shall`.
    pub fn differences(&self, shall: &Self) -> Vec<FieldDifference> {
        let differs = |field: Field| {
            let (is, shall) = (self.shown(field), shall.shown(field));
            (is != shall).then_some(FieldDifference { field, is, shall })
        };
        Field::ALL.into_iter().filter_map(differs).collect()
    }

    /// The paths of an update mask that takes `field` from this to `shall`.
    pub(super) fn paths(&self, shall: &Self, field: Field) -> Vec<&'static str> {
        let one = match field {
            Field::Topic => "topic",
            Field::Ordered => "enable_message_ordering",
            Field::Filter => "filter",
            Field::AckDeadline => "ack_deadline_seconds",
            Field::ExactlyOnce => "enable_exactly_once_delivery",
            Field::Retention => "message_retention_duration",
            Field::Expires => "expiration_policy",
            Field::Backoff => "retry_policy",
            Field::DeadLetter => "dead_letter_policy",
            Field::Transformed => "message_transforms",
            Field::Detached => "detached",
            Field::Schema => return Vec::new(),
            Field::Delivery => {
                // What it is no longer is taken away by the same request.
                let both = [&self.delivery, &shall.delivery];
                let mut paths: Vec<_> = both.iter().filter_map(|it| it.path()).collect();
                paths.sort_unstable();
                paths.dedup();
                return paths;
            }
        };
        vec![one]
    }

    /// What `field` is. Equal texts are equal values.
    fn shown(&self, field: Field) -> String {
        match field {
            Field::Topic => self.topic.clone(),
            Field::Ordered => yes(self.ordered),
            Field::Filter => self.filter.clone(),
            Field::AckDeadline => seconds(self.ack_deadline),
            Field::ExactlyOnce => yes(self.exactly_once),
            Field::Retention => seconds(self.retention),
            Field::Expires => self.expires.map_or_else(|| "never".to_owned(), seconds),
            Field::Backoff => match self.backoff {
                Some((min, max)) => format!("{} to {}", seconds(min), seconds(max)),
                None => "none".to_owned(),
            },
            Field::DeadLetter => match &self.dead_letter {
                Some((topic, attempts)) => format!("{topic} after {attempts}"),
                None => "none".to_owned(),
            },
            Field::Delivery => self.delivery.to_string(),
            Field::Transformed => yes(self.transformed),
            Field::Detached => yes(self.detached),
            Field::Schema => "none".to_owned(),
        }
    }

    /// For a request about the subscription of this whole name.
    pub(super) fn outgoing(&self, name: String) -> Subscription {
        self.over(name, &Subscription::new())
    }

    /// The same, with what is not described here of how it delivers as `theirs` has it.
    pub(super) fn over(&self, name: String, theirs: &Subscription) -> Subscription {
        let expires = self.expires.map(wkt_duration);
        let it = Subscription::new()
            .set_name(name)
            .set_topic(self.topic.as_str())
            .set_enable_message_ordering(self.ordered)
            .set_filter(self.filter.as_str())
            .set_ack_deadline_seconds(whole(self.ack_deadline))
            .set_enable_exactly_once_delivery(self.exactly_once)
            .set_message_retention_duration(wkt_duration(self.retention))
            .set_expiration_policy(ExpirationPolicy::new().set_or_clear_ttl(expires))
            .set_or_clear_retry_policy(self.backoff.map(|(min, max)| {
                RetryPolicy::new()
                    .set_minimum_backoff(wkt_duration(min))
                    .set_maximum_backoff(wkt_duration(max))
            }))
            .set_or_clear_dead_letter_policy(self.dead_letter.as_ref().map(|(topic, attempts)| {
                DeadLetterPolicy::new()
                    .set_dead_letter_topic(topic.as_str())
                    .set_max_delivery_attempts(i32::try_from(*attempts).unwrap_or(i32::MAX))
            }));
        match &self.delivery {
            Delivery::Pull | Delivery::Other(_) => it,
            Delivery::Push(to) => {
                let theirs = theirs.push_config.clone().unwrap_or_default();
                it.set_push_config(to.over(theirs))
            }
            Delivery::BigQuery(to) => it.set_bigquery_config(
                // Above all the account that it writes with.
                (theirs.bigquery_config.clone().unwrap_or_default())
                    .set_use_topic_schema(false)
                    .set_table(to.table.as_str())
                    .set_use_table_schema(to.use_table_schema)
                    .set_write_metadata(to.write_metadata)
                    .set_drop_unknown_fields(to.drop_unknown_fields),
            ),
        }
    }

    /// What Pub/Sub says of one. What it leaves out is what it documents as the default.
    pub(super) fn incoming(theirs: &Subscription) -> Self {
        const WEEK: Duration = Duration::from_secs(7 * 86_400);
        const MONTH: Duration = Duration::from_secs(31 * 86_400);
        let time = |it: &Option<wkt::Duration>, otherwise| it.as_ref().map_or(otherwise, duration);
        Self {
            topic: theirs.topic.clone(),
            ordered: theirs.enable_message_ordering,
            filter: theirs.filter.clone(),
            ack_deadline: Duration::from_secs(
                u64::try_from(theirs.ack_deadline_seconds).unwrap_or_default(),
            ),
            exactly_once: theirs.enable_exactly_once_delivery,
            retention: time(&theirs.message_retention_duration, WEEK),
            // A policy without a time is one that never ends.
            expires: match &theirs.expiration_policy {
                None => Some(MONTH),
                Some(policy) => policy.ttl.as_ref().map(duration).filter(|it| !it.is_zero()),
            },
            backoff: theirs.retry_policy.as_ref().map(|it| {
                let (min, max) = (Duration::from_secs(10), Duration::from_secs(600));
                (
                    time(&it.minimum_backoff, min),
                    time(&it.maximum_backoff, max),
                )
            }),
            dead_letter: theirs.dead_letter_policy.as_ref().map(|it| {
                let attempts = u32::try_from(it.max_delivery_attempts).unwrap_or_default();
                let attempts = if attempts == 0 { 5 } else { attempts };
                (it.dead_letter_topic.clone(), attempts)
            }),
            delivery: Delivery::of(theirs),
            transformed: theirs.message_transforms.iter().any(|it| !it.disabled),
            detached: theirs.detached,
        }
    }
}

impl TopicSettings {
    /// Everything in which this one is otherwise than `shall`.
    pub fn differences(&self, shall: &Self) -> Vec<FieldDifference> {
        let schema = |it: &Self| it.schema.clone().unwrap_or_else(|| "none".to_owned());
        let shown = [
            (Field::Schema, schema(self), schema(shall)),
            (
                Field::Transformed,
                yes(self.transformed),
                yes(shall.transformed),
            ),
        ];
        let differs =
            |(field, is, shall)| (is != shall).then_some(FieldDifference { field, is, shall });
        shown.into_iter().filter_map(differs).collect()
    }

    /// What Pub/Sub says of one.
    pub(super) fn incoming(theirs: &Topic) -> Self {
        let schema = theirs.schema_settings.as_ref().map(|it| it.schema.clone());
        Self {
            schema: schema.filter(|it| !it.is_empty()),
            transformed: theirs.message_transforms.iter().any(|it| !it.disabled),
        }
    }
}

fn yes(it: bool) -> String {
    if it { "yes" } else { "no" }.to_owned()
}

impl Delivery {
    /// What says so; to pull is to have none of them.
    const fn path(&self) -> Option<&'static str> {
        match self {
            Self::Pull => None,
            Self::Push(_) => Some("push_config"),
            Self::BigQuery(_) => Some("bigquery_config"),
            Self::Other(path) => Some(path),
        }
    }

    fn of(theirs: &Subscription) -> Self {
        if theirs.cloud_storage_config.is_some() {
            return Self::Other("cloud_storage_config");
        }
        if theirs.bigtable_config.is_some() {
            return Self::Other("bigtable_config");
        }
        if let Some(table) = theirs
            .bigquery_config
            .as_ref()
            .filter(|it| !it.table.is_empty())
        {
            return match table.use_topic_schema {
                true => Self::Other("bigquery_config"),
                false => Self::BigQuery(ToTable {
                    table: table.table.replacen(':', ".", 1),
                    use_table_schema: table.use_table_schema,
                    write_metadata: table.write_metadata,
                    drop_unknown_fields: table.drop_unknown_fields,
                }),
            };
        }
        let push = theirs.push_config.as_ref();
        let Some(push) = push.filter(|it| !it.push_endpoint.is_empty()) else {
            return Self::Pull;
        };
        if matches!(push.wrapper, Some(Wrapper::NoWrapper(_))) {
            return Self::Other("push_config");
        }
        Self::Push(PushTo::of(push))
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pull => f.write_str("by pull"),
            Self::Push(to) => {
                write!(f, "by push to {}", to.endpoint)?;
                match &to.service_account {
                    None => f.write_str(" without a token"),
                    Some(account) => {
                        let audience = to.audience.as_ref().unwrap_or(&to.endpoint);
                        write!(f, " with a token of {account} for {audience}")
                    }
                }
            }
            Self::BigQuery(to) => {
                write!(f, "into {}", to.table)?;
                for (is, text) in [
                    (to.use_table_schema, " by its columns"),
                    (to.write_metadata, " with metadata"),
                    (to.drop_unknown_fields, " without unknown fields"),
                ] {
                    f.write_str(if is { text } else { "" })?;
                }
                Ok(())
            }
            Self::Other(path) => write!(f, "in another way, by its {path}"),
        }
    }
}

impl PushTo {
    pub(super) fn config(&self) -> PushConfig {
        self.over(PushConfig::new())
    }

    /// What is not described here stays as `theirs` has it.
    fn over(&self, theirs: PushConfig) -> PushConfig {
        let mut config = theirs.set_push_endpoint(self.endpoint.as_str());
        config.authentication_method = None;
        if matches!(config.wrapper, Some(Wrapper::NoWrapper(_))) {
            config.wrapper = None;
        }
        let Some(account) = &self.service_account else {
            return config;
        };
        let audience = self.audience.as_ref().unwrap_or(&self.endpoint);
        let token = OidcToken::new()
            .set_service_account_email(account.as_str())
            .set_audience(audience.as_str());
        config.set_authentication_method(AuthenticationMethod::OidcToken(Box::new(token)))
    }

    fn of(config: &PushConfig) -> Self {
        let token = match &config.authentication_method {
            Some(AuthenticationMethod::OidcToken(token)) => Some(token),
            _ => None,
        };
        let audience = token.map(|it| it.audience.clone());
        Self {
            endpoint: config.push_endpoint.clone(),
            service_account: token.map(|it| it.service_account_email.clone()),
            audience: audience.filter(|it| !it.is_empty()),
        }
    }
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

fn duration(theirs: &wkt::Duration) -> Duration {
    let seconds = u64::try_from(theirs.seconds()).unwrap_or_default();
    Duration::new(seconds, u32::try_from(theirs.nanos()).unwrap_or_default())
}

/// Pub/Sub knows whole seconds only: rounded up, so that no time is shorter than was asked for.
pub(super) fn whole(time: Duration) -> i32 {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

pub(super) fn wkt_duration(time: Duration) -> wkt::Duration {
    wkt::Duration::clamp(i64::from(whole(time)), 0)
}
