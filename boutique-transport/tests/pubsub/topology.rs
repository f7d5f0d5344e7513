//! Topics and subscriptions, made twice.

use std::time::Duration;

use boutique_core::broker::{BrokerRejection, DeadLetterPolicy, SubscriptionId, TopicId};
use boutique_transport::pubsub::{
    Delivery, EMULATOR_HOST, Field, PubSub, PushTo, SubscriptionPlan, SubscriptionSettings,
    TopicSettings,
};
use google_cloud_auth::credentials::anonymous::Builder as Anonymous;
use google_cloud_pubsub::client::SubscriptionAdmin;
use google_cloud_pubsub::model::Subscription;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::support::{PROJECT, emulator, pulled, refused, unique};

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
    let changes: [fn(&mut SubscriptionPlan); 8] = [
        |it| it.config.ack_deadline = Duration::from_secs(20),
        |it| it.config.ordered = false,
        |it| it.config.backoff_max = Duration::from_secs(9),
        |it| it.config.dead_letter = None,
        |it| it.push = None,
        |it| push(it).service_account = None,
        |it| push(it).service_account = Some("other@example.com".to_owned()),
        |it| push(it).audience = Some("other".to_owned()),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let mut other = plan.clone();
        change(&mut other);
        let answer = pubsub.create_subscription(&id, &other).await;
        let conflict = BrokerRejection::Conflict(id.clone());
        assert_eq!(refused(answer), conflict, "change {at}");
    }
}

fn push(plan: &mut SubscriptionPlan) -> &mut PushTo {
    plan.push.as_mut().expect("it is pushed to")
}

/// It would get nothing, or something else, while everybody is told that it is there.
#[tokio::test]
async fn what_is_filtered_changed_or_written_elsewhere_is_not_what_was_planned() {
    let Some(pubsub) = emulator() else { return };
    let topic = TopicId::from(unique("orders").as_str());
    pubsub.create_topic(&topic).await.expect("created");
    let plan = pulled(&topic);
    let changes = [
        ("fine", json!({})),
        ("fine", json!({"messageRetentionDuration": "86400s"})),
        ("filter", json!({"filter": "attributes:vip"})),
        (
            "transformed",
            json!({"messageTransforms": [transform(false)]}),
        ),
        ("fine", json!({"messageTransforms": [transform(true)]})),
        (
            "delivery",
            json!({"bigqueryConfig": {"table": "p.d.t", "writeMetadata": true}}),
        ),
    ];
    for (what, change) in changes {
        let id = SubscriptionId::from(unique("oms").as_str());
        let mut theirs = json!({
            "topic": pubsub.topic(&topic),
            "enableMessageOrdering": plan.config.ordered,
            "ackDeadlineSeconds": plan.config.ack_deadline.as_secs(),
            "retryPolicy": {"minimumBackoff": "1s", "maximumBackoff": "1s"},
        });
        for (name, value) in change.as_object().expect("an object") {
            theirs[name] = value.clone();
        }
        let theirs: Subscription = serde_json::from_value(theirs).expect("a subscription");
        let request = admin().await.create_subscription().with_request(theirs);
        let made = request.set_name(pubsub.subscription(&id)).send().await;
        made.expect("made");
        let answer = pubsub.create_subscription(&id, &plan).await;
        match what {
            "fine" => answer.expect("it is as planned"),
            _ => assert_eq!(refused(answer), BrokerRejection::Conflict(id), "{what}"),
        }
    }
}

fn transform(disabled: bool) -> Value {
    let function = json!({"functionName": "f", "code": "function f(m, d) { return m }"});
    json!({"javascriptUdf": function, "disabled": disabled})
}

async fn admin() -> SubscriptionAdmin {
    let host = std::env::var(EMULATOR_HOST).expect("an emulator");
    let builder = SubscriptionAdmin::builder().with_endpoint(format!("http://{host}"));
    let builder = builder.with_credentials(Anonymous::new().build());
    builder.build().await.expect("made")
}

/// Whoever moves an address must not undo what somebody has set beside it. The same goes for a
/// table, which the emulator cannot change.
#[tokio::test]
async fn what_is_mended_keeps_what_is_not_described() {
    let Some(pubsub) = emulator() else { return };
    let topic = TopicId::from(unique("orders").as_str());
    pubsub.create_topic(&topic).await.expect("created");
    let id = SubscriptionId::from(unique("oms").as_str());
    let theirs = json!({
        "topic": pubsub.topic(&topic),
        "messageTransforms": [transform(false)],
        "pushConfig": {
            "pushEndpoint": "http://127.0.0.1:1/",
            "attributes": {"x-goog-version": "v1beta1"},
        },
    });
    let theirs: Subscription = serde_json::from_value(theirs).expect("a subscription");
    let request = admin().await.create_subscription().with_request(theirs);
    let made = request.set_name(pubsub.subscription(&id)).send().await;
    made.expect("made");
    let is = settings(&pubsub, &id).await;
    assert!(is.transformed);
    let shall = SubscriptionSettings {
        delivery: Delivery::Push(PushTo {
            endpoint: "http://127.0.0.1:2/".to_owned(),
            service_account: Some("push@example.com".to_owned()),
            audience: Some("oms".to_owned()),
        }),
        transformed: false,
        ..is.clone()
    };
    pubsub.resettle(&id, &is, &shall).await.expect("changed");
    assert_eq!(settings(&pubsub, &id).await, shall);
    let request = admin().await.get_subscription();
    let found = request.set_subscription(pubsub.subscription(&id)).send();
    let push = found.await.expect("it is there").push_config;
    let attributes = push.expect("pushed").attributes;
    assert_eq!(attributes["x-goog-version"], "v1beta1");
}

async fn settings(pubsub: &PubSub, id: &SubscriptionId) -> SubscriptionSettings {
    let all = pubsub.subscriptions().await.expect("listed").into_iter();
    let mut found = all.filter(|(it, _)| it == id);
    found.next().expect("it is there").1
}

/// A Pub/Sub whose next answer is `body`.
async fn answering(body: &Value) -> PubSub {
    let body = body.to_string();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let host = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("somebody");
        let mut read = [0; 4_096];
        // A request without a body is read in one go here.
        assert!(socket.read(&mut read).await.expect("a request") > 0);
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        socket.write_all(answer.as_bytes()).await.expect("written");
    });
    PubSub::emulator(PROJECT, &host).expect("host:port")
}

/// The emulator cannot transform: this is what Google's answers of topics that do, or do not.
#[tokio::test]
async fn a_topic_that_refuses_or_changes_messages_is_told() {
    let schema = "projects/boutique-test/schemas/order";
    let body = json!({"topics": [
        {"name": "projects/boutique-test/topics/held", "schemaSettings": {"schema": schema}},
        {"name": "projects/boutique-test/topics/off", "messageTransforms": [{"disabled": true}]},
        {"name": "projects/boutique-test/topics/on", "messageTransforms": [{}]},
    ]});
    let topics = answering(&body).await.topics().await.expect("listed");
    let differences = topics.iter().map(|(id, is)| {
        let differences = is.differences(&TopicSettings::default());
        let fields: Vec<Field> = differences.iter().map(|it| it.field).collect();
        (&*id.0, fields)
    });
    let expected = [
        ("held", vec![Field::Schema]),
        ("off", Vec::new()),
        ("on", vec![Field::Transformed]),
    ];
    assert_eq!(differences.collect::<Vec<_>>(), expected);
}

/// The emulator cannot detach: this is what Google's answers of one that is.
#[tokio::test]
async fn what_is_detached_is_told_and_cannot_be_mended() {
    let body = json!({"subscriptions": [{
        "name": "projects/boutique-test/subscriptions/oms",
        "topic": "projects/boutique-test/topics/orders",
        "ackDeadlineSeconds": 10,
        "detached": true,
    }]});
    let pubsub = answering(&body).await;
    let all = pubsub.subscriptions().await.expect("listed");
    let [(_, is)] = &all[..] else {
        panic!("{all:?}")
    };
    let shall = SubscriptionSettings {
        detached: false,
        ..is.clone()
    };
    let differences = is.differences(&shall);
    let fields: Vec<Field> = differences.iter().map(|it| it.field).collect();
    assert_eq!(fields, [Field::Detached]);
    assert!(Field::Detached.is_fixed());
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
