//! The embedded data warehouse beside a shop: columnar files in a folder.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use boutique_core::analytics::{Table, TableSink};
use boutique_core::assembly::{AnalyticsFeeds, Topology};
use boutique_core::broker::{Broker, SubscriptionId};
use boutique_core::clock::Clock;
use boutique_core::fault::Fault;
use boutique_transport::parquet::ParquetWarehouse;
use boutique_transport::sources::SystemClock;

use crate::exit::Failure;
use crate::parts::{Duty, Pace};

/// Rows of a table that are written at a time, at most. Fewer, larger files are cheaper.
const BATCH: usize = 4_096;

/// Microseconds.
const DAY: i64 = 86_400_000_000;

/// What a broker tells the data warehouse.
pub struct Analytics {
    feeds: AnalyticsFeeds,
    warehouse: ParquetWarehouse,
    tables: Vec<&'static Table>,
    clock: SystemClock,
    /// The day, counted from the epoch, on which files were merged last.
    merged: AtomicI64,
}

impl Analytics {
    /// Lets `tables` of the data warehouse in `folder` have what `broker` publishes from now on.
    /// A missing or empty folder becomes a data warehouse.
    ///
    /// # Errors
    ///
    /// [`Failure::Warehouse`], or a fault of the broker.
    pub async fn open(
        folder: &Path,
        tables: &[&'static Table],
        broker: &Arc<dyn Broker>,
        topology: &Topology,
    ) -> Result<Self, Failure> {
        let warehouse = ParquetWarehouse::open_tables(folder, tables)?;
        let sink: Arc<dyn TableSink> = Arc::new(warehouse.clone());
        let feeds = AnalyticsFeeds::new(broker, &sink, tables, topology.clone(), BATCH);
        feeds.start().await?;
        Ok(Self {
            feeds,
            warehouse,
            tables: tables.to_vec(),
            clock: SystemClock::default(),
            merged: AtomicI64::new(i64::MIN),
        })
    }

    /// Writes what is due, and then as few files as can be.
    ///
    /// # Errors
    ///
    /// A fault of the broker or of the files; it may be called again.
    pub async fn complete(&self) -> Result<(), Failure> {
        self.feeds.drain().await?;
        Ok(self.warehouse.compact().await?)
    }

    /// What the tables are fed by.
    pub fn subscriptions(&self) -> Vec<SubscriptionId> {
        self.tables
            .iter()
            .map(|it| Topology::to_table(it))
            .collect()
    }

    /// Writes what is due again and again. Rows come together between two rounds, so that a file
    /// has more of them, and once a day files are merged.
    pub fn duty(self, pace: Pace) -> Duty {
        let this = Arc::new(self);
        Duty::new("analytics", pace, move || {
            let this = Arc::clone(&this);
            async move {
                let worked = this.feeds.work().await?;
                this.merge().await?;
                Ok(!worked.is_idle())
            }
        })
    }

    /// Merges files if that was not done today: a day that is over gets few more.
    async fn merge(&self) -> Result<(), Fault> {
        let today = self.clock.now().as_micros().div_euclid(DAY);
        if self.merged.load(Ordering::Relaxed) != today {
            self.warehouse.compact().await?;
            self.merged.store(today, Ordering::Relaxed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use boutique_core::analytics::{REFUSALS, Source};
    use boutique_core::broker::MemoryBroker;
    use boutique_core::clock::Timestamp;
    use boutique_core::event::OrderRefusedEvent;
    use boutique_core::ids::{OrderId, UserId};
    use boutique_core::money::Currency;
    use boutique_transport::parquet::Snapshot;

    use super::*;

    #[tokio::test]
    async fn what_a_day_left_in_many_files_is_in_one_the_next_day() {
        let folder = tempfile::tempdir().expect("a folder");
        let lake = folder.path().join("lake");
        let broker: Arc<dyn Broker> = Arc::new(MemoryBroker::new(Arc::new(SystemClock::default())));
        let topology = Topology::default();
        let opened = Analytics::open(&lake, &Table::ALL, &broker, &topology);
        let analytics = opened.await.expect("opens");
        for at in 0..3 {
            let event = OrderRefusedEvent {
                order_id: OrderId::new(format!("o-{at}")).expect("an id"),
                user_id: UserId::new("ada").expect("an id"),
                user_currency: Currency::EUR,
                amount: None,
                reason: "short".to_owned(),
                risk_score: None,
                risk_band: None,
                refused_at: Timestamp::EPOCH,
            };
            let source = Source {
                subscription: &"warehouse".into(),
                message_id: "1",
                published_at: Timestamp::EPOCH,
            };
            let row = REFUSALS.row(&source, &event.encode()).expect("a row");
            let append = analytics.warehouse.append(&REFUSALS, vec![row]);
            append.await.expect("appends");
        }
        let files = || {
            let snapshot = Snapshot::open(&lake).expect("a data warehouse");
            let of = snapshot
                .tables()
                .iter()
                .find(|it| it.table.name == REFUSALS.name);
            of.map(|it| (it.files.len(), it.rows))
        };
        assert_eq!(files(), Some((3, 3)));
        analytics.merge().await.expect("merges");
        assert_eq!(files(), Some((1, 3)));
    }
}
