//! The event broker.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use boutique_core::broker::{
    AckId, Backlog, Broker, BrokerError, BrokerRejection, Delivery, Message, Publish,
    SubscriptionConfig, SubscriptionId, TopicId,
};
use boutique_core::clock::Timestamp;
use boutique_core::fault::{Fault, PortError};
use rusqlite::{Connection, params};

use super::SqliteStore;
use super::deliveries::{Dead, Subscription, publish, subscribers};
use super::query::{Query, json, to_json};

/// Keeps topics, subscriptions and what is still to be delivered in the data file. A message
/// is on disk before its publisher hears of it, and goes when no subscription needs it.
///
/// It tells the time by the clock of the store.
#[derive(Clone)]
pub struct SqliteBroker {
    store: SqliteStore,
}

impl SqliteStore {
    /// The event broker.
    pub fn broker(&self) -> SqliteBroker {
        SqliteBroker {
            store: self.clone(),
        }
    }
}

fn has_topic(db: &Connection, topic: &TopicId) -> Result<(), BrokerError> {
    let select = "SELECT 1 FROM topic WHERE id = ?1";
    let unknown = || PortError::Rejected(BrokerRejection::UnknownTopic(topic.clone()));
    db.one(select, [&*topic.0], |_| Ok(()))?.ok_or_else(unknown)
}

fn find(db: &Connection, id: &SubscriptionId) -> Result<Option<Subscription>, Fault> {
    let select = "SELECT seq, config FROM subscription WHERE id = ?1";
    db.one(select, [&*id.0], |row| {
        Ok(Subscription {
            seq: row.get(0)?,
            id: id.clone(),
            config: json(row, 1)?,
        })
    })
}

fn unknown(id: &SubscriptionId) -> BrokerError {
    PortError::Rejected(BrokerRejection::UnknownSubscription(id.clone()))
}

fn create(
    db: &Connection,
    id: &SubscriptionId,
    config: &SubscriptionConfig,
) -> Result<(), BrokerError> {
    let dead_letter = config.dead_letter.as_ref().map(|it| &it.topic);
    for topic in dead_letter.into_iter().chain([&config.topic]) {
        has_topic(db, topic)?;
    }
    if let Some(known) = find(db, id)? {
        return if known.config == *config {
            Ok(())
        } else {
            Err(PortError::Rejected(BrokerRejection::Conflict(id.clone())))
        };
    }
    db.run(
        "INSERT INTO subscription (id, topic, ordered, config) VALUES (?1, ?2, ?3, ?4)",
        params![&*id.0, &*config.topic.0, config.ordered, to_json(config)?],
    )?;
    Ok(())
}

impl SqliteBroker {
    /// Does something with a subscription, after leases that have run out are ended.
    async fn on<T: Send + 'static>(
        &self,
        id: &SubscriptionId,
        act: impl FnOnce(&Subscription, &Connection, Timestamp) -> Result<(T, Vec<Dead>), Fault>
        + Send
        + 'static,
    ) -> Result<T, BrokerError> {
        let (id, clock) = (id.clone(), Arc::clone(self.store.clock()));
        self.store
            .write_in_steps(move |db| {
                // On the writer's thread, so that time does not run backwards between calls.
                let now = clock.now();
                let subscription = find(db, &id)?.ok_or_else(|| unknown(&id))?;
                let mut dead = subscription.lapse(db, now)?;
                let (answer, rejected) = act(&subscription, db, now)?;
                dead.extend(rejected);
                subscription.bury(db, dead, now)?;
                Ok(answer)
            })
            .await
    }

    /// Looks at a subscription, also where the file is open for reading only: leases that have
    /// run out are seen as ended, and end with the next pull.
    async fn look<T: Send + 'static>(
        &self,
        id: &SubscriptionId,
        look: impl FnOnce(&Subscription, &Connection, Timestamp) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, BrokerError> {
        let (of, clock) = (id.clone(), Arc::clone(self.store.clock()));
        let seen = self
            .store
            .read(move |db| {
                let found = find(db, &of)?;
                found.map(|it| look(&it, db, clock.now())).transpose()
            })
            .await?;
        seen.ok_or_else(|| unknown(id))
    }
}

#[async_trait]
impl Publish for SqliteBroker {
    async fn publish(
        &self,
        topic: &TopicId,
        messages: Vec<Message>,
    ) -> Result<Vec<u64>, BrokerError> {
        let (topic, clock) = (topic.clone(), Arc::clone(self.store.clock()));
        self.store
            .write_in_steps(move |db| {
                has_topic(db, &topic)?;
                let now = clock.now();
                let to = subscribers(db, &topic)?;
                let publish = |it| publish(db, &to, it, now).map_err(PortError::Fault);
                messages.iter().map(publish).collect()
            })
            .await
    }
}

#[async_trait]
impl Broker for SqliteBroker {
    async fn create_topic(&self, topic: &TopicId) -> Result<(), BrokerError> {
        let topic = topic.clone();
        self.store
            .write(move |db| {
                db.run("INSERT OR IGNORE INTO topic (id) VALUES (?1)", [&*topic.0])?;
                Ok(())
            })
            .await
    }

    async fn create_subscription(
        &self,
        subscription: &SubscriptionId,
        config: SubscriptionConfig,
    ) -> Result<(), BrokerError> {
        config.check().map_err(PortError::Rejected)?;
        let id = subscription.clone();
        self.store.write(move |db| create(db, &id, &config)).await
    }

    async fn pull(
        &self,
        subscription: &SubscriptionId,
        max: usize,
    ) -> Result<Vec<Delivery>, BrokerError> {
        self.on(subscription, move |it, db, now| {
            Ok((it.pull(db, max, now)?, Vec::new()))
        })
        .await
    }

    async fn acknowledge(
        &self,
        subscription: &SubscriptionId,
        deliveries: Vec<AckId>,
    ) -> Result<(), BrokerError> {
        let id = subscription.clone();
        self.store
            .write_in_steps(move |db| {
                // Leases are not ended first: an acknowledgement counts until the next lease.
                let subscription = find(db, &id)?.ok_or_else(|| unknown(&id))?;
                let acknowledge = |it| subscription.acknowledge(db, it);
                Ok(deliveries.into_iter().try_for_each(acknowledge)?)
            })
            .await
    }

    async fn reject(
        &self,
        subscription: &SubscriptionId,
        deliveries: Vec<AckId>,
    ) -> Result<(), BrokerError> {
        self.on(subscription, move |it, db, now| {
            let mut dead = Vec::new();
            for ack_id in deliveries {
                dead.extend(it.reject(db, ack_id, now)?);
            }
            Ok(((), dead))
        })
        .await
    }

    async fn return_unsent(
        &self,
        subscription: &SubscriptionId,
        deliveries: Vec<AckId>,
    ) -> Result<(), BrokerError> {
        self.on(subscription, move |it, db, now| {
            for ack_id in deliveries {
                it.return_unsent(db, ack_id, now)?;
            }
            Ok(((), Vec::new()))
        })
        .await
    }

    async fn extend(
        &self,
        subscription: &SubscriptionId,
        deliveries: Vec<AckId>,
        by: Duration,
    ) -> Result<(), BrokerError> {
        self.on(subscription, move |it, db, now| {
            for ack_id in deliveries {
                it.extend(db, ack_id, by, now)?;
            }
            Ok(((), Vec::new()))
        })
        .await
    }

    async fn backlog(&self, subscription: &SubscriptionId) -> Result<Backlog, BrokerError> {
        self.look(subscription, |it, db, now| it.backlog(db, now))
            .await
    }

    async fn next_due(
        &self,
        subscription: &SubscriptionId,
    ) -> Result<Option<Timestamp>, BrokerError> {
        self.look(subscription, |it, db, now| it.next_due(db, now))
            .await
    }
}
