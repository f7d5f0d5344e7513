//! One subscription as a plain value, indexed by what is asked of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::{AckId, Backlog, Delivery, DeliveryRow, Fate, Message, SubscriptionConfig};
use crate::clock::Timestamp;
use crate::lookup::Lookup;

/// The messages of one subscription.
///
/// Every row is in exactly one of four places: `ready`, `waiting`, `leased`, or behind another
/// one in its lane. Nothing here looks at all rows.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) config: SubscriptionConfig,
    rows: BTreeMap<u64, Row>,
    /// May be leased now, oldest first.
    ready: BTreeSet<u64>,
    /// Rest until they are due.
    waiting: BTreeSet<(Timestamp, u64)>,
    /// Leased until then.
    leased: BTreeSet<(Timestamp, u64)>,
    /// Per ordering key the messages that have not ended; only the first may be delivered.
    lanes: Lookup<Arc<str>, VecDeque<u64>>,
}

#[derive(Debug)]
struct Row {
    delivery: DeliveryRow,
    published_at: Timestamp,
    message: Arc<Message>,
}

/// A message that was delivered too often.
pub(super) struct Dead {
    pub(super) message: Arc<Message>,
    pub(super) attempts: u32,
}

impl Queue {
    pub(super) fn new(config: SubscriptionConfig) -> Self {
        Self {
            config,
            rows: BTreeMap::new(),
            ready: BTreeSet::new(),
            waiting: BTreeSet::new(),
            leased: BTreeSet::new(),
            lanes: Lookup::default(),
        }
    }

    pub(super) fn push(&mut self, id: u64, message: &Arc<Message>, now: Timestamp) {
        let row = Row {
            delivery: DeliveryRow::new(id, now),
            published_at: now,
            message: Arc::clone(message),
        };
        self.rows.insert(id, row);
        let mut is_first = true;
        if let Some(key) = message
            .ordering_key
            .as_ref()
            .filter(|_| self.config.ordered)
        {
            let lane = self.lanes.entry(Arc::clone(key)).or_default();
            lane.push_back(id);
            is_first = lane.len() == 1;
        }
        if is_first {
            self.ready.insert(id);
        }
    }

    /// Leases up to `max` of the messages that are due. Leases that have run out must have
    /// been ended before.
    pub(super) fn pull(&mut self, max: usize, now: Timestamp) -> Vec<Delivery> {
        while let Some(&(due, id)) = self.waiting.first() {
            if due > now {
                break;
            }
            self.waiting.pop_first();
            self.ready.insert(id);
        }
        let mut deliveries = Vec::with_capacity(max.min(self.ready.len()));
        while deliveries.len() < max {
            let Some(id) = self.ready.pop_first() else {
                break;
            };
            let Some(row) = self.rows.get_mut(&id) else {
                continue;
            };
            let ack_id = row.delivery.lease(&self.config, now);
            self.leased.insert((row.delivery.due, id));
            deliveries.push(Delivery {
                ack_id,
                message_id: id,
                published_at: row.published_at,
                attempt: ack_id.attempt,
                message: Arc::clone(&row.message),
            });
        }
        deliveries
    }

    /// Ends the leases that have run out, and answers with the messages that are dead of it.
    pub(super) fn lapse(&mut self, now: Timestamp) -> Vec<Dead> {
        let mut dead = Vec::new();
        while let Some(&(due, id)) = self.leased.first() {
            if due > now || planted!(LeaseNeverLapses) {
                break;
            }
            self.leased.pop_first();
            let row = self.rows.get_mut(&id);
            if let Some(fate) = row.and_then(|it| it.delivery.lapse(&self.config, now)) {
                dead.extend(self.meet(id, fate));
            }
        }
        dead
    }

    pub(super) fn acknowledge(&mut self, ack_id: AckId) {
        let id = ack_id.message_id;
        let Some(row) = self.rows.get(&id) else {
            return;
        };
        if !row.delivery.is_ended_by(ack_id) {
            return;
        }
        let place = (row.delivery.due, id);
        if row.delivery.leased {
            self.leased.remove(&place);
        } else if !self.waiting.remove(&place) {
            self.ready.remove(&id);
        }
        self.end(id);
    }

    pub(super) fn reject(&mut self, ack_id: AckId, now: Timestamp) -> Option<Dead> {
        let row = self.rows.get_mut(&ack_id.message_id)?;
        let place = (row.delivery.due, ack_id.message_id);
        let fate = row.delivery.reject(ack_id, &self.config, now)?;
        self.leased.remove(&place);
        self.meet(ack_id.message_id, fate)
    }

    pub(super) fn return_unsent(&mut self, ack_id: AckId, now: Timestamp) {
        let id = ack_id.message_id;
        let Some(row) = self.rows.get_mut(&id) else {
            return;
        };
        let place = (row.delivery.due, id);
        if let Some(due) = row.delivery.return_unsent(ack_id, &self.config, now) {
            self.leased.remove(&place);
            self.waiting.insert((due, id));
        }
    }

    pub(super) fn extend(&mut self, ack_id: AckId, by: Duration, now: Timestamp) {
        let Some(row) = self.rows.get_mut(&ack_id.message_id) else {
            return;
        };
        let place = (row.delivery.due, ack_id.message_id);
        if row.delivery.extend(ack_id, by, now) {
            self.leased.remove(&place);
            self.leased.insert((row.delivery.due, ack_id.message_id));
        }
    }

    pub(super) fn backlog(&self) -> Backlog {
        Backlog {
            messages: self.rows.len() as u64,
            leased: self.leased.len() as u64,
            oldest: self.rows.values().next().map(|it| it.published_at),
        }
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let ready = self.ready.first().and_then(|it| self.rows.get(it));
        let first = |places: &BTreeSet<(Timestamp, u64)>| places.first().map(|it| it.0);
        [
            ready.map(|it| it.delivery.due),
            first(&self.waiting),
            first(&self.leased),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn meet(&mut self, id: u64, fate: Fate) -> Option<Dead> {
        match fate {
            Fate::Again(due) => {
                self.waiting.insert((due, id));
                None
            }
            Fate::Dead(attempts) => {
                let message = self.end(id)?;
                Some(Dead { message, attempts })
            }
        }
    }

    /// Takes a message out, and lets the next one of its key go.
    fn end(&mut self, id: u64) -> Option<Arc<Message>> {
        let message = self.rows.remove(&id)?.message;
        if let Some(key) = message
            .ordering_key
            .as_ref()
            .filter(|_| self.config.ordered)
            && let Some(lane) = self.lanes.get_mut(key)
        {
            lane.pop_front();
            match lane.front() {
                Some(&next) => {
                    self.ready.insert(next);
                }
                None => {
                    self.lanes.remove(key);
                }
            }
        }
        Some(message)
    }
}
