//! A shipment and the rules of its states.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{CarrierEvent, Duty, Schedule, ShipmentRejection};
use crate::clock::Timestamp;
use crate::customer::Address;
use crate::ids::{CarrierEventId, HoldId, OrderId, ShipmentId, TrackingId};
use crate::pii::Pii;
use crate::schema::text_cells;
use crate::stock::{StockLine, StockSystem};

/// Where a shipment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShipmentStatus {
    /// Waits to be packed (`pending_fulfillment` on the wire).
    #[serde(alias = "pending_fulfillment")]
    Pending,
    /// Packed, still here.
    Packed,
    /// With the carrier.
    Shipped,
    /// With the buyer.
    Delivered,
    /// Came back undelivered or was sent back.
    Returned,
    /// Called off before it left.
    Cancelled,
}

text_cells!(ShipmentStatus);

impl ShipmentStatus {
    /// Every status, in the order a shipment goes through them; the last is the way out.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Packed,
        Self::Shipped,
        Self::Delivered,
        Self::Returned,
        Self::Cancelled,
    ];

    /// Whether the goods have left the shelf.
    pub const fn has_left(self) -> bool {
        matches!(self, Self::Shipped | Self::Delivered | Self::Returned)
    }

    /// The name used in tables and events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Packed => "packed",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Returned => "returned",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for ShipmentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Goods of one order from one stock system on their way to the buyer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipment {
    /// Its id: a function of order and system.
    pub id: ShipmentId,
    /// The order.
    pub order_id: OrderId,
    /// The stock system.
    pub system: StockSystem,
    /// The confirmed hold the goods are taken from.
    pub hold_id: Option<HoldId>,
    /// What is sent.
    pub lines: Vec<StockLine>,
    /// What it is tracked with.
    pub tracking_id: TrackingId,
    /// Where to.
    pub address: Pii<Address>,
    /// Where it is.
    pub status: ShipmentStatus,
    /// What the warehouse still owes the world for it.
    pub duties: BTreeSet<Duty>,
    /// What was reported, each report once, in the order it arrived.
    pub events: Vec<(CarrierEventId, ShipmentStatus, Timestamp)>,
    /// When it was asked for.
    pub created_at: Timestamp,
}

impl Shipment {
    /// A shipment that waits to be packed. Nothing is owed for it yet.
    ///
    /// # Errors
    ///
    /// [`ShipmentRejection::Empty`] without lines.
    pub fn new(schedule: Schedule, now: Timestamp) -> Result<Self, ShipmentRejection> {
        if schedule.lines.is_empty() {
            return Err(ShipmentRejection::Empty);
        }
        Ok(Self {
            id: schedule.order_id.shipment(schedule.system.as_str()),
            order_id: schedule.order_id,
            system: schedule.system,
            hold_id: schedule.hold_id,
            lines: schedule.lines,
            tracking_id: schedule.tracking_id,
            address: schedule.address,
            status: ShipmentStatus::Pending,
            duties: BTreeSet::new(),
            events: Vec::new(),
            created_at: now,
        })
    }

    /// Whether `other` sends the same goods from the same hold.
    pub fn sends_the_same_as(&self, other: &Self) -> bool {
        self.id == other.id && self.hold_id == other.hold_id && self.lines == other.lines
    }

    /// Takes in a report, or a cancellation, and notes what is owed because of it. `false` if
    /// the report was taken in before.
    ///
    /// A carrier may skip a report, so a later status implies those before it: the goods have
    /// to be settled once, whichever report says first that they have left. A report that comes
    /// late is kept and moves nothing.
    ///
    /// # Errors
    ///
    /// [`ShipmentRejection::Impossible`] if what left is to be cancelled or what was cancelled
    /// is said to have left; the shipment is unchanged.
    pub fn apply(&mut self, event: &CarrierEvent) -> Result<bool, ShipmentRejection> {
        use ShipmentStatus as S;
        if self.events.iter().any(|it| it.0 == event.id) {
            return Ok(false);
        }
        let owed: &[Duty] = match (self.status, event.status) {
            (S::Pending, S::Packed)
            | (S::Shipped | S::Delivered, S::Returned)
            | (S::Shipped, S::Delivered) => &[Duty::Announce],
            (S::Pending | S::Packed, S::Shipped | S::Delivered | S::Returned) => {
                &[Duty::Settle, Duty::Announce]
            }
            (S::Pending | S::Packed, S::Cancelled) => &[Duty::Release, Duty::Announce],
            (S::Pending | S::Packed | S::Cancelled, S::Pending | S::Packed)
            | (S::Shipped, S::Pending | S::Packed | S::Shipped)
            | (S::Delivered, S::Pending | S::Packed | S::Shipped | S::Delivered)
            | (S::Returned, S::Pending | S::Packed | S::Shipped | S::Delivered | S::Returned)
            | (S::Cancelled, S::Cancelled) => &[],
            (from @ (S::Shipped | S::Delivered | S::Returned), to @ S::Cancelled)
            | (from @ S::Cancelled, to @ (S::Shipped | S::Delivered | S::Returned)) => {
                return Err(ShipmentRejection::Impossible { from, to });
            }
        };
        self.events.push((event.id.clone(), event.status, event.at));
        if !owed.is_empty() {
            self.status = event.status;
        }
        let moves_stock = self.hold_id.is_some();
        let owed = owed
            .iter()
            .filter(|&&it| moves_stock || it == Duty::Announce);
        self.duties.extend(owed);
        Ok(true)
    }

    /// Strikes off the duties of `done`, if the shipment still has the status `of`; says
    /// whether any was open. Those of a shipment that moved on are done again.
    pub fn discharge(&mut self, of: ShipmentStatus, done: &[Duty]) -> bool {
        let before = self.duties.len();
        if self.status == of {
            self.duties.retain(|it| !done.contains(it));
        }
        self.duties.len() < before
    }

    /// When it came to its present status, as the first report of it says; when it was asked
    /// for if nothing was reported.
    pub fn since(&self) -> Timestamp {
        let report = self.events.iter().find(|it| it.1 == self.status);
        report.map_or(self.created_at, |it| it.2)
    }

    /// When the goods left, as the first report says that has them gone.
    pub fn shipped_at(&self) -> Option<Timestamp> {
        let report = self.events.iter().find(|it| it.1.has_left());
        report.map(|it| it.2)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::ids::ProductId;
    use crate::limits::Units;

    fn shipment(hold_id: Option<HoldId>) -> Shipment {
        let order_id = OrderId::new("o1").expect("valid");
        let address = Address {
            street_address: "1 Quay".to_owned(),
            city: "Cork".to_owned(),
            state: String::new(),
            country: "Ireland".to_owned(),
            zip_code: String::new(),
        };
        let schedule = Schedule {
            tracking_id: order_id.tracking(),
            order_id,
            system: StockSystem::Inventory,
            hold_id,
            lines: vec![StockLine {
                product_id: ProductId::new("tea").expect("valid"),
                quantity: Units::ONE,
            }],
            address: address.into(),
        };
        Shipment::new(schedule, Timestamp::EPOCH).expect("has a line")
    }

    fn says(shipment: &Shipment, id: &str, status: ShipmentStatus) -> CarrierEvent {
        CarrierEvent {
            id: CarrierEventId::new(id).expect("valid"),
            shipment_id: shipment.id.clone(),
            status,
            at: Timestamp::from_millis(5),
        }
    }

    /// One row a status, one column a report: the new status and what is owed, `noted`, or `no`.
    fn table(hold_id: Option<&HoldId>) -> String {
        let mut text = String::new();
        for from in ShipmentStatus::ALL {
            let _ = write!(text, "{from:9}");
            for to in ShipmentStatus::ALL {
                let mut shipment = shipment(hold_id.cloned());
                shipment.status = from;
                let event = says(&shipment, "e1", to);
                let cell = match shipment.apply(&event) {
                    Err(_) => "no".to_owned(),
                    Ok(_) if shipment.status == from => "noted".to_owned(),
                    Ok(_) => {
                        let owed = shipment.duties.iter().map(|it| match it {
                            Duty::Settle => 'S',
                            Duty::Release => 'R',
                            Duty::Announce => 'A',
                        });
                        format!("{to} {}", owed.collect::<String>())
                    }
                };
                let _ = write!(text, " | {cell:12}");
            }
            text = text.trim_end().to_owned() + "\n";
        }
        text
    }

    #[test]
    fn the_table_of_states() {
        let hold = OrderId::new("o1").expect("valid").hold("inventory", 1);
        assert_eq!(
            table(Some(&hold)),
            "\
pending   | noted        | packed A     | shipped SA   | delivered SA | returned SA  | cancelled RA
packed    | noted        | noted        | shipped SA   | delivered SA | returned SA  | cancelled RA
shipped   | noted        | noted        | noted        | delivered A  | returned A   | no
delivered | noted        | noted        | noted        | noted        | returned A   | no
returned  | noted        | noted        | noted        | noted        | noted        | no
cancelled | noted        | noted        | no           | no           | no           | noted
"
        );
        let without_hold = table(None);
        assert!(!without_hold.contains('S') && !without_hold.contains('R'));
        assert_eq!(without_hold.matches(" A").count(), 12);
    }

    #[test]
    fn a_report_counts_once_and_a_late_one_moves_nothing_back() {
        let hold = OrderId::new("o1").expect("valid").hold("inventory", 1);
        let mut shipment = shipment(Some(hold));
        let delivered = says(&shipment, "e2", ShipmentStatus::Delivered);
        assert_eq!(shipment.apply(&delivered), Ok(true));
        assert!(shipment.discharge(ShipmentStatus::Delivered, &[Duty::Settle, Duty::Announce]));
        assert_eq!(shipment.apply(&delivered), Ok(false));
        let late = says(&shipment, "e1", ShipmentStatus::Shipped);
        assert_eq!(shipment.apply(&late), Ok(true));
        assert_eq!(shipment.status, ShipmentStatus::Delivered);
        assert!(shipment.duties.is_empty(), "{:?}", shipment.duties);
        assert_eq!(shipment.events.len(), 2);
    }

    #[test]
    fn a_duty_stays_open_if_the_shipment_moved_on_meanwhile() {
        let mut shipment = shipment(None);
        let packed = says(&shipment, "e1", ShipmentStatus::Packed);
        let shipped = says(&shipment, "e2", ShipmentStatus::Shipped);
        assert_eq!(shipment.apply(&packed), Ok(true));
        assert_eq!(shipment.apply(&shipped), Ok(true));
        assert!(!shipment.discharge(ShipmentStatus::Packed, &[Duty::Announce]));
        assert!(shipment.duties.contains(&Duty::Announce));
    }
}
