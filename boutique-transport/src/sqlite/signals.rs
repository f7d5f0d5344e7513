//! What the velocity windows count.

use async_trait::async_trait;
use boutique_core::clock::Timestamp;
use boutique_core::fault::{Fault, FaultKind};
use boutique_core::fraud::{
    Features, Observation, SignalStore, Velocity, WINDOW_ROWS_MAX, WINDOWS,
};
use boutique_core::ids::{OrderId, Pseudonym};
use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::columns::money;
use super::query::{Query, id, moment, row_limit};

/// Keeps observed orders in the data file.
#[derive(Clone)]
pub struct SqliteSignals {
    store: SqliteStore,
}

impl SqliteStore {
    /// What the velocity windows count.
    pub fn signals(&self) -> SqliteSignals {
        SqliteSignals {
            store: self.clone(),
        }
    }
}

/// Selects observations with the rest of the statement.
macro_rules! select {
    ($($of:literal),+) => {
        concat!(
            "SELECT order_id, user, email, address, currency, units, nanos, at \
             FROM observation ",
            $($of),+
        )
    };
}

/// Selects the newest orders of the subject in `$column` since the longest window began.
macro_rules! newest {
    ($column:literal) => {
        select!(
            "WHERE ",
            $column,
            " = ?1 AND at > ?2 ORDER BY at DESC, order_id DESC LIMIT ?3"
        )
    };
}

fn observation(row: &Row<'_>) -> rusqlite::Result<Observation> {
    Ok(Observation {
        order_id: id(row, 0, OrderId::new)?,
        user: id(row, 1, Pseudonym::new)?,
        email: id(row, 2, Pseudonym::new)?,
        address: id(row, 3, Pseudonym::new)?,
        amount: money(row, [4, 5, 6])?,
        at: moment(row, 7)?,
    })
}

fn known(db: &Connection, order_id: &OrderId) -> Result<Option<Observation>, Fault> {
    let select = select!("WHERE order_id = ?1");
    db.one(select, [order_id.as_str()], observation)
}

/// Keeps an order that was not observed before, and answers with its first observation.
fn observe(db: &Connection, new: Observation) -> Result<Observation, Fault> {
    if let Some(first) = known(db, &new.order_id)? {
        return Ok(first);
    }
    db.run(
        "INSERT INTO observation (order_id, user, email, address, currency, units, nanos, at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            new.order_id.as_str(),
            new.user.as_str(),
            new.email.as_str(),
            new.address.as_str(),
            new.amount.currency().code(),
            new.amount.units(),
            new.amount.subunit_nanos(),
            new.at.as_micros(),
        ],
    )?;
    Ok(new)
}

/// What the windows that end at `of` see, `of` included whether or not it is kept.
fn features(db: &Connection, of: &Observation) -> Result<Features, Fault> {
    // No window looks further back than the longest.
    let longest = WINDOWS.into_iter().max().unwrap_or_default();
    let since = of.at.before(longest).as_micros();
    let subject = |newest, subject: &Pseudonym| {
        let range = (subject.as_str(), since, row_limit(WINDOW_ROWS_MAX));
        let mut rows = db.all(newest, range, observation)?;
        if rows.iter().all(|it| it.order_id != of.order_id) {
            rows.push(of.clone());
        }
        Ok::<_, Fault>(Velocity::of(&rows, of.at))
    };
    Ok(Features {
        user: subject(newest!("user"), &of.user)?,
        email: subject(newest!("email"), &of.email)?,
        address: subject(newest!("address"), &of.address)?,
    })
}

#[async_trait]
impl SignalStore for SqliteSignals {
    async fn observe(&self, observation: Observation) -> Result<Features, Fault> {
        let first = self.store.write(move |db| observe(db, observation)).await?;
        // Counting is left to a reader: a busy subject has hundreds of rows, and everybody
        // waits for the writer.
        let counted = self.store.read(move |db| features(db, &first)).await;
        counted.map_err(|fault| match fault.kind() {
            FaultKind::Unavailable => {
                Fault::ambiguous("the order is counted, the windows cannot be read").because(fault)
            }
            FaultKind::Ambiguous | FaultKind::Permanent => fault,
        })
    }

    async fn peek(&self, observation: Observation) -> Result<Features, Fault> {
        self.store
            .read(move |db| {
                let first = known(db, &observation.order_id)?;
                features(db, &first.unwrap_or(observation))
            })
            .await
    }

    async fn forget(&self, before: Timestamp) -> Result<u64, Fault> {
        self.store
            .write(move |db| {
                let delete = "DELETE FROM observation WHERE at < ?1";
                db.run(delete, [before.as_micros()]).map(|it| it as u64)
            })
            .await
    }
}
