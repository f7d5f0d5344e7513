//! Random moves, made on the store and on the [`StockBook`], whose answers are the rules.

use std::sync::Arc;
use std::time::Duration;

use boutique_core::clock::{Clock, Timestamp};
use boutique_core::stock::{
    Hold, LedgerError, Level, Receive, Rejection, Reserve, SetOnHand, Settle, StockBook,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::super::given::{hold_id, lines, product, receipt_id, shipment_id};
use super::super::replay;
use super::Store;
use crate::ManualClock;

const PRODUCTS: [&str; 3] = ["mug", "pot", "tea"];

type Goods = Vec<(usize, i64)>;

/// A move; holds, shipments and receipts are few, so that moves meet.
#[derive(Clone, Debug)]
enum Move {
    Reserve {
        hold: u8,
        goods: Goods,
        ttl: u8,
        late: bool,
    },
    Extend {
        hold: u8,
        ttl: u8,
    },
    Pin(u8),
    Confirm {
        hold: u8,
        note: Option<u8>,
    },
    Void(u8),
    Ship {
        hold: u8,
        shipment: u8,
        goods: Option<Goods>,
    },
    Release(u8),
    Receive {
        receipt: u8,
        product: usize,
        quantity: u64,
    },
    Count {
        product: usize,
        on_hand: u64,
        version: Option<u64>,
    },
    Wait(u8),
    Sweep,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let hold = || 0..4_u8;
    let ttl = || 0..8_u8;
    let goods = || prop::collection::vec((0..PRODUCTS.len(), 1..6_i64), 0..4);
    // Mostly a little of one product, so that a hold ships in parts.
    let part = || {
        prop_oneof![
            1 => Just(None),
            4 => (0..PRODUCTS.len(), 1..3_i64).prop_map(|it| Some(vec![it])),
            1 => goods().prop_map(Some),
        ]
    };
    let one = prop_oneof![
        6 => (hold(), goods(), ttl(), prop::bool::weighted(0.1))
            .prop_map(|(hold, goods, ttl, late)| Move::Reserve { hold, goods, ttl, late }),
        1 => (hold(), ttl()).prop_map(|(hold, ttl)| Move::Extend { hold, ttl }),
        1 => hold().prop_map(Move::Pin),
        3 => (hold(), prop::option::of(0..3_u8)).prop_map(|(hold, note)| Move::Confirm { hold, note }),
        2 => hold().prop_map(Move::Void),
        4 => (hold(), 0..2_u8, part())
            .prop_map(|(hold, shipment, goods)| Move::Ship { hold, shipment, goods }),
        1 => hold().prop_map(Move::Release),
        4 => (0..6_u8, 0..PRODUCTS.len(), 0..12_u64)
            .prop_map(|(receipt, product, quantity)| Move::Receive { receipt, product, quantity }),
        1 => (0..PRODUCTS.len(), 0..12_u64, prop::option::of(0..6_u64))
            .prop_map(|(product, on_hand, version)| Move::Count { product, on_hand, version }),
        2 => ttl().prop_map(Move::Wait),
        1 => Just(Move::Sweep),
    ];
    // Most of the time there is something on the shelf to begin with.
    let shelf = prop::collection::vec(0..20_u64, PRODUCTS.len()).prop_map(|shelf| {
        let arrival = |(product, quantity)| Move::Receive {
            receipt: u8::try_from(product).unwrap_or(0),
            product,
            quantity,
        };
        shelf
            .into_iter()
            .enumerate()
            .map(arrival)
            .collect::<Vec<_>>()
    });
    (shelf, prop::collection::vec(one, 1..40)).prop_map(|(shelf, moves)| [shelf, moves].concat())
}

/// Replays random moves against the ledger and the [`StockBook`] and compares answers, levels
/// and holds after each.
///
/// # Panics
///
/// If they differ; with the shortest list of moves that shows it.
pub fn random_moves_match_the_rules<M, F>(make: M)
where
    M: AsyncFn(Arc<ManualClock>) -> F,
    F: Into<Store>,
{
    replay(64, moves(), async |moves| {
        let clock = Arc::<ManualClock>::default();
        let store: Store = make(Arc::clone(&clock)).await.into();
        let mut book = StockBook::default();
        for step in &moves {
            // The clock moves on before each move, further than a ledger's own microseconds,
            // and expiries are a whole second and a half apart from it: no move meets an edge.
            clock.advance_millis(10);
            play(step, &store, &mut book, &clock)
                .await
                .map_err(|why| TestCaseError::fail(format!("{step:?}: {why}")))?;
            compare(&store, &mut book, clock.now())
                .await
                .map_err(|why| TestCaseError::fail(format!("after {step:?}: {why}")))?;
        }
        Ok(())
    });
}

const fn seconds(ttl: u8) -> Duration {
    Duration::from_millis(ttl as u64 * 1_000 + 500)
}

fn named(goods: &Goods) -> Vec<boutique_core::stock::StockLine> {
    let named: Vec<_> = goods
        .iter()
        .map(|&(at, units)| (PRODUCTS[at], units))
        .collect();
    lines(&named)
}

async fn play(
    step: &Move,
    store: &Store,
    book: &mut StockBook,
    clock: &ManualClock,
) -> Result<(), TestCaseError> {
    let now = clock.now();
    let id = |hold: u8| hold_id(format!("h{hold}"));
    match step {
        Move::Reserve {
            hold,
            goods,
            ttl,
            late,
        } => {
            let request = Reserve {
                hold_id: id(*hold),
                lines: named(goods),
                ttl: seconds(*ttl),
                valid_until: if *late {
                    now.before(seconds(1))
                } else {
                    Timestamp::MAX
                },
            };
            same_hold(
                store.reserve(request.clone()).await,
                book.reserve(&request, now),
            )
        }
        Move::Extend { hold, ttl } => same_hold(
            store.extend(&id(*hold), seconds(*ttl)).await,
            book.extend(&id(*hold), seconds(*ttl), now),
        ),
        Move::Pin(hold) => same_hold(store.pin(&id(*hold)).await, book.pin(&id(*hold), now)),
        Move::Confirm { hold, note } => {
            let note = note.map(|it| format!("note {it}"));
            same_hold(
                store.confirm(&id(*hold), note.clone()).await,
                book.confirm(&id(*hold), note, now),
            )
        }
        Move::Void(hold) => same_hold(store.void(&id(*hold)).await, book.void(&id(*hold), now)),
        Move::Ship {
            hold,
            shipment,
            goods,
        } => {
            let request = Settle {
                hold_id: id(*hold),
                shipment_id: shipment_id(format!("s{shipment}")),
                lines: goods.as_ref().map(named),
            };
            same_hold(store.ship(request.clone()).await, book.ship(&request, now))
        }
        Move::Release(hold) => same_hold(
            store.release(&id(*hold)).await,
            book.release(&id(*hold), now),
        ),
        Move::Receive {
            receipt,
            product: at,
            quantity,
        } => {
            let request = Receive {
                receipt_id: receipt_id(format!("r{receipt}")),
                product_id: product(PRODUCTS[*at]),
                quantity: *quantity,
            };
            same_level(
                store.receive(request.clone()).await,
                book.receive(&request, now),
            )
        }
        Move::Count {
            product: at,
            on_hand,
            version,
        } => {
            let request = SetOnHand {
                product_id: product(PRODUCTS[*at]),
                on_hand: *on_hand,
                if_version: *version,
            };
            same_level(
                store.set_on_hand(request.clone()).await,
                book.set_on_hand(&request, now),
            )
        }
        Move::Wait(ttl) => {
            clock.advance(seconds(*ttl) / 2);
            Ok(())
        }
        Move::Sweep => {
            store
                .sweep(100)
                .await
                .map_err(|it| TestCaseError::fail(it.to_string()))?;
            Ok(())
        }
    }
}

/// Expiries may be microseconds apart: a ledger's time moves on while its clock stands still.
fn same_but_for_moments(subject: &mut Hold, rules: &Hold) -> Result<(), TestCaseError> {
    let apart =
        subject.expires_at.since(rules.expires_at) + rules.expires_at.since(subject.expires_at);
    prop_assert!(
        apart < Duration::from_millis(5),
        "the expiry is {apart:?} off: {subject:?}"
    );
    subject.expires_at = rules.expires_at;
    prop_assert_eq!(&*subject, rules, "the ledger (left) differs from the rules");
    Ok(())
}

fn same_hold(
    subject: Result<Hold, LedgerError>,
    rules: Result<Hold, Rejection>,
) -> Result<(), TestCaseError> {
    match (subject, rules) {
        (Ok(mut subject), Ok(rules)) => same_but_for_moments(&mut subject, &rules),
        (Err(LedgerError::Rejected(subject)), Err(rules)) => {
            prop_assert_eq!(subject, rules, "the ledger (left) differs from the rules");
            Ok(())
        }
        (subject, rules) => Err(TestCaseError::fail(format!(
            "the ledger says {subject:?}, the rules say {rules:?}"
        ))),
    }
}

fn same_level(
    subject: Result<Level, LedgerError>,
    rules: Result<Level, Rejection>,
) -> Result<(), TestCaseError> {
    match (subject, rules) {
        (Ok(subject), Ok(rules)) => {
            prop_assert_eq!(unstamped(subject), unstamped(rules));
            Ok(())
        }
        (Err(LedgerError::Rejected(subject)), Err(rules)) => {
            prop_assert_eq!(subject, rules, "the ledger (left) differs from the rules");
            Ok(())
        }
        (subject, rules) => Err(TestCaseError::fail(format!(
            "the ledger says {subject:?}, the rules say {rules:?}"
        ))),
    }
}

fn unstamped(level: Level) -> Level {
    Level {
        updated_at: Timestamp::EPOCH,
        ..level
    }
}

async fn compare(store: &Store, book: &mut StockBook, now: Timestamp) -> Result<(), TestCaseError> {
    let fault = |it: boutique_core::fault::Fault| TestCaseError::fail(format!("{it:?}"));
    book.expire(now);
    let levels: Vec<_> = store.levels(None, 100).await.map_err(fault)?;
    let levels: Vec<_> = levels
        .into_iter()
        .map(|(id, it)| (id, unstamped(it)))
        .collect();
    let rules: Vec<_> = book
        .levels()
        .map(|(id, it)| (id.clone(), unstamped(*it)))
        .collect();
    prop_assert_eq!(
        levels,
        rules,
        "levels of the ledger (left) differ from the rules"
    );
    let holds = store.holds(None, 100).await.map_err(fault)?;
    let ids: Vec<_> = holds.iter().map(|it| it.id.clone()).collect();
    let known: Vec<_> = book.holds().map(|it| it.id.clone()).collect();
    prop_assert_eq!(
        ids,
        known,
        "holds of the ledger (left) differ from the rules"
    );
    for (mut hold, rules) in holds.into_iter().zip(book.holds()) {
        same_but_for_moments(&mut hold, rules)?;
    }
    let audit = store.audit().await.map_err(fault)?;
    prop_assert_eq!(audit.violations, vec![]);
    Ok(())
}
