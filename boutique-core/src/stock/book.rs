//! The rules of a stock ledger as a plain value.
//!
//! The memory ledger wraps one book of everything. A database ledger fills a small book with
//! the rows a move concerns, makes the move, and writes back what was [`StockBook::touched`].

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::lines::{asks_for, shipped_is, summed};
use super::{
    HeldLine, Hold, HoldState, Level, Receive, Rejection, Reserve, SetOnHand, Settle, Shortage,
    StockAudit, StockTally,
};
use crate::clock::Timestamp;
use crate::ids::{HoldId, ProductId, ReceiptId, ShipmentId};
use crate::limits::UNITS_ON_HAND_MAX;
use crate::lookup::Lookup;

/// The longest note a hold keeps, in bytes.
const NOTE_BYTES_MAX: usize = 65_536;

/// Levels, holds and receipts of one stock system, and the moves between them.
///
/// Every move takes the present as an argument and first expires what has lapsed by then. A
/// move that is rejected changes nothing else.
#[derive(Clone, Debug, Default)]
pub struct StockBook {
    levels: BTreeMap<ProductId, Level>,
    holds: Lookup<HoldId, Hold>,
    receipts: Lookup<ReceiptId, Receive>,
    /// Holds in state `Held` by expiry.
    expiries: BTreeSet<(Timestamp, HoldId)>,
    touched: Touched,
}

/// The rows the latest move changed. A row may be named more than once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Products whose level changed.
    pub levels: Vec<ProductId>,
    /// Holds that changed or are new.
    pub holds: Vec<HoldId>,
    /// The receipt that is new.
    pub receipt: Option<ReceiptId>,
}

impl StockBook {
    /// Puts a row into the book as it is.
    pub fn insert_level(&mut self, product_id: ProductId, level: Level) {
        self.levels.insert(product_id, level);
    }

    /// Puts a row into the book as it is.
    pub fn insert_hold(&mut self, hold: Hold) {
        if hold.state == HoldState::Held {
            self.expiries.insert((hold.expires_at, hold.id.clone()));
        }
        self.holds.insert(hold.id.clone(), hold);
    }

    /// Puts a row into the book as it is.
    pub fn insert_receipt(&mut self, receipt: Receive) {
        self.receipts.insert(receipt.receipt_id.clone(), receipt);
    }

    /// What the latest move changed, rejected or not: expiry counts.
    pub const fn touched(&self) -> &Touched {
        &self.touched
    }

    /// One product.
    pub fn level(&self, product_id: &ProductId) -> Option<&Level> {
        self.levels.get(product_id)
    }

    /// Every product, by id.
    pub fn levels(&self) -> impl Iterator<Item = (&ProductId, &Level)> {
        self.levels.iter()
    }

    /// Products after `after`, by id.
    pub fn levels_after(
        &self,
        after: Option<&ProductId>,
    ) -> impl Iterator<Item = (&ProductId, &Level)> {
        use std::ops::Bound;
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.levels.range((start, Bound::Unbounded))
    }

    /// One hold.
    pub fn hold(&self, hold_id: &HoldId) -> Option<&Hold> {
        self.holds.get(hold_id)
    }

    /// Every hold, by id.
    pub fn holds(&self) -> impl Iterator<Item = &Hold> {
        let mut holds: Vec<&Hold> = self.holds.values().collect();
        holds.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        holds.into_iter()
    }

    /// One receipt.
    pub fn receipt(&self, receipt_id: &ReceiptId) -> Option<&Receive> {
        self.receipts.get(receipt_id)
    }

    /// Expires every `Held` hold whose time is over at `now`; says how many.
    pub fn expire(&mut self, now: Timestamp) -> usize {
        self.touched.levels.clear();
        self.touched.holds.clear();
        self.touched.receipt = None;
        let mut expired = 0;
        while self.expiries.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, hold_id)) = self.expiries.pop_first() else {
                break;
            };
            self.resolve(&hold_id, HoldState::Expired, now);
            expired += 1;
        }
        expired
    }

    /// See [`StockLedger::reserve`](super::StockLedger::reserve).
    ///
    /// # Errors
    ///
    /// [`Rejection::HoldMismatch`], [`Rejection::Empty`], [`Rejection::TooLate`],
    /// [`Rejection::UnknownProduct`], [`Rejection::Short`] with every product that is short.
    pub fn reserve(&mut self, request: &Reserve, now: Timestamp) -> Result<Hold, Rejection> {
        self.expire(now);
        let lines = summed(&request.lines);
        let vacant = match self.holds.entry(request.hold_id.clone()) {
            Entry::Vacant(vacant) => vacant,
            Entry::Occupied(hold) => {
                // A tombstone answers any goods: the void that made it did not know them.
                let hold = hold.get();
                let same = hold.lines.is_empty() || asks_for(&hold.lines, &lines);
                return if same {
                    Ok(hold.clone())
                } else {
                    Err(Rejection::HoldMismatch)
                };
            }
        };
        if lines.is_empty() {
            return Err(Rejection::Empty);
        }
        if now > request.valid_until && !planted!(LateReserveAccepted) {
            return Err(Rejection::TooLate);
        }
        let mut shortages = Vec::new();
        for line in &lines {
            let Some(level) = self.levels.get(&line.product_id) else {
                return Err(Rejection::UnknownProduct(line.product_id.clone()));
            };
            let free = if planted!(PromisesHeldGoods) {
                level.on_hand - level.committed
            } else {
                level.available()
            };
            if line.quantity > free {
                shortages.push(Shortage {
                    product_id: line.product_id.clone(),
                    wanted: line.quantity,
                    left: level.available(),
                });
            }
        }
        if !shortages.is_empty() {
            return Err(Rejection::Short(shortages));
        }
        for line in &lines {
            let held = |level: &mut Level| level.held += line.quantity;
            change(
                &mut self.levels,
                &mut self.touched,
                &line.product_id,
                now,
                held,
            );
        }
        let hold = Hold {
            id: request.hold_id.clone(),
            lines,
            state: HoldState::Held,
            expires_at: if planted!(ExpiryOnTheWrongClock) {
                request.valid_until.after(request.ttl)
            } else {
                now.after(request.ttl)
            },
            note: None,
            shipments: BTreeMap::new(),
        };
        self.expiries.insert((hold.expires_at, hold.id.clone()));
        self.touched.holds.push(hold.id.clone());
        Ok(vacant.insert(hold).clone())
    }

    /// See [`StockLedger::extend`](super::StockLedger::extend).
    ///
    /// # Errors
    ///
    /// [`Rejection::UnknownHold`].
    pub fn extend(
        &mut self,
        hold_id: &HoldId,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<Hold, Rejection> {
        self.expire(now);
        let hold = self.holds.get_mut(hold_id).ok_or(Rejection::UnknownHold)?;
        let until = now.after(ttl);
        if hold.state == HoldState::Held && until > hold.expires_at {
            self.expiries.remove(&(hold.expires_at, hold_id.clone()));
            self.expiries.insert((until, hold_id.clone()));
            hold.expires_at = until;
            self.touched.holds.push(hold_id.clone());
        }
        Ok(hold.clone())
    }

    /// See [`StockLedger::pin`](super::StockLedger::pin).
    ///
    /// # Errors
    ///
    /// [`Rejection::UnknownHold`].
    pub fn pin(&mut self, hold_id: &HoldId, now: Timestamp) -> Result<Hold, Rejection> {
        self.expire(now);
        let hold = self.holds.get_mut(hold_id).ok_or(Rejection::UnknownHold)?;
        if hold.state == HoldState::Held {
            if !planted!(PinLapses) {
                self.expiries.remove(&(hold.expires_at, hold_id.clone()));
            }
            hold.state = HoldState::Pinned;
            self.touched.holds.push(hold_id.clone());
        }
        Ok(hold.clone())
    }

    /// See [`StockLedger::confirm`](super::StockLedger::confirm).
    ///
    /// # Errors
    ///
    /// [`Rejection::UnknownHold`], [`Rejection::NoteTooLong`].
    pub fn confirm(
        &mut self,
        hold_id: &HoldId,
        note: Option<String>,
        now: Timestamp,
    ) -> Result<Hold, Rejection> {
        if !planted!(ConfirmAfterExpiry) {
            self.expire(now);
        }
        if let Some(note) = note.as_ref().filter(|it| it.len() > NOTE_BYTES_MAX) {
            return Err(Rejection::NoteTooLong(note.len()));
        }
        let hold = self.holds.get_mut(hold_id).ok_or(Rejection::UnknownHold)?;
        if planted!(LastNoteWins) && hold.state.is_sold() {
            hold.note = note.clone();
            self.touched.holds.push(hold_id.clone());
        }
        if hold.state.is_open() {
            hold.note = note;
            let to = HoldState::Confirmed;
            resolve(
                hold,
                to,
                now,
                &mut self.levels,
                &mut self.expiries,
                &mut self.touched,
            );
        }
        Ok(hold.clone())
    }

    /// See [`StockLedger::void`](super::StockLedger::void).
    ///
    /// # Errors
    ///
    /// None; the signature is that of the other moves.
    pub fn void(&mut self, hold_id: &HoldId, now: Timestamp) -> Result<Hold, Rejection> {
        self.expire(now);
        match self.holds.get(hold_id) {
            Some(hold) if hold.state.is_open() => {
                Ok(self.resolve(hold_id, HoldState::Voided, now).clone())
            }
            Some(hold) if planted!(VoidOfASoldHold) && hold.state == HoldState::Confirmed => {
                let released = self.resolve(hold_id, HoldState::Released, now);
                released.state = HoldState::Voided;
                Ok(released.clone())
            }
            Some(hold) => Ok(hold.clone()),
            None => {
                let tombstone = Hold {
                    id: hold_id.clone(),
                    lines: Vec::new(),
                    state: HoldState::Voided,
                    expires_at: now,
                    note: None,
                    shipments: BTreeMap::new(),
                };
                if !planted!(VoidWithoutTombstone) {
                    self.touched.holds.push(hold_id.clone());
                    self.holds.insert(hold_id.clone(), tombstone.clone());
                }
                Ok(tombstone)
            }
        }
    }

    /// See [`StockLedger::ship`](super::StockLedger::ship).
    ///
    /// # Errors
    ///
    /// [`Rejection::UnknownHold`], [`Rejection::NotSold`], [`Rejection::BeyondHold`],
    /// [`Rejection::IdReused`].
    pub fn ship(&mut self, request: &Settle, now: Timestamp) -> Result<Hold, Rejection> {
        self.expire(now);
        let hold = self
            .holds
            .get(&request.hold_id)
            .ok_or(Rejection::UnknownHold)?;
        let asked = request.lines.as_deref().map(summed);
        if let Some(done) = hold.shipments.get(&request.shipment_id)
            && !planted!(ShipsTwice)
        {
            return match asked {
                Some(asked) if !shipped_is(done, &asked) => Err(Rejection::IdReused),
                _ => Ok(hold.clone()),
            };
        }
        match hold.state {
            HoldState::Confirmed => {}
            HoldState::Shipped if asked.is_none() => return Ok(hold.clone()),
            HoldState::Shipped => {}
            state => return Err(Rejection::NotSold(state)),
        }
        let leaving: Vec<(ProductId, u64)> = match asked {
            None => hold
                .lines
                .iter()
                .filter(|it| it.quantity > it.shipped)
                .map(|it| (it.product_id.clone(), it.quantity - it.shipped))
                .collect(),
            Some(asked) => asked
                .into_iter()
                .map(|it| (it.product_id, it.quantity))
                .collect(),
        };
        for (product_id, wanted) in &leaving {
            let line = hold.lines.iter().find(|it| it.product_id == *product_id);
            let left = line.map_or(0, |it| it.quantity - it.shipped);
            if *wanted > left {
                let product_id = product_id.clone();
                return Err(Rejection::BeyondHold {
                    product_id,
                    wanted: *wanted,
                    left,
                });
            }
        }
        Ok(self.take_off_shelf(&request.hold_id, &request.shipment_id, leaving, now))
    }

    fn take_off_shelf(
        &mut self,
        hold_id: &HoldId,
        shipment_id: &ShipmentId,
        leaving: Vec<(ProductId, u64)>,
        now: Timestamp,
    ) -> Hold {
        for (product_id, units) in &leaving {
            change(
                &mut self.levels,
                &mut self.touched,
                product_id,
                now,
                |level| {
                    level.committed -= units;
                    level.on_hand -= units;
                    level.shipped += units;
                },
            );
        }
        let hold = self.holds.get_mut(hold_id).expect("the caller found it");
        for (product_id, units) in &leaving {
            for line in hold
                .lines
                .iter_mut()
                .filter(|it| it.product_id == *product_id)
            {
                line.shipped += units;
            }
        }
        if hold.lines.iter().all(|it| it.shipped == it.quantity) {
            hold.state = HoldState::Shipped;
        }
        hold.shipments.insert(shipment_id.clone(), leaving);
        self.touched.holds.push(hold_id.clone());
        hold.clone()
    }

    /// See [`StockLedger::release`](super::StockLedger::release).
    ///
    /// # Errors
    ///
    /// [`Rejection::UnknownHold`], [`Rejection::NotSold`].
    pub fn release(&mut self, hold_id: &HoldId, now: Timestamp) -> Result<Hold, Rejection> {
        self.expire(now);
        let hold = self.holds.get(hold_id).ok_or(Rejection::UnknownHold)?;
        match hold.state {
            HoldState::Confirmed => Ok(self.resolve(hold_id, HoldState::Released, now).clone()),
            HoldState::Shipped if planted!(ReleaseOfAShippedHold) => {
                Ok(self.resolve(hold_id, HoldState::Released, now).clone())
            }
            HoldState::Shipped | HoldState::Released => Ok(hold.clone()),
            state => Err(Rejection::NotSold(state)),
        }
    }

    /// See [`StockLedger::receive`](super::StockLedger::receive).
    ///
    /// # Errors
    ///
    /// [`Rejection::IdReused`], [`Rejection::TooMany`].
    pub fn receive(&mut self, request: &Receive, now: Timestamp) -> Result<Level, Rejection> {
        self.expire(now);
        if let Some(receipt) = self.receipts.get(&request.receipt_id)
            && !planted!(ReceivesTwice)
        {
            if receipt != request {
                return Err(Rejection::IdReused);
            }
            return Ok(self
                .levels
                .get(&request.product_id)
                .copied()
                .unwrap_or_default());
        }
        let before = self
            .levels
            .get(&request.product_id)
            .copied()
            .unwrap_or_default();
        // Beyond the ceiling of what ever arrived, sums of levels could overflow.
        let received = before.received.checked_add(request.quantity);
        if received.is_none_or(|it| it > UNITS_ON_HAND_MAX) {
            return Err(Rejection::TooMany);
        }
        self.levels.entry(request.product_id.clone()).or_default();
        change(
            &mut self.levels,
            &mut self.touched,
            &request.product_id,
            now,
            |level| {
                level.on_hand += request.quantity;
                level.received += request.quantity;
            },
        );
        self.touched.receipt = Some(request.receipt_id.clone());
        self.receipts
            .insert(request.receipt_id.clone(), request.clone());
        Ok(self
            .levels
            .get(&request.product_id)
            .copied()
            .unwrap_or_default())
    }

    /// See [`StockLedger::set_on_hand`](super::StockLedger::set_on_hand).
    ///
    /// # Errors
    ///
    /// [`Rejection::VersionMismatch`], [`Rejection::BelowPromised`], [`Rejection::TooMany`].
    pub fn set_on_hand(&mut self, request: &SetOnHand, now: Timestamp) -> Result<Level, Rejection> {
        self.expire(now);
        let before = self
            .levels
            .get(&request.product_id)
            .copied()
            .unwrap_or_default();
        if request.if_version.is_some_and(|it| it != before.version) {
            return Err(Rejection::VersionMismatch {
                current: before.version,
            });
        }
        let promised = before.held + before.committed;
        if request.on_hand < promised {
            return Err(Rejection::BelowPromised { promised });
        }
        if request
            .on_hand
            .checked_add(before.shipped)
            .is_none_or(|it| it > UNITS_ON_HAND_MAX)
        {
            return Err(Rejection::TooMany);
        }
        self.levels.entry(request.product_id.clone()).or_default();
        change(
            &mut self.levels,
            &mut self.touched,
            &request.product_id,
            now,
            |level| {
                level.on_hand = request.on_hand;
                level.received = request.on_hand + level.shipped;
            },
        );
        Ok(self
            .levels
            .get(&request.product_id)
            .copied()
            .unwrap_or_default())
    }

    /// Compares every level with the holds.
    pub fn audit(&self) -> StockAudit {
        let mut tally = StockTally::default();
        for (product_id, level) in self.levels() {
            tally.level(product_id.clone(), *level);
        }
        for hold in self.holds() {
            tally.hold(hold);
        }
        tally.finish()
    }

    /// Moves a hold to a state that gives its units up or commits them. The hold is there.
    fn resolve(&mut self, hold_id: &HoldId, to: HoldState, now: Timestamp) -> &mut Hold {
        let hold = self.holds.get_mut(hold_id).expect("the caller found it");
        resolve(
            hold,
            to,
            now,
            &mut self.levels,
            &mut self.expiries,
            &mut self.touched,
        );
        hold
    }
}

/// See [`StockBook::resolve`]; for a caller that has the hold in hand.
fn resolve(
    hold: &mut Hold,
    to: HoldState,
    now: Timestamp,
    levels: &mut BTreeMap<ProductId, Level>,
    expiries: &mut BTreeSet<(Timestamp, HoldId)>,
    touched: &mut Touched,
) {
    if hold.state == HoldState::Held {
        expiries.remove(&(hold.expires_at, hold.id.clone()));
    }
    hold.state = to;
    for HeldLine {
        product_id,
        quantity,
        shipped,
    } in &hold.lines
    {
        change(levels, touched, product_id, now, |level| match to {
            HoldState::Confirmed => {
                level.held -= quantity;
                level.committed += quantity;
            }
            HoldState::Released => level.committed -= quantity - shipped,
            _ => level.held -= quantity,
        });
    }
    touched.holds.push(hold.id.clone());
}

/// Changes a level and checks what must hold of it at every instant.
fn change(
    levels: &mut BTreeMap<ProductId, Level>,
    touched: &mut Touched,
    product_id: &ProductId,
    now: Timestamp,
    with: impl FnOnce(&mut Level),
) {
    let level = levels
        .get_mut(product_id)
        .expect("a hold's product is listed");
    with(level);
    level.version += 1;
    level.updated_at = now;
    assert!(
        level.on_hand >= level.held + level.committed,
        "{product_id}: more is promised than is on hand: {level:?}"
    );
    assert!(
        level.on_hand + level.shipped == level.received,
        "{product_id}: units were made or lost: {level:?}"
    );
    touched.levels.push(product_id.clone());
}
