//! Any sequence of moves on a stock book: its assertions hold and its audit is clean.
#![no_main]

use std::time::Duration;

use arbitrary::Arbitrary;
use boutique_core::clock::Timestamp;
use boutique_core::ids::{HoldId, ProductId, ReceiptId, ShipmentId};
use boutique_core::limits::Units;
use boutique_core::stock::{Receive, Reserve, SetOnHand, Settle, StockBook, StockLine};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum Move {
    Receive {
        receipt: u8,
        product: u8,
        quantity: u16,
    },
    Count {
        product: u8,
        on_hand: u16,
    },
    Reserve {
        hold: u8,
        products: Vec<(u8, u8)>,
        ttl: u8,
    },
    Extend {
        hold: u8,
        ttl: u8,
    },
    Pin {
        hold: u8,
    },
    Confirm {
        hold: u8,
    },
    Void {
        hold: u8,
    },
    Ship {
        hold: u8,
        shipment: u8,
        part: Option<(u8, u8)>,
    },
    Release {
        hold: u8,
    },
    Wait {
        millis: u8,
    },
}

fn product(n: u8) -> ProductId {
    ProductId::new(format!("P{}", n % 3)).expect("an id")
}

fn hold(n: u8) -> HoldId {
    HoldId::new(format!("h{}", n % 6)).expect("an id")
}

fn line((n, quantity): (u8, u8)) -> StockLine {
    let quantity = Units::new(i64::from(quantity) + 1).expect("in range");
    StockLine {
        product_id: product(n),
        quantity,
    }
}

fuzz_target!(|moves: Vec<Move>| {
    let mut book = StockBook::default();
    let mut now = Timestamp::EPOCH;
    for it in moves {
        now = now.next();
        match it {
            Move::Receive {
                receipt,
                product: n,
                quantity,
            } => {
                let receipt_id = ReceiptId::new(format!("r{receipt}")).expect("an id");
                let (product_id, quantity) = (product(n), quantity.into());
                let _ = book.receive(
                    &Receive {
                        receipt_id,
                        product_id,
                        quantity,
                    },
                    now,
                );
            }
            Move::Count {
                product: n,
                on_hand,
            } => {
                let (product_id, on_hand) = (product(n), on_hand.into());
                let _ = book.set_on_hand(
                    &SetOnHand {
                        product_id,
                        on_hand,
                        if_version: None,
                    },
                    now,
                );
            }
            Move::Reserve {
                hold: n,
                products,
                ttl,
            } => {
                let request = Reserve {
                    hold_id: hold(n),
                    lines: products.into_iter().map(line).collect(),
                    ttl: Duration::from_millis(ttl.into()),
                    valid_until: Timestamp::MAX,
                };
                let _ = book.reserve(&request, now);
            }
            Move::Extend { hold: n, ttl } => {
                let _ = book.extend(&hold(n), Duration::from_millis(ttl.into()), now);
            }
            Move::Pin { hold: n } => drop(book.pin(&hold(n), now)),
            Move::Confirm { hold: n } => drop(book.confirm(&hold(n), None, now)),
            Move::Void { hold: n } => drop(book.void(&hold(n), now)),
            Move::Ship {
                hold: n,
                shipment,
                part,
            } => {
                let shipment_id = ShipmentId::new(format!("s{}", shipment % 4)).expect("an id");
                let lines = part.map(|it| vec![line(it)]);
                let _ = book.ship(
                    &Settle {
                        hold_id: hold(n),
                        shipment_id,
                        lines,
                    },
                    now,
                );
            }
            Move::Release { hold: n } => drop(book.release(&hold(n), now)),
            Move::Wait { millis } => now = now.after(Duration::from_millis(millis.into())),
        }
        assert_eq!(book.audit().violations, []);
    }
});
