//! Order management: orders, the inbox and dead letters.

use std::sync::Arc;

use async_trait::async_trait;
use boutique_core::clock::Timestamp;
use boutique_core::event::ConfirmedOrder;
use boutique_core::fault::{Fault, PortError};
use boutique_core::ids::{EventId, OrderId, UserId};
use boutique_core::orders::{
    DeadLetter, Fact, Order, OrderError, OrderRejection, OrderStore, Progress,
};
use rusqlite::{Connection, params};

use super::at_hand::AtHand;
use super::columns::cursor;
use super::query::{Query, id, json, row_limit, to_json};
use super::{SqliteStore, Tx};

/// Keeps orders, the inbox and dead letters in the data file.
#[derive(Clone)]
pub struct SqliteOrders {
    store: SqliteStore,
    /// Read back once: what was placed never changes.
    placed: Arc<AtHand<ConfirmedOrder>>,
}

impl SqliteStore {
    /// The orders of order management.
    pub fn orders(&self) -> SqliteOrders {
        SqliteOrders {
            store: self.clone(),
            placed: Arc::default(),
        }
    }
}

fn placed(db: &Connection, order_id: &OrderId) -> Result<Option<ConfirmedOrder>, Fault> {
    let select = "SELECT placed FROM placed_order WHERE order_id = ?1";
    db.one(select, [order_id.as_str()], |row| json(row, 0))
}

fn progress(db: &Connection, order_id: &OrderId) -> Result<Option<Progress>, Fault> {
    let select = "SELECT progress FROM order_progress WHERE order_id = ?1";
    db.one(select, [order_id.as_str()], |row| json(row, 0))
}

/// Enters an event in the inbox; `false` if it is there.
fn enter(db: &Connection, event_id: &EventId, now: Timestamp) -> Result<bool, Fault> {
    let insert = "INSERT OR IGNORE INTO inbox (event_id, taken_at) VALUES (?1, ?2)";
    db.run(insert, (event_id.as_str(), now.as_micros()))
        .map(|rows| rows > 0)
}

fn has_entered(db: &Connection, event_id: &EventId) -> Result<bool, Fault> {
    let select = "SELECT 1 FROM inbox WHERE event_id = ?1";
    let found = db.one(select, [event_id.as_str()], |_| Ok(()))?;
    Ok(found.is_some())
}

fn conflict(order_id: &OrderId) -> OrderError {
    PortError::Rejected(OrderRejection::Conflict(order_id.clone()))
}

fn unknown(order_id: &OrderId) -> OrderError {
    PortError::Rejected(OrderRejection::UnknownOrder(order_id.clone()))
}

fn accept(
    db: &Connection,
    event: &Arc<ConfirmedOrder>,
    text: &str,
    now: Timestamp,
) -> Result<bool, OrderError> {
    let order_id = &event.order.order_id;
    if let Some(progress) = progress(db, order_id)? {
        let placed = placed(db, order_id)?.ok_or_else(|| conflict(order_id))?;
        let known = Order {
            placed: placed.into(),
            progress,
        };
        return if known.is_of(event) {
            Ok(true)
        } else {
            Err(conflict(order_id))
        };
    }
    if !enter(db, &event.event_id, now)? {
        return Err(conflict(order_id));
    }
    db.run(
        "INSERT INTO placed_order (order_id, placed) VALUES (?1, ?2)",
        params![order_id.as_str(), text],
    )?;
    let progress = Progress::begin(event, now);
    db.run(
        "INSERT INTO order_progress (order_id, state, open, last_fact_at, progress) \
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            order_id.as_str(),
            progress.state().as_str(),
            !progress.actions(event).is_empty(),
            progress.last_change().as_micros(),
            to_json(&progress)?,
        ],
    )?;
    Ok(false)
}

fn record(
    db: &Connection,
    placed: Arc<ConfirmedOrder>,
    facts: Vec<Fact>,
    event: Option<&EventId>,
    now: Timestamp,
) -> Result<Order, OrderError> {
    let order_id = &placed.order.order_id;
    let progress = progress(db, order_id)?.ok_or_else(|| unknown(order_id))?;
    let mut order = Order { placed, progress };
    let next = match (order.with(facts, now), event) {
        (Ok(next), None) => next,
        (Ok(next), Some(event)) if enter(db, event, now)? => next,
        // It has had its effect, and what it says may have become impossible since.
        (Ok(_), Some(_)) => return Ok(order),
        (Err(_), Some(event)) if has_entered(db, event)? => return Ok(order),
        (Err(why), _) => return Err(PortError::Rejected(why)),
    };
    if next != order.progress {
        db.run(
            "UPDATE order_progress SET state = ?2, open = ?3, last_fact_at = ?4, progress = ?5 \
             WHERE order_id = ?1",
            params![
                order.placed.order.order_id.as_str(),
                next.state().as_str(),
                !next.actions(&order.placed).is_empty(),
                next.last_change().as_micros(),
                to_json(&next)?,
            ],
        )?;
        order.progress = next;
    }
    Ok(order)
}

impl SqliteOrders {
    /// What was placed, read back off the writer's thread unless it is at hand.
    fn placed(&self, order_id: &OrderId) -> Result<Option<Arc<ConfirmedOrder>>, Fault> {
        if let Some(placed) = self.placed.get(order_id) {
            return Ok(Some(placed));
        }
        let found = self.store.peek(|db| placed(db, order_id))?.map(Arc::new);
        if let Some(placed) = &found {
            self.placed.put(order_id.clone(), Arc::clone(placed));
        }
        Ok(found)
    }
}

#[async_trait]
impl OrderStore for SqliteOrders {
    async fn accept(&self, order: ConfirmedOrder, now: Timestamp) -> Result<bool, OrderError> {
        // Written out here, not on the writer's thread, which everybody waits for.
        let text = to_json(&order)?;
        let order = Arc::new(order);
        let taken = Arc::clone(&order);
        let accept = move |db: &Tx<'_>| accept(db, &taken, &text, now);
        let repeated = self.store.write(accept).await?;
        if !repeated {
            self.placed.put(order.order.order_id.clone(), order);
        }
        Ok(repeated)
    }

    async fn record(
        &self,
        order_id: &OrderId,
        facts: Vec<Fact>,
        event: Option<EventId>,
        now: Timestamp,
    ) -> Result<Order, OrderError> {
        let found = self.placed(order_id)?;
        let placed = found.ok_or_else(|| unknown(order_id))?;
        self.store
            .write(move |db| record(db, placed, facts, event.as_ref(), now))
            .await
    }

    async fn order(&self, order_id: &OrderId) -> Result<Option<Order>, Fault> {
        let Some(placed) = self.placed(order_id)? else {
            return Ok(None);
        };
        let progress = self.store.peek(|db| progress(db, order_id))?;
        Ok(progress.map(|progress| Order { placed, progress }))
    }

    async fn orders(&self, after: Option<&OrderId>, limit: usize) -> Result<Vec<Order>, Fault> {
        let after = cursor(after);
        let page = "SELECT placed, progress FROM order_progress JOIN placed_order USING (order_id) \
                    WHERE order_progress.order_id > ?1 \
                    ORDER BY order_progress.order_id LIMIT ?2";
        self.store
            .read(move |db| {
                db.all(page, (after, row_limit(limit)), |row| {
                    Ok(Order {
                        placed: json(row, 0)?,
                        progress: json(row, 1)?,
                    })
                })
            })
            .await
    }

    async fn newest(&self, after: Option<&OrderId>, limit: usize) -> Result<Vec<Order>, Fault> {
        // Orders stay for good, so a row's number tells when it came.
        let after = after.map(|it| it.as_str().to_owned());
        let page = "SELECT placed, progress \
                    FROM placed_order JOIN order_progress USING (order_id) \
                    WHERE ?1 IS NULL OR placed_order.rowid < \
                          (SELECT rowid FROM placed_order WHERE order_id = ?1) \
                    ORDER BY placed_order.rowid DESC LIMIT ?2";
        self.store
            .read(move |db| {
                db.all(page, (after, row_limit(limit)), |row| {
                    Ok(Order {
                        placed: json(row, 0)?,
                        progress: json(row, 1)?,
                    })
                })
            })
            .await
    }

    async fn orders_of(
        &self,
        user: &UserId,
        after: Option<&OrderId>,
        limit: usize,
    ) -> Result<Vec<Order>, Fault> {
        let page = (user.as_str().to_owned(), cursor(after), row_limit(limit));
        // The user as the index `placed_order_of_user` has it, letter by letter.
        let select = "SELECT placed, progress \
                      FROM placed_order JOIN order_progress USING (order_id) \
                      WHERE placed ->> '$.order.user_id' = ?1 AND placed_order.order_id > ?2 \
                      ORDER BY placed_order.order_id LIMIT ?3";
        self.store
            .read(move |db| {
                db.all(select, page, |row| {
                    Ok(Order {
                        placed: json(row, 0)?,
                        progress: json(row, 1)?,
                    })
                })
            })
            .await
    }

    async fn unfinished(
        &self,
        idle_since: Timestamp,
        after: Option<&OrderId>,
        limit: usize,
    ) -> Result<Vec<OrderId>, Fault> {
        let page = (cursor(after), idle_since.as_micros(), row_limit(limit));
        let select = "SELECT order_id FROM order_progress \
                      WHERE open = 1 AND order_id > ?1 AND last_fact_at <= ?2 \
                      ORDER BY order_id LIMIT ?3";
        self.store
            .read(move |db| db.all(select, page, |row| id(row, 0, OrderId::new)))
            .await
    }

    async fn park(&self, letter: DeadLetter) -> Result<(), Fault> {
        self.store
            .write(move |db| {
                db.run(
                    "INSERT OR IGNORE INTO dead_letter (id, parked_at, letter) \
                     VALUES (?1, ?2, ?3)",
                    params![letter.id, letter.parked_at.as_micros(), to_json(&letter)?],
                )
                .map(drop)
            })
            .await
    }

    async fn dead_letters(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, Fault> {
        let after = after.map(ToOwned::to_owned);
        // A letter's id is any text, also the empty one, so "no cursor" is not a text here.
        let page = "SELECT letter FROM dead_letter WHERE ?1 IS NULL OR id > ?1 \
                    ORDER BY id LIMIT ?2";
        self.store
            .read(move |db| db.all(page, (after, row_limit(limit)), |row| json(row, 0)))
            .await
    }

    async fn discard(&self, letter_id: &str) -> Result<bool, Fault> {
        let id = letter_id.to_owned();
        self.store
            .write(move |db| {
                let delete = "DELETE FROM dead_letter WHERE id = ?1";
                db.run(delete, [id]).map(|rows| rows > 0)
            })
            .await
    }
}
