//! What subscribers see of a broker in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use tower::service_fn;

use super::{AckId, Broker, BrokerRejection, DeadLetterPolicy, Delivery, MemoryBroker, Message};
use super::{Publish, Pumped, Push, PushPump, SOURCE_ATTEMPTS, SubscriptionConfig, SubscriptionId};
use crate::clock::{Clock, Timestamp};
use crate::fault::Fault;

#[derive(Default)]
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

struct Scene {
    clock: Arc<Hand>,
    broker: Arc<MemoryBroker>,
}

fn sub(name: &str) -> SubscriptionId {
    name.into()
}

fn text(data: &str, key: Option<&str>) -> Message {
    Message {
        data: data.into(),
        attributes: Arc::new([("a".to_owned(), "b".to_owned())].into()),
        ordering_key: key.map(Into::into),
    }
}

impl Scene {
    /// Topics `orders` and `dead`; on the first `books` (ordered, five attempts) and `rows`
    /// (unordered), on the second `letters`.
    async fn new() -> Self {
        let clock = Arc::new(Hand::default());
        let broker = Arc::new(MemoryBroker::new(Arc::<Hand>::clone(&clock)));
        for topic in ["orders", "dead"] {
            broker.create_topic(&topic.into()).await.expect("created");
        }
        let mut books = SubscriptionConfig::new("orders".into());
        books.dead_letter = Some(DeadLetterPolicy {
            topic: "dead".into(),
            max_attempts: 5,
        });
        let mut rows = SubscriptionConfig::new("orders".into());
        rows.ordered = false;
        let letters = SubscriptionConfig::new("dead".into());
        for (name, config) in [("books", books), ("rows", rows), ("letters", letters)] {
            let created = broker.create_subscription(&sub(name), config).await;
            created.expect("created");
        }
        Self { clock, broker }
    }

    fn wait(&self, millis: i64) {
        self.clock.0.fetch_add(millis, Ordering::SeqCst);
    }

    async fn publish(&self, messages: &[(&str, Option<&str>)]) {
        let messages = messages.iter().map(|(data, key)| text(data, *key));
        let topic = "orders".into();
        let published = self.broker.publish(&topic, messages.collect());
        published.await.expect("published");
    }

    async fn pull(&self, name: &str) -> Vec<Delivery> {
        let pulled = self.broker.pull(&sub(name), 10).await;
        pulled.expect("known")
    }

    async fn acknowledge(&self, name: &str, ack_ids: Vec<AckId>) {
        let acknowledged = self.broker.acknowledge(&sub(name), ack_ids).await;
        acknowledged.expect("known");
    }
}

fn datas(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|it| &*it.message.data).collect()
}

fn ack_ids(deliveries: &[Delivery]) -> Vec<AckId> {
    deliveries.iter().map(|it| it.ack_id).collect()
}

#[tokio::test]
async fn every_subscription_gets_every_message_and_one_of_a_key_at_a_time() {
    let scene = Scene::new().await;
    let a = Some("a");
    scene
        .publish(&[
            ("a1", a),
            ("a2", a),
            ("x", None),
            ("a3", a),
            ("b1", Some("b")),
        ])
        .await;
    assert_eq!(
        datas(&scene.pull("rows").await),
        ["a1", "a2", "x", "a3", "b1"]
    );

    let first = scene.pull("books").await;
    assert_eq!(datas(&first), ["a1", "x", "b1"]);
    assert!(scene.pull("books").await.is_empty());
    scene.acknowledge("books", ack_ids(&first)).await;
    // The next of the key is not delivered while the one before it rests.
    let second = scene.pull("books").await;
    assert_eq!(datas(&second), ["a2"]);
    let rejected = scene.broker.reject(&sub("books"), ack_ids(&second)).await;
    rejected.expect("known");
    assert!(scene.pull("books").await.is_empty());
    scene.wait(100);
    let again = scene.pull("books").await;
    assert_eq!((datas(&again), again[0].attempt), (vec!["a2"], 2));
    scene.acknowledge("books", ack_ids(&again)).await;
    assert_eq!(datas(&scene.pull("books").await), ["a3"]);
}

#[tokio::test]
async fn what_is_not_acknowledged_in_time_comes_again_and_the_old_delivery_ends_nothing() {
    let scene = Scene::new().await;
    scene.publish(&[("a1", Some("a"))]).await;
    let first = scene.pull("rows").await;
    let due = || async { scene.broker.next_due(&sub("rows")).await.expect("known") };
    assert_eq!(due().await, Some(Timestamp::from_millis(10_000)));
    scene.wait(10_000);
    assert!(scene.pull("rows").await.is_empty(), "it rests first");
    assert_eq!(due().await, Some(Timestamp::from_millis(10_100)));
    scene.wait(100);
    let second = scene.pull("rows").await;
    assert_eq!(second[0].attempt, 2);
    scene.acknowledge("rows", ack_ids(&first)).await;
    let backlog = scene.broker.backlog(&sub("rows")).await.expect("known");
    assert_eq!((backlog.messages, backlog.leased), (1, 1));
    assert_eq!(backlog.oldest, Some(Timestamp::EPOCH));
    let by = Duration::from_secs(60);
    let extended = scene
        .broker
        .extend(&sub("rows"), ack_ids(&second), by)
        .await;
    extended.expect("known");
    scene.wait(59_999);
    assert!(scene.pull("rows").await.is_empty());
    scene.acknowledge("rows", ack_ids(&second)).await;
    assert_eq!(due().await, None);
}

#[tokio::test]
async fn after_its_attempts_a_message_is_dead_and_lets_the_next_of_its_key_go() {
    let scene = Scene::new().await;
    scene.publish(&[("a1", Some("a")), ("a2", Some("a"))]).await;
    for attempt in 1..=5 {
        let pulled = scene.pull("books").await;
        assert_eq!((datas(&pulled), pulled[0].attempt), (vec!["a1"], attempt));
        // Lost: neither acknowledged nor given back.
        scene.wait(12_000);
    }
    assert_eq!(datas(&scene.pull("books").await), ["a2"]);
    let letters = scene.pull("letters").await;
    assert_eq!(datas(&letters), ["a1"]);
    let letter = &letters[0].message;
    assert_eq!(letter.attributes[SOURCE_ATTEMPTS], "5");
    assert_eq!(letter.attributes["a"], "b");
    assert_eq!(letter.ordering_key.as_deref(), Some("a"));
}

#[tokio::test]
async fn what_does_not_exist_or_cannot_work_is_named() {
    let scene = Scene::new().await;
    let broker = &scene.broker;
    let mut config = SubscriptionConfig::new("orders".into());
    let books = sub("books");
    let conflict = broker.create_subscription(&books, config.clone()).await;
    let unknown = broker.pull(&sub("none"), 1).await;
    let topicless = broker.publish(&"none".into(), Vec::new()).await;
    config.dead_letter = Some(DeadLetterPolicy {
        topic: "none".into(),
        max_attempts: 5,
    });
    let no_letters = broker
        .create_subscription(&sub("new"), config.clone())
        .await;
    config.dead_letter = Some(DeadLetterPolicy {
        topic: "dead".into(),
        max_attempts: 4,
    });
    let impatient = broker.create_subscription(&sub("new"), config).await;
    let no_topic = BrokerRejection::UnknownTopic("none".into());
    for (answer, expected) in [
        (conflict.err(), BrokerRejection::Conflict(books)),
        (
            unknown.err(),
            BrokerRejection::UnknownSubscription(sub("none")),
        ),
        (topicless.err(), no_topic.clone()),
        (no_letters.err(), no_topic),
        (impatient.err(), BrokerRejection::Attempts(4)),
    ] {
        let answer = answer.expect("refused");
        assert_eq!(answer.rejection(), Some(&expected));
    }
}

#[tokio::test]
async fn a_pump_acknowledges_what_the_service_takes_and_gives_the_rest_back() {
    let scene = Scene::new().await;
    scene
        .publish(&[("good", None), ("bad", None), ("good", None)])
        .await;
    let service = service_fn(|push: Push| async move {
        match &*push.delivery.message.data {
            "bad" => Err(Fault::permanent("not this one")),
            _ => Ok(()),
        }
    });
    let pump = PushPump {
        broker: Arc::<MemoryBroker>::clone(&scene.broker),
        subscription: sub("rows"),
        service,
        in_flight: 2,
    };
    let pumped = |delivered, acknowledged, rejected| Pumped {
        delivered,
        acknowledged,
        rejected,
    };
    assert_eq!(pump.pump(10).await.expect("pumps"), pumped(3, 2, 1));
    assert_eq!(pump.pump(10).await.expect("pumps"), pumped(0, 0, 0));
    scene.wait(100);
    assert_eq!(pump.pump(10).await.expect("pumps"), pumped(1, 0, 1));

    // A round that is dropped half-way leaves leases, and leases run out.
    scene.wait(200);
    let stuck = PushPump {
        broker: Arc::<MemoryBroker>::clone(&scene.broker),
        subscription: sub("rows"),
        service: service_fn(|_: Push| std::future::pending::<Result<(), Fault>>()),
        in_flight: 2,
    };
    let mut round = Box::pin(stuck.pump(10));
    let mut context = Context::from_waker(Waker::noop());
    assert!(round.as_mut().poll(&mut context).is_pending());
    drop(round);
    assert_eq!(pump.pump(10).await.expect("pumps"), pumped(0, 0, 0));
    scene.wait(10_400);
    assert_eq!(pump.pump(10).await.expect("pumps"), pumped(1, 0, 1));
}

#[tokio::test]
async fn an_outage_of_the_service_makes_no_dead_letters_and_poison_still_does() {
    let scene = Scene::new().await;
    scene.publish(&[("poison", None), ("good", None)]).await;
    let away = Arc::new(AtomicBool::new(true));
    let is_away = Arc::clone(&away);
    let service = service_fn(move |push: Push| {
        let answer = match &*push.delivery.message.data {
            _ if is_away.load(Ordering::SeqCst) => Err(Fault::unavailable("refused")),
            "poison" => Err(Fault::permanent("not this one")),
            _ => Ok(()),
        };
        std::future::ready(answer)
    });
    let pump = PushPump {
        broker: Arc::<MemoryBroker>::clone(&scene.broker),
        subscription: sub("books"),
        service,
        in_flight: 2,
    };
    // Six hours, a minute at a time: the longest rest of this subscription.
    for _ in 0..360 {
        assert_eq!(pump.pump(10).await.expect("pumps").rejected, 2);
        scene.wait(60_000);
    }
    assert!(scene.pull("letters").await.is_empty());
    away.store(false, Ordering::SeqCst);
    assert_eq!(pump.pump(10).await.expect("pumps").acknowledged, 1);
    for _ in 1..5 {
        scene.wait(60_000);
        assert_eq!(pump.pump(10).await.expect("pumps").rejected, 1);
    }
    let letters = scene.pull("letters").await;
    assert_eq!(datas(&letters), ["poison"]);
    assert_eq!(letters[0].message.attributes[SOURCE_ATTEMPTS], "5");
}
