//! `boutique provision gcp` against Google's own emulator: it makes what is missing, says when
//! there is nothing to do, mends what was changed, tells what it cannot mend, deletes nothing.
#![cfg(feature = "provision")]

mod support;

use std::sync::atomic::{AtomicU32, Ordering};

use boutique_core::assembly::Topology;
use boutique_core::broker::{SubscriptionId, TopicId};
use boutique_servers::provision::{Actual, Desired, Plan, look};
use boutique_transport::bigquery;
use boutique_transport::pubsub::{Delivery, EMULATOR_HOST, PubSub, PushTo, TopicSettings};
use serde_json::{Value, json};
use support::{Ran, boutique, skip};

/// A project of its own for each test: the emulator forgets nothing.
struct Project {
    id: String,
    host: String,
}

const PUSH: [&str; 6] = [
    "--push-to",
    "https://oms.example.com/",
    "--push-account",
    "push@example.iam.gserviceaccount.com",
    "--push-audience",
    "oms",
];

impl Project {
    fn new() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let Ok(host) = std::env::var(EMULATOR_HOST) else {
            skip(&format!(
                "{EMULATOR_HOST} is not set: run `cargo xtask test`, which starts an emulator"
            ));
            return None;
        };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let id = format!("provision-{}-{number}", std::process::id());
        Some(Self { id, host })
    }

    fn provision(&self, args: &[&str]) -> Ran {
        let ran = boutique()
            .args(["provision", "gcp", "--project", &self.id])
            .args(args)
            .env(EMULATOR_HOST, &self.host)
            .output();
        ran.expect("it runs").into()
    }

    /// The steps, as `kind name action fields`.
    fn steps(&self, args: &[&str]) -> (Option<i32>, Vec<String>) {
        let ran = self.provision(&[args, &["--json"]].concat());
        let steps = ran.json()["steps"].take();
        let text = |it: &Value| it.as_str().expect("a text").to_owned();
        let line = |it: &Value| {
            let fields = it["fields"].as_array().expect("fields").iter();
            let fields: Vec<String> = fields.map(|it| text(&it["field"])).collect();
            let (action, name) = (text(&it["action"]), text(&it["name"]));
            format!("{action} {name} {}", fields.join(","))
                .trim_end()
                .to_owned()
        };
        let steps = steps.as_array().expect("steps").iter().map(line);
        (ran.code, steps.collect())
    }

    /// With tables, where there is an emulator of theirs.
    fn dataset(&self) -> Vec<&'static str> {
        if std::env::var_os(bigquery::EMULATOR_HOST).is_some() {
            return vec!["--dataset", "boutique"];
        }
        let variable = bigquery::EMULATOR_HOST;
        skip(&format!(
            "the tables: {variable} is not set: run `cargo xtask test`"
        ));
        Vec::new()
    }

    fn pubsub(&self) -> PubSub {
        PubSub::emulator(&self.id, &self.host).expect("a project and a host")
    }

    async fn actual(&self) -> Actual {
        look(&self.pubsub()).await.expect("the emulator answers")
    }
}

#[tokio::test]
async fn the_first_run_makes_everything_and_the_second_has_nothing_to_do() {
    let Some(project) = Project::new() else {
        return;
    };
    let args = [&PUSH[..], &project.dataset()[..]].concat();
    // A plan changes nothing.
    let planned = project.provision(&[&args[..], &["--plan"]].concat());
    planned.fails(1, &["without --plan"]);
    for line in ["create topic orders\n", "create subscription orders.oms\n"] {
        assert!(planned.stdout.contains(line), "{}", planned.stdout);
    }
    assert_eq!(project.actual().await, Actual::default());

    project.provision(&args).succeeds();
    let second = project.provision(&args).succeeds();
    assert_eq!(second.stdout, format!("{}: nothing to do\n", project.id));
    let again = project
        .provision(&[&args[..], &["--plan"]].concat())
        .succeeds();
    assert_eq!(again.stdout, second.stdout);

    // And the emulator has it as the system needs it.
    let actual = project.actual().await;
    let orders = &actual.subscriptions[&SubscriptionId::from("orders.oms")];
    let dead = format!("projects/{}/topics/orders-dead", project.id);
    assert_eq!(orders.dead_letter, Some((dead, 100)));
    assert!(orders.ordered);
    let Delivery::Push(push) = &orders.delivery else {
        panic!("{orders:?}");
    };
    assert_eq!(push.endpoint, "https://oms.example.com/");
    assert_eq!(push.audience.as_deref(), Some("oms"));
    if project.dataset().is_empty() {
        return;
    }
    for line in ["create table refusals\n", "create view orders_once\n"] {
        assert!(planned.stdout.contains(line), "{}", planned.stdout);
    }
    let table = &actual.subscriptions[&SubscriptionId::from("refusals.analytics")];
    let Delivery::BigQuery(table) = &table.delivery else {
        panic!("{table:?}");
    };
    assert_eq!(table.table, format!("{}.boutique.refusals", project.id));
    assert!(table.use_table_schema && table.write_metadata && !table.drop_unknown_fields);

    // A dataset stays where it is, and a program is told what it is that does.
    let elsewhere = [&args[..], &["--location", "EU", "--json"]].concat();
    let told = project.provision(&elsewhere).json();
    let [step] = &told["steps"].as_array().expect("steps")[..] else {
        panic!("{told}");
    };
    assert_eq!(
        (&step["kind"], &step["action"]),
        (&json!("dataset"), &json!("drift"))
    );
}

#[tokio::test]
async fn what_somebody_changed_is_mended_and_what_cannot_be_is_told() {
    let Some(project) = Project::new() else {
        return;
    };
    let pubsub = project.pubsub();
    let topology = Topology::default();
    let push = PushTo {
        endpoint: PUSH[1].to_owned(),
        service_account: Some(PUSH[3].to_owned()),
        audience: Some(PUSH[5].to_owned()),
    };
    // Somebody was here before: every setting that can differ does.
    let desired = Desired::of(&project.id, &topology, Some(&push), None);
    for topic in &desired.topics {
        pubsub.create_topic(topic).await.expect("made");
    }
    let (id, mut other) = desired.subscriptions[0].clone();
    other.ordered = false;
    other.ack_deadline = std::time::Duration::from_secs(60);
    other.retention = std::time::Duration::from_secs(3_600);
    other.backoff = None;
    other.dead_letter = None;
    other.delivery = Delivery::Pull;
    pubsub.subscribe_as(&id, &other).await.expect("made");
    let strange = SubscriptionId::from("somebody-elses");
    pubsub.subscribe_as(&strange, &other).await.expect("made");

    let (code, steps) = project.steps(&PUSH);
    // Not all can be mended, so it does not end well; what can be is.
    assert_eq!(code, Some(1));
    assert_eq!(
        steps,
        [
            "change orders.oms ack_deadline,retention,backoff,dead_letter,delivery",
            "drift orders.oms ordered",
            "create orders-dead.oms",
            "create shipments.oms",
            "extra somebody-elses",
        ]
    );
    let (code, steps) = project.steps(&PUSH);
    assert_eq!(code, Some(1));
    assert_eq!(steps, ["drift orders.oms ordered", "extra somebody-elses"]);
    let told = project.provision(&PUSH);
    told.fails(1, &["left alone"]);
    assert!(
        told.stdout.contains("ordered: is \"no\", shall be \"yes\""),
        "{}",
        told.stdout
    );
    // Nothing was deleted, and what is somebody else's is as it was.
    let actual = project.actual().await;
    assert_eq!(actual.subscriptions[&strange], other);
    let mended = &actual.subscriptions[&id];
    assert_eq!(mended.backoff, desired.subscriptions[0].1.backoff);
    assert_eq!(mended.delivery, Delivery::Push(push));
}

/// Order management that moves into the cluster pulls, if told so: who runs the command for
/// anything else does not stop its pushes.
#[tokio::test]
async fn order_management_can_be_moved_from_push_to_pull() {
    let Some(project) = Project::new() else {
        return;
    };
    project.provision(&PUSH).succeeds();
    assert_eq!(project.steps(&[]), (Some(0), Vec::new()));
    let (code, steps) = project.steps(&["--pull"]);
    assert_eq!(code, Some(0));
    let moved = ["orders.oms", "orders-dead.oms", "shipments.oms"];
    assert_eq!(steps, moved.map(|it| format!("change {it} delivery")));
    let actual = project.actual().await;
    for id in moved {
        let settings = &actual.subscriptions[&SubscriptionId::from(id)];
        assert_eq!(settings.delivery, Delivery::Pull);
    }
    for nothing_to_do in [&["--pull"][..], &[]] {
        assert_eq!(project.steps(nothing_to_do), (Some(0), Vec::new()));
    }
    let (code, steps) = project.steps(&PUSH);
    assert_eq!((code, steps.len()), (Some(0), 3), "{steps:?}");
}

/// Half of it would be done in the project that it was only to be tried for.
#[test]
fn an_emulator_of_one_service_is_not_mixed_with_google_s_other() {
    let run = |set: &str, unset: &str| -> Ran {
        let args = [
            "provision",
            "gcp",
            "--project",
            "my-shop",
            "--dataset",
            "boutique",
        ];
        let ran = boutique()
            .args(args)
            .env(set, "127.0.0.1:1")
            .env_remove(unset)
            .output();
        ran.expect("it runs").into()
    };
    run(EMULATOR_HOST, bigquery::EMULATOR_HOST)
        .fails(2, &[bigquery::EMULATOR_HOST, "both or none"]);
    run(bigquery::EMULATOR_HOST, EMULATOR_HOST).fails(2, &[EMULATOR_HOST, "both or none"]);
}

/// Not only that something is to be set which is set.
#[test]
fn a_key_that_is_none_is_told_with_what_is_wrong_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key.json");
    std::fs::write(
        &key,
        "{\"type\": \"service_account\", \"private_key\": \"SECRET\"}",
    )
    .expect("written");
    let ran = boutique()
        .args(["provision", "gcp", "--project", "my-shop"])
        .env("GOOGLE_APPLICATION_CREDENTIALS", &key)
        .env_remove(EMULATOR_HOST)
        .output();
    let ran: Ran = ran.expect("it runs").into();
    ran.fails(2, &["GOOGLE_APPLICATION_CREDENTIALS", "missing field"]);
    assert!(!ran.stderr.contains("SECRET"), "{}", ran.stderr);
}

#[test]
fn a_wrong_project_or_pushes_without_a_token_are_refused_before_anything_is_done() {
    let run = |args: &[&str]| -> Ran {
        let command = ["provision", "gcp"].iter().chain(args);
        let ran = boutique()
            .args(command)
            .env_remove(EMULATOR_HOST)
            .env_remove("GCP_PROJECT_ID")
            .output();
        ran.expect("it runs").into()
    };
    run(&[]).fails(2, &["GCP_PROJECT_ID"]);
    run(&["--project", "Not A Project"]).fails(2, &["project"]);
    run(&[
        "--project",
        "my-shop",
        "--push-to",
        "https://oms.example.com/",
    ])
    .fails(2, &["--push-account"]);
}

#[test]
fn a_topic_of_somebody_else_is_not_in_the_plan() {
    let desired = Desired::of("my-shop", &Topology::default(), None, None);
    let mut actual = as_desired(&desired);
    let elses = TopicSettings {
        schema: Some("projects/my-shop/schemas/elses".to_owned()),
        transformed: true,
    };
    actual.topics.insert(TopicId::from("elses"), elses);
    assert_eq!(Plan::between(&actual, &desired), Plan::default());
}

/// Orders would be refused or cut where they are published, and everything else would look as it
/// shall.
#[test]
fn a_topic_that_refuses_or_changes_messages_is_told_and_left_alone() {
    let desired = Desired::of("my-shop", &Topology::default(), None, None);
    let mut actual = as_desired(&desired);
    let told = TopicSettings {
        schema: Some("projects/my-shop/schemas/old".to_owned()),
        transformed: true,
    };
    actual.topics.insert(TopicId::from("orders"), told);
    let plan = Plan::between(&actual, &desired);
    assert!(plan.drifts() && !plan.changes());
    let said: Vec<String> = plan.steps.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        ["cannot change topic orders\n    \
          schema: is \"projects/my-shop/schemas/old\", shall be \"none\"\n    \
          transformed: is \"yes\", shall be \"no\""]
    );
}

/// A project that has what is desired and no more.
fn as_desired(desired: &Desired) -> Actual {
    let topics = desired.topics.iter().cloned();
    Actual {
        topics: topics.map(|it| (it, TopicSettings::default())).collect(),
        subscriptions: desired.subscriptions.iter().cloned().collect(),
    }
}
