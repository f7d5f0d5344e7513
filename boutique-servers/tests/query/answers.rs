//! The ready-made questions are answered as over BigQuery: the same events, the same rows.

use std::path::Path;
use std::sync::Arc;

use boutique_core::analytics::{Question, Table, TableSink};
use boutique_core::assembly::{AnalyticsFeeds, Topology};
use boutique_core::broker::{Broker, MemoryBroker, Publish};
use boutique_core::schema::Kind;
use boutique_transport::parquet::ParquetWarehouse;
use boutique_transport::sources::SystemClock;
use serde_json::{Value, json};

use crate::events::Events;
use crate::support::run;

/// Publishes everything twice and feeds it into the data warehouse in `folder`.
pub(crate) async fn warehouse(folder: &Path, events: &Events) {
    let clock = Arc::new(SystemClock::default());
    let broker = Arc::new(MemoryBroker::new(clock));
    let shared: Arc<dyn Broker> = Arc::<MemoryBroker>::clone(&broker);
    let warehouse = ParquetWarehouse::open(folder).expect("opens");
    let sink: Arc<dyn TableSink> = Arc::new(warehouse);
    let topology = Topology::default();
    let feeds = AnalyticsFeeds::new(&shared, &sink, &Table::ALL, topology.clone(), 50);
    feeds.start().await.expect("starts");
    for table in Table::ALL {
        let topic = topology.topic_of(table).expect("every table has one");
        for _ in 0..2 {
            let messages = events.messages(table.name);
            broker.publish(topic, messages).await.expect("published");
        }
    }
    feeds.drain().await.expect("drains");
}

/// What the program answers, as JSON.
pub(crate) fn ask(folder: &Path, what: &[&str]) -> Vec<Value> {
    let folder = folder.to_str().expect("a path");
    let mut args = vec!["query", "--json", "--warehouse", folder];
    args.extend(what);
    let answer = run(args).succeeds().json();
    answer.as_array().expect("rows").clone()
}

/// A row as `columns` say it, numbers as text.
fn row(question: &Question, answer: &Value) -> Vec<Value> {
    let fields = answer.as_object().expect("a row");
    assert_eq!(fields.len(), question.columns.len(), "{answer}");
    let told = question.columns.iter().map(|column| {
        let value = &fields[column.name];
        match column.kind {
            Kind::Int64 => {
                let whole = value.as_i64().expect("a whole number");
                whole.to_string().into()
            }
            _ => value.clone(),
        }
    });
    told.collect()
}

#[tokio::test]
async fn every_question_is_answered_as_the_events_say() {
    let folder = tempfile::tempdir().expect("a folder");
    let events = Events::new();
    warehouse(folder.path(), &events).await;
    for (name, want) in events.answers() {
        let question = Question::named(name).expect("known");
        let answer = ask(folder.path(), &["--question", name]);
        let found: Vec<_> = answer.iter().map(|it| row(question, it)).collect();
        assert_eq!(found, want, "{name}");
    }
}

#[tokio::test]
async fn the_view_has_each_confirmed_order_once_though_all_was_published_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let events = Events::new();
    warehouse(folder.path(), &events).await;
    for table in Table::ALL {
        let published = events.messages(table.name).len();
        let count = |from: &str| {
            let sql = format!("SELECT count(*) AS n FROM {from}");
            ask(folder.path(), &[&sql])[0]["n"].clone()
        };
        assert_eq!(count(table.name), json!(2 * published), "{}", table.name);
        assert_eq!(count(&table.view()), json!(published), "{}", table.name);
    }
    let order_ids = ask(folder.path(), &["SELECT order_id FROM orders_once"]);
    let mut found: Vec<_> = order_ids
        .iter()
        .filter_map(|it| it["order_id"].as_str())
        .collect();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), events.messages("orders").len());
}
