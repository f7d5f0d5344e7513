//! Rows on their way from a topic into a table, by both paths.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use boutique_core::analytics::Table;
use boutique_core::broker::{
    DeadLetterPolicy, Message, Publish, Push, SubscriptionConfig, SubscriptionId, TopicId,
};
use boutique_core::fault::Fault;
use boutique_core::flow::Step;
use boutique_transport::bigquery::{BigQuery, BigQuerySink, Bridge, IngestRows};
use boutique_transport::pubsub::{
    Delivery, EMULATOR_HOST, PubSub, PubSubPublisher, Publishing, Pulled, Pulling, StreamingPull,
    SubscriptionPlan, SubscriptionSettings, ToTable,
};
use boutique_transport::sources::SystemClock;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::events::{Events, FOREIGN, ORDERS};
use super::required::skip;
use super::support::{PATIENCE, PROJECT, dataset, host, query, unique};

/// A dataset with everything in it, and topics whose messages shall get there.
struct Line {
    pubsub: PubSub,
    warehouse: BigQuery,
    publisher: PubSubPublisher,
    /// Where messages go that are no rows.
    dead: TopicId,
    letters: mpsc::UnboundedReceiver<Push>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<Result<Pulled, Fault>>>,
}

/// How messages get into a table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Path {
    Sink,
    Bridge,
}

impl Line {
    async fn new() -> Option<Self> {
        let warehouse = dataset()?;
        let Ok(host) = std::env::var(EMULATOR_HOST) else {
            skip(&format!(
                "{EMULATOR_HOST} is not set: run `cargo xtask test`"
            ));
            return None;
        };
        let pubsub = PubSub::emulator(PROJECT, &host).expect("host:port");
        let plan = warehouse.plan(&warehouse.design()).await.expect("planned");
        warehouse.apply(&plan).await.expect("applied");
        let publisher = PubSubPublisher::new(&pubsub, Publishing::default()).await;
        let dead = TopicId::from(unique("dead").as_str());
        pubsub.create_topic(&dead).await.expect("created");
        let mut line = Self {
            pubsub,
            warehouse,
            publisher: publisher.expect("made"),
            dead,
            letters: mpsc::unbounded_channel().1,
            stop: watch::channel(false).0,
            tasks: Vec::new(),
        };
        let (sender, letters) = mpsc::unbounded_channel();
        line.letters = letters;
        let subscription = SubscriptionId::from(unique("letters").as_str());
        let plan = line.pulled(&line.dead);
        let created = line.pubsub.create_subscription(&subscription, &plan).await;
        created.expect("created");
        line.pull(subscription, Letters(sender)).await;
        Some(line)
    }

    fn pulled(&self, topic: &TopicId) -> SubscriptionPlan {
        SubscriptionPlan {
            config: SubscriptionConfig {
                backoff_min: Duration::from_secs(1),
                backoff_max: Duration::from_secs(1),
                // The emulator (0.8.20) cannot have this and dead letters at once.
                ordered: false,
                dead_letter: (*topic != self.dead).then(|| self.policy()),
                ..SubscriptionConfig::new(topic.clone())
            },
            push: None,
            exactly_once: false,
        }
    }

    fn policy(&self) -> DeadLetterPolicy {
        DeadLetterPolicy {
            topic: self.dead.clone(),
            max_attempts: 5,
        }
    }

    /// A new topic whose messages become rows of `table`.
    async fn topic(&mut self, table: &'static Table, path: Path) -> TopicId {
        let topic = TopicId::from(unique(table.name).as_str());
        self.pubsub.create_topic(&topic).await.expect("created");
        let subscription = SubscriptionId::from(unique("rows").as_str());
        if path == Path::Sink {
            let plan = self.pulled(&topic);
            let created = self.pubsub.create_subscription(&subscription, &plan).await;
            created.expect("created");
            let sink = BigQuerySink {
                warehouse: self.warehouse.clone(),
            };
            let ingest = IngestRows::new(table, Arc::new(sink), self.stop.subscribe());
            self.pull(subscription, ingest).await;
            return topic;
        }
        let into = SubscriptionSettings {
            topic: self.pubsub.topic(&topic),
            ordered: false,
            filter: String::new(),
            ack_deadline: Duration::from_secs(10),
            exactly_once: false,
            retention: Duration::from_secs(86_400),
            expires: None,
            backoff: None,
            dead_letter: Some((self.pubsub.topic(&self.dead), 5)),
            delivery: Delivery::BigQuery(ToTable {
                table: format!("{}.{}", self.warehouse.name(), table.name),
                use_table_schema: true,
                write_metadata: true,
                drop_unknown_fields: false,
            }),
            transformed: false,
            detached: false,
        };
        let created = self.pubsub.subscribe_as(&subscription, &into).await;
        created.expect("created");
        let clock = Arc::new(SystemClock::default());
        let bridge = Bridge::new(&self.pubsub, &self.warehouse, subscription, clock).await;
        let run = bridge.expect("made").run(self.stop.subscribe());
        self.tasks.push(tokio::spawn(run));
        topic
    }

    async fn pull<S>(&mut self, subscription: SubscriptionId, service: S)
    where
        S: Step<Push, Response = (), Error = Fault> + Clone,
    {
        let how = Pulling {
            in_flight: 500,
            ..Pulling::default()
        };
        let clock = Arc::new(SystemClock::default());
        let service = service.into_service();
        let pull = StreamingPull::new(&self.pubsub, subscription, service, clock, how).await;
        let (pull, stopped) = (pull.expect("made"), self.stop.subscribe());
        self.tasks
            .push(tokio::spawn(async move { pull.run(stopped).await }));
    }

    async fn publish(&self, topic: &TopicId, messages: Vec<Message>) {
        let published = self.publisher.publish(topic, messages).await;
        published.expect("published");
    }

    /// Waits until a table has at least so many rows: a message may be delivered again.
    async fn rows(&self, table: &Table, least: usize) {
        self.counted(table.name, &format!("{least} or more"), |it| it >= least)
            .await;
    }

    /// Waits until the view of a table has so many rows, each once.
    async fn rows_once(&self, table: &Table, rows: usize) {
        self.counted(&table.view(), &rows.to_string(), |it| it == rows)
            .await;
    }

    async fn counted(&self, relation: &str, wanted: &str, enough: impl Fn(usize) -> bool) {
        let count = format!(
            "SELECT COUNT(*) FROM `{}.{relation}`",
            self.warehouse.name()
        );
        let mut seen = 0;
        let come = async {
            loop {
                let count = query(&count).await;
                seen = count[0][0]
                    .as_str()
                    .and_then(|it| it.parse().ok())
                    .expect("a number");
                if enough(seen) {
                    return;
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        let come = timeout(PATIENCE, come).await;
        assert!(come.is_ok(), "{relation} has {seen} rows and not {wanted}");
    }

    async fn ask(&self, what: &str) -> Vec<Vec<Value>> {
        query(&what.replace("{dataset}", &self.warehouse.name())).await
    }

    /// Ends well.
    async fn end(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            let ended = timeout(PATIENCE, task).await;
            let ended = ended.expect("a subscriber that was told to stop goes on");
            ended.expect("does not panic").expect("ends well");
        }
    }
}

/// Whoever reads dead letters.
#[derive(Clone)]
struct Letters(mpsc::UnboundedSender<Push>);

impl Step<Push> for Letters {
    type Response = ();
    type Error = Fault;

    async fn run(&self, push: Push) -> Result<(), Fault> {
        self.0.send(push).expect("somebody reads");
        Ok(())
    }
}

/// Everything is published twice; the views have every order once and answer what follows from
/// the events.
async fn every_question_is_answered_by(path: Path) {
    let Some(mut line) = Line::new().await else {
        return;
    };
    let events = Events::new();
    for table in Table::ALL {
        let topic = line.topic(table, path).await;
        let messages = events.messages(table.name);
        line.publish(&topic, messages.clone()).await;
        line.publish(&topic, messages.clone()).await;
        line.rows(table, 2 * messages.len()).await;
        line.rows_once(table, messages.len()).await;
    }
    let sold = line
        .ask("SELECT order_id FROM `{dataset}.orders_once` ORDER BY order_id")
        .await;
    let mut expected: Vec<_> = (0..ORDERS + FOREIGN)
        .map(|it| vec![json!(format!("o-{it}"))])
        .collect();
    expected.sort_by_key(|it| it[0].to_string());
    assert_eq!(sold, expected);
    let named = format!(
        "SELECT COUNT(*) FROM `{{dataset}}.orders` \
         WHERE subscription_name NOT LIKE 'projects/{PROJECT}/subscriptions/rows%'"
    );
    assert_eq!(line.ask(&named).await, [[json!("0")]]);
    for (question, answer) in events.answers() {
        let asked = format!("SELECT * FROM `{{dataset}}.{question}` ORDER BY 1, 2");
        assert_eq!(line.ask(&asked).await, answer, "{question}");
    }
    bq_asks_the_same(&line.warehouse, &events);
    line.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_pulled_into_the_sink_answers_every_question() {
    every_question_is_answered_by(Path::Sink).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_subscription_writes_answers_every_question() {
    every_question_is_answered_by(Path::Bridge).await;
}

/// A message that is no row is a dead letter; those around it are rows.
async fn what_does_not_fit_is_a_dead_letter(path: Path) {
    let Some(mut line) = Line::new().await else {
        return;
    };
    let orders = Table::named("orders").expect("a table");
    let topic = line.topic(orders, path).await;
    let mut messages = Events::new().messages("orders");
    messages.truncate(20);
    let wrong = |edit: fn(&mut Value)| {
        let mut data: Value = serde_json::from_str(&messages[0].data).expect("JSON");
        edit(&mut data);
        data.to_string()
    };
    let unfit = [
        "not JSON".to_owned(),
        wrong(|it| it["coupon"] = "a field that is no column".into()),
        wrong(|it| it["order_id"] = Value::Null),
        wrong(|it| it["items"][0]["cost"]["units"] = "many".into()),
    ];
    let poison = unfit.iter().map(|data| Message {
        data: data.as_str().into(),
        ..messages[0].clone()
    });
    let fine = messages.len();
    let all: Vec<_> = poison.chain(messages.clone()).collect();
    line.publish(&topic, all).await;
    // A letter may come twice, too.
    let (mut dead, expected) = (BTreeSet::new(), BTreeSet::from(unfit));
    let letters = async {
        while dead.len() < expected.len() {
            let letter = line.letters.recv().await.expect("somebody writes");
            dead.insert(letter.delivery.message.data.to_string());
        }
    };
    // Those that have not come are told below.
    let _ = timeout(PATIENCE, letters).await;
    assert_eq!(dead, expected);
    line.rows(orders, fine).await;
    line.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_sink_cannot_take_is_a_dead_letter() {
    what_does_not_fit_is_a_dead_letter(Path::Sink).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_subscription_cannot_write_is_a_dead_letter() {
    what_does_not_fit_is_a_dead_letter(Path::Bridge).await;
}

/// Google's own command reads the views.
fn bq_asks_the_same(warehouse: &BigQuery, events: &Events) {
    let Some((bq, discovery)) = bq() else {
        skip("bq of the gcloud CLI is not on the path");
        return;
    };
    let settings = tempfile::tempdir().expect("a folder");
    let sql = format!("SELECT * FROM `{}.revenue` ORDER BY 1, 2", warehouse.name());
    let done = Command::new(bq)
        .env("CLOUDSDK_CONFIG", settings.path())
        .env("CLOUDSDK_AUTH_ACCESS_TOKEN", "none")
        .env("HOME", settings.path())
        .args(["--api", &host().expect("an emulator")])
        .arg(format!("--discovery_file={}", discovery.display()))
        .args([
            "--project_id",
            PROJECT,
            "--format",
            "json",
            "query",
            "--nouse_legacy_sql",
        ])
        .arg(sql)
        .output()
        .expect("bq starts");
    let said = String::from_utf8_lossy(&done.stdout);
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}{errors}");
    let json = said.lines().find(|it| it.starts_with('[')).expect("rows");
    let rows: Vec<Value> = serde_json::from_str(json).expect("JSON");
    let columns = ["day", "currency", "orders", "units", "nanos"];
    let rows: Vec<Vec<Value>> = rows
        .iter()
        .map(|row| columns.map(|it| row[it].clone()).into())
        .collect();
    assert_eq!(rows, events.answers()["revenue"]);
}

/// The command and the description of the API it brings along: an emulator has none.
fn bq() -> Option<(PathBuf, PathBuf)> {
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths).find_map(|folder| {
        // ROOT/bin/bq
        let bq = folder.join("bq").canonicalize().ok()?;
        let root = bq.parent()?.parent()?;
        let discovery = root.join("platform/bq/discovery_next/bigquery.json");
        discovery.is_file().then_some((bq, discovery))
    })
}
