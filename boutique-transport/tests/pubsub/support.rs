//! The emulator, and a subscriber that writes down what it is told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use boutique_core::broker::{
    BrokerError, BrokerRejection, Message, Publish, Push, SubscriptionConfig, SubscriptionId,
    TopicId,
};
use boutique_core::fault::{Fault, FaultKind, PortError};
use boutique_core::flow::{Ask, Step};
use boutique_transport::pubsub::{
    EMULATOR_HOST, PubSub, PubSubPublisher, Publishing, Pulled, Pulling, StreamingPull,
    SubscriptionPlan,
};
use boutique_transport::sources::SystemClock;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::required::skip;

pub(crate) const PROJECT: &str = "boutique-test";

/// How long anything is waited for that has to come.
const PATIENCE: Duration = Duration::from_secs(120);

/// The emulator; none where there is none and none is required.
pub(crate) fn emulator() -> Option<PubSub> {
    match std::env::var(EMULATOR_HOST) {
        Ok(host) => Some(PubSub::emulator(PROJECT, &host).expect("host:port")),
        Err(_) => {
            skip(&format!(
                "{EMULATOR_HOST} is not set: run `cargo xtask test`, which starts an emulator"
            ));
            None
        }
    }
}

/// A name that no other test and no other run has used: an emulator keeps everything.
pub(crate) fn unique(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{what}-{}-{next}", uuid::Uuid::now_v7())
}

/// Pulled, in order, one second of back-off, the least there is.
pub(crate) fn pulled(topic: &TopicId) -> SubscriptionPlan {
    SubscriptionPlan {
        config: SubscriptionConfig {
            backoff_min: Duration::from_secs(1),
            backoff_max: Duration::from_secs(1),
            ..SubscriptionConfig::new(topic.clone())
        },
        push: None,
        exactly_once: false,
    }
}

/// A topic with one subscription.
pub(crate) struct Line {
    pub(crate) pubsub: PubSub,
    pub(crate) topic: TopicId,
    pub(crate) subscription: SubscriptionId,
    pub(crate) publisher: Arc<PubSubPublisher>,
}

impl Line {
    pub(crate) async fn new(
        pubsub: PubSub,
        plan: impl FnOnce(SubscriptionPlan) -> SubscriptionPlan,
    ) -> Self {
        let topic = TopicId::from(unique("orders").as_str());
        let subscription = SubscriptionId::from(unique("oms").as_str());
        pubsub.create_topic(&topic).await.expect("created");
        let plan = plan(pulled(&topic));
        let created = pubsub.create_subscription(&subscription, &plan).await;
        created.expect("created");
        let publisher = PubSubPublisher::new(&pubsub, Publishing::default()).await;
        Self {
            pubsub,
            topic,
            subscription,
            publisher: Arc::new(publisher.expect("made")),
        }
    }

    pub(crate) async fn publish(&self, messages: Vec<Message>) -> Vec<u64> {
        let published = self.publisher.publish(&self.topic, messages).await;
        published.expect("published")
    }

    pub(crate) async fn pull<S>(&self, service: S, how: Pulling) -> Subscribed
    where
        S: Ask<Push, Response = (), Error = Fault>,
    {
        subscribe(&self.pubsub, &self.subscription, service, how).await
    }
}

/// A running subscriber.
pub(crate) struct Subscribed {
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<Pulled, Fault>>,
}

impl Subscribed {
    /// Stops it and waits until all it has taken is finished.
    pub(crate) async fn stop(self) -> Pulled {
        self.stop.send_replace(true);
        self.end().await.expect("ends well")
    }

    /// Waits until it ends.
    pub(crate) async fn end(self) -> Result<Pulled, Fault> {
        let ended = timeout(PATIENCE, self.task).await;
        ended
            .expect("the subscriber goes on")
            .expect("does not panic")
    }
}

pub(crate) async fn subscribe<S>(
    pubsub: &PubSub,
    subscription: &SubscriptionId,
    service: S,
    how: Pulling,
) -> Subscribed
where
    S: Ask<Push, Response = (), Error = Fault>,
{
    let clock = Arc::new(SystemClock::default());
    let pull = StreamingPull::new(pubsub, subscription.clone(), service, clock, how).await;
    let (stop, stopped) = watch::channel(false);
    let pull = pull.expect("made");
    let task = tokio::spawn(async move { pull.run(stopped).await });
    Subscribed { stop, task }
}

/// Waits until `count` is at least `times`.
pub(crate) async fn at_least(times: usize, what: &str, count: &watch::Sender<usize>) {
    let mut count = count.subscribe();
    let enough = timeout(PATIENCE, count.wait_for(|it| *it >= times))
        .await
        .is_ok();
    assert!(enough, "{} of {times} {what} have come", *count.borrow());
}

/// Writes down what it is told; refuses data that begins with one of these.
#[derive(Clone)]
pub(crate) struct Diary {
    heard: Arc<Mutex<Vec<Push>>>,
    count: Arc<watch::Sender<usize>>,
    refused: Arc<BTreeMap<&'static str, FaultKind>>,
}

impl Diary {
    pub(crate) fn new(refused: impl IntoIterator<Item = (&'static str, FaultKind)>) -> Self {
        Self {
            heard: Arc::default(),
            count: Arc::new(watch::channel(0).0),
            refused: Arc::new(refused.into_iter().collect()),
        }
    }

    /// Waits until it was told so often.
    pub(crate) async fn told(&self, times: usize) -> Vec<Push> {
        at_least(times, "messages", &self.count).await;
        self.all()
    }

    pub(crate) fn all(&self) -> Vec<Push> {
        self.heard.lock().expect("whole").clone()
    }
}

impl Step<Push> for Diary {
    type Response = ();
    type Error = Fault;

    async fn run(&self, push: Push) -> Result<(), Fault> {
        let data = Arc::clone(&push.delivery.message.data);
        self.heard.lock().expect("whole").push(push);
        self.count.send_modify(|it| *it += 1);
        let mut refused = self.refused.iter();
        match refused.find(|(begin, _)| data.starts_with(**begin)) {
            Some((_, kind)) => Err(Fault::new(*kind, "not this one")),
            None => Ok(()),
        }
    }
}

pub(crate) fn message(data: &str, key: Option<&str>) -> Message {
    Message {
        data: data.into(),
        attributes: Arc::new([("ce-id".to_owned(), data.to_owned())].into()),
        ordering_key: key.map(Into::into),
    }
}

pub(crate) fn refused<T>(answer: Result<T, BrokerError>) -> BrokerRejection {
    match answer {
        Err(PortError::Rejected(rejection)) => rejection,
        Err(PortError::Fault(fault)) => panic!("{fault:?}"),
        Ok(_) => panic!("it is not refused"),
    }
}
