//! Orders, the inbox and dead letters in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{DeadLetter, Fact, Order, OrderError, OrderRejection, OrderStore, Progress};
use crate::clock::Timestamp;
use crate::event::ConfirmedOrder;
use crate::fault::{Fault, PortError};
use crate::ids::{EventId, OrderId, UserId};
use crate::lookup::Marks;
use crate::shelf::Shelf;

/// Keeps orders in memory, for tests and for one process that may forget.
#[derive(Debug, Default)]
pub struct MemoryOrders {
    files: Mutex<Files>,
}

#[derive(Debug, Default)]
struct Files {
    orders: Shelf<OrderId, Order>,
    /// As they came.
    taken_in: Vec<OrderId>,
    unfinished: BTreeSet<OrderId>,
    inbox: Marks<EventId>,
    letters: BTreeMap<String, DeadLetter>,
}

impl MemoryOrders {
    fn files(&self) -> MutexGuard<'_, Files> {
        // Orders are replaced whole, so the files are whole even if a thread panicked.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn after_bound<K: ?Sized>(after: Option<&K>) -> (Bound<&K>, Bound<&K>) {
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    (from, Bound::Unbounded)
}

#[async_trait]
impl OrderStore for MemoryOrders {
    async fn accept(&self, order: ConfirmedOrder, now: Timestamp) -> Result<bool, OrderError> {
        let mut files = self.files();
        let order_id = order.order.order_id.clone();
        let known = files.orders.get(&order_id);
        if known.is_some_and(|it| it.is_of(&order)) {
            return Ok(true);
        }
        if known.is_some() || files.inbox.contains(&order.event_id) {
            return Err(PortError::Rejected(OrderRejection::Conflict(order_id)));
        }
        files.inbox.insert(order.event_id.clone());
        files.unfinished.insert(order_id.clone());
        let progress = Progress::begin(&order, now);
        let placed = Arc::new(order);
        files.taken_in.push(order_id.clone());
        files.orders.insert(order_id, Order { placed, progress });
        Ok(false)
    }

    async fn record(
        &self,
        order_id: &OrderId,
        facts: Vec<Fact>,
        event: Option<EventId>,
        now: Timestamp,
    ) -> Result<Order, OrderError> {
        let mut files = self.files();
        let Files {
            orders,
            unfinished,
            inbox,
            ..
        } = &mut *files;
        let Some(order) = orders.get_mut(order_id) else {
            let unknown = OrderRejection::UnknownOrder(order_id.clone());
            return Err(PortError::Rejected(unknown));
        };
        if event.as_ref().is_some_and(|it| inbox.contains(it)) && !planted!(EffectBeforeInbox) {
            return Ok(order.clone());
        }
        let next = order.with(facts, now).map_err(PortError::Rejected)?;
        inbox.extend(event);
        order.progress = next;
        if order.progress.actions(&order.placed).is_empty() {
            unfinished.remove(order_id);
        } else if !unfinished.contains(order_id) {
            unfinished.insert(order_id.clone());
        }
        Ok(order.clone())
    }

    async fn order(&self, order_id: &OrderId) -> Result<Option<Order>, Fault> {
        Ok(self.files().orders.get(order_id).cloned())
    }

    async fn orders(&self, after: Option<&OrderId>, limit: usize) -> Result<Vec<Order>, Fault> {
        let mut files = self.files();
        let page = files.orders.after(after).take(limit);
        Ok(page.map(|(_, it)| it.clone()).collect())
    }

    async fn newest(&self, after: Option<&OrderId>, limit: usize) -> Result<Vec<Order>, Fault> {
        let files = self.files();
        let end = match after {
            None => files.taken_in.len(),
            // Whoever pages is near the end, where the newest are.
            Some(after) => {
                let place = files.taken_in.iter().rposition(|it| it == after);
                place.unwrap_or_default()
            }
        };
        let newest = files.taken_in[..end].iter().rev();
        let orders = newest.filter_map(|it| files.orders.get(it));
        Ok(orders.take(limit).cloned().collect())
    }

    async fn orders_of(
        &self,
        user: &UserId,
        after: Option<&OrderId>,
        limit: usize,
    ) -> Result<Vec<Order>, Fault> {
        let mut files = self.files();
        let orders = files.orders.after(after).map(|(_, it)| it);
        let theirs = orders.filter(|it| it.placed.order.user_id == *user);
        Ok(theirs.take(limit).cloned().collect())
    }

    async fn unfinished(
        &self,
        idle_since: Timestamp,
        after: Option<&OrderId>,
        limit: usize,
    ) -> Result<Vec<OrderId>, Fault> {
        let files = self.files();
        let is_idle = |it: &&OrderId| {
            let order = files.orders.get(*it);
            order.is_some_and(|it| it.progress.last_change() <= idle_since)
        };
        let open = files.unfinished.range(after_bound(after));
        Ok(open.filter(is_idle).take(limit).cloned().collect())
    }

    async fn park(&self, letter: DeadLetter) -> Result<(), Fault> {
        let mut files = self.files();
        files.letters.entry(letter.id.clone()).or_insert(letter);
        Ok(())
    }

    async fn dead_letters(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, Fault> {
        let files = self.files();
        let page = files
            .letters
            .range::<str, _>(after_bound(after))
            .take(limit);
        Ok(page.map(|(_, it)| it.clone()).collect())
    }

    async fn dead_letter(&self, letter_id: &str) -> Result<Option<DeadLetter>, Fault> {
        Ok(self.files().letters.get(letter_id).cloned())
    }

    async fn discard(&self, letter_id: &str) -> Result<bool, Fault> {
        Ok(self.files().letters.remove(letter_id).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, order_id, placed};
    use super::*;
    use crate::stock::StockSystem;
    use crate::warehouse::ShipmentStatus;

    #[tokio::test]
    async fn an_event_counts_once_and_facts_are_taken_all_or_none() {
        let orders = MemoryOrders::default();
        assert!(!orders.accept(placed(), at(2)).await.expect("new"));
        let mut traced = placed();
        traced.traceparent = Some("00-1-2-00".to_owned());
        traced.occurred_at = at(77);
        assert!(orders.accept(traced, at(3)).await.expect("repeated"));
        let mut other = placed();
        other.total = super::super::fixture::usd(1);
        let refused = orders.accept(other, at(3)).await.expect_err("conflict");
        assert_eq!(
            refused.to_string(),
            "order o1 arrived before with other content"
        );

        let shipped = Fact::Reported {
            system: StockSystem::Inventory,
            status: ShipmentStatus::Shipped,
            at: at(4),
        };
        let event = EventId::new("e1").ok();
        let record = |facts, event| {
            let orders = &orders;
            async move { orders.record(&order_id(), facts, event, at(5)).await }
        };
        let facts = vec![shipped.clone(), Fact::CancelCredited];
        record(facts, event.clone())
            .await
            .expect_err("one is wrong");
        let order = orders.order(&order_id()).await.expect("kept");
        assert_eq!(order.expect("known").progress.timeline.len(), 1);
        let order = record(vec![shipped.clone()], event.clone()).await;
        assert_eq!(order.expect("taken").progress.timeline.len(), 2);
        let order = record(vec![Fact::SaleBooked], event).await;
        assert!(!order.expect("known event").progress.sale_booked);

        let idle = |since| orders.unfinished(since, None, 10);
        assert!(idle(at(4)).await.expect("kept").is_empty());
        assert_eq!(idle(at(5)).await.expect("kept"), [order_id()]);
    }
}
