//! What every [`StockLedger`] does.

mod holds;
mod model;
mod shelf;
mod together;

use std::time::Duration;

use boutique_core::clock::Timestamp;
use boutique_core::stock::{Hold, HoldState, Level, Receive, Reserve, Settle, StockLedger};

use super::Fixture;
use super::given::{fine, hold_id, lines, product, receipt_id, shipment_id};

use holds::*;
pub use model::random_moves_match_the_rules;
use shelf::*;
use together::*;

suite! {
    $ /// Proves a [`StockLedger`](boutique_core::stock::StockLedger); see
    /// [`conformance`](crate::conformance).
    ledger_conformance in stock over Fixture<dyn StockLedger>;
    cases {
        a_hold_promises_its_units,
        a_hold_promises_all_lines_or_none,
        every_shortage_is_named,
        lines_of_one_product_are_summed,
        reserving_again_answers_the_same_hold,
        a_repeat_is_answered_even_when_it_is_late,
        the_same_id_for_other_goods_is_refused,
        a_reserve_without_lines_is_refused,
        a_reserve_of_an_unlisted_product_is_refused,
        a_reserve_after_its_moment_is_refused,
        a_void_of_an_unknown_hold_leaves_a_tombstone,
        moves_of_an_unknown_hold_are_refused,
        expiry_is_exact_at_read_time,
        a_lapsed_hold_can_not_be_confirmed,
        what_lapsed_can_be_promised_again,
        a_sweep_expires_for_good,
        open_holds_are_counted,
        extending_moves_the_expiry,
        extending_never_shortens,
        a_pinned_hold_never_lapses,
        the_first_note_stays,
        a_note_has_a_ceiling,
        voiding_gives_the_units_back,
        a_sold_hold_refuses_to_be_voided,
        a_decided_hold_answers_every_move_with_itself,
        goods_ship_in_parts,
        shipping_all_that_is_left,
        the_same_shipment_again_takes_nothing,
        a_shipment_id_can_not_name_other_goods,
        no_more_ships_than_is_left,
        only_sold_goods_ship,
        releasing_gives_back_what_has_not_left,
        goods_that_arrive_are_listed,
        the_same_receipt_again_adds_nothing,
        a_receipt_id_can_not_name_other_goods,
        a_level_has_a_ceiling,
        a_count_corrects_the_shelf,
        a_count_below_what_is_promised_is_refused,
        a_count_of_an_old_version_is_refused,
        versions_grow_with_changes_only,
        time_never_stands_still,
        unknown_things_are_not_there,
        levels_are_listed_by_id,
        holds_are_listed_by_id,
        the_books_add_up,
        the_last_unit_is_promised_once,
        one_hold_reserved_by_many_is_one_hold,
        confirm_and_void_agree_on_one_outcome,
        crossing_demands_both_end,
        one_receipt_by_many_adds_once,
        one_shipment_by_many_takes_once,
        no_load_oversells,
    }
    models { random_moves_match_the_rules }
}

const MINUTE: Duration = Duration::from_secs(60);

/// Asks for these goods for a minute.
fn asked(id: &str, goods: &[(&str, i64)]) -> Reserve {
    Reserve {
        hold_id: hold_id(id),
        lines: lines(goods),
        ttl: MINUTE,
        valid_until: Timestamp::MAX,
    }
}

fn arrival(receipt: &str, name: &str, quantity: u64) -> Receive {
    Receive {
        receipt_id: receipt_id(receipt),
        product_id: product(name),
        quantity,
    }
}

fn settle(id: &str, shipment: &str, goods: Option<&[(&str, i64)]>) -> Settle {
    Settle {
        hold_id: hold_id(id),
        shipment_id: shipment_id(shipment),
        lines: goods.map(lines),
    }
}

/// Puts goods on the shelf.
async fn stock(store: &Store, goods: &[(&str, u64)]) {
    for (name, quantity) in goods {
        fine(
            store
                .receive(arrival(&format!("stock-{name}"), name, *quantity))
                .await,
        );
    }
}

async fn reserve(store: &Store, id: &str, goods: &[(&str, i64)]) -> Hold {
    fine(store.reserve(asked(id, goods)).await)
}

async fn level(store: &Store, name: &str) -> Level {
    fine(store.level(&product(name)).await).expect("the product is listed")
}

/// On hand, held, committed, shipped.
async fn counts(store: &Store, name: &str) -> [u64; 4] {
    let it = level(store, name).await;
    [it.on_hand, it.held, it.committed, it.shipped]
}

async fn state(store: &Store, id: &str) -> HoldState {
    fine(store.hold(&hold_id(id)).await)
        .expect("the hold is known")
        .state
}
