//! Saga records and the outbox in the data file.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use boutique_core::broker::Message;
use boutique_core::checkout::{
    Begun, CheckoutStore, Decide, Intent, OutboxRecord, OutboxStatus, Saga, StoreError,
    StoreRejection, Told,
};
use boutique_core::clock::Timestamp;
use boutique_core::event::OrderRefusedEvent;
use boutique_core::fault::{Fault, PortError};
use boutique_core::ids::OrderId;
use rusqlite::{Connection, Row, params};

use super::at_hand::AtHand;
use super::carts;
use super::query::{Query, count, from_json, id, int, json, moment, row_limit, to_json};
use super::{SqliteStore, Tx};

/// Saga records, the outbox and the carts, kept in a [`SqliteStore`]. Clones share them.
///
/// Leases of outbox records are kept in memory: one process has the file, and when it ends its
/// leases are over. Taking one costs no sync.
#[derive(Clone)]
pub struct SqliteCheckout {
    pub(super) store: SqliteStore,
    /// Read back once: what an attempt is never changes.
    intents: Arc<AtHand<Intent>>,
}

impl SqliteStore {
    /// The checkout store and the carts.
    pub fn checkout(&self) -> SqliteCheckout {
        SqliteCheckout {
            store: self.clone(),
            intents: Arc::default(),
        }
    }
}

#[async_trait]
impl CheckoutStore for SqliteCheckout {
    async fn saga(&self, order_id: &OrderId) -> Result<Option<Saga>, Fault> {
        let known = self.intents.get(order_id);
        let found = self.store.peek(|db| load(db, order_id, known.as_ref()))?;
        Ok(found.map(|it| it.1))
    }

    async fn begin(&self, intent: Arc<Intent>) -> Result<Begun, Fault> {
        // Written out here, not on the writer's thread, which everybody waits for.
        let text = to_json(&intent)?;
        let ours = Arc::clone(&intent);
        let begin = move |tx: &Tx<'_>| {
            let (row, before) = load(tx, &intent.order_id, None)?.unzip();
            let saga = match Saga::begin(before, intent) {
                Ok(saga) => saga,
                Err(taken) => return Ok(taken),
            };
            let seq = match row {
                Some(seq) => {
                    update(tx, seq, &saga)?;
                    seq
                }
                None => insert(tx, &saga)?,
            };
            tx.run(
                "REPLACE INTO intent (seq, attempt, intent) VALUES (?1, ?2, ?3)",
                params![seq, saga.intent.attempt, text],
            )?;
            Ok(Begun::New)
        };
        let begun = self.store.write(begin).await?;
        if begun == Begun::New {
            let order_id = ours.order_id.clone();
            self.intents.put(order_id, ours);
        }
        Ok(begun)
    }

    async fn decide(
        &self,
        order_id: &OrderId,
        attempt: u32,
        decision: Decide,
        now: Timestamp,
    ) -> Result<Saga, StoreError> {
        let (known, order_id) = (self.intents.get(order_id), order_id.clone());
        let event = match &decision {
            Decide::Confirm { event, .. } => Some(Written::new(event)?),
            _ => None,
        };
        let decide = move |tx: &Tx<'_>| {
            let Some((seq, mut saga)) = load(tx, &order_id, known.as_ref())? else {
                return Err(PortError::Rejected(StoreRejection::UnknownOrder(order_id)));
            };
            let refused = OrderRefusedEvent::of(&saga, &decision, now);
            let moved = saga.decide(attempt, &decision, now);
            if !moved.map_err(PortError::Rejected)? {
                return Ok(saga);
            }
            update(tx, seq, &saga)?;
            if let Some(refused) = refused {
                let refused = Written::new(&refused.encode())?;
                announce(tx, &order_id, Told::Refused, now, &refused)?;
            }
            if let Some(event) = event {
                announce(tx, &order_id, Told::Confirmed, now, &event)?;
                if let Some(cart) = &saga.intent.cart {
                    carts::empty(tx, &cart.user_id, Some(cart.version))?;
                }
            }
            Ok(saga)
        };
        self.store.write(decide).await
    }

    async fn unfinished(
        &self,
        due: Timestamp,
        after: Option<&OrderId>,
        limit: usize,
    ) -> Result<Vec<Saga>, Fault> {
        let after = after.cloned();
        let list = move |db: &Connection| {
            let after = after.as_ref().map_or("", OrderId::as_str);
            db.all(
                "SELECT seq, since, detail, timeline, intent FROM saga JOIN intent USING (seq)
                 WHERE due <= ?1 AND order_id > ?2 ORDER BY order_id LIMIT ?3",
                params![due.as_micros(), after, row_limit(limit)],
                saga,
            )
        };
        self.store.read(list).await
    }

    async fn sagas(&self, after: Option<&OrderId>, limit: usize) -> Result<Vec<Saga>, Fault> {
        let after = after.cloned();
        let list = move |db: &Connection| {
            let after = after.as_ref().map_or("", OrderId::as_str);
            db.all(
                "SELECT seq, since, detail, timeline, intent FROM saga JOIN intent USING (seq)
                 WHERE order_id > ?1 ORDER BY order_id LIMIT ?2",
                params![after, row_limit(limit)],
                saga,
            )
        };
        self.store.read(list).await
    }

    async fn lease_outbox(
        &self,
        what: Told,
        max: usize,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<OutboxRecord>, Fault> {
        let leases = Arc::clone(&self.store.inner.leases);
        // On the writer's thread, so that no record is leased that is just being ended.
        let take = move |tx: &Tx<'_>| {
            let mut leases = leases.lock().unwrap_or_else(PoisonError::into_inner);
            leases.retain(|_, until| *until > now);
            let candidates = tx.all(
                "SELECT seq, order_id, ordering_key, data, attributes FROM outbox
                 WHERE refused = ?1 ORDER BY created_at, seq LIMIT ?2",
                params![
                    what == Told::Refused,
                    row_limit(max.saturating_add(leases.len()))
                ],
                |row| {
                    let seq = count(row, 0)?;
                    if leases.contains_key(&seq) {
                        return Ok(None);
                    }
                    Ok(Some(Leased {
                        seq,
                        order_id: id(row, 1, OrderId::new)?,
                        ordering_key: row.get(2)?,
                        data: row.get(3)?,
                        attributes: row.get(4)?,
                    }))
                },
            )?;
            let mut records: Vec<Leased> = candidates.into_iter().flatten().collect();
            records.truncate(max);
            let until = now.after(lease);
            leases.extend(records.iter().map(|it| (it.seq, until)));
            Ok(records)
        };
        let taken: Vec<Leased> = self.store.write(take).await?;
        // Read here, not on the writer's thread, which everybody waits for. If one cannot be
        // read, the leases run out.
        taken.into_iter().map(Leased::read).collect()
    }

    async fn published(&self, seqs: Vec<u64>) -> Result<(), Fault> {
        let leases = Arc::clone(&self.store.inner.leases);
        let end = move |tx: &Tx<'_>| {
            let mut leases = leases.lock().unwrap_or_else(PoisonError::into_inner);
            for seq in seqs {
                tx.run("DELETE FROM outbox WHERE seq = ?1", [int(seq)?])?;
                leases.remove(&seq);
            }
            Ok(())
        };
        self.store.write(end).await
    }

    async fn return_leases(&self, seqs: Vec<u64>) -> Result<(), Fault> {
        let leases = &self.store.inner.leases;
        let mut leases = leases.lock().unwrap_or_else(PoisonError::into_inner);
        for seq in seqs {
            leases.remove(&seq);
        }
        Ok(())
    }

    async fn outbox(&self) -> Result<OutboxStatus, Fault> {
        let status = |db: &Connection| {
            let waiting = db.one("SELECT count(*) FROM outbox", [], |row| count(row, 0))?;
            let oldest = db.one(
                // Of each kind the oldest, by the index.
                "SELECT at FROM (
                     SELECT min(created_at) AS at FROM outbox WHERE refused = 0
                     UNION ALL SELECT min(created_at) FROM outbox WHERE refused = 1
                 ) WHERE at IS NOT NULL ORDER BY at LIMIT 1",
                [],
                |row| moment(row, 0),
            )?;
            Ok(OutboxStatus {
                waiting: waiting.unwrap_or(0),
                oldest,
            })
        };
        self.store.read(status).await
    }
}

/// A message as the outbox keeps it.
struct Written {
    ordering_key: Option<Arc<str>>,
    data: Arc<str>,
    attributes: String,
}

impl Written {
    fn new(message: &Message) -> Result<Self, Fault> {
        Ok(Self {
            ordering_key: message.ordering_key.clone(),
            data: Arc::clone(&message.data),
            attributes: to_json(&message.attributes)?,
        })
    }
}

fn announce(
    tx: &Tx<'_>,
    order_id: &OrderId,
    told: Told,
    now: Timestamp,
    message: &Written,
) -> Result<(), Fault> {
    let Written {
        ordering_key,
        data,
        attributes,
    } = message;
    tx.run(
        "INSERT INTO outbox (order_id, created_at, ordering_key, data, attributes, refused)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            order_id.as_str(),
            now.as_micros(),
            ordering_key,
            data,
            attributes,
            told == Told::Refused
        ],
    )?;
    Ok(())
}

/// A row of the outbox.
struct Leased {
    seq: u64,
    order_id: OrderId,
    ordering_key: Option<Arc<str>>,
    data: Arc<str>,
    attributes: String,
}

impl Leased {
    fn read(self) -> Result<OutboxRecord, Fault> {
        Ok(OutboxRecord {
            seq: self.seq,
            order_id: self.order_id,
            message: Message {
                data: self.data,
                attributes: from_json(&self.attributes)?,
                ordering_key: self.ordering_key,
            },
        })
    }
}

/// The record of an order and the number of its row. The intent is not read again if it is the
/// one that is `known`.
fn load(
    db: &Connection,
    order_id: &OrderId,
    known: Option<&Arc<Intent>>,
) -> Result<Option<(i64, Saga)>, Fault> {
    db.one(
        "SELECT seq, since, detail, timeline, intent, attempt FROM saga JOIN intent USING (seq)
         WHERE order_id = ?1",
        [order_id.as_str()],
        |row| {
            let attempt: u32 = row.get(5)?;
            let intent = match known {
                Some(known) if known.attempt == attempt => Arc::clone(known),
                _ => Arc::new(json(row, 4)?),
            };
            Ok((row.get(0)?, saga_of(row, intent)?))
        },
    )
}

fn saga(row: &Row<'_>) -> rusqlite::Result<Saga> {
    saga_of(row, Arc::new(json(row, 4)?))
}

fn saga_of(row: &Row<'_>, intent: Arc<Intent>) -> rusqlite::Result<Saga> {
    Ok(Saga {
        since: moment(row, 1)?,
        state: json(row, 2)?,
        timeline: json(row, 3)?,
        intent,
    })
}

/// Writes the part of a new record that decisions change; says where.
fn insert(db: &Connection, saga: &Saga) -> Result<i64, Fault> {
    db.run(
        "INSERT INTO saga (order_id, state, due, since, detail, timeline)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            saga.intent.order_id.as_str(),
            saga.state.name(),
            saga.due().map(Timestamp::as_micros),
            saga.since.as_micros(),
            to_json(&saga.state)?,
            to_json(&saga.timeline)?,
        ],
    )?;
    Ok(db.last_insert_rowid())
}

/// Writes what a decision changes. The intent stays as it was written.
fn update(db: &Connection, seq: i64, saga: &Saga) -> Result<(), Fault> {
    db.run(
        "UPDATE saga SET state = ?2, due = ?3, since = ?4, detail = ?5, timeline = ?6
         WHERE seq = ?1",
        params![
            seq,
            saga.state.name(),
            saga.due().map(Timestamp::as_micros),
            saga.since.as_micros(),
            to_json(&saga.state)?,
            to_json(&saga.timeline)?,
        ],
    )?;
    Ok(())
}
