//! A stock ledger as the model sees it: one product and a row for every hold there can be.
//!
//! A shelf is put into a [`StockBook`], the book makes the move, and the shelf is read back.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use boutique_core::clock::Timestamp;
use boutique_core::ids::{HoldId, ProductId, ShipmentId};
use boutique_core::limits::Units;
use boutique_core::stock::{
    HeldLine, Hold, HoldState, Level, Rejection, Reserve, Settle, StockBook, StockLine,
};

use super::HOLDS;

/// What is asked of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Verb {
    Reserve,
    Extend,
    Pin,
    Confirm,
    Void,
    Ship,
    Release,
}

impl Verb {
    pub(crate) const ALL: [Self; 7] = [
        Self::Reserve,
        Self::Extend,
        Self::Pin,
        Self::Confirm,
        Self::Void,
        Self::Ship,
        Self::Release,
    ];
}

/// What a ledger answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Reply {
    /// The hold as it stands now.
    Is(HoldState),
    /// There are not enough units.
    Short,
    /// Another rejection.
    Refused,
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Is(state) => state.as_str(),
            Self::Short => "short",
            Self::Refused => "refused",
        })
    }
}

/// One hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Row {
    /// The ledger has never heard of it.
    Absent,
    /// It was given up before it was asked for.
    Tombstone,
    /// It is known.
    Kept {
        state: HoldState,
        /// Its time is over and nobody has looked since. Only while it is open.
        lapsed: bool,
        /// It carries a note.
        noted: bool,
    },
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.pad("none"),
            Self::Tombstone => f.pad("tombstone"),
            Self::Kept { state, lapsed, .. } if *lapsed => f.pad(&format!("{state}, lapsed")),
            Self::Kept { state, .. } => f.pad(state.as_str()),
        }
    }
}

impl Row {
    pub(crate) const fn state(self) -> Option<HoldState> {
        match self {
            Self::Absent => None,
            Self::Tombstone => Some(HoldState::Voided),
            Self::Kept { state, .. } => Some(state),
        }
    }

    pub(crate) fn is_open(self) -> bool {
        self.state().is_some_and(HoldState::is_open)
    }

    pub(crate) fn is_sold(self) -> bool {
        self.state().is_some_and(HoldState::is_sold)
    }

    const fn is_lapsed(self) -> bool {
        matches!(self, Self::Kept { lapsed: true, .. })
    }
}

/// A ledger of one product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Shelf {
    on_hand: u8,
    held: u8,
    committed: u8,
    received: u8,
    shipped: u8,
    pub(crate) rows: [Row; HOLDS],
}

/// What came of a move.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    pub(crate) shelf: Shelf,
    pub(crate) reply: Reply,
    pub(crate) broken: Option<&'static str>,
}

const PAST: Timestamp = Timestamp::from_millis(5);
const NOW: Timestamp = Timestamp::from_millis(10);
const TTL: Duration = Duration::from_millis(90);

fn product() -> ProductId {
    ProductId::new("unit").expect("an id")
}

fn hold_id(slot: usize) -> HoldId {
    HoldId::new(format!("hold-{slot}")).expect("an id")
}

fn shipment_id(slot: usize) -> ShipmentId {
    ShipmentId::new(format!("shipment-{slot}")).expect("an id")
}

impl Shelf {
    pub(crate) const fn of(units: u8) -> Self {
        Self {
            on_hand: units,
            held: 0,
            committed: 0,
            received: units,
            shipped: 0,
            rows: [Row::Absent; HOLDS],
        }
    }

    /// The time of an open hold is over; nobody has told the ledger.
    pub(crate) fn lapse(&mut self, slot: usize) {
        if let Row::Kept { state, lapsed, .. } = &mut self.rows[slot] {
            *lapsed = state.is_open();
        }
    }

    /// Much later: everything that can lapse has.
    pub(crate) fn swept(mut self) -> Self {
        for slot in 0..HOLDS {
            self.lapse(slot);
        }
        let mut book = self.book();
        book.expire(NOW);
        Self::read(&book)
    }

    /// Makes one move by the product's rules.
    pub(crate) fn moved(self, slot: usize, verb: Verb, note: bool) -> Moved {
        let attempt = catch_unwind(AssertUnwindSafe(|| {
            let mut book = self.book();
            let reply = carry_out(&mut book, slot, verb, note);
            (Self::read(&book), reply, book.audit().violations.len())
        }));
        match attempt {
            Ok((shelf, reply, 0)) => Moved {
                shelf,
                reply,
                broken: forbidden(self, shelf, slot, verb),
            },
            Ok((shelf, reply, _)) => Moved {
                shelf,
                reply,
                broken: Some("the ledger does not add up"),
            },
            Err(_) => Moved {
                shelf: self,
                reply: Reply::Refused,
                broken: Some("the ledger's own assertions fail"),
            },
        }
    }

    fn book(self) -> StockBook {
        let mut book = StockBook::default();
        let level = Level {
            on_hand: self.on_hand.into(),
            held: self.held.into(),
            committed: self.committed.into(),
            received: self.received.into(),
            shipped: self.shipped.into(),
            ..Level::default()
        };
        book.insert_level(product(), level);
        for (slot, row) in self.rows.into_iter().enumerate() {
            let (state, lapsed, noted) = match row {
                Row::Absent => continue,
                Row::Tombstone => (HoldState::Voided, false, false),
                Row::Kept {
                    state,
                    lapsed,
                    noted,
                } => (state, lapsed, noted),
            };
            let left = u64::from(state == HoldState::Shipped);
            let mut shipments = BTreeMap::new();
            if left > 0 {
                shipments.insert(shipment_id(slot), vec![(product(), left)]);
            }
            let line = HeldLine {
                product_id: product(),
                quantity: 1,
                shipped: left,
            };
            book.insert_hold(Hold {
                id: hold_id(slot),
                lines: match row {
                    Row::Tombstone => Vec::new(),
                    _ => vec![line],
                },
                state,
                expires_at: if lapsed { PAST } else { NOW.after(TTL) },
                note: noted.then(|| "note".to_owned()),
                shipments,
            });
        }
        book
    }

    fn read(book: &StockBook) -> Self {
        let level = book.level(&product()).copied().unwrap_or_default();
        let small = |units: u64| u8::try_from(units).expect("a unit or two");
        Self {
            on_hand: small(level.on_hand),
            held: small(level.held),
            committed: small(level.committed),
            received: small(level.received),
            shipped: small(level.shipped),
            rows: std::array::from_fn(|slot| match book.hold(&hold_id(slot)) {
                None => Row::Absent,
                Some(hold) if hold.lines.is_empty() && hold.state == HoldState::Voided => {
                    Row::Tombstone
                }
                Some(hold) => Row::Kept {
                    state: hold.state,
                    lapsed: hold.state.is_open() && hold.expires_at <= NOW,
                    noted: hold.note.is_some(),
                },
            }),
        }
    }
}

fn carry_out(book: &mut StockBook, slot: usize, verb: Verb, note: bool) -> Reply {
    let id = hold_id(slot);
    let answer = match verb {
        Verb::Reserve => {
            let line = StockLine {
                product_id: product(),
                quantity: Units::ONE,
            };
            let request = Reserve {
                hold_id: id,
                lines: vec![line],
                ttl: TTL,
                // A reserve that comes too late is refused, which is a reserve that is lost.
                valid_until: Timestamp::MAX,
            };
            book.reserve(&request, NOW)
        }
        Verb::Extend => book.extend(&id, TTL, NOW),
        Verb::Pin => book.pin(&id, NOW),
        Verb::Confirm => book.confirm(&id, note.then(|| "note".to_owned()), NOW),
        Verb::Void => book.void(&id, NOW),
        Verb::Ship => {
            let request = Settle {
                hold_id: id,
                shipment_id: shipment_id(slot),
                lines: None,
            };
            book.ship(&request, NOW)
        }
        Verb::Release => book.release(&id, NOW),
    };
    match answer {
        Ok(hold) => Reply::Is(hold.state),
        Err(Rejection::Short(_)) => Reply::Short,
        Err(_) => Reply::Refused,
    }
}

/// What the move did to a hold that no move may do: the ways of a hold, as the design has them.
fn forbidden(before: Shelf, after: Shelf, slot: usize, verb: Verb) -> Option<&'static str> {
    use HoldState::{Confirmed, Expired, Held, Pinned, Released, Shipped, Voided};
    for (at, (was, is)) in before.rows.into_iter().zip(after.rows).enumerate() {
        if was.state() == is.state() {
            continue;
        }
        let moved = match (was.state(), is.state()) {
            (Some(Held), Some(Expired)) => was.is_lapsed(),
            _ if at != slot => return Some("a move of one hold moved another"),
            (None, Some(Held)) => verb == Verb::Reserve,
            (None, Some(Voided)) => verb == Verb::Void,
            (Some(Held), Some(Pinned)) => verb == Verb::Pin && !was.is_lapsed(),
            (Some(Held), Some(Confirmed)) => verb == Verb::Confirm && !was.is_lapsed(),
            (Some(Pinned), Some(Confirmed)) => verb == Verb::Confirm,
            (Some(Held | Pinned), Some(Voided)) => verb == Verb::Void,
            (Some(Confirmed), Some(Shipped)) => verb == Verb::Ship,
            (Some(Confirmed), Some(Released)) => verb == Verb::Release,
            _ => false,
        };
        if !moved {
            return Some("a hold went a way that there is not");
        }
    }
    None
}
