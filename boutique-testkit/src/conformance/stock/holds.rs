//! Holds: promised, then decided once.

use std::sync::Arc;
use std::time::Duration;

use boutique_core::clock::Clock;
use boutique_core::stock::{HeldLine, Hold, HoldState, LedgerError, Rejection, Reserve, Shortage};

use super::super::given::{fine, hold_id, product, refused};
use super::{MINUTE, Store, asked, counts, reserve, settle, state, stock};
use crate::ManualClock;

type Time = Arc<ManualClock>;

pub(super) async fn a_hold_promises_its_units(store: &Store, clock: Time) {
    stock(store, &[("tea", 5), ("mug", 5)]).await;
    let hold = reserve(store, "h", &[("tea", 3), ("mug", 1)]).await;
    assert_eq!((hold.id.as_str(), hold.state), ("h", HoldState::Held));
    let of = |name, quantity| HeldLine {
        product_id: product(name),
        quantity,
        shipped: 0,
    };
    assert_eq!(
        hold.lines,
        [of("mug", 1), of("tea", 3)],
        "sorted by product"
    );
    assert_eq!(
        hold.expires_at.since(clock.now()).as_secs(),
        60,
        "expiry counts from the present"
    );
    assert_eq!((&hold.note, hold.shipments.len()), (&None, 0));
    assert_eq!(counts(store, "tea").await, [5, 3, 0, 0]);
    assert_eq!(counts(store, "mug").await, [5, 1, 0, 0]);
    assert_eq!(fine(store.hold(&hold_id("h")).await), Some(hold));
}

pub(super) async fn a_hold_promises_all_lines_or_none(store: &Store, _: Time) {
    stock(store, &[("tea", 5), ("mug", 1)]).await;
    refused(store.reserve(asked("h", &[("tea", 3), ("mug", 2)])).await);
    refused(store.reserve(asked("h", &[("tea", 3), ("spoon", 1)])).await);
    assert_eq!(counts(store, "tea").await, [5, 0, 0, 0]);
    assert_eq!(counts(store, "mug").await, [1, 0, 0, 0]);
    assert_eq!(
        fine(store.hold(&hold_id("h")).await),
        None,
        "a refused hold does not exist"
    );
    // The id is free: the buyer may come back with less.
    assert_eq!(
        reserve(store, "h", &[("mug", 1)]).await.state,
        HoldState::Held
    );
}

pub(super) async fn every_shortage_is_named(store: &Store, _: Time) {
    stock(store, &[("tea", 5), ("mug", 1), ("pot", 9)]).await;
    reserve(store, "other", &[("tea", 4)]).await;
    let short = |name, wanted, left| Shortage {
        product_id: product(name),
        wanted,
        left,
    };
    assert_eq!(
        refused(
            store
                .reserve(asked("h", &[("tea", 2), ("pot", 9), ("mug", 3)]))
                .await
        ),
        Rejection::Short(vec![short("mug", 3, 1), short("tea", 2, 1)])
    );
}

pub(super) async fn lines_of_one_product_are_summed(store: &Store, _: Time) {
    stock(store, &[("tea", 5)]).await;
    let Rejection::Short(shortages) =
        refused(store.reserve(asked("h", &[("tea", 3), ("tea", 3)])).await)
    else {
        panic!("5 units cannot be 6");
    };
    assert_eq!((shortages[0].wanted, shortages[0].left), (6, 5));
    let hold = reserve(store, "h", &[("tea", 3), ("tea", 2)]).await;
    assert_eq!((hold.lines.len(), hold.lines[0].quantity), (1, 5));
    assert_eq!(counts(store, "tea").await, [5, 5, 0, 0]);
}

pub(super) async fn reserving_again_answers_the_same_hold(store: &Store, clock: Time) {
    stock(store, &[("tea", 5), ("mug", 5)]).await;
    let hold = reserve(store, "h", &[("tea", 3), ("mug", 1)]).await;
    clock.advance_millis(1_000);
    for goods in [
        &[("tea", 3), ("mug", 1)][..],
        &[("mug", 1), ("tea", 1), ("tea", 2)][..],
    ] {
        assert_eq!(
            reserve(store, "h", goods).await,
            hold,
            "a repeat does not move the expiry"
        );
    }
    assert_eq!(counts(store, "tea").await, [5, 3, 0, 0]);
}

pub(super) async fn a_repeat_is_answered_even_when_it_is_late(store: &Store, clock: Time) {
    stock(store, &[("tea", 5)]).await;
    let request = Reserve {
        valid_until: clock.now().after(Duration::from_secs(1)),
        ..asked("h", &[("tea", 3)])
    };
    let hold = fine(store.reserve(request.clone()).await);
    clock.advance_millis(5_000);
    assert_eq!(fine(store.reserve(request).await), hold);
}

pub(super) async fn the_same_id_for_other_goods_is_refused(store: &Store, _: Time) {
    stock(store, &[("tea", 5), ("mug", 5)]).await;
    reserve(store, "h", &[("tea", 3)]).await;
    for goods in [
        &[("tea", 2)][..],
        &[("mug", 3)][..],
        &[("tea", 3), ("mug", 1)][..],
    ] {
        assert_eq!(
            refused(store.reserve(asked("h", goods)).await),
            Rejection::HoldMismatch,
            "{goods:?}"
        );
    }
    assert_eq!(counts(store, "tea").await, [5, 3, 0, 0]);
    assert_eq!(counts(store, "mug").await, [5, 0, 0, 0]);
}

pub(super) async fn a_reserve_without_lines_is_refused(store: &Store, _: Time) {
    assert_eq!(
        refused(store.reserve(asked("h", &[])).await),
        Rejection::Empty
    );
    assert_eq!(fine(store.hold(&hold_id("h")).await), None);
}

pub(super) async fn a_reserve_of_an_unlisted_product_is_refused(store: &Store, _: Time) {
    stock(store, &[("tea", 5)]).await;
    assert_eq!(
        refused(store.reserve(asked("h", &[("tea", 1), ("spoon", 1)])).await),
        Rejection::UnknownProduct(product("spoon"))
    );
    assert_eq!(
        fine(store.level(&product("spoon")).await),
        None,
        "asking does not list it"
    );
}

pub(super) async fn a_reserve_after_its_moment_is_refused(store: &Store, clock: Time) {
    stock(store, &[("tea", 5)]).await;
    let request = Reserve {
        valid_until: clock.now().after(Duration::from_secs(10)),
        ..asked("h", &[("tea", 3)])
    };
    clock.advance_millis(10_001);
    assert_eq!(
        refused(store.reserve(request.clone()).await),
        Rejection::TooLate
    );
    assert_eq!(counts(store, "tea").await, [5, 0, 0, 0]);
    assert_eq!(fine(store.hold(&hold_id("h")).await), None);
    let in_time = Reserve {
        valid_until: clock.now().after(Duration::from_secs(1)),
        ..request
    };
    assert_eq!(fine(store.reserve(in_time).await).state, HoldState::Held);
}

pub(super) async fn a_void_of_an_unknown_hold_leaves_a_tombstone(store: &Store, _: Time) {
    stock(store, &[("tea", 5)]).await;
    let tombstone = fine(store.void(&hold_id("h")).await);
    assert_eq!(
        (tombstone.state, tombstone.lines.len()),
        (HoldState::Voided, 0)
    );
    // The reserve was on its way all the time.
    let late = reserve(store, "h", &[("tea", 3)]).await;
    assert_eq!(
        late.state,
        HoldState::Voided,
        "a reserve after the void must not promise goods"
    );
    assert_eq!(counts(store, "tea").await, [5, 0, 0, 0]);
    assert_eq!(
        fine(store.confirm(&hold_id("h"), None).await).state,
        HoldState::Voided
    );
    assert_eq!(
        fine(store.pin(&hold_id("h")).await).state,
        HoldState::Voided
    );
    assert_eq!(
        fine(store.void(&hold_id("h")).await).state,
        HoldState::Voided
    );
    assert_eq!(state(store, "h").await, HoldState::Voided);
}

pub(super) async fn moves_of_an_unknown_hold_are_refused(store: &Store, _: Time) {
    let id = hold_id("nobody");
    for (verb, answer) in [
        ("extend", store.extend(&id, MINUTE).await),
        ("pin", store.pin(&id).await),
        ("confirm", store.confirm(&id, None).await),
        ("ship", store.ship(settle("nobody", "s", None)).await),
        ("release", store.release(&id).await),
    ] {
        assert_eq!(refused(answer), Rejection::UnknownHold, "{verb}");
    }
    assert_eq!(fine(store.hold(&id).await), None);
}

pub(super) async fn expiry_is_exact_at_read_time(store: &Store, clock: Time) {
    stock(store, &[("tea", 5)]).await;
    let hold = reserve(store, "h", &[("tea", 3)]).await;
    // A millisecond before, because a ledger adds microseconds while its clock stands still.
    clock.set(hold.expires_at.before(Duration::from_millis(1)));
    assert_eq!(state(store, "h").await, HoldState::Held);
    assert_eq!(counts(store, "tea").await, [5, 3, 0, 0]);
    clock.set(hold.expires_at);
    assert_eq!(
        counts(store, "tea").await,
        [5, 0, 0, 0],
        "nobody swept, and yet it is free"
    );
    assert_eq!(state(store, "h").await, HoldState::Expired);
    assert_eq!(
        fine(store.holds(None, 10).await)[0].state,
        HoldState::Expired
    );
    assert_eq!(fine(store.levels(None, 10).await)[0].1.held, 0);
    assert_eq!(fine(store.audit().await).violations, []);
}

pub(super) async fn a_lapsed_hold_can_not_be_confirmed(store: &Store, clock: Time) {
    stock(store, &[("tea", 5)]).await;
    let hold = reserve(store, "h", &[("tea", 3)]).await;
    clock.set(hold.expires_at);
    let answer = fine(store.confirm(&hold_id("h"), Some("sold".to_owned())).await);
    assert_eq!((answer.state, answer.note), (HoldState::Expired, None));
    assert_eq!(counts(store, "tea").await, [5, 0, 0, 0]);
    // A wall clock that is set back does not bring it back to life.
    clock.set(hold.expires_at.before(MINUTE));
    assert_eq!(
        fine(store.confirm(&hold_id("h"), None).await).state,
        HoldState::Expired
    );
    assert_eq!(
        fine(store.void(&hold_id("h")).await).state,
        HoldState::Expired
    );
    assert_eq!(
        fine(store.extend(&hold_id("h"), MINUTE).await).state,
        HoldState::Expired
    );
}

pub(super) async fn what_lapsed_can_be_promised_again(store: &Store, clock: Time) {
    stock(store, &[("tea", 1)]).await;
    let hold = reserve(store, "first", &[("tea", 1)]).await;
    refused(store.reserve(asked("second", &[("tea", 1)])).await);
    clock.set(hold.expires_at);
    assert_eq!(
        reserve(store, "second", &[("tea", 1)]).await.state,
        HoldState::Held
    );
    assert_eq!(
        reserve(store, "first", &[("tea", 1)]).await.state,
        HoldState::Expired
    );
    assert_eq!(counts(store, "tea").await, [1, 1, 0, 0]);
}

pub(super) async fn a_sweep_expires_for_good(store: &Store, clock: Time) {
    stock(store, &[("tea", 9)]).await;
    assert_eq!(fine(store.sweep(10).await), 0);
    for id in ["a", "b", "c"] {
        reserve(store, id, &[("tea", 1)]).await;
    }
    fine(store.pin(&hold_id("c")).await);
    clock.advance_millis(60_001);
    reserve(store, "d", &[("tea", 1)]).await;
    for _ in 0..3 {
        fine(store.sweep(1).await);
    }
    assert_eq!(fine(store.sweep(10).await), 0, "nothing is left to sweep");
    let states: Vec<_> = fine(store.holds(None, 10).await)
        .iter()
        .map(|it| it.state)
        .collect();
    use HoldState::{Expired, Held, Pinned};
    assert_eq!(states, [Expired, Expired, Pinned, Held]);
    assert_eq!(counts(store, "tea").await, [9, 2, 0, 0]);
    assert_eq!(fine(store.audit().await).violations, []);
}

pub(super) async fn extending_moves_the_expiry(store: &Store, clock: Time) {
    stock(store, &[("tea", 5)]).await;
    reserve(store, "h", &[("tea", 3)]).await;
    clock.advance_millis(30_000);
    let longer = fine(store.extend(&hold_id("h"), MINUTE).await);
    assert_eq!(longer.expires_at.since(clock.now()).as_secs(), 60);
    clock.advance_millis(59_000);
    assert_eq!(state(store, "h").await, HoldState::Held);
    clock.advance_millis(2_000);
    assert_eq!(state(store, "h").await, HoldState::Expired);
    let late = fine(store.extend(&hold_id("h"), MINUTE).await);
    assert_eq!(late.state, HoldState::Expired, "what has lapsed stays so");
    assert_eq!(late.expires_at, longer.expires_at);
}

pub(super) async fn extending_never_shortens(store: &Store, _: Time) {
    stock(store, &[("tea", 5)]).await;
    let hold = reserve(store, "h", &[("tea", 3)]).await;
    assert_eq!(
        fine(store.extend(&hold_id("h"), Duration::from_secs(1)).await),
        hold
    );
    assert_eq!(
        fine(store.extend(&hold_id("h"), Duration::ZERO).await),
        hold
    );
}

pub(super) async fn a_pinned_hold_never_lapses(store: &Store, clock: Time) {
    stock(store, &[("tea", 5)]).await;
    for id in ["sold", "dropped"] {
        reserve(store, id, &[("tea", 1)]).await;
        assert_eq!(fine(store.pin(&hold_id(id)).await).state, HoldState::Pinned);
        assert_eq!(fine(store.pin(&hold_id(id)).await).state, HoldState::Pinned);
    }
    clock.advance(Duration::from_secs(86_400));
    fine(store.sweep(10).await);
    assert_eq!(state(store, "sold").await, HoldState::Pinned);
    assert_eq!(counts(store, "tea").await, [5, 2, 0, 0]);
    assert_eq!(
        reserve(store, "sold", &[("tea", 1)]).await.state,
        HoldState::Pinned
    );
    assert_eq!(
        fine(store.confirm(&hold_id("sold"), None).await).state,
        HoldState::Confirmed
    );
    assert_eq!(
        fine(store.void(&hold_id("dropped")).await).state,
        HoldState::Voided
    );
    assert_eq!(counts(store, "tea").await, [5, 0, 1, 0]);
}

pub(super) async fn the_first_note_stays(store: &Store, _: Time) {
    stock(store, &[("tea", 5)]).await;
    let note = |text: &str| Some(text.to_owned());
    for (id, first) in [("with", note("first \u{1f375}")), ("without", None)] {
        reserve(store, id, &[("tea", 1)]).await;
        let sold = fine(store.confirm(&hold_id(id), first.clone()).await);
        assert_eq!((sold.state, &sold.note), (HoldState::Confirmed, &first));
        assert_eq!(
            fine(store.confirm(&hold_id(id), note("second")).await),
            sold
        );
        assert_eq!(fine(store.confirm(&hold_id(id), None).await), sold);
        assert_eq!(fine(store.hold(&hold_id(id)).await), Some(sold));
    }
    assert_eq!(counts(store, "tea").await, [5, 0, 2, 0]);
}

pub(super) async fn a_note_has_a_ceiling(store: &Store, _: Time) {
    stock(store, &[("tea", 5)]).await;
    reserve(store, "h", &[("tea", 1)]).await;
    let confirm = |bytes: usize| {
        let id = hold_id("h");
        async move { store.confirm(&id, Some("n".repeat(bytes))).await }
    };
    assert_eq!(
        refused(confirm(65_537).await),
        Rejection::NoteTooLong(65_537)
    );
    assert_eq!(state(store, "h").await, HoldState::Held);
    assert_eq!(fine(confirm(65_536).await).state, HoldState::Confirmed);
}

pub(super) async fn voiding_gives_the_units_back(store: &Store, _: Time) {
    stock(store, &[("tea", 5), ("mug", 5)]).await;
    reserve(store, "h", &[("tea", 3), ("mug", 5)]).await;
    let void = fine(store.void(&hold_id("h")).await);
    assert_eq!((void.state, void.lines.len()), (HoldState::Voided, 2));
    assert_eq!(fine(store.void(&hold_id("h")).await), void);
    assert_eq!(counts(store, "tea").await, [5, 0, 0, 0]);
    assert_eq!(counts(store, "mug").await, [5, 0, 0, 0]);
}

pub(super) async fn a_sold_hold_refuses_to_be_voided(store: &Store, clock: Time) {
    stock(store, &[("tea", 5)]).await;
    reserve(store, "h", &[("tea", 3)]).await;
    fine(store.confirm(&hold_id("h"), None).await);
    clock.advance(Duration::from_secs(86_400));
    fine(store.sweep(10).await);
    assert_eq!(
        fine(store.void(&hold_id("h")).await).state,
        HoldState::Confirmed
    );
    assert_eq!(
        counts(store, "tea").await,
        [5, 0, 3, 0],
        "sold goods do not lapse either"
    );
}

pub(super) async fn a_decided_hold_answers_every_move_with_itself(store: &Store, clock: Time) {
    stock(store, &[("tea", 9)]).await;
    for id in ["confirmed", "shipped", "released", "voided", "expired"] {
        let hold = reserve(store, id, &[("tea", 1)]).await;
        match id {
            "voided" => drop(fine(store.void(&hold_id(id)).await)),
            "expired" => clock.set(hold.expires_at),
            _ => drop(fine(store.confirm(&hold_id(id), Some(id.to_owned())).await)),
        }
        match id {
            "shipped" => drop(fine(store.ship(settle(id, "s", None)).await)),
            "released" => drop(fine(store.release(&hold_id(id)).await)),
            _ => {}
        }
        let before = fine(store.hold(&hold_id(id)).await).expect("it is known");
        assert_eq!(before.state.as_str(), id);
        let of = hold_id(id);
        let answers: [(&str, Result<Hold, LedgerError>); 5] = [
            ("reserve", store.reserve(asked(id, &[("tea", 1)])).await),
            ("extend", store.extend(&of, MINUTE * 60).await),
            ("pin", store.pin(&of).await),
            (
                "confirm",
                store.confirm(&of, Some("other".to_owned())).await,
            ),
            ("void", store.void(&of).await),
        ];
        for (verb, answer) in answers {
            assert_eq!(fine(answer), before, "{verb} of a hold that is {id}");
        }
        assert_eq!(fine(store.hold(&of).await), Some(before));
    }
    assert_eq!(counts(store, "tea").await, [8, 0, 1, 1]);
}
