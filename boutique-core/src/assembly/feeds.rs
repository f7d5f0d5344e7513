//! What tells the data warehouse, where no managed broker does.

use std::sync::Arc;

use super::topology::broker_fault;
use super::{Topology, Worked};
use crate::analytics::{Table, TableFeed, TableSink};
use crate::broker::Broker;
use crate::fault::Fault;

/// Feeds tables out of a broker that a system delivers from by itself, as a managed broker's
/// subscriptions feed those of a managed data warehouse: each table by a subscription of its own,
/// every message at least once.
///
/// A message that is no row of its table is dead after its attempts and is kept on the topic
/// [`Topology::rows_dead`].
pub struct AnalyticsFeeds {
    feeds: Vec<TableFeed>,
    topology: Topology,
    batch: usize,
}

impl AnalyticsFeeds {
    /// Feeds `tables` out of `broker` into `sink`, at most `batch` rows of each in a round.
    /// Tables whose messages `topology` publishes nowhere are not fed.
    pub fn new(
        broker: &Arc<dyn Broker>,
        sink: &Arc<dyn TableSink>,
        tables: &[&'static Table],
        topology: Topology,
        batch: usize,
    ) -> Self {
        let published = tables.iter().filter(|it| topology.topic_of(it).is_some());
        let feed = |&table: &&'static Table| TableFeed {
            broker: Arc::clone(broker),
            subscription: Topology::to_table(table),
            table,
            sink: Arc::clone(sink),
        };
        Self {
            feeds: published.map(feed).collect(),
            topology,
            batch,
        }
    }

    /// Creates the subscriptions, and the topics they are to; fine if they exist. What was
    /// published before the first time is not in the tables.
    ///
    /// # Errors
    ///
    /// A [`Fault`] of the broker; it may be called again.
    pub async fn start(&self) -> Result<(), Fault> {
        for TableFeed { broker, table, .. } in &self.feeds {
            self.topology.create_table_feed(&**broker, table).await?;
        }
        Ok(())
    }

    /// One round: what is due of each table, up to a batch. Dropping it half-way is harmless.
    ///
    /// # Errors
    ///
    /// The first [`Fault`], of the broker or of the sink; the other tables are fed all the same,
    /// and what was not written comes again.
    pub async fn work(&self) -> Result<Worked, Fault> {
        let (mut worked, mut failed) = (Worked::default(), None);
        for feed in &self.feeds {
            match feed.pump(self.batch).await {
                Ok(pumped) => worked.deliver(pumped),
                Err(error) => drop(failed.get_or_insert(error)),
            }
        }
        match failed {
            None => Ok(worked),
            Some(error) => Err(broker_fault(error)),
        }
    }

    /// Works until nothing is left that is due now.
    ///
    /// # Errors
    ///
    /// The first [`Fault`]; it may be called again.
    pub async fn drain(&self) -> Result<(), Fault> {
        while !self.work().await?.is_idle() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::sync::{Mutex, PoisonError};

    use async_trait::async_trait;

    use super::*;
    use crate::analytics::TableRow;
    use crate::broker::{MemoryBroker, Message};
    use crate::clock::{Clock, Timestamp};
    use crate::event::OrderRefusedEvent;
    use crate::ids::{OrderId, UserId};
    use crate::money::Currency;

    #[derive(Default)]
    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::SeqCst))
        }
    }

    /// Rows by table; while `away` it takes none, and one of the order `o-never` it never takes.
    #[derive(Default)]
    struct Rows {
        of: Mutex<BTreeMap<&'static str, Vec<TableRow>>>,
        away: Mutex<bool>,
    }

    #[async_trait]
    impl TableSink for Rows {
        async fn append(&self, table: &'static Table, rows: Vec<TableRow>) -> Result<(), Fault> {
            if *self.away.lock().unwrap_or_else(PoisonError::into_inner) {
                return Err(Fault::unavailable("away"));
            }
            if rows.iter().any(|it| it.columns()["order_id"] == "o-never") {
                return Err(Fault::permanent("a row is refused"));
            }
            let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
            of.entry(table.name).or_default().extend(rows);
            Ok(())
        }
    }

    impl Rows {
        fn set_away(&self, away: bool) {
            *self.away.lock().unwrap_or_else(PoisonError::into_inner) = away;
        }

        fn count(&self, table: &str) -> usize {
            let of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
            of.get(table).map_or(0, Vec::len)
        }
    }

    fn refusal(order_id: &str) -> Message {
        OrderRefusedEvent {
            order_id: OrderId::new(order_id).expect("an id"),
            user_id: UserId::new("ada").expect("an id"),
            user_currency: Currency::EUR,
            amount: None,
            reason: "short".to_owned(),
            risk_score: None,
            risk_band: None,
            refused_at: Timestamp::EPOCH,
        }
        .encode()
    }

    #[tokio::test]
    async fn every_message_is_a_row_and_what_is_none_is_kept_with_the_dead() {
        let clock = Arc::new(Hand::default());
        let broker: Arc<dyn Broker> = Arc::new(MemoryBroker::new(Arc::<Hand>::clone(&clock)));
        let rows = Arc::new(Rows::default());
        let sink: Arc<dyn TableSink> = Arc::<Rows>::clone(&rows);
        let topology = Topology::default();
        let feeds = AnalyticsFeeds::new(&broker, &sink, &Table::ALL, topology.clone(), 10);
        feeds.start().await.expect("starts");
        feeds.start().await.expect("is started already");

        let none = Message {
            data: "{}".into(),
            ..refusal("o-1")
        };
        let messages = vec![refusal("o-1"), none, refusal("o-never"), refusal("o-2")];
        let published = broker.publish(&topology.refusals, messages).await;
        published.expect("the topic is there");
        rows.set_away(true);
        feeds.work().await.expect_err("nobody takes rows");
        rows.set_away(false);
        let dead = Topology::to_dead_rows();
        loop {
            clock.0.fetch_add(60_000, Ordering::SeqCst);
            feeds.drain().await.expect("works");
            let left = broker
                .backlog(&Topology::to_table(&crate::analytics::REFUSALS))
                .await;
            if left.expect("known").messages == 0 {
                break;
            }
        }
        assert_eq!((rows.count("refusals"), rows.count("orders")), (2, 0));
        let kept = broker.pull(&dead, 10).await.expect("known");
        let (none, never) = ("{}".into(), refusal("o-never").data);
        let mut kept: Vec<_> = kept.iter().map(|it| it.message.data.clone()).collect();
        kept.sort_unstable_by_key(|it| it.len());
        assert_eq!(kept, [none, never]);
    }

    #[test]
    fn every_table_has_a_topic() {
        let topology = Topology::default();
        assert!(Table::ALL.iter().all(|it| topology.topic_of(it).is_some()));
    }
}
