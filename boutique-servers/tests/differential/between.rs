//! Pub/Sub between servers, and what stands in for a data warehouse subscribed to it.

use std::sync::Arc;

use boutique_core::analytics::{AnalyticsStore, IngestEvents};
use boutique_core::assembly::Ports;
use boutique_core::broker::{SubscriptionConfig, SubscriptionId, TopicId};
use boutique_core::fault::Fault;
use boutique_core::flow::Step;
use boutique_transport::pubsub::{Pulled, Pulling, StreamingPull, SubscriptionPlan};
use boutique_transport::sources::{NamedIds, SystemClock};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::emulator::{pubsub, settings};

/// Topics of their own at the emulator, and the rows of what was published.
pub(crate) struct PubSubBetween {
    /// What the servers are told.
    pub(crate) settings: Vec<(&'static str, String)>,
    /// The table of the data warehouse.
    pub(crate) rows: Arc<dyn AnalyticsStore>,
    stop: watch::Sender<bool>,
    writing: JoinHandle<Result<Pulled, Fault>>,
}

impl PubSubBetween {
    /// Subscribes the data warehouse before anything is published.
    pub(crate) async fn open(host: &str) -> Self {
        let mut settings = settings(host);
        settings.push(("PUBSUB_CREATE", "true".to_owned()));
        let topic = settings.iter().find(|it| it.0 == "PUBSUB_TOPIC");
        let topic = TopicId::from(&*topic.expect("a topic").1);
        let subscription = SubscriptionId::from(&*format!("{topic}.analytics"));
        let pubsub = pubsub(host);
        pubsub.create_topic(&topic).await.expect("created");
        let plan = SubscriptionPlan {
            config: SubscriptionConfig::new(topic),
            push: None,
            exactly_once: false,
        };
        let created = pubsub.create_subscription(&subscription, &plan).await;
        created.expect("created");
        let clock = Arc::new(SystemClock::default());
        let rows = Ports::memory(clock.clone(), Arc::new(NamedIds)).analytics;
        let store = Arc::clone(&rows);
        let write = IngestEvents { store }.into_service();
        let how = Pulling::default();
        let pull = StreamingPull::new(&pubsub, subscription, write, clock, how).await;
        let (stop, stopped) = watch::channel(false);
        let pull = pull.expect("made");
        Self {
            settings,
            rows,
            stop,
            writing: tokio::spawn(async move { pull.run(stopped).await }),
        }
    }

    /// Ends it.
    pub(crate) async fn close(self) {
        self.stop.send_replace(true);
        let ended = self.writing.await.expect("it does not panic");
        ended.expect("it could be pulled");
    }
}
