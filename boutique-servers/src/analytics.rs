//! The embedded data warehouse beside a shop: columnar files in a folder.

use std::path::Path;
use std::sync::Arc;

use boutique_core::analytics::{Table, TableSink};
use boutique_core::assembly::{AnalyticsFeeds, Topology};
use boutique_core::broker::{Broker, SubscriptionId};
use boutique_transport::parquet::ParquetWarehouse;

use crate::exit::Failure;
use crate::parts::{Duty, Pace};

/// Rows of a table that are written at a time, at most. Fewer, larger files are cheaper.
const BATCH: usize = 4_096;

/// What a broker tells the data warehouse.
pub struct Analytics {
    feeds: AnalyticsFeeds,
    warehouse: ParquetWarehouse,
    tables: Vec<&'static Table>,
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
    /// has more of them.
    pub fn duty(self, pace: Pace) -> Duty {
        let this = Arc::new(self);
        Duty::new("analytics", pace, move || {
            let this = Arc::clone(&this);
            async move { Ok(!this.feeds.work().await?.is_idle()) }
        })
    }
}
