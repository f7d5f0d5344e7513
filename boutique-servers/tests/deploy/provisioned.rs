//! The terraform says the same as `boutique provision gcp`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use boutique_core::assembly::Topology;
use boutique_core::broker::{SubscriptionId, TopicId};
use boutique_servers::provision::{Desired, writer};
use boutique_transport::bigquery::{Design, Relation};
use boutique_transport::pubsub::{Delivery, PushTo, SubscriptionSettings, ToTable};
use serde_json::{Map, Value, json};

use super::files::{at, deploy, text};
use super::terraform::{local, whole};

const PROJECT: &str = "PROJECT";
const ENDPOINT: &str = "https://oms/";

/// `${google_pubsub_topic.orders.id}` as the whole name of that topic.
fn topic(whole: &Value, expression: &Value) -> String {
    let text = expression.as_str().unwrap_or_default();
    let inner = text.trim_start_matches("${").trim_end_matches('}');
    let resource = inner
        .strip_prefix("google_pubsub_topic.")
        .and_then(|it| it.strip_suffix(".id"));
    let resource = resource.unwrap_or_else(|| panic!("no topic: {text}"));
    let name = at(
        whole,
        &format!("/resource/google_pubsub_topic/{resource}/name"),
        text,
    );
    format!(
        "projects/{PROJECT}/topics/{}",
        name.as_str().unwrap_or_default()
    )
}

fn seconds(value: &Value) -> Duration {
    let text = value.as_str().unwrap_or_default();
    let number = text.strip_suffix('s').and_then(|it| it.parse().ok());
    Duration::from_secs(number.unwrap_or_else(|| panic!("no seconds: {value}")))
}

/// Every argument that is looked at here, or says nothing about a subscription.
const ARGUMENTS: [&str; 15] = [
    "ack_deadline_seconds",
    "bigquery_config",
    "dead_letter_policy",
    "depends_on",
    "dynamic",
    "enable_exactly_once_delivery",
    "enable_message_ordering",
    "expiration_policy",
    "filter",
    "for_each",
    "message_retention_duration",
    "name",
    "push_config",
    "retry_policy",
    "topic",
];

/// What is the same for every subscription that a resource makes.
fn settings(block: &Value, topic: String) -> SubscriptionSettings {
    for argument in block.as_object().expect("a block").keys() {
        assert!(
            ARGUMENTS.contains(&&**argument),
            "{argument} is compared with nothing"
        );
    }
    let retry = &block["retry_policy"];
    assert_eq!(
        block["expiration_policy"]["ttl"], "",
        "it would be deleted one day"
    );
    SubscriptionSettings {
        topic,
        ordered: block["enable_message_ordering"] == true,
        filter: block["filter"].as_str().unwrap_or_default().to_owned(),
        ack_deadline: Duration::from_secs(block["ack_deadline_seconds"].as_u64().unwrap_or(10)),
        exactly_once: block["enable_exactly_once_delivery"] == true,
        retention: seconds(&block["message_retention_duration"]),
        expires: None,
        backoff: Some((
            seconds(&retry["minimum_backoff"]),
            seconds(&retry["maximum_backoff"]),
        )),
        dead_letter: None,
        delivery: Delivery::Pull,
        transformed: false,
        detached: false,
    }
}

fn attempts(value: &Value) -> u32 {
    value
        .as_u64()
        .and_then(|it| u32::try_from(it).ok())
        .expect("a number")
}

#[test]
fn topics_and_subscriptions_are_those_that_the_program_makes() {
    let whole = whole();
    let topics = at(&whole, "/resource/google_pubsub_topic", "topics").as_object();
    let topics = topics.expect("topics").values();
    let topics: BTreeSet<TopicId> = topics
        .map(|it| TopicId::from(it["name"].as_str().expect("a name")))
        .collect();

    let resources = at(
        &whole,
        "/resource/google_pubsub_subscription",
        "subscriptions",
    );
    let resources = resources.as_object().expect("subscriptions");
    let names: Vec<&str> = resources.keys().map(String::as_str).collect();
    assert_eq!(names, ["analytics", "kept", "oms"]);
    let mut subscriptions = BTreeMap::new();

    let oms = &resources["oms"];
    let push = &oms["dynamic"]["push_config"]["content"];
    assert_eq!(push["push_endpoint"], "${push_config.value}");
    // The address that the program is to be told is the one that is pushed to, to the slash.
    let pushed = &oms["dynamic"]["push_config"]["for_each"];
    assert_eq!(pushed, "${local.push_to == null ? [] : [local.push_to]}");
    let told = at(&whole, "/output/push_to/value", "the output");
    assert_eq!(told, "${local.push_to}");
    let token = &push["oidc_token"];
    assert_eq!(
        token["service_account_email"],
        "${google_service_account.servers[\"push\"].email}"
    );
    assert_eq!(token["audience"], "${var.push_audience}");
    for (id, each) in local(&whole, "to_oms").as_object().expect("an object") {
        let dead = &each["dead_letter_topic"];
        let it = SubscriptionSettings {
            dead_letter: (!dead.is_null()).then(|| {
                (
                    topic(&whole, dead),
                    attempts(&each["max_delivery_attempts"]),
                )
            }),
            delivery: Delivery::Push(to_oms()),
            ..settings(oms, topic(&whole, &each["topic"]))
        };
        subscriptions.insert(SubscriptionId::from(&**id), it);
    }

    let analytics = &resources["analytics"];
    assert_eq!(analytics["name"], "${each.key}.analytics");
    let dead = &analytics["dead_letter_policy"];
    let table = &analytics["bigquery_config"];
    assert_eq!(
        table["table"],
        "${local.dataset}.${google_bigquery_table.tables[each.key].table_id}"
    );
    for (name, of) in analytics["for_each"].as_object().expect("an object") {
        let it = SubscriptionSettings {
            dead_letter: Some((
                topic(&whole, &dead["dead_letter_topic"]),
                attempts(&dead["max_delivery_attempts"]),
            )),
            delivery: Delivery::BigQuery(ToTable {
                table: format!("{PROJECT}.boutique.{name}"),
                use_table_schema: table["use_table_schema"] == true,
                write_metadata: table["write_metadata"] == true,
                drop_unknown_fields: table["drop_unknown_fields"] == true,
            }),
            ..settings(analytics, topic(&whole, of))
        };
        subscriptions.insert(SubscriptionId::from(&*format!("{name}.analytics")), it);
    }

    let kept = &resources["kept"];
    let id = SubscriptionId::from(kept["name"].as_str().expect("a name"));
    subscriptions.insert(id, settings(kept, topic(&whole, &kept["topic"])));

    let topology = Topology::default();
    let tables = writer(PROJECT, "boutique", &topology);
    let desired = Desired::of(PROJECT, &topology, Some(&to_oms()), Some(&tables));
    assert_eq!(topics, desired.topics.into_iter().collect());
    assert_eq!(subscriptions, desired.subscriptions.into_iter().collect());
}

fn to_oms() -> PushTo {
    PushTo {
        endpoint: ENDPOINT.to_owned(),
        service_account: Some("push".to_owned()),
        audience: None,
    }
}

/// Pub/Sub moves dead letters with its own account: without these roles nothing is moved, and a
/// message that nobody can take in holds up its order for ever.
#[test]
fn pubsub_may_move_what_is_dead_from_every_subscription_that_has_a_place_for_it() {
    let whole = whole();
    let member = |kind: &str| at(&whole, &format!("/resource/{kind}/dead"), kind).clone();
    let topics = member("google_pubsub_topic_iam_member");
    let places = topics["for_each"].to_string();
    for resource in ["orders_dead", "analytics_dead"] {
        assert!(
            places.contains(&format!("google_pubsub_topic.{resource}.name")),
            "{places}"
        );
    }
    let subscriptions = member("google_pubsub_subscription_iam_member");
    let from = subscriptions["for_each"].as_str().expect("an expression");
    assert!(
        from.contains("oms[\"orders.oms\"]")
            && from.contains("google_pubsub_subscription.analytics"),
        "{from}"
    );
    for it in [topics, subscriptions] {
        assert_eq!(it["member"], "${local.pubsub_agent}");
    }
}

/// The dataset as terraform reads it.
fn dataset() -> Value {
    let design = Design::of("PROJECT.DATASET");
    let (mut tables, mut once, mut questions) = (Map::new(), Map::new(), Map::new());
    let is_once: BTreeSet<String> = boutique_core::analytics::Table::ALL
        .iter()
        .map(|it| it.view())
        .collect();
    for (name, relation) in design.relations {
        let Relation {
            description,
            schema,
            time_partitioning,
            clustering,
            view,
            expires_at,
        } = relation;
        assert_eq!(expires_at, None, "as bigquery.tf says");
        if let Some(view) = view {
            let all = if is_once.contains(&name) {
                &mut once
            } else {
                &mut questions
            };
            all.insert(
                name,
                json!({"description": description, "query": view.query}),
            );
            continue;
        }
        let partitioned = time_partitioning.expect("a table is partitioned");
        assert_eq!(partitioned.kind, "DAY", "as bigquery.tf says");
        assert_eq!(partitioned.expires_after, None, "as bigquery.tf says");
        let table = json!({
            "description": description,
            "schema": schema.expect("a table has columns").fields,
            "partitioned_by": partitioned.field,
            "clustering": clustering.map(|it| it.fields),
        });
        tables.insert(name, table);
    }
    json!({"tables": tables, "once": once, "questions": questions})
}

#[test]
fn tables_and_views_are_those_that_are_derived_from_the_events() {
    let file = "terraform/dataset.json";
    let derived = dataset();
    if std::env::var_os("BOUTIQUE_TEST_WRITE").is_some() {
        let text = serde_json::to_string_pretty(&derived).expect("JSON");
        std::fs::write(deploy().join(file), text + "\n").expect("written");
    }
    let found: Value = serde_json::from_str(&text(file)).expect("JSON");
    assert!(
        found == derived,
        "{file} is not what is derived: write it by running this test with BOUTIQUE_TEST_WRITE=1"
    );
}
