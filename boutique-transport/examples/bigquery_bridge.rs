//! A data warehouse on one machine: what Google's BigQuery subscriptions do, between the Pub/Sub
//! emulator and a BigQuery emulator.
//!
//! ```sh
//! export PUBSUB_EMULATOR_HOST=127.0.0.1:8085 BIGQUERY_EMULATOR_HOST=http://127.0.0.1:9050
//! cargo run -p boutique-transport --all-features --example bigquery_bridge -- my-project
//! ```
//!
//! Makes the tables and views of every dataset that a subscription of the project writes into,
//! and writes the rows until it is interrupted.
#![allow(
    clippy::print_stdout,
    reason = "it is a program that tells what it does"
)]

use std::error::Error;
use std::sync::Arc;

use boutique_transport::bigquery::{self, BigQuery, Bridge};
use boutique_transport::pubsub::{self, Delivery, PubSub};
use boutique_transport::sources::SystemClock;
use tokio::sync::watch;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let project = std::env::args().nth(1);
    let project = project.ok_or("usage: bigquery_bridge PROJECT")?;
    let pubsub = PubSub::emulator(&project, &std::env::var(pubsub::EMULATOR_HOST)?)?;
    let host = std::env::var(bigquery::EMULATOR_HOST)?;
    let (stop, stopped) = watch::channel(false);
    let mut bridges = Vec::new();
    for (subscription, settings) in pubsub.subscriptions().await? {
        let Delivery::BigQuery(to) = settings.delivery else {
            continue;
        };
        let mut names = to.table.split('.');
        let (of, dataset) = (names.next(), names.next());
        let warehouse =
            BigQuery::emulator(of.unwrap_or_default(), dataset.unwrap_or_default(), &host)?;
        let plan = warehouse.plan(&warehouse.design()).await?;
        for change in &plan.changes {
            println!("{change}");
        }
        for drift in &plan.drift {
            println!("left as it is: {drift}");
        }
        warehouse.apply(&plan).await?;
        let clock = Arc::new(SystemClock::default());
        let bridge = Bridge::new(&pubsub, &warehouse, subscription.clone(), clock).await?;
        bridges.push(tokio::spawn(bridge.run(stopped.clone())));
        println!("{subscription} is written into {}", to.table);
    }
    if bridges.is_empty() {
        return Err("no subscription of the project writes into a table: provision them".into());
    }
    tokio::signal::ctrl_c().await?;
    stop.send_replace(true);
    for bridge in bridges {
        let done = bridge.await??;
        println!("{} rows, {} refusals", done.acknowledged, done.rejected);
    }
    Ok(())
}
