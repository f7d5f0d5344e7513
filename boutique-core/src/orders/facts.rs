//! Which facts an order can take, and what they change.

use serde::{Deserialize, Serialize};

use super::parts::Part;
use super::refund::Refundable;
use super::{Cancellation, Fact, PartProgress, Progress, ReturnProgress};
use crate::clock::Timestamp;
use crate::event::ConfirmedOrder;
use crate::ids::ReturnId;
use crate::money::{Money, MoneyError};
use crate::stock::StockSystem;
use crate::warehouse::ShipmentStatus;

/// Why a fact cannot be, after what has happened to the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", content = "of", rename_all = "snake_case")]
pub enum Contradiction {
    /// The order has nothing from this stock system.
    #[error("it has no part in {0}")]
    NoPart(StockSystem),
    /// The sale has to be booked first.
    #[error("its sale is not booked")]
    NotBooked,
    /// The part has not left.
    #[error("its {0} part has not left")]
    NotShipped(StockSystem),
    /// The part was called off, or it has left, and the fact says the opposite.
    #[error("its {0} part was called off or has left, and this says the opposite")]
    Opposite(StockSystem),
    /// All of it has left, so none of it can be called off.
    #[error("all of it has left: it can be returned, not cancelled")]
    TooLate,
    /// Nobody asked for a cancellation, or not every part has answered, or none in time.
    #[error("nothing of it was called off")]
    NotCancelled,
    /// A return that was not asked for, or goods of it that are not to be restocked.
    #[error("return {0} has nothing of that kind")]
    UnknownReturn(ReturnId),
    /// The id of a return has other content.
    #[error("return {0} exists with other content")]
    ReturnTaken(ReturnId),
    /// A return of nothing.
    #[error("lines: a return needs at least one line")]
    NoLines,
    /// A line of a return cannot be taken.
    #[error("lines[{at}].{why}")]
    Line {
        /// Which line of the return, counted from zero.
        at: usize,
        /// Why not.
        why: LineRefusal,
    },
    /// The order's amounts cannot be split.
    #[error("amounts: {0}")]
    Money(#[from] MoneyError),
}

/// Why a line of an order cannot come back. The text begins with the field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", content = "of", rename_all = "snake_case")]
pub enum LineRefusal {
    /// The order has no such line.
    #[error("line: the order has {0} lines, counted from zero")]
    Unknown(usize),
    /// Its goods have not left, or were called off.
    #[error("line: its goods have not left")]
    NotShipped,
    /// More than was bought.
    #[error("quantity: {0} were bought")]
    Bought(u32),
    /// More than has not come back yet.
    #[error("quantity: {0} are left to return")]
    Left(u32),
    /// A refund or tax below zero, above what was paid, or of another currency.
    #[error("refund: must be 0 to {0}")]
    Refund(Money),
}

impl Progress {
    /// Takes in `fact`. `false` if it is known, and nothing changes.
    ///
    /// # Errors
    ///
    /// [`Contradiction`]; nothing changes.
    pub fn apply(
        &mut self,
        placed: &ConfirmedOrder,
        fact: Fact,
        now: Timestamp,
    ) -> Result<bool, Contradiction> {
        let name = match fact {
            Fact::SaleBooked => {
                if self.sale_booked {
                    return Ok(false);
                }
                self.sale_booked = true;
                "sale booked".to_owned()
            }
            Fact::Scheduled {
                system,
                tracking_id,
            } => {
                let part = self.part(system)?;
                if part.scheduled.is_some() {
                    return Ok(false);
                }
                part.scheduled = Some(tracking_id);
                format!("{system} scheduled")
            }
            Fact::Reported { system, status, at } => {
                let called_off = self.called_off(system);
                if !self.part(system)?.report(system, status, at, called_off)? {
                    return Ok(false);
                }
                format!("{system} {status}")
            }
            Fact::Recognised { system } => {
                let sale_booked = self.sale_booked;
                let part = self.part(system)?;
                if part.recognised {
                    return Ok(false);
                }
                if part.shipped_at.is_none() {
                    return Err(Contradiction::NotShipped(system));
                }
                if !sale_booked {
                    return Err(Contradiction::NotBooked);
                }
                part.recognised = true;
                format!("{system} recognised")
            }
            Fact::CancelAsked { at } => {
                if self.cancellation.is_some() {
                    return Ok(false);
                }
                // Parts that have left need not be asked for.
                let left = self.parts.iter().filter(|(_, it)| it.shipped_at.is_some());
                let parts: std::collections::BTreeMap<_, _> =
                    left.map(|(system, _)| (*system, false)).collect();
                if parts.len() == self.parts.len() {
                    return Err(Contradiction::TooLate);
                }
                self.cancellation = Some(Cancellation {
                    at,
                    parts,
                    credited: false,
                });
                "cancel asked".to_owned()
            }
            Fact::CancelAnswered { system, in_time } => {
                let has_left = self.part(system)?.shipped_at.is_some();
                let cancellation = self.cancellation.as_mut();
                let answers = &mut cancellation.ok_or(Contradiction::NotCancelled)?.parts;
                match answers.get(&system) {
                    Some(answer) if *answer == in_time => return Ok(false),
                    Some(_) => return Err(Contradiction::Opposite(system)),
                    None if in_time && has_left => return Err(Contradiction::Opposite(system)),
                    None => answers.insert(system, in_time),
                };
                let answer = if in_time { "called off" } else { "too late" };
                format!("{system} {answer}")
            }
            Fact::CancelCredited => {
                if !self.sale_booked {
                    return Err(Contradiction::NotBooked);
                }
                let parts = self.parts.len();
                let cancellation = self.cancellation.as_mut();
                let cancellation = cancellation.ok_or(Contradiction::NotCancelled)?;
                if cancellation.credited {
                    return Ok(false);
                }
                if !cancellation.is_owed(parts) {
                    return Err(Contradiction::NotCancelled);
                }
                cancellation.credited = true;
                "cancel credited".to_owned()
            }
            Fact::ReturnAsked(asked) => {
                if let Some(known) = self.returns.iter().find(|it| it.id == asked.id) {
                    return if known.says_the_same_as(&asked) {
                        Ok(false)
                    } else {
                        Err(Contradiction::ReturnTaken(asked.id))
                    };
                }
                self.check_return(placed, &asked)?;
                let name = format!("return {} asked", asked.id);
                self.returns.push(ReturnProgress {
                    restocked: Vec::new(),
                    credited: false,
                    ..asked
                });
                name
            }
            Fact::Restocked { return_id, system } => {
                let it = self.find_return(&return_id)?;
                if it.restocked.contains(&system) {
                    return Ok(false);
                }
                if !(it.restock && it.systems(placed).contains(&system)) {
                    return Err(Contradiction::UnknownReturn(return_id));
                }
                it.restocked.push(system);
                format!("return {return_id} restocked in {system}")
            }
            Fact::ReturnCredited { return_id } => {
                if !self.sale_booked {
                    return Err(Contradiction::NotBooked);
                }
                let it = self.find_return(&return_id)?;
                if it.credited {
                    return Ok(false);
                }
                it.credited = true;
                format!("return {return_id} credited")
            }
        };
        self.timeline.push((name.into(), now));
        Ok(true)
    }

    /// How many units of a line can still come back.
    ///
    /// # Errors
    ///
    /// [`LineRefusal::Unknown`] or [`LineRefusal::NotShipped`].
    pub fn returnable(&self, placed: &ConfirmedOrder, line: usize) -> Result<u32, LineRefusal> {
        let items = &placed.order.items;
        let Some(item) = items.get(line) else {
            return Err(LineRefusal::Unknown(items.len()));
        };
        let part = Part::of_line(placed, line).and_then(|it| self.parts.get(&it.system));
        if part.is_none_or(|it| it.shipped_at.is_none()) {
            return Err(LineRefusal::NotShipped);
        }
        Ok(item.item.quantity.get().saturating_sub(self.returned(line)))
    }

    /// Units of a line that came back already.
    pub(super) fn returned(&self, line: usize) -> u32 {
        if planted!(ReturnPaysTwice) {
            return 0;
        }
        let lines = self.returns.iter().flat_map(|it| &it.lines);
        let of_line = lines.filter(|it| it.line == line);
        of_line.map(|it| it.quantity.get()).sum()
    }

    /// Whether that many more units of a line can come back.
    ///
    /// # Errors
    ///
    /// [`LineRefusal`].
    pub fn check_quantity(
        &self,
        placed: &ConfirmedOrder,
        line: usize,
        quantity: u32,
    ) -> Result<(), LineRefusal> {
        let left = self.returnable(placed, line)?;
        let bought = placed.order.items[line].item.quantity.get();
        if quantity > bought {
            return Err(LineRefusal::Bought(bought));
        }
        if quantity > left {
            return Err(LineRefusal::Left(left));
        }
        Ok(())
    }

    fn check_return(
        &self,
        placed: &ConfirmedOrder,
        asked: &ReturnProgress,
    ) -> Result<(), Contradiction> {
        if asked.lines.is_empty() {
            return Err(Contradiction::NoLines);
        }
        let goods = Refundable::lines_of(placed)?;
        let zero = Money::zero(placed.total.currency());
        for (at, it) in asked.lines.iter().enumerate() {
            let refuse = |why| Contradiction::Line { at, why };
            // A line may stand in a return more than once: what counts is the sum so far.
            let so_far = || {
                asked.lines[..=at]
                    .iter()
                    .filter(|other| other.line == it.line)
            };
            let units: u32 = so_far().map(|it| it.quantity.get()).sum();
            self.check_quantity(placed, it.line, units)
                .map_err(refuse)?;

            let earlier = self.returns.iter().flat_map(|it| &it.lines);
            let all = earlier
                .filter(|other| other.line == it.line && !planted!(ReturnPaysTwice))
                .chain(so_far());
            let (mut refund, mut tax) = (zero, zero);
            for other in all {
                refund = refund.plus(other.refund)?;
                tax = tax.plus(other.tax)?;
            }
            let most = goods[it.line].total();
            let fits = !it.tax.is_negative()
                && it.tax.nanos() <= it.refund.nanos()
                && refund.nanos() <= most.nanos()
                && tax.nanos() <= goods[it.line].tax().nanos();
            if !fits {
                return Err(refuse(LineRefusal::Refund(most)));
            }
        }
        Ok(())
    }

    fn part(&mut self, system: StockSystem) -> Result<&mut PartProgress, Contradiction> {
        let part = self.parts.get_mut(&system);
        part.ok_or(Contradiction::NoPart(system))
    }

    fn find_return(&mut self, id: &ReturnId) -> Result<&mut ReturnProgress, Contradiction> {
        let found = self.returns.iter_mut().find(|it| it.id == *id);
        found.ok_or_else(|| Contradiction::UnknownReturn(id.clone()))
    }
}

impl PartProgress {
    /// Takes in a report; `false` if it says nothing new. The moment the goods left is the
    /// first one reported and stays, because the books may have used it.
    fn report(
        &mut self,
        system: StockSystem,
        status: ShipmentStatus,
        at: Timestamp,
        called_off: bool,
    ) -> Result<bool, Contradiction> {
        let cancelled = called_off || self.status == Some(ShipmentStatus::Cancelled);
        let opposite = if status == ShipmentStatus::Cancelled {
            self.shipped_at.is_some()
        } else {
            status.has_left() && cancelled
        };
        if opposite {
            return Err(Contradiction::Opposite(system));
        }
        // The variants stand in the order a shipment goes through them.
        if self.status >= Some(status) {
            return Ok(false);
        }
        self.status = Some(status);
        if status.has_left() && self.shipped_at.is_none() {
            self.shipped_at = Some(at);
        }
        Ok(true)
    }
}
