//! The rows of the broker: what each subscription still has to do with each message.

use std::sync::Arc;
use std::time::Duration;

use boutique_core::broker::{
    AckId, Backlog, Delivery, DeliveryRow, Fate, Message, SubscriptionConfig, SubscriptionId,
    TopicId,
};
use boutique_core::clock::Timestamp;
use boutique_core::fault::Fault;
use rusqlite::{Connection, Row, params};

use super::query::{Query, count, int, json, moment, row_limit, to_json};

/// A subscription, and the number its rows have.
pub(super) struct Subscription {
    pub(super) seq: i64,
    pub(super) id: SubscriptionId,
    pub(super) config: SubscriptionConfig,
}

/// A message that was delivered too often, and how often.
pub(super) struct Dead {
    message: Message,
    attempts: u32,
}

/// Who gets the messages of a topic.
pub(super) struct Subscriber {
    seq: i64,
    ordered: bool,
}

/// Everybody who gets the messages of `topic`.
pub(super) fn subscribers(db: &Connection, topic: &TopicId) -> Result<Vec<Subscriber>, Fault> {
    db.all(
        "SELECT seq, ordered FROM subscription WHERE topic = ?1 ORDER BY seq",
        [&*topic.0],
        |row| {
            Ok(Subscriber {
                seq: row.get(0)?,
                ordered: row.get(1)?,
            })
        },
    )
}

/// Keeps a message for every one of `subscribers`; its number.
pub(super) fn publish(
    db: &Connection,
    subscribers: &[Subscriber],
    message: &Message,
    now: Timestamp,
) -> Result<u64, Fault> {
    let key = message.ordering_key.as_deref();
    db.run(
        "INSERT INTO message (published_at, ordering_key, data, attributes) \
         VALUES (?1, ?2, ?3, ?4)",
        params![
            now.as_micros(),
            key,
            message.data,
            to_json(&message.attributes)?
        ],
    )?;
    let seq = db.last_insert_rowid();
    let id = seq.unsigned_abs();
    let row = DeliveryRow::new(id, now);
    for to in subscribers {
        let key = key.filter(|_| to.ordered);
        let is_behind = match key {
            Some(key) => next_of_key(db, to.seq, key)?.is_some(),
            None => false,
        };
        db.run(
            "INSERT INTO delivery (subscription, message, ordering_key, state, attempt, due_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                to.seq,
                seq,
                key,
                if is_behind { "blocked" } else { "ready" },
                row.attempt,
                row.due.as_micros(),
            ],
        )?;
    }
    if subscribers.is_empty() {
        // It has its number, which is not used again, and nobody to wait for.
        db.run("DELETE FROM message WHERE id = ?1", [seq])?;
    }
    Ok(id)
}

/// The first message of a key that a subscription has not done with.
fn next_of_key(db: &Connection, subscription: i64, key: &str) -> Result<Option<i64>, Fault> {
    db.one(
        "SELECT message FROM delivery WHERE subscription = ?1 AND ordering_key = ?2 \
         ORDER BY message LIMIT 1",
        params![subscription, key],
        |row| row.get(0),
    )
}

impl Subscription {
    /// Ends the leases that have run out; the messages that are dead of it.
    pub(super) fn lapse(&self, db: &Connection, now: Timestamp) -> Result<Vec<Dead>, Fault> {
        let mut dead = Vec::new();
        for mut row in self.lapsed(db, now)? {
            if let Some(fate) = row.lapse(&self.config, now) {
                dead.extend(self.meet(db, &row, fate)?);
            }
        }
        Ok(dead)
    }

    /// Leases up to `max` of the messages that are due, oldest first. Leases that have run out
    /// must have been ended before.
    pub(super) fn pull(
        &self,
        db: &Connection,
        max: usize,
        now: Timestamp,
    ) -> Result<Vec<Delivery>, Fault> {
        db.run(
            "UPDATE delivery SET state = 'ready' \
             WHERE subscription = ?1 AND state = 'waiting' AND due_at <= ?2",
            (self.seq, now.as_micros()),
        )?;
        let ready = db.all(
            "SELECT it.message, it.attempt, it.unsent, it.state = 'leased', it.due_at, \
                    message.published_at, message.ordering_key, message.data, message.attributes \
             FROM delivery AS it INDEXED BY delivery_ready \
                  JOIN message ON message.id = it.message \
             WHERE it.subscription = ?1 AND it.state = 'ready' \
             ORDER BY it.message LIMIT ?2",
            (self.seq, row_limit(max)),
            |row| Ok((delivery_row(row)?, moment(row, 5)?, message(row, 6)?)),
        )?;
        let lease = |(mut row, published_at, message): (DeliveryRow, _, _)| {
            let ack_id = row.lease(&self.config, now);
            self.keep(db, &row)?;
            Ok(Delivery {
                ack_id,
                message_id: row.message_id,
                published_at,
                attempt: row.attempt,
                message: Arc::new(message),
            })
        };
        ready.into_iter().map(lease).collect()
    }

    /// Ends the message of a delivery, unless it was leased again since.
    pub(super) fn acknowledge(&self, db: &Connection, ack_id: AckId) -> Result<(), Fault> {
        match self.row(db, ack_id)? {
            Some(row) if row.is_ended_by(ack_id) => self.end(db, ack_id.message_id),
            _ => Ok(()),
        }
    }

    /// Gives a delivery back; the message, if it is dead of it.
    pub(super) fn reject(
        &self,
        db: &Connection,
        ack_id: AckId,
        now: Timestamp,
    ) -> Result<Option<Dead>, Fault> {
        let Some(mut row) = self.row(db, ack_id)? else {
            return Ok(None);
        };
        match row.reject(ack_id, &self.config, now) {
            Some(fate) => self.meet(db, &row, fate),
            None => Ok(None),
        }
    }

    /// Gives a delivery back that nobody got to see.
    pub(super) fn return_unsent(
        &self,
        db: &Connection,
        ack_id: AckId,
        now: Timestamp,
    ) -> Result<(), Fault> {
        if let Some(mut row) = self.row(db, ack_id)?
            && row.return_unsent(ack_id, &self.config, now).is_some()
        {
            self.keep(db, &row)?;
        }
        Ok(())
    }

    /// Lets a lease end `by` from now, unless it has run out.
    pub(super) fn extend(
        &self,
        db: &Connection,
        ack_id: AckId,
        by: Duration,
        now: Timestamp,
    ) -> Result<(), Fault> {
        if let Some(mut row) = self.row(db, ack_id)?
            && row.extend(ack_id, by, now)
        {
            self.keep(db, &row)?;
        }
        Ok(())
    }

    /// Publishes what is dead to the dead-letter topic.
    pub(super) fn bury(
        &self,
        db: &Connection,
        dead: impl IntoIterator<Item = Dead>,
        now: Timestamp,
    ) -> Result<(), Fault> {
        for Dead { message, attempts } in dead {
            if let Some(policy) = &self.config.dead_letter {
                let letter = message.dead(&self.id, attempts);
                publish(db, &subscribers(db, &policy.topic)?, &letter, now)?;
            }
        }
        Ok(())
    }

    /// What is still to be delivered. A message that is dead counts until it is moved, which
    /// the next pull does.
    pub(super) fn backlog(&self, db: &Connection, now: Timestamp) -> Result<Backlog, Fault> {
        let counts = db.one(
            "SELECT count(*), count(*) FILTER (WHERE state = 'leased' AND due_at > ?2) \
             FROM delivery WHERE subscription = ?1",
            (self.seq, now.as_micros()),
            |row| Ok((count(row, 0)?, count(row, 1)?)),
        )?;
        let (messages, leased) = counts.unwrap_or_default();
        let oldest = db.one(
            "SELECT published_at FROM message \
             WHERE id = (SELECT min(message) FROM delivery WHERE subscription = ?1)",
            [self.seq],
            |row| moment(row, 0),
        )?;
        Ok(Backlog {
            messages,
            leased,
            oldest,
        })
    }

    /// When something is due next: the first message that is ready, a rest or a lease that
    /// ends. A message that is dead is due to be moved.
    pub(super) fn next_due(
        &self,
        db: &Connection,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Fault> {
        let due = |row: &Row<'_>| moment(row, 0);
        let ready = db.one(
            "SELECT due_at FROM delivery INDEXED BY delivery_ready \
             WHERE subscription = ?1 AND state = 'ready' ORDER BY message LIMIT 1",
            [self.seq],
            due,
        )?;
        let rested = db.one(
            "SELECT due_at FROM delivery WHERE subscription = ?1 AND state = 'waiting' \
             ORDER BY due_at LIMIT 1",
            [self.seq],
            due,
        )?;
        let lease_ends = db.one(
            "SELECT due_at FROM delivery WHERE subscription = ?1 AND state = 'leased' \
             AND due_at > ?2 ORDER BY due_at LIMIT 1",
            (self.seq, now.as_micros()),
            due,
        )?;
        let lapsed = self.lapsed(db, now)?.into_iter().filter_map(|mut row| {
            let end = row.due;
            match row.lapse(&self.config, now)? {
                Fate::Again(due) => Some(due),
                Fate::Dead(_) => Some(end),
            }
        });
        Ok(lapsed.chain(ready).chain(rested).chain(lease_ends).min())
    }

    fn lapsed(&self, db: &Connection, now: Timestamp) -> Result<Vec<DeliveryRow>, Fault> {
        db.all(
            "SELECT message, attempt, unsent, state = 'leased', due_at FROM delivery \
             WHERE subscription = ?1 AND state = 'leased' AND due_at <= ?2 \
             ORDER BY due_at, message",
            (self.seq, now.as_micros()),
            delivery_row,
        )
    }

    fn row(&self, db: &Connection, ack_id: AckId) -> Result<Option<DeliveryRow>, Fault> {
        // A number no message can have names none.
        let Ok(message) = i64::try_from(ack_id.message_id) else {
            return Ok(None);
        };
        db.one(
            "SELECT message, attempt, unsent, state = 'leased', due_at FROM delivery \
             WHERE subscription = ?1 AND message = ?2",
            (self.seq, message),
            delivery_row,
        )
    }

    /// Writes back a row that was leased or given back.
    fn keep(&self, db: &Connection, row: &DeliveryRow) -> Result<(), Fault> {
        db.run(
            "UPDATE delivery SET state = ?3, attempt = ?4, unsent = ?5, due_at = ?6 \
             WHERE subscription = ?1 AND message = ?2",
            params![
                self.seq,
                int(row.message_id)?,
                if row.leased { "leased" } else { "waiting" },
                row.attempt,
                row.unsent,
                row.due.as_micros(),
            ],
        )
        .map(drop)
    }

    fn meet(&self, db: &Connection, row: &DeliveryRow, fate: Fate) -> Result<Option<Dead>, Fault> {
        match fate {
            Fate::Again(_) => self.keep(db, row).map(|()| None),
            Fate::Dead(attempts) => {
                let found = db.one(
                    "SELECT ordering_key, data, attributes FROM message WHERE id = ?1",
                    [int(row.message_id)?],
                    |row| message(row, 0),
                )?;
                self.end(db, row.message_id)?;
                Ok(found.map(|message| Dead { message, attempts }))
            }
        }
    }

    /// Takes a message out, lets the next one of its key go, and forgets the message if no
    /// other subscription needs it.
    fn end(&self, db: &Connection, message_id: u64) -> Result<(), Fault> {
        let message = int(message_id)?;
        let delivery = (message, self.seq);
        let key: Option<Option<Arc<str>>> = db.one(
            "SELECT ordering_key FROM delivery WHERE message = ?1 AND subscription = ?2",
            delivery,
            |row| row.get(0),
        )?;
        db.run(
            "DELETE FROM delivery WHERE message = ?1 AND subscription = ?2",
            delivery,
        )?;
        if let Some(key) = key.flatten()
            && let Some(next) = next_of_key(db, self.seq, &key)?
        {
            db.run(
                "UPDATE delivery SET state = 'ready' \
                 WHERE message = ?1 AND subscription = ?2 AND state = 'blocked'",
                (next, self.seq),
            )?;
        }
        let needed = db.one(
            "SELECT 1 FROM delivery WHERE message = ?1 LIMIT 1",
            [message],
            |_| Ok(()),
        )?;
        match needed {
            Some(()) => Ok(()),
            None => db
                .run("DELETE FROM message WHERE id = ?1", [message])
                .map(drop),
        }
    }
}

/// The rule's view of the columns `message, attempt, unsent, state = 'leased', due_at`.
fn delivery_row(row: &Row<'_>) -> rusqlite::Result<DeliveryRow> {
    Ok(DeliveryRow {
        message_id: count(row, 0)?,
        attempt: row.get(1)?,
        unsent: row.get(2)?,
        leased: row.get(3)?,
        due: moment(row, 4)?,
    })
}

/// The message in the columns `ordering_key, data, attributes` from `first` on.
fn message(row: &Row<'_>, first: usize) -> rusqlite::Result<Message> {
    Ok(Message {
        ordering_key: row.get(first)?,
        data: row.get(first + 1)?,
        attributes: json(row, first + 2)?,
    })
}
