//! What has happened to an order, what follows from it, and what is left to do.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::parts::Part;
use crate::clock::Timestamp;
use crate::event::ConfirmedOrder;
use crate::ids::{ReturnId, TrackingId};
use crate::limits::Units;
use crate::money::Money;
use crate::stock::StockSystem;
use crate::warehouse::ShipmentStatus;

/// Where an order stands, as a person sees it. Follows from the facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Taken in; something of accounting and warehouse is still to be done.
    Received,
    /// Booked and with the warehouse.
    Fulfilling,
    /// Some of its shipments have left.
    PartlyShipped,
    /// All of its shipments that were not cancelled have left.
    Shipped,
    /// All of them have arrived.
    Delivered,
    /// Being called off.
    Cancelling,
    /// Called off before any of it left, and paid back.
    Cancelled,
}

impl OrderState {
    /// The name used in tables and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Fulfilling => "fulfilling",
            Self::PartlyShipped => "partly_shipped",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for OrderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The facts of an order so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Whether the sale is in the journal.
    pub sale_booked: bool,
    /// One part per stock system the order touches.
    pub parts: BTreeMap<StockSystem, PartProgress>,
    /// The cancellation, if one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<Cancellation>,
    /// Returns, in the order they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returns: Vec<ReturnProgress>,
    /// Every fact that changed something: its name and when it was recorded.
    pub timeline: Vec<(Arc<str>, Timestamp)>,
}

/// One stock system's part of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartProgress {
    /// What the shipment is tracked with, once it is with the warehouse.
    pub scheduled: Option<TrackingId>,
    /// The latest the carrier said.
    pub status: Option<ShipmentStatus>,
    /// When it left.
    pub shipped_at: Option<Timestamp>,
    /// Whether its revenue is recognised.
    pub recognised: bool,
}

/// A cancellation on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellation {
    /// When it was asked for.
    pub at: Timestamp,
    /// Per part: called off (`true`), or too late (`false`).
    pub parts: BTreeMap<StockSystem, bool>,
    /// Whether what was called off is paid back.
    pub credited: bool,
}

/// A return on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnProgress {
    /// Its id.
    pub id: ReturnId,
    /// When the books count it for.
    pub at: Timestamp,
    /// What came back.
    pub lines: Vec<ReturnedLine>,
    /// Whether the goods go back onto the shelf.
    pub restock: bool,
    /// The systems whose goods are back on the shelf.
    pub restocked: Vec<StockSystem>,
    /// Whether it is paid back.
    pub credited: bool,
}

/// Units of one line of an order that came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnedLine {
    /// Which line of the order, counted from zero.
    pub line: usize,
    /// How many.
    pub quantity: Units,
    /// What is paid back, tax included.
    pub refund: Money,
    /// What of the refund is tax.
    pub tax: Money,
}

/// Something that has happened. Applying a fact again changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The sale is in the journal.
    SaleBooked,
    /// A part is with the warehouse.
    Scheduled {
        /// The part.
        system: StockSystem,
        /// What it is tracked with.
        tracking_id: TrackingId,
    },
    /// The carrier or the warehouse said where a part is.
    Reported {
        /// The part.
        system: StockSystem,
        /// Where it is.
        status: ShipmentStatus,
        /// Since when.
        at: Timestamp,
    },
    /// A part's revenue is recognised.
    Recognised {
        /// The part.
        system: StockSystem,
    },
    /// The buyer called the order off.
    CancelAsked {
        /// When.
        at: Timestamp,
    },
    /// A part was called off in time, or not.
    CancelAnswered {
        /// The part.
        system: StockSystem,
        /// Whether it was in time.
        in_time: bool,
    },
    /// What was called off is paid back.
    CancelCredited,
    /// Goods came back.
    ReturnAsked(ReturnProgress),
    /// Goods of a return are back on the shelf.
    Restocked {
        /// The return.
        return_id: ReturnId,
        /// The part.
        system: StockSystem,
    },
    /// A return is paid back.
    ReturnCredited {
        /// The return.
        return_id: ReturnId,
    },
}

/// Something left to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Book the sale.
    BookSale,
    /// Hand a part to the warehouse.
    Schedule(StockSystem),
    /// Recognise the revenue of a part that has left.
    Recognise(StockSystem),
    /// Call a part off.
    CancelPart(StockSystem),
    /// Pay back what was called off.
    CreditCancelled,
    /// Put returned goods back onto the shelf.
    Restock(ReturnId, StockSystem),
    /// Pay a return back.
    CreditReturn(ReturnId),
}

impl Progress {
    /// An order that has just been taken in.
    pub fn begin(placed: &ConfirmedOrder, now: Timestamp) -> Self {
        Self {
            parts: Part::all_of(placed)
                .into_iter()
                .map(|it| (it.system, PartProgress::default()))
                .collect(),
            timeline: vec![("received".into(), now)],
            ..Self::default()
        }
    }

    /// When the last fact was recorded.
    pub fn last_change(&self) -> Timestamp {
        self.timeline.last().map_or(Timestamp::EPOCH, |it| it.1)
    }

    /// Whether a part was called off in time.
    pub(super) fn called_off(&self, system: StockSystem) -> bool {
        let cancellation = self.cancellation.as_ref();
        cancellation.and_then(|it| it.parts.get(&system)) == Some(&true)
    }

    /// What is left to do now. The same facts give the same actions in the same order; none of
    /// them depends on another of the list.
    ///
    /// A part that is to be called off is not scheduled as well: whoever carries out
    /// [`Action::CancelPart`] schedules it first if it never was.
    pub fn actions(&self, placed: &ConfirmedOrder) -> Vec<Action> {
        let mut actions = Vec::new();
        if !self.sale_booked {
            actions.push(Action::BookSale);
        }
        for (&system, part) in &self.parts {
            let answer = self.cancellation.as_ref().map(|it| it.parts.get(&system));
            match answer {
                Some(None) => actions.push(Action::CancelPart(system)),
                Some(Some(true)) => {}
                None | Some(Some(false)) => {
                    if part.scheduled.is_none() {
                        actions.push(Action::Schedule(system));
                    }
                }
            }
            if part.shipped_at.is_some() && !part.recognised && self.sale_booked {
                actions.push(Action::Recognise(system));
            }
        }
        let cancellation = self.cancellation.as_ref();
        if cancellation.is_some_and(|it| it.is_owed(self.parts.len())) && self.sale_booked {
            actions.push(Action::CreditCancelled);
        }
        for it in &self.returns {
            if it.restock && it.restocked.len() < it.systems(placed).len() {
                let missing = it.systems(placed);
                let missing = missing.into_iter().filter(|at| !it.restocked.contains(at));
                actions.extend(missing.map(|at| Action::Restock(it.id.clone(), at)));
            }
            if !it.credited && self.sale_booked {
                actions.push(Action::CreditReturn(it.id.clone()));
            }
        }
        actions
    }

    /// Where the order stands.
    pub fn state(&self) -> OrderState {
        let all_called_off = self.parts.keys().all(|it| self.called_off(*it));
        if let Some(cancellation) = &self.cancellation {
            let answered = cancellation.parts.len() == self.parts.len();
            if !answered || cancellation.is_owed(self.parts.len()) {
                return OrderState::Cancelling;
            }
            if all_called_off {
                return OrderState::Cancelled;
            }
        }
        let going = || self.parts.iter().filter(|it| !self.called_off(*it.0));
        let arrived = |it: &PartProgress| it.status >= Some(ShipmentStatus::Delivered);
        if going().all(|(_, it)| it.shipped_at.is_some() && arrived(it)) {
            OrderState::Delivered
        } else if going().all(|(_, it)| it.shipped_at.is_some()) {
            OrderState::Shipped
        } else if going().any(|(_, it)| it.shipped_at.is_some()) {
            OrderState::PartlyShipped
        } else if self.sale_booked && going().all(|(_, it)| it.scheduled.is_some()) {
            OrderState::Fulfilling
        } else {
            OrderState::Received
        }
    }
}

impl Cancellation {
    /// Whether every one of the order's `parts` has answered, some in time, and that is not
    /// paid back yet.
    pub(super) fn is_owed(&self, parts: usize) -> bool {
        self.parts.len() == parts && self.parts.values().any(|it| *it) && !self.credited
    }
}

impl ReturnProgress {
    /// Whether `other` is the same return, whenever it is dated and however far it is.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        self.id == other.id && self.lines == other.lines && self.restock == other.restock
    }

    /// The stock systems whose goods came back, the deciding one first.
    pub fn systems(&self, placed: &ConfirmedOrder) -> Vec<StockSystem> {
        let parts = Part::all_of(placed).into_iter();
        let touched =
            parts.filter(|it| self.lines.iter().any(|line| it.lines.contains(&line.line)));
        touched.map(|it| it.system).collect()
    }
}
