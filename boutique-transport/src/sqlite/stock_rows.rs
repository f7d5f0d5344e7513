//! The rows of one stock system, loaded into a small book and written back from it.

use std::collections::BTreeMap;

use boutique_core::clock::Timestamp;
use boutique_core::fault::Fault;
use boutique_core::ids::{HoldId, ProductId, ReceiptId};
use boutique_core::stock::{Hold, HoldState, Level, Receive, StockBook, StockSystem};
use rusqlite::{Connection, Row, params};

use super::query::{Query, count, id, int, json, moment, row_limit, to_json, unknown};

/// The rows a move concerns.
pub(super) struct StockRows<'a> {
    db: &'a Connection,
    system: &'static str,
    pub(super) book: StockBook,
    /// The holds of the book that have a row, and which.
    stored: BTreeMap<HoldId, i64>,
}

impl<'a> StockRows<'a> {
    pub(super) fn new(db: &'a Connection, system: StockSystem) -> Self {
        Self {
            db,
            system: system.as_str(),
            book: StockBook::default(),
            stored: BTreeMap::new(),
        }
    }

    /// Loads up to `limit` holds that have lapsed by `now`, the oldest first, each with its
    /// levels; says how many.
    pub(super) fn load_lapsed(&mut self, now: Timestamp, limit: usize) -> Result<usize, Fault> {
        let lapsed = self.db.all(
            "SELECT seq, id, state, expires_at, lines, shipments, note FROM hold
             WHERE system = ?1 AND state = 'held' AND expires_at <= ?2
             ORDER BY expires_at LIMIT ?3",
            params![self.system, now.as_micros(), row_limit(limit)],
            |row| Ok((row.get(0)?, hold(row)?)),
        )?;
        let found = lapsed.len();
        for (seq, hold) in lapsed {
            self.keep(seq, hold)?;
        }
        Ok(found)
    }

    /// Loads a hold with its levels, if there is such a hold.
    pub(super) fn load_hold(&mut self, hold_id: &HoldId) -> Result<(), Fault> {
        if self.stored.contains_key(hold_id) {
            return Ok(());
        }
        let found = self.db.one(
            "SELECT seq, id, state, expires_at, lines, shipments, note FROM hold
             WHERE system = ?1 AND id = ?2",
            [self.system, hold_id.as_str()],
            |row| Ok((row.get(0)?, hold(row)?)),
        )?;
        match found {
            Some((seq, hold)) => self.keep(seq, hold),
            None => Ok(()),
        }
    }

    fn keep(&mut self, seq: i64, hold: Hold) -> Result<(), Fault> {
        // A resolved hold changes no level, except that of a sold one goods may still leave.
        if hold.state.is_open() || hold.state == HoldState::Confirmed {
            for line in &hold.lines {
                self.load_level(&line.product_id)?;
            }
        }
        self.stored.insert(hold.id.clone(), seq);
        self.book.insert_hold(hold);
        Ok(())
    }

    /// Loads a level, if the product is listed.
    pub(super) fn load_level(&mut self, product_id: &ProductId) -> Result<(), Fault> {
        if self.book.level(product_id).is_none()
            && let Some(found) = stored_level(self.db, self.system, product_id)?
        {
            self.book.insert_level(product_id.clone(), found);
        }
        Ok(())
    }

    /// Loads a receipt, if there is such a receipt.
    pub(super) fn load_receipt(&mut self, receipt_id: &ReceiptId) -> Result<(), Fault> {
        let found = self.db.one(
            "SELECT product_id, quantity FROM receipt WHERE system = ?1 AND id = ?2",
            [self.system, receipt_id.as_str()],
            |row| Ok((id(row, 0, ProductId::new)?, count(row, 1)?)),
        )?;
        if let Some((product_id, quantity)) = found {
            self.book.insert_receipt(Receive {
                receipt_id: receipt_id.clone(),
                product_id,
                quantity,
            });
        }
        Ok(())
    }

    /// Writes back what the latest move changed.
    pub(super) fn store(&self) -> Result<(), Fault> {
        let touched = self.book.touched();
        let mut levels: Vec<&ProductId> = touched.levels.iter().collect();
        levels.sort_unstable();
        levels.dedup();
        for product_id in levels {
            if let Some(level) = self.book.level(product_id) {
                self.store_level(product_id, level)?;
            }
        }
        for hold_id in &touched.holds {
            if let Some(hold) = self.book.hold(hold_id) {
                self.store_hold(hold)?;
            }
        }
        if let Some(receipt) = touched
            .receipt
            .as_ref()
            .and_then(|it| self.book.receipt(it))
        {
            self.db.run(
                "INSERT INTO receipt (system, id, product_id, quantity) VALUES (?1, ?2, ?3, ?4)",
                params![
                    self.system,
                    receipt.receipt_id.as_str(),
                    receipt.product_id.as_str(),
                    int(receipt.quantity)?
                ],
            )?;
        }
        Ok(())
    }

    fn store_level(&self, product_id: &ProductId, level: &Level) -> Result<(), Fault> {
        self.db.run(
            // Not REPLACE, which takes the row out and puts it in again.
            "INSERT INTO stock (system, product_id, on_hand, held, committed, received, shipped,
                                version, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT DO UPDATE SET on_hand = ?3, held = ?4, committed = ?5, received = ?6,
                shipped = ?7, version = ?8, updated_at = ?9",
            params![
                self.system,
                product_id.as_str(),
                int(level.on_hand)?,
                int(level.held)?,
                int(level.committed)?,
                int(level.received)?,
                int(level.shipped)?,
                int(level.version)?,
                level.updated_at.as_micros(),
            ],
        )?;
        Ok(())
    }

    fn store_hold(&self, hold: &Hold) -> Result<(), Fault> {
        let (state, expires_at) = (hold.state.as_str(), hold.expires_at.as_micros());
        let (lines, shipments) = (to_json(&hold.lines)?, to_json(&hold.shipments)?);
        let note = hold.note.as_deref();
        match self.stored.get(&hold.id) {
            Some(seq) => self.db.run(
                "UPDATE hold SET state = ?2, expires_at = ?3, lines = ?4, shipments = ?5, note = ?6
                 WHERE seq = ?1",
                params![seq, state, expires_at, lines, shipments, note],
            ),
            None => self.db.run(
                "INSERT INTO hold (system, id, state, expires_at, lines, shipments, note)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    self.system,
                    hold.id.as_str(),
                    state,
                    expires_at,
                    lines,
                    shipments,
                    note
                ],
            ),
        }?;
        Ok(())
    }
}

/// The level of a product as it is stored.
pub(super) fn stored_level(
    db: &Connection,
    system: &'static str,
    product_id: &ProductId,
) -> Result<Option<Level>, Fault> {
    db.one(
        "SELECT product_id, on_hand, held, committed, received, shipped, version, updated_at
         FROM stock WHERE system = ?1 AND product_id = ?2",
        [system, product_id.as_str()],
        level,
    )
}

/// A row of `stock`: product, then the level's columns.
pub(super) fn level(row: &Row<'_>) -> rusqlite::Result<Level> {
    Ok(Level {
        on_hand: count(row, 1)?,
        held: count(row, 2)?,
        committed: count(row, 3)?,
        received: count(row, 4)?,
        shipped: count(row, 5)?,
        version: count(row, 6)?,
        updated_at: moment(row, 7)?,
    })
}

/// A row of `hold`: any column, then id, state, expires_at, lines, shipments, note.
pub(super) fn hold(row: &Row<'_>) -> rusqlite::Result<Hold> {
    let state = row.get_ref(2)?.as_str()?;
    let state = HoldState::ALL.into_iter().find(|it| it.as_str() == state);
    Ok(Hold {
        id: id(row, 1, HoldId::new)?,
        state: state.ok_or_else(|| unknown(2))?,
        expires_at: moment(row, 3)?,
        lines: json(row, 4)?,
        shipments: json(row, 5)?,
        note: row.get(6)?,
    })
}
