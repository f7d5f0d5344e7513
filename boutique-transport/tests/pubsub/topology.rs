//! Topics and subscriptions, made twice.

use std::time::Duration;

use boutique_core::broker::{BrokerRejection, DeadLetterPolicy, SubscriptionId, TopicId};
use boutique_transport::pubsub::{PushTo, SubscriptionPlan};

use super::support::{emulator, pulled, refused, unique};

#[tokio::test]
async fn creating_again_is_fine_and_another_configuration_is_refused() {
    let Some(pubsub) = emulator() else { return };
    let topic = TopicId::from(unique("orders").as_str());
    let dead = TopicId::from(unique("dead").as_str());
    let id = SubscriptionId::from(unique("oms").as_str());
    for it in [&topic, &topic, &dead] {
        pubsub.create_topic(it).await.expect("created");
    }
    let mut plan = pulled(&topic);
    plan.config.backoff_min = Duration::from_millis(100);
    plan.config.dead_letter = Some(DeadLetterPolicy {
        topic: dead,
        max_attempts: 7,
    });
    plan.push = Some(PushTo {
        endpoint: "http://127.0.0.1:1/".to_owned(),
        service_account: Some("push@boutique-test.iam.gserviceaccount.com".to_owned()),
        audience: None,
    });
    for _ in 0..2 {
        let created = pubsub.create_subscription(&id, &plan).await;
        created.expect("created, or there as planned");
    }
    let changes: [fn(&mut SubscriptionPlan); 5] = [
        |it| it.config.ack_deadline = Duration::from_secs(20),
        |it| it.config.ordered = false,
        |it| it.config.backoff_max = Duration::from_secs(9),
        |it| it.config.dead_letter = None,
        |it| it.push = None,
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let mut other = plan.clone();
        change(&mut other);
        let answer = pubsub.create_subscription(&id, &other).await;
        let conflict = BrokerRejection::Conflict(id.clone());
        assert_eq!(refused(answer), conflict, "change {at}");
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let Some(pubsub) = emulator() else { return };
    let nowhere = TopicId::from(unique("nowhere").as_str());
    let id = SubscriptionId::from(unique("oms").as_str());
    let mut plan = pulled(&nowhere);
    let unknown = BrokerRejection::UnknownTopic(nowhere.clone());
    let answer = pubsub.create_subscription(&id, &plan).await;
    assert_eq!(refused(answer), unknown);
    for attempts in [0, 4, 101] {
        plan.config.dead_letter = Some(DeadLetterPolicy {
            topic: nowhere.clone(),
            max_attempts: attempts,
        });
        let answer = pubsub.create_subscription(&id, &plan).await;
        let range = BrokerRejection::Attempts(attempts);
        assert_eq!(refused(answer), range);
    }
}
