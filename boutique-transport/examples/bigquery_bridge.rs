//! A data warehouse on one machine: what Google's BigQuery subscriptions do, between the Pub/Sub
//! emulator and a BigQuery emulator.
//!
//! ```sh
//! export PUBSUB_EMULATOR_HOST=127.0.0.1:8085 BIGQUERY_EMULATOR_HOST=http://127.0.0.1:9050
//! cargo run -p boutique-transport --all-features --example bigquery_bridge -- my-project shop
//! ```
//!
//! Makes the dataset with its tables and views and a BigQuery subscription for each table, and
//! writes the rows until it is interrupted. The topics are called like the tables, unless more
//! arguments say otherwise: `orders=my-orders`.
#![allow(
    clippy::print_stdout,
    reason = "it is a program that tells what it does"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use boutique_core::analytics::Table;
use boutique_core::broker::{DeadLetterPolicy, SubscriptionId, TopicId};
use boutique_transport::bigquery::{self, BigQuery, Bridge};
use boutique_transport::pubsub::{self, IntoBigQuery, PubSub};
use boutique_transport::sources::SystemClock;
use tokio::sync::watch;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(project), Some(dataset)) = (args.next(), args.next()) else {
        return Err("usage: bigquery_bridge PROJECT DATASET [TABLE=TOPIC ...]".into());
    };
    let mut topics: BTreeMap<&str, String> = BTreeMap::new();
    for arg in args {
        let (table, topic) = arg.split_once('=').ok_or("TABLE=TOPIC")?;
        let table = Table::named(table).ok_or("there is no such table")?;
        topics.insert(table.name, topic.to_owned());
    }
    let pubsub = PubSub::emulator(&project, &std::env::var(pubsub::EMULATOR_HOST)?)?;
    let host = std::env::var(bigquery::EMULATOR_HOST)?;
    let warehouse = BigQuery::emulator(&project, &dataset, &host)?;

    let plan = warehouse.plan(&warehouse.design()).await?;
    for change in &plan.changes {
        println!("{change}");
    }
    for drift in &plan.drift {
        println!("left as it is: {drift}");
    }
    warehouse.apply(&plan).await?;

    let dead = TopicId::from("analytics-dead");
    pubsub.create_topic(&dead).await?;
    let (stop, stopped) = watch::channel(false);
    let mut bridges = Vec::new();
    for table in Table::ALL {
        let topic = topics.get(table.name).map_or(table.name, String::as_str);
        let topic = TopicId::from(topic);
        pubsub.create_topic(&topic).await?;
        let subscription = SubscriptionId::from(format!("{topic}.bigquery").as_str());
        let into = IntoBigQuery {
            topic: topic.clone(),
            table: format!("{}.{}", warehouse.name(), table.name).parse()?,
            dead_letter: Some(DeadLetterPolicy {
                topic: dead.clone(),
                max_attempts: 5,
            }),
            drop_unknown_fields: false,
            service_account: None,
        };
        pubsub
            .create_bigquery_subscription(&subscription, &into)
            .await?;
        let clock = Arc::new(SystemClock::default());
        let bridge = Bridge::new(&pubsub, &warehouse, subscription, clock).await?;
        bridges.push(tokio::spawn(bridge.run(stopped.clone())));
        println!("{topic} is written into {}", into.table);
    }
    tokio::signal::ctrl_c().await?;
    stop.send_replace(true);
    for bridge in bridges {
        let written = bridge.await??;
        println!(
            "{} rows, {} refusals",
            written.acknowledged, written.rejected
        );
    }
    Ok(())
}
