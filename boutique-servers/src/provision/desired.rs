//! What shall be there.

use std::time::Duration;

use boutique_core::assembly::Topology;
use boutique_core::broker::{SubscriptionId, TopicId};
use boutique_transport::pubsub::{Delivery, PushTo, SubscriptionSettings, ToTable};

use super::Actual;

/// How long order management may take for one delivery. Longer than any of its steps.
const ACK_DEADLINE: Duration = Duration::from_secs(30);
/// The rest before a message comes again: at first, and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// Deliveries after which an order is dead. Google counts those that found nobody: with
/// [`BACKOFF`] they last for eight hours.
const ORDER_ATTEMPTS: u32 = 100;
/// Deliveries after which a table will never take a message.
const TABLE_ATTEMPTS: u32 = 10;
/// How long messages wait for a subscriber.
const RETENTION: Duration = Duration::from_secs(7 * 86_400);

/// The tables that subscriptions write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableWriter {
    /// `project.dataset`.
    pub dataset: String,
    /// Topics, and the table of each.
    pub tables: Vec<(TopicId, String)>,
    /// The topic of what a table would not take.
    pub unwritten: TopicId,
}

/// What shall be there of topics and subscriptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The topics.
    pub topics: Vec<TopicId>,
    /// The subscriptions, each behind its topics.
    pub subscriptions: Vec<(SubscriptionId, SubscriptionSettings)>,
}

impl Desired {
    /// What a boutique needs in `project`: order management is pushed to at `push`, or pulls; the
    /// data warehouse is written by `tables`.
    pub fn of(
        project: &str,
        topology: &Topology,
        push: Option<&PushTo>,
        tables: Option<&TableWriter>,
    ) -> Self {
        let whole = |topic: &TopicId| format!("projects/{project}/topics/{topic}");
        let settings = |topic: &TopicId| SubscriptionSettings {
            topic: whole(topic),
            ordered: false,
            filter: String::new(),
            ack_deadline: ACK_DEADLINE,
            exactly_once: false,
            retention: RETENTION,
            expires: None,
            backoff: Some(BACKOFF),
            dead_letter: None,
            delivery: Delivery::Pull,
            transformed: false,
            detached: false,
        };
        let to_oms = |topic: &TopicId| SubscriptionSettings {
            ordered: true,
            delivery: push.map_or(Delivery::Pull, |it| Delivery::Push(it.clone())),
            ..settings(topic)
        };
        let mut desired = Self {
            topics: vec![
                topology.orders.clone(),
                topology.orders_dead.clone(),
                topology.refusals.clone(),
                topology.shipments.clone(),
            ],
            subscriptions: vec![
                (
                    topology.orders_to_oms.clone(),
                    SubscriptionSettings {
                        dead_letter: Some((whole(&topology.orders_dead), ORDER_ATTEMPTS)),
                        ..to_oms(&topology.orders)
                    },
                ),
                (topology.dead_to_oms.clone(), to_oms(&topology.orders_dead)),
                (
                    topology.shipments_to_oms.clone(),
                    to_oms(&topology.shipments),
                ),
            ],
        };
        let Some(writer) = tables else {
            return desired;
        };
        desired.topics.push(writer.unwritten.clone());
        let kept = SubscriptionId::from(&*format!("{}.kept", writer.unwritten));
        let unwritten = settings(&writer.unwritten);
        desired.subscriptions.push((kept, unwritten));
        for (topic, table) in &writer.tables {
            let id = if *topic == topology.orders {
                topology.orders_to_analytics.clone()
            } else {
                SubscriptionId::from(&*format!("{topic}.analytics"))
            };
            let into_table = SubscriptionSettings {
                dead_letter: Some((whole(&writer.unwritten), TABLE_ATTEMPTS)),
                delivery: Delivery::BigQuery(ToTable {
                    table: format!("{}.{table}", writer.dataset),
                    use_table_schema: true,
                    write_metadata: true,
                    // What has no column is no event of ours: it is looked at, not cut.
                    drop_unknown_fields: false,
                }),
                ..settings(topic)
            };
            desired.subscriptions.push((id, into_table));
        }
        desired
    }

    /// Order management is told as it is told in `actual`. A subscription that is not there yet
    /// stays as it shall be.
    pub fn keep_delivery(&mut self, topology: &Topology, actual: &Actual) {
        let to_oms = [
            &topology.orders_to_oms,
            &topology.dead_to_oms,
            &topology.shipments_to_oms,
        ];
        for (id, shall) in &mut self.subscriptions {
            if let Some(is) = actual
                .subscriptions
                .get(id)
                .filter(|_| to_oms.contains(&&*id))
            {
                shall.delivery = is.delivery.clone();
            }
        }
    }
}
