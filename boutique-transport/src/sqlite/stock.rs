//! A stock ledger in the data file.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use boutique_core::clock::Timestamp;
use boutique_core::fault::{Fault, PortError};
use boutique_core::ids::{HoldId, ProductId};
use boutique_core::stock::{
    Hold, LedgerError, Level, Receive, Rejection, Reserve, SetOnHand, Settle, StockAudit,
    StockBook, StockLedger, StockSystem, StockTally,
};
use rusqlite::{Connection, Row, params};

use super::query::{Query, count, id, row_limit};
use super::stock_rows::{StockRows, hold, level, stored_level};
use super::{SqliteStore, Tx};

/// How many lapsed holds one move of a hold expires beside its own work: enough to keep up,
/// few enough that nobody pays for a hundred thousand that lapse together.
const LAPSED_PER_MOVE: usize = 64;

/// As many as there are.
const ALL: usize = usize::MAX;

/// One stock system, kept in a [`SqliteStore`]. Clones share it.
///
/// Expiry is exact: a look that meets a lapsed hold goes through the writer, which expires it
/// for good, so no later move can find it unexpired. In a file that is open for reading only,
/// lapsed holds are answered as expired and stay as they are.
#[derive(Clone, Debug)]
pub struct SqliteLedger {
    store: SqliteStore,
    system: StockSystem,
}

impl SqliteStore {
    /// The ledger of `system`.
    pub fn stock(&self, system: StockSystem) -> SqliteLedger {
        SqliteLedger {
            store: self.clone(),
            system,
        }
    }
}

impl SqliteLedger {
    /// A move that answers with a hold. `load` fetches what it concerns, `rule` makes it.
    async fn shift(
        &self,
        load: impl Fn(&mut StockRows<'_>) -> Result<(), Fault> + Send + 'static,
        rule: impl Fn(&mut StockBook, Timestamp) -> Result<Hold, Rejection> + Send + 'static,
    ) -> Result<Hold, LedgerError> {
        let system = self.system;
        let job = move |tx: &Tx<'_>| {
            let (answer, more) = turn(tx, system, LAPSED_PER_MOVE, &load, &rule)?;
            match answer {
                // What is short may be in holds that have lapsed as well.
                Err(Rejection::Short(_)) if more => Ok(turn(tx, system, ALL, &load, &rule)?.0),
                answer => Ok(answer),
            }
        };
        answered(self.store.write::<_, Fault>(job).await)
    }

    /// A move that answers with a level, so that every lapsed hold counts.
    async fn adjust(
        &self,
        load: impl Fn(&mut StockRows<'_>) -> Result<(), Fault> + Send + 'static,
        rule: impl Fn(&mut StockBook, Timestamp) -> Result<Level, Rejection> + Send + 'static,
    ) -> Result<Level, LedgerError> {
        let system = self.system;
        let job = move |tx: &Tx<'_>| Ok(turn(tx, system, ALL, &load, &rule)?.0);
        answered(self.store.write::<_, Fault>(job).await)
    }

    /// A look at the ledger of the present. `read` gets the rows, and a book of those that
    /// lapsed holds have changed, which come first.
    async fn look<T: Send + 'static>(
        &self,
        read: impl Fn(&Connection, &StockBook) -> Result<T, Fault> + Send + Sync + 'static,
    ) -> Result<T, Fault> {
        let read = Arc::new(read);
        let (system, ticker) = (self.system, Arc::clone(&self.store.inner.ticker));
        let only_reads = self.store.inner.writes.is_none();
        let reader = Arc::clone(&read);
        let quiet = move |db: &Connection| {
            let now = ticker.look();
            let mut rows = StockRows::new(db, system);
            let lapsed = rows.load_lapsed(now, if only_reads { ALL } else { 1 })?;
            if lapsed > 0 && !only_reads {
                return Ok(None);
            }
            rows.book.expire(now);
            reader(db, &rows.book).map(Some)
        };
        if let Some(seen) = self.store.read(quiet).await? {
            return Ok(seen);
        }
        let sweep = move |tx: &Tx<'_>| {
            let rows = expire(tx, system, ALL)?.0;
            read(tx, &rows.book)
        };
        self.store.write(sweep).await
    }
}

/// Loads, makes one move, and writes back what changed: expiry also if the move is rejected,
/// which is why a rejection is not an error here. Says, too, whether more holds may have
/// lapsed.
fn turn<T>(
    tx: &Tx<'_>,
    system: StockSystem,
    lapsed: usize,
    load: &impl Fn(&mut StockRows<'_>) -> Result<(), Fault>,
    rule: &impl Fn(&mut StockBook, Timestamp) -> Result<T, Rejection>,
) -> Result<(Result<T, Rejection>, bool), Fault> {
    let mut rows = StockRows::new(tx, system);
    let more = rows.load_lapsed(tx.now(), lapsed)? == lapsed;
    load(&mut rows)?;
    let answer = rule(&mut rows.book, tx.now());
    rows.store()?;
    Ok((answer, more))
}

/// Expires up to `limit` lapsed holds for good; says how many.
fn expire<'a>(
    tx: &'a Tx<'_>,
    system: StockSystem,
    limit: usize,
) -> Result<(StockRows<'a>, usize), Fault> {
    let mut rows = StockRows::new(tx, system);
    rows.load_lapsed(tx.now(), limit)?;
    let expired = rows.book.expire(tx.now());
    rows.store()?;
    Ok((rows, expired))
}

/// Tells a no from a failure again.
fn answered<T>(result: Result<Result<T, Rejection>, Fault>) -> Result<T, LedgerError> {
    result?.map_err(PortError::Rejected)
}

#[async_trait]
impl StockLedger for SqliteLedger {
    async fn reserve(&self, request: Reserve) -> Result<Hold, LedgerError> {
        let request = Arc::new(request);
        let asked = Arc::clone(&request);
        let load = move |rows: &mut StockRows<'_>| {
            rows.load_hold(&asked.hold_id)?;
            asked
                .lines
                .iter()
                .try_for_each(|it| rows.load_level(&it.product_id))
        };
        self.shift(load, move |book, now| book.reserve(&request, now))
            .await
    }

    async fn extend(&self, hold_id: &HoldId, ttl: Duration) -> Result<Hold, LedgerError> {
        let (wanted, hold_id) = (hold_id.clone(), hold_id.clone());
        self.shift(
            move |rows| rows.load_hold(&wanted),
            move |book, now| book.extend(&hold_id, ttl, now),
        )
        .await
    }

    async fn pin(&self, hold_id: &HoldId) -> Result<Hold, LedgerError> {
        let (wanted, hold_id) = (hold_id.clone(), hold_id.clone());
        self.shift(
            move |rows| rows.load_hold(&wanted),
            move |book, now| book.pin(&hold_id, now),
        )
        .await
    }

    async fn confirm(&self, hold_id: &HoldId, note: Option<String>) -> Result<Hold, LedgerError> {
        let (wanted, hold_id) = (hold_id.clone(), hold_id.clone());
        self.shift(
            move |rows| rows.load_hold(&wanted),
            move |book, now| book.confirm(&hold_id, note.clone(), now),
        )
        .await
    }

    async fn void(&self, hold_id: &HoldId) -> Result<Hold, LedgerError> {
        let (wanted, hold_id) = (hold_id.clone(), hold_id.clone());
        self.shift(
            move |rows| rows.load_hold(&wanted),
            move |book, now| book.void(&hold_id, now),
        )
        .await
    }

    async fn ship(&self, request: Settle) -> Result<Hold, LedgerError> {
        let wanted = request.hold_id.clone();
        self.shift(
            move |rows| rows.load_hold(&wanted),
            move |book, now| book.ship(&request, now),
        )
        .await
    }

    async fn release(&self, hold_id: &HoldId) -> Result<Hold, LedgerError> {
        let (wanted, hold_id) = (hold_id.clone(), hold_id.clone());
        self.shift(
            move |rows| rows.load_hold(&wanted),
            move |book, now| book.release(&hold_id, now),
        )
        .await
    }

    async fn receive(&self, request: Receive) -> Result<Level, LedgerError> {
        let (product_id, receipt_id) = (request.product_id.clone(), request.receipt_id.clone());
        let load = move |rows: &mut StockRows<'_>| {
            rows.load_receipt(&receipt_id)?;
            rows.load_level(&product_id)
        };
        self.adjust(load, move |book, now| book.receive(&request, now))
            .await
    }

    async fn set_on_hand(&self, request: SetOnHand) -> Result<Level, LedgerError> {
        let product_id = request.product_id.clone();
        self.adjust(
            move |rows| rows.load_level(&product_id),
            move |book, now| book.set_on_hand(&request, now),
        )
        .await
    }

    async fn level(&self, product_id: &ProductId) -> Result<Option<Level>, Fault> {
        let (system, product_id) = (self.system.as_str(), product_id.clone());
        self.look(move |db, lapsed| match lapsed.level(&product_id) {
            Some(level) => Ok(Some(*level)),
            None => stored_level(db, system, &product_id),
        })
        .await
    }

    async fn levels(
        &self,
        after: Option<&ProductId>,
        limit: usize,
    ) -> Result<Vec<(ProductId, Level)>, Fault> {
        let (system, after) = (self.system.as_str(), after.cloned());
        self.look(move |db, lapsed| {
            let after = after.as_ref().map_or("", ProductId::as_str);
            db.all(
                "SELECT product_id, on_hand, held, committed, received, shipped, version, updated_at
                 FROM stock WHERE system = ?1 AND product_id > ?2 ORDER BY product_id LIMIT ?3",
                params![system, after, row_limit(limit)],
                |row| {
                    let product_id = id(row, 0, ProductId::new)?;
                    let level = lapsed.level(&product_id).copied().map_or_else(|| level(row), Ok)?;
                    Ok((product_id, level))
                },
            )
        })
        .await
    }

    async fn hold(&self, hold_id: &HoldId) -> Result<Option<Hold>, Fault> {
        let (system, hold_id) = (self.system.as_str(), hold_id.clone());
        self.look(move |db, lapsed| match lapsed.hold(&hold_id) {
            Some(hold) => Ok(Some(hold.clone())),
            None => db.one(
                "SELECT seq, id, state, expires_at, lines, shipments, note FROM hold
                 WHERE system = ?1 AND id = ?2",
                [system, hold_id.as_str()],
                hold,
            ),
        })
        .await
    }

    async fn holds(&self, after: Option<&HoldId>, limit: usize) -> Result<Vec<Hold>, Fault> {
        let (system, after) = (self.system.as_str(), after.cloned());
        self.look(move |db, lapsed| {
            let after = after.as_ref().map_or("", HoldId::as_str);
            let mut holds = db.all(
                "SELECT seq, id, state, expires_at, lines, shipments, note FROM hold
                 WHERE system = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
                params![system, after, row_limit(limit)],
                hold,
            )?;
            for hold in &mut holds {
                if let Some(expired) = lapsed.hold(&hold.id) {
                    hold.clone_from(expired);
                }
            }
            Ok(holds)
        })
        .await
    }

    async fn open_holds(&self) -> Result<u64, Fault> {
        let system = self.system.as_str();
        self.look(move |db, lapsed| {
            let number = |row: &Row<'_>| count(row, 0);
            // Apart, so that each is counted in an index of its own.
            let held = "SELECT count(*) FROM hold WHERE system = ?1 AND state = 'held'";
            let pinned = "SELECT count(*) FROM hold WHERE system = ?1 AND state = 'pinned'";
            let mut open = db.one(held, [system], number)?.unwrap_or_default();
            open += db.one(pinned, [system], number)?.unwrap_or_default();
            // What has lapsed is held in a file that is only read, until somebody sweeps it.
            for hold in lapsed.holds() {
                let still = "SELECT 1 FROM hold WHERE system = ?1 AND id = ?2 AND state = 'held'";
                let still = db.one(still, (system, hold.id.as_str()), |_| Ok(()))?;
                open -= u64::from(still.is_some());
            }
            Ok(open)
        })
        .await
    }

    async fn sweep(&self, limit: usize) -> Result<usize, Fault> {
        let system = self.system;
        self.store
            .write(move |tx| Ok(expire(tx, system, limit)?.1))
            .await
    }

    async fn audit(&self) -> Result<StockAudit, Fault> {
        let system = self.system.as_str();
        let sums = move |db: &Connection| {
            let mut tally = StockTally::default();
            db.each(
                "SELECT product_id, on_hand, held, committed, received, shipped, version, updated_at
                 FROM stock WHERE system = ?1",
                [system],
                |row| {
                    tally.level(id(row, 0, ProductId::new)?, level(row)?);
                    Ok(())
                },
            )?;
            // The note is the wide part of a hold, and nothing is summed from it.
            db.each(
                "SELECT seq, id, state, expires_at, lines, shipments, NULL FROM hold
                 WHERE system = ?1",
                [system],
                |row| {
                    tally.hold(&hold(row)?);
                    Ok(())
                },
            )?;
            Ok(tally.finish())
        };
        self.store.read(sums).await
    }
}
