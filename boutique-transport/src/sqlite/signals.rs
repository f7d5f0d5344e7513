//! What the velocity windows count.

use async_trait::async_trait;
use boutique_core::clock::Timestamp;
use boutique_core::fault::{Fault, FaultKind};
use boutique_core::fraud::{
    Features, Observation, SignalStore, Velocity, WINDOW_ROWS_MAX, WINDOWS,
};
use boutique_core::ids::{OrderId, Pseudonym};
use rusqlite::{Connection, Row, params};

use super::columns::money;
use super::query::{Query, id, moment, row_limit};
use super::{SqliteStore, Tx};

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
    let inserted = db.run(
        "INSERT INTO observation (order_id, user, email, address, currency, units, nanos, at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (order_id) DO NOTHING",
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
    if inserted > 0 {
        return Ok(new);
    }
    Ok(known(db, &new.order_id)?.unwrap_or(new))
}

/// The most orders of a subject that the writer counts, while everybody waits for it: reading
/// so few rows, all of them in its cache, takes less time than waking a reader.
const COUNTED_BY_WRITER: usize = 16;

/// What the windows that end at `of` see, `of` included whether or not it is kept. `None` if
/// one of its subjects has more than `most` orders.
fn features(db: &Connection, of: &Observation, most: usize) -> Result<Option<Features>, Fault> {
    // No window looks further back than the longest.
    let longest = WINDOWS.into_iter().max().unwrap_or_default();
    let since = of.at.before(longest).as_micros();
    let limit = row_limit(WINDOW_ROWS_MAX.min(most.saturating_add(1)));
    let subject = |newest, subject: &Pseudonym| {
        let mut rows = db.all(newest, (subject.as_str(), since, limit), observation)?;
        if rows.len() > most {
            return Ok(None);
        }
        if rows.iter().all(|it| it.order_id != of.order_id) {
            rows.push(of.clone());
        }
        Ok::<_, Fault>(Some(Velocity::of(&rows, of.at)))
    };
    let Some(user) = subject(newest!("user"), &of.user)? else {
        return Ok(None);
    };
    let Some(email) = subject(newest!("email"), &of.email)? else {
        return Ok(None);
    };
    let address = subject(newest!("address"), &of.address)?;
    Ok(address.map(|address| Features {
        user,
        email,
        address,
    }))
}

/// [`features`] of however many orders.
fn all_features(db: &Connection, of: &Observation) -> Result<Features, Fault> {
    let counted = features(db, of, WINDOW_ROWS_MAX)?;
    counted.ok_or_else(|| Fault::permanent("a window has more rows than were asked for"))
}

#[async_trait]
impl SignalStore for SqliteSignals {
    async fn observe(&self, observation: Observation) -> Result<Features, Fault> {
        let observe = move |db: &Tx<'_>| {
            let first = observe(db, observation)?;
            let counted = features(db, &first, COUNTED_BY_WRITER)?;
            Ok::<_, Fault>((first, counted))
        };
        let (first, counted) = self.store.write(observe).await?;
        if let Some(counted) = counted {
            return Ok(counted);
        }
        let counted = self.store.read(move |db| all_features(db, &first)).await;
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
                all_features(db, &first.unwrap_or(observation))
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
