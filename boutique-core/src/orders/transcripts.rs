//! What facts do to an order, as scripts of facts and what is expected after each.

use super::fixture::{at, order_id, placed, usd};
use super::{Action, Fact, Progress, ReturnProgress, ReturnedLine};
use crate::ids::ReturnId;
use crate::limits::Units;
use crate::stock::StockSystem::{self, Furniture, Inventory};
use crate::warehouse::ShipmentStatus;

fn scheduled(system: StockSystem) -> Fact {
    Fact::Scheduled {
        system,
        tracking_id: order_id().tracking(),
    }
}

fn reported(system: StockSystem, status: ShipmentStatus) -> Fact {
    Fact::Reported {
        system,
        status,
        at: at(7),
    }
}

fn answered(system: StockSystem, in_time: bool) -> Fact {
    Fact::CancelAnswered { system, in_time }
}

fn returned(id: &str, lines: &[(usize, i64, i64)]) -> Fact {
    Fact::ReturnAsked(ReturnProgress {
        id: ReturnId::new(id).expect("valid"),
        at: at(9),
        lines: lines
            .iter()
            .map(|&(line, quantity, cents)| ReturnedLine {
                line,
                quantity: Units::new(quantity).expect("in range"),
                refund: usd(cents),
                tax: usd(0),
            })
            .collect(),
        restock: true,
        restocked: Vec::new(),
        credited: false,
    })
}

fn print(action: &Action) -> String {
    match action {
        Action::BookSale => "book".to_owned(),
        Action::Schedule(system) => format!("schedule {system}"),
        Action::Recognise(system) => format!("recognise {system}"),
        Action::CancelPart(system) => format!("cancel {system}"),
        Action::CreditCancelled => "credit".to_owned(),
        Action::Restock(id, system) => format!("restock {id} {system}"),
        Action::CreditReturn(id) => format!("credit {id}"),
    }
}

/// Applies facts one after the other; each is expected to leave that state and those
/// actions, or to be refused, or to change nothing. A refusal must change nothing either.
fn check(script: Vec<(Fact, &str)>) {
    let placed = placed();
    let mut progress = Progress::begin(&placed, at(2));
    for (fact, expected) in script {
        let before = progress.clone();
        let label = format!("{fact:?}");
        let found = match progress.apply(&placed, fact, at(3)) {
            Ok(false) => "same".to_owned(),
            Err(why) => why.to_string(),
            Ok(true) => {
                let actions = progress.actions(&placed);
                let actions: Vec<_> = actions.iter().map(print).collect();
                format!("{}: {}", progress.state(), actions.join(", "))
                    .trim()
                    .to_owned()
            }
        };
        assert_eq!(found, expected, "{label}");
        if !found.contains(": ") && !found.ends_with(':') {
            assert_eq!(progress, before, "{label}");
        }
    }
}

#[test]
fn an_order_goes_its_way() {
    use ShipmentStatus::{Cancelled, Delivered, Packed, Returned, Shipped};
    check(vec![
        (scheduled(Furniture), "received: book, schedule inventory"),
        (scheduled(Furniture), "same"),
        (
            reported(Inventory, Packed),
            "received: book, schedule inventory",
        ),
        (
            reported(Furniture, Shipped),
            "partly_shipped: book, schedule inventory",
        ),
        (
            Fact::Recognised { system: Furniture },
            "its sale is not booked",
        ),
        (
            Fact::SaleBooked,
            "partly_shipped: schedule inventory, recognise furniture",
        ),
        (Fact::SaleBooked, "same"),
        (
            Fact::Recognised { system: Inventory },
            "its inventory part has not left",
        ),
        (
            Fact::Recognised { system: Furniture },
            "partly_shipped: schedule inventory",
        ),
        (scheduled(Inventory), "partly_shipped:"),
        (
            reported(Inventory, Delivered),
            "shipped: recognise inventory",
        ),
        (reported(Inventory, Shipped), "same"),
        (
            reported(Inventory, Cancelled),
            "its inventory part was called off or has left, and this says the opposite",
        ),
        (
            Fact::CancelAsked { at: at(8) },
            "all of it has left: it can be returned, not cancelled",
        ),
        (
            reported(Furniture, Returned),
            "delivered: recognise inventory",
        ),
        (Fact::Recognised { system: Inventory }, "delivered:"),
    ]);
}

#[test]
fn a_cancelled_order_is_paid_back_once_every_part_has_answered() {
    use ShipmentStatus::{Cancelled, Shipped};
    check(vec![
        (answered(Inventory, true), "nothing of it was called off"),
        (scheduled(Furniture), "received: book, schedule inventory"),
        // Nothing new is scheduled; what never was is called off all the same.
        (
            Fact::CancelAsked { at: at(8) },
            "cancelling: book, cancel inventory, cancel furniture",
        ),
        (Fact::CancelAsked { at: at(9) }, "same"),
        (
            answered(Furniture, true),
            "cancelling: book, cancel inventory",
        ),
        (Fact::CancelCredited, "its sale is not booked"),
        (Fact::SaleBooked, "cancelling: cancel inventory"),
        (Fact::CancelCredited, "nothing of it was called off"),
        (scheduled(Inventory), "cancelling: cancel inventory"),
        (answered(Inventory, true), "cancelling: credit"),
        (reported(Inventory, Cancelled), "cancelling: credit"),
        (
            reported(Furniture, Shipped),
            "its furniture part was called off or has left, and this says the opposite",
        ),
        (Fact::CancelCredited, "cancelled:"),
        (Fact::CancelCredited, "same"),
    ]);
    // One part is called off, the other was too late.
    check(vec![
        (
            reported(Furniture, Shipped),
            "partly_shipped: book, schedule inventory, schedule furniture",
        ),
        (
            Fact::SaleBooked,
            "partly_shipped: schedule inventory, schedule furniture, recognise furniture",
        ),
        (
            Fact::CancelAsked { at: at(8) },
            "cancelling: cancel inventory, schedule furniture, recognise furniture",
        ),
        (
            answered(Furniture, true),
            "its furniture part was called off or has left, and this says the opposite",
        ),
        (
            answered(Inventory, true),
            "cancelling: schedule furniture, recognise furniture, credit",
        ),
        (
            Fact::CancelCredited,
            "shipped: schedule furniture, recognise furniture",
        ),
    ]);
    // Both were too late: it goes its way.
    check(vec![
        (
            Fact::CancelAsked { at: at(8) },
            "cancelling: book, cancel inventory, cancel furniture",
        ),
        (
            answered(Furniture, false),
            "cancelling: book, cancel inventory, schedule furniture",
        ),
        (
            answered(Inventory, false),
            "received: book, schedule inventory, schedule furniture",
        ),
    ]);
}

#[test]
fn no_more_comes_back_than_was_bought_and_no_more_is_paid_back_than_was_paid() {
    let shipped = ShipmentStatus::Shipped;
    check(vec![
        (
            Fact::SaleBooked,
            "received: schedule inventory, schedule furniture",
        ),
        (scheduled(Inventory), "received: schedule furniture"),
        (scheduled(Furniture), "fulfilling:"),
        (
            returned("r0", &[(0, 1, 0)]),
            "lines[0].line: its goods have not left",
        ),
        (
            reported(Inventory, shipped),
            "partly_shipped: recognise inventory",
        ),
        (Fact::Recognised { system: Inventory }, "partly_shipped:"),
        (
            returned("r0", &[]),
            "lines: a return needs at least one line",
        ),
        (
            returned("r0", &[(0, 1, 0), (3, 1, 0)]),
            "lines[1].line: the order has 3 lines, counted from zero",
        ),
        (
            returned("r0", &[(2, 1, 0)]),
            "lines[0].line: its goods have not left",
        ),
        (
            returned("r0", &[(0, 4, 0)]),
            "lines[0].quantity: 3 were bought",
        ),
        (
            returned("r0", &[(0, 3, 3_001)]),
            "lines[0].refund: must be 0 to USD 30.00",
        ),
        (
            returned("r0", &[(0, 1, -1)]),
            "lines[0].refund: must be 0 to USD 30.00",
        ),
        (
            returned("r1", &[(0, 2, 2_000)]),
            "partly_shipped: restock r1 inventory, credit r1",
        ),
        (returned("r1", &[(0, 2, 2_000)]), "same"),
        (
            returned("r1", &[(0, 1, 1_000)]),
            "return r1 exists with other content",
        ),
        (
            returned("r2", &[(0, 2, 0)]),
            "lines[0].quantity: 1 are left to return",
        ),
        (
            returned("r2", &[(0, 1, 1_001)]),
            "lines[0].refund: must be 0 to USD 30.00",
        ),
        (
            returned("r2", &[(0, 1, 1_000), (1, 1, 500)]),
            "partly_shipped: restock r1 inventory, credit r1, restock r2 inventory, credit r2",
        ),
        (
            Fact::Restocked {
                return_id: ReturnId::new("r1").expect("valid"),
                system: Furniture,
            },
            "return r1 has nothing of that kind",
        ),
        (
            Fact::Restocked {
                return_id: ReturnId::new("r1").expect("valid"),
                system: Inventory,
            },
            "partly_shipped: credit r1, restock r2 inventory, credit r2",
        ),
        (
            Fact::ReturnCredited {
                return_id: ReturnId::new("r1").expect("valid"),
            },
            "partly_shipped: restock r2 inventory, credit r2",
        ),
    ]);
}
