//! Any sequence of moves on a stock book, against rules that are written again here: every hold
//! moves along its states, every unit is somewhere, a repeat changes nothing.
#![no_main]

use std::collections::BTreeMap;
use std::time::Duration;

use arbitrary::Arbitrary;
use boutique_core::clock::Timestamp;
use boutique_core::ids::{HoldId, ProductId, ReceiptId, ShipmentId};
use boutique_core::limits::Units;
use boutique_core::stock::{
    HoldState, Level, Receive, Reserve, SetOnHand, Settle, StockBook, StockLine,
};
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

/// Every hold with its state and the moment it lapses.
type States = BTreeMap<HoldId, (HoldState, Timestamp)>;

fn states(book: &StockBook) -> States {
    let state = |it: &boutique_core::stock::Hold| (it.id.clone(), (it.state, it.expires_at));
    book.holds().map(state).collect()
}

fn levels(book: &StockBook) -> BTreeMap<ProductId, Level> {
    book.levels()
        .map(|(id, it)| (id.clone(), it.clone()))
        .collect()
}

/// Whether a hold may get from one state into another in one move at `now`.
fn may_become(
    before: Option<&(HoldState, Timestamp)>,
    after: &(HoldState, Timestamp),
    now: Timestamp,
) -> bool {
    use HoldState::{Confirmed, Expired, Held, Pinned, Released, Shipped, Voided};
    match (before, after.0) {
        // A tombstone is a hold that was voided before it came.
        (None, state) => matches!(state, Held | Voided),
        (Some((Held, lapses)), Confirmed | Pinned) => now < *lapses,
        (Some((Held, lapses)), Expired) => now >= *lapses,
        (Some((Held | Pinned, _)), Voided) | (Some((Pinned, _)), Confirmed) => true,
        (Some((Confirmed, _)), Shipped | Released) => true,
        (Some((state, _)), after) => *state == after,
    }
}

/// Every unit is on the shelf or has left it, and what is promised is what the holds say.
fn assert_adds_up(book: &StockBook) {
    let mut held: BTreeMap<&ProductId, u64> = BTreeMap::new();
    let mut committed = held.clone();
    for hold in book.holds() {
        for line in &hold.lines {
            assert!(line.shipped <= line.quantity);
            let left = line.quantity - line.shipped;
            match hold.state {
                HoldState::Held | HoldState::Pinned => {
                    *held.entry(&line.product_id).or_default() += left;
                }
                HoldState::Confirmed => *committed.entry(&line.product_id).or_default() += left,
                HoldState::Shipped => assert_eq!(left, 0),
                HoldState::Voided | HoldState::Expired => assert_eq!(line.shipped, 0),
                HoldState::Released => {}
            }
        }
    }
    for (product_id, level) in book.levels() {
        assert_eq!(level.on_hand + level.shipped, level.received);
        assert_eq!(level.held, held.remove(product_id).unwrap_or(0));
        assert_eq!(level.committed, committed.remove(product_id).unwrap_or(0));
        assert!(level.held + level.committed <= level.on_hand);
    }
    assert!(
        held.is_empty() && committed.is_empty(),
        "promised of what is not listed"
    );
}

/// Makes a move; answers it as text, to compare.
fn make(book: &mut StockBook, it: &Move, now: Timestamp) -> String {
    match it {
        Move::Receive {
            receipt,
            product: n,
            quantity,
        } => {
            let receipt_id = ReceiptId::new(format!("r{receipt}")).expect("an id");
            let (product_id, quantity) = (product(*n), u64::from(*quantity));
            let request = Receive {
                receipt_id,
                product_id,
                quantity,
            };
            format!("{:?}", book.receive(&request, now).map(|it| it.on_hand))
        }
        Move::Count {
            product: n,
            on_hand,
        } => {
            let (product_id, on_hand) = (product(*n), u64::from(*on_hand));
            let request = SetOnHand {
                product_id,
                on_hand,
                if_version: None,
            };
            format!("{:?}", book.set_on_hand(&request, now).map(|it| it.on_hand))
        }
        Move::Reserve {
            hold: n,
            products,
            ttl,
        } => {
            let request = Reserve {
                hold_id: hold(*n),
                lines: products.iter().copied().map(line).collect(),
                ttl: Duration::from_millis(1 + u64::from(*ttl)),
                valid_until: Timestamp::MAX,
            };
            format!("{:?}", book.reserve(&request, now).map(|it| it.id))
        }
        Move::Extend { hold: n, ttl } => {
            let ttl = Duration::from_millis(1 + u64::from(*ttl));
            format!("{:?}", book.extend(&hold(*n), ttl, now).map(|it| it.id))
        }
        Move::Pin { hold: n } => format!("{:?}", book.pin(&hold(*n), now)),
        Move::Confirm { hold: n } => format!("{:?}", book.confirm(&hold(*n), None, now)),
        Move::Void { hold: n } => format!("{:?}", book.void(&hold(*n), now)),
        Move::Ship {
            hold: n,
            shipment,
            part,
        } => {
            let shipment_id = ShipmentId::new(format!("s{}", shipment % 4)).expect("an id");
            let lines = part.map(|it| vec![line(it)]);
            let request = Settle {
                hold_id: hold(*n),
                shipment_id,
                lines,
            };
            format!("{:?}", book.ship(&request, now))
        }
        Move::Release { hold: n } => format!("{:?}", book.release(&hold(*n), now)),
        Move::Wait { .. } => String::new(),
    }
}

fuzz_target!(|moves: Vec<Move>| {
    let mut book = StockBook::default();
    let mut now = Timestamp::EPOCH;
    for it in &moves {
        now = now.next();
        if let Move::Wait { millis } = it {
            now = now.after(Duration::from_millis(u64::from(*millis)));
            book.expire(now);
        }
        let before = states(&book);
        let answer = make(&mut book, it, now);
        let after = states(&book);
        for (id, state) in &after {
            assert!(
                may_become(before.get(id), state, now),
                "{id}: {:?} -> {state:?}",
                before.get(id)
            );
        }
        assert!(
            before.keys().all(|it| after.contains_key(it)),
            "a hold is forgotten"
        );
        assert_adds_up(&book);
        assert_eq!(book.audit().violations, []);

        // At the same moment the same request is answered the same and moves no unit.
        let units = |it: Level| (it.on_hand, it.held, it.committed, it.received, it.shipped);
        let moved: Vec<_> = levels(&book).into_values().map(units).collect();
        assert_eq!(make(&mut book, it, now), answer);
        let again: Vec<_> = levels(&book).into_values().map(units).collect();
        assert_eq!((again, states(&book)), (moved, after));
    }
});
