//! Which broker events travel by.

use boutique_core::assembly::Topology;
use boutique_core::broker::{SubscriptionId, TopicId};

use super::table as t;
use super::{Configured, Reader, Server, Setting};

/// The broker that events travel by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broker {
    /// The checkout's and the warehouse's own, which they push out of by themselves.
    Own,
    /// Google Cloud Pub/Sub, which delivers by itself.
    PubSub(PubSubConfig),
}

/// Pub/Sub of one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PubSubConfig {
    /// The project.
    pub project: String,
    /// Where the emulator is, as `host:port`; Google's, if none.
    pub emulator: Option<String>,
    /// The names of topics and subscriptions.
    pub topology: Topology,
    /// Whether order management pulls; it is pushed to otherwise.
    pub pull: bool,
    /// Over how many streams.
    pub streams: usize,
    /// Whether what is missing at the emulator is created.
    pub create: bool,
}

impl Broker {
    /// Pub/Sub, if it is that.
    pub const fn pubsub(&self) -> Option<&PubSubConfig> {
        match self {
            Self::Own => None,
            Self::PubSub(config) => Some(config),
        }
    }

    /// The names of topics and subscriptions: those of our own broker are what they are.
    pub fn topology(&self) -> Topology {
        self.pubsub()
            .map_or_else(Topology::default, |it| it.topology.clone())
    }
}

impl Configured for Broker {
    fn read(reader: &mut Reader<'_>) -> Self {
        let chosen = reader.text(&t::BROKER).is_some_and(|it| it == "pubsub");
        // Read all the same, so that a wrong one is told.
        let project = reader.text(&t::GCP_PROJECT_ID);
        let emulator = reader.text(&t::PUBSUB_EMULATOR_HOST);
        let (pull, create) = (reader.flag(&t::PUBSUB_PULL), reader.flag(&t::PUBSUB_CREATE));
        let streams = reader.count(&t::PUBSUB_STREAMS);
        let topology = topology(reader);
        if !chosen {
            if reader.server() == Server::Oms && pull {
                reader
                    .error("PUBSUB_PULL needs BROKER=pubsub: set it as well, or unset PUBSUB_PULL");
            }
            return Self::Own;
        }
        if create && !reader.is_said(&t::PUBSUB_EMULATOR_HOST) {
            reader.error("PUBSUB_CREATE is for the emulator that PUBSUB_EMULATOR_HOST names: in a project of Google's run `boutique provision gcp` instead and unset it");
        }
        // A wrong one has been told already.
        if !reader.is_said(&t::GCP_PROJECT_ID) {
            let remedy =
                "set it to the id of the project whose Pub/Sub is the broker, or unset BROKER";
            reader.missing(&t::GCP_PROJECT_ID, remedy);
        }
        Self::PubSub(PubSubConfig {
            project: project.unwrap_or_default(),
            emulator,
            topology,
            pull,
            streams,
            create,
        })
    }
}

fn topology(reader: &mut Reader<'_>) -> Topology {
    let default = Topology::default();
    let mut name = |setting: &Setting, otherwise: &str| {
        let text = reader.text(setting);
        text.unwrap_or_else(|| otherwise.to_owned())
    };
    let orders = name(&t::PUBSUB_TOPIC, &default.orders.0);
    let dead = name(&t::PUBSUB_DEAD_TOPIC, &format!("{orders}-dead"));
    let refusals = name(&t::PUBSUB_REFUSALS_TOPIC, &default.refusals.0);
    let shipments = name(&t::PUBSUB_SHIPMENTS_TOPIC, &default.shipments.0);
    let oms = |topic: &str| format!("{topic}.oms");
    let to_oms = name(&t::PUBSUB_SUBSCRIPTION, &oms(&orders));
    let dead_to_oms = name(&t::PUBSUB_DEAD_SUBSCRIPTION, &oms(&dead));
    let shipments_to_oms = name(&t::PUBSUB_SHIPMENTS_SUBSCRIPTION, &oms(&shipments));
    let subscription = |it: &str| SubscriptionId::from(it);
    Topology {
        orders_to_oms: subscription(&to_oms),
        orders_to_analytics: subscription(&format!("{orders}.analytics")),
        dead_to_oms: subscription(&dead_to_oms),
        shipments_to_oms: subscription(&shipments_to_oms),
        orders: TopicId::from(&*orders),
        orders_dead: TopicId::from(&*dead),
        refusals: TopicId::from(&*refusals),
        shipments: TopicId::from(&*shipments),
    }
}
