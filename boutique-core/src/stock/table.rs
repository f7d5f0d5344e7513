//! The table of a hold's moves, printed and compared whole.

use std::time::Duration;

use super::{Hold, HoldState, Receive, Rejection, Reserve, Settle, StockBook, StockLine};
use crate::clock::Timestamp;
use crate::ids::{HoldId, ProductId, ReceiptId, ShipmentId};
use crate::limits::Units;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn hold() -> HoldId {
    HoldId::new("h").expect("an id")
}

fn reserve() -> Reserve {
    let product_id = ProductId::new("TEA").expect("an id");
    Reserve {
        hold_id: hold(),
        lines: vec![StockLine {
            product_id,
            quantity: Units::ONE,
        }],
        ttl: Duration::from_millis(100),
        valid_until: Timestamp::MAX,
    }
}

fn ship(shipment: &str) -> Settle {
    let shipment_id = ShipmentId::new(shipment).expect("an id");
    Settle {
        hold_id: hold(),
        shipment_id,
        lines: None,
    }
}

/// A book with one unit and, unless it is `None`, a hold of it in the state.
fn book(state: Option<HoldState>) -> StockBook {
    let mut book = StockBook::default();
    let receive = Receive {
        receipt_id: ReceiptId::new("r").expect("an id"),
        product_id: ProductId::new("TEA").expect("an id"),
        quantity: 1,
    };
    book.receive(&receive, at(0)).expect("received");
    let Some(state) = state else { return book };
    book.reserve(&reserve(), at(1)).expect("held");
    match state {
        HoldState::Held => {}
        HoldState::Pinned => drop(book.pin(&hold(), at(2)).expect("pinned")),
        HoldState::Voided => drop(book.void(&hold(), at(2)).expect("voided")),
        HoldState::Expired => drop(book.expire(at(101))),
        sold => {
            book.confirm(&hold(), None, at(2)).expect("confirmed");
            match sold {
                HoldState::Shipped => drop(book.ship(&ship("first"), at(3)).expect("shipped")),
                HoldState::Released => drop(book.release(&hold(), at(3)).expect("released")),
                _ => {}
            }
        }
    }
    book
}

type Move = fn(&mut StockBook) -> Result<Hold, Rejection>;

#[test]
fn every_move_from_every_state() {
    let moves: [Move; 8] = [
        |it| it.reserve(&reserve(), at(50)),
        |it| it.extend(&hold(), Duration::from_secs(1), at(50)),
        |it| it.pin(&hold(), at(50)),
        |it| it.confirm(&hold(), None, at(50)),
        |it| it.confirm(&hold(), None, at(101)),
        |it| it.void(&hold(), at(50)),
        |it| it.ship(&ship("second"), at(50)),
        |it| it.release(&hold(), at(50)),
    ];
    let states = std::iter::once(None).chain(HoldState::ALL.map(Some));
    let mut table = String::from(HEADER);
    for state in states {
        let name = state.map_or("none", HoldState::as_str);
        let mut row = format!("{name:<9} |");
        for make in moves {
            let mut book = book(state);
            let answer = make(&mut book).map_or("refused", |it| it.state.as_str());
            row.push_str(&format!(" {answer:<9}"));
            assert_eq!(book.audit().violations, [], "from {name} to {answer}");
        }
        table.push_str(row.trim_end());
        table.push('\n');
    }
    assert_eq!(table, EXPECTED, "\n{table}");
}

const HEADER: &str = "\
state     | reserve   extend    pin       confirm   too late  void      ship      release
----------+------------------------------------------------------------------------------
";

const EXPECTED: &str = "\
state     | reserve   extend    pin       confirm   too late  void      ship      release
----------+------------------------------------------------------------------------------
none      | held      refused   refused   refused   refused   voided    refused   refused
held      | held      held      pinned    confirmed expired   voided    refused   refused
pinned    | pinned    pinned    pinned    confirmed confirmed voided    refused   refused
confirmed | confirmed confirmed confirmed confirmed confirmed confirmed shipped   released
shipped   | shipped   shipped   shipped   shipped   shipped   shipped   shipped   shipped
voided    | voided    voided    voided    voided    voided    voided    refused   refused
expired   | expired   expired   expired   expired   expired   expired   refused   refused
released  | released  released  released  released  released  released  refused   released
";
