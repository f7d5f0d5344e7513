//! The shelf: goods arrive, are counted, and leave.

use std::sync::Arc;

use boutique_core::clock::Timestamp;
use boutique_core::ids::ProductId;
use boutique_core::limits::UNITS_ON_HAND_MAX;
use boutique_core::stock::{HoldState, Rejection, SetOnHand};

use super::super::given::{fine, hold_id, product, refused};
use super::{Store, arrival, asked, counts, level, reserve, settle, state, stock};
use crate::ManualClock;

type Time = Arc<ManualClock>;

/// A hold of these goods that was sold.
async fn sold(store: &Store, id: &str, goods: &[(&str, i64)]) {
    reserve(store, id, goods).await;
    fine(store.confirm(&hold_id(id), None).await);
}

pub(super) async fn goods_ship_in_parts(store: &Store, _: Time) {
    stock(store, &[("tea", 5), ("mug", 5)]).await;
    sold(store, "h", &[("tea", 3), ("mug", 1)]).await;
    let first = fine(store.ship(settle("h", "s1", Some(&[("tea", 2)]))).await);
    assert_eq!(first.state, HoldState::Confirmed);
    assert_eq!(counts(store, "tea").await, [3, 0, 1, 2]);
    assert_eq!(counts(store, "mug").await, [5, 0, 1, 0]);
    let shipped: Vec<_> = first.lines.iter().map(|it| it.shipped).collect();
    assert_eq!(shipped, [0, 2], "of the mug, of the tea");
    let last = fine(
        store
            .ship(settle("h", "s2", Some(&[("mug", 1), ("tea", 1)])))
            .await,
    );
    assert_eq!((last.state, last.shipments.len()), (HoldState::Shipped, 2));
    assert_eq!(counts(store, "tea").await, [2, 0, 0, 3]);
    assert_eq!(counts(store, "mug").await, [4, 0, 0, 1]);
    assert_eq!(fine(store.hold(&hold_id("h")).await), Some(last));
}

pub(super) async fn shipping_all_that_is_left(store: &Store, _: Time) {
    stock(store, &[("tea", 5), ("mug", 5)]).await;
    sold(store, "h", &[("tea", 3), ("mug", 1)]).await;
    fine(store.ship(settle("h", "s1", Some(&[("tea", 1)]))).await);
    assert_eq!(
        fine(store.ship(settle("h", "s2", None)).await).state,
        HoldState::Shipped
    );
    assert_eq!(counts(store, "tea").await, [2, 0, 0, 3]);
    assert_eq!(counts(store, "mug").await, [4, 0, 0, 1]);
}

pub(super) async fn the_same_shipment_again_takes_nothing(store: &Store, _: Time) {
    stock(store, &[("tea", 5)]).await;
    sold(store, "h", &[("tea", 3)]).await;
    let part = settle("h", "s1", Some(&[("tea", 1)]));
    let once = fine(store.ship(part.clone()).await);
    assert_eq!(fine(store.ship(part.clone()).await), once);
    assert_eq!(counts(store, "tea").await, [4, 0, 2, 1]);
    let rest = fine(store.ship(settle("h", "s2", None)).await);
    assert_eq!(fine(store.ship(settle("h", "s2", None)).await), rest);
    assert_eq!(
        fine(store.ship(part).await),
        rest,
        "a late repeat of the first one"
    );
    assert_eq!(counts(store, "tea").await, [2, 0, 0, 3]);
}

pub(super) async fn a_shipment_id_can_not_name_other_goods(store: &Store, _: Time) {
    stock(store, &[("tea", 5)]).await;
    sold(store, "h", &[("tea", 3)]).await;
    fine(store.ship(settle("h", "s1", Some(&[("tea", 1)]))).await);
    assert_eq!(
        refused(store.ship(settle("h", "s1", Some(&[("tea", 2)]))).await),
        Rejection::IdReused
    );
    assert_eq!(counts(store, "tea").await, [4, 0, 2, 1]);
}

pub(super) async fn no_more_ships_than_is_left(store: &Store, _: Time) {
    stock(store, &[("tea", 5), ("mug", 5)]).await;
    sold(store, "h", &[("tea", 3)]).await;
    fine(store.ship(settle("h", "s1", Some(&[("tea", 1)]))).await);
    let beyond = |name, wanted, left| Rejection::BeyondHold {
        product_id: product(name),
        wanted,
        left,
    };
    // Lines of one product are summed here as well.
    for (goods, rejection) in [
        (&[("tea", 3)][..], beyond("tea", 3, 2)),
        (&[("tea", 2), ("tea", 1)][..], beyond("tea", 3, 2)),
        (&[("mug", 1)][..], beyond("mug", 1, 0)),
    ] {
        assert_eq!(
            refused(store.ship(settle("h", "s2", Some(goods))).await),
            rejection
        );
    }
    assert_eq!(counts(store, "tea").await, [4, 0, 2, 1]);
    assert_eq!(counts(store, "mug").await, [5, 0, 0, 0]);
    fine(store.ship(settle("h", "s2", None)).await);
    assert_eq!(
        refused(store.ship(settle("h", "s3", Some(&[("tea", 1)]))).await),
        beyond("tea", 1, 0)
    );
}

pub(super) async fn only_sold_goods_ship(store: &Store, clock: Time) {
    stock(store, &[("tea", 9)]).await;
    for id in ["held", "pinned", "voided", "expired"] {
        let hold = reserve(store, id, &[("tea", 1)]).await;
        match id {
            "pinned" => drop(fine(store.pin(&hold_id(id)).await)),
            "voided" => drop(fine(store.void(&hold_id(id)).await)),
            "expired" => clock.set(hold.expires_at),
            _ => {}
        }
        let before = state(store, id).await;
        assert_eq!(before.as_str(), id);
        let not_sold = Rejection::NotSold(before);
        assert_eq!(refused(store.ship(settle(id, "s", None)).await), not_sold);
        assert_eq!(refused(store.release(&hold_id(id)).await), not_sold);
        assert_eq!(state(store, id).await, before);
    }
    let [on_hand, _, committed, shipped] = counts(store, "tea").await;
    assert_eq!([on_hand, committed, shipped], [9, 0, 0]);
}

pub(super) async fn releasing_gives_back_what_has_not_left(store: &Store, _: Time) {
    stock(store, &[("tea", 5)]).await;
    sold(store, "h", &[("tea", 3)]).await;
    fine(store.ship(settle("h", "s1", Some(&[("tea", 1)]))).await);
    let released = fine(store.release(&hold_id("h")).await);
    assert_eq!(released.state, HoldState::Released);
    assert_eq!(counts(store, "tea").await, [4, 0, 0, 1]);
    assert_eq!(fine(store.release(&hold_id("h")).await), released);
    assert_eq!(
        refused(store.ship(settle("h", "s2", None)).await),
        Rejection::NotSold(HoldState::Released)
    );
    assert_eq!(counts(store, "tea").await, [4, 0, 0, 1]);
    // All of it has left: nothing comes back.
    sold(store, "gone", &[("tea", 2)]).await;
    fine(store.ship(settle("gone", "s1", None)).await);
    assert_eq!(
        fine(store.release(&hold_id("gone")).await).state,
        HoldState::Shipped
    );
    assert_eq!(counts(store, "tea").await, [2, 0, 0, 3]);
    assert_eq!(fine(store.audit().await).violations, []);
}

pub(super) async fn goods_that_arrive_are_listed(store: &Store, _: Time) {
    let tea = fine(store.receive(arrival("r1", "tea", 5)).await);
    assert_eq!((tea.on_hand, tea.received, tea.available()), (5, 5, 5));
    assert_eq!(
        fine(store.receive(arrival("r2", "tea", 2)).await).on_hand,
        7
    );
    let mug = fine(store.receive(arrival("r3", "mug", 0)).await);
    assert_eq!(
        (mug.on_hand, mug.available()),
        (0, 0),
        "listed, with nothing on the shelf"
    );
    assert!(matches!(
        refused(store.reserve(asked("h", &[("mug", 1)])).await),
        Rejection::Short(_)
    ));
}

pub(super) async fn the_same_receipt_again_adds_nothing(store: &Store, _: Time) {
    fine(store.receive(arrival("r1", "tea", 5)).await);
    reserve(store, "h", &[("tea", 2)]).await;
    let again = fine(store.receive(arrival("r1", "tea", 5)).await);
    assert_eq!(
        (again.on_hand, again.held),
        (5, 2),
        "a repeat shows the level as it stands"
    );
    assert_eq!(again, level(store, "tea").await);
}

pub(super) async fn a_receipt_id_can_not_name_other_goods(store: &Store, _: Time) {
    fine(store.receive(arrival("r1", "tea", 5)).await);
    for other in [arrival("r1", "tea", 6), arrival("r1", "mug", 5)] {
        assert_eq!(refused(store.receive(other).await), Rejection::IdReused);
    }
    assert_eq!(counts(store, "tea").await, [5, 0, 0, 0]);
    assert_eq!(fine(store.level(&product("mug")).await), None);
}

pub(super) async fn a_level_has_a_ceiling(store: &Store, _: Time) {
    for quantity in [UNITS_ON_HAND_MAX + 1, u64::MAX] {
        assert_eq!(
            refused(store.receive(arrival("r1", "tea", quantity)).await),
            Rejection::TooMany
        );
        let count = SetOnHand {
            product_id: product("tea"),
            on_hand: quantity,
            if_version: None,
        };
        assert_eq!(refused(store.set_on_hand(count).await), Rejection::TooMany);
    }
    assert_eq!(fine(store.level(&product("tea")).await), None);
    let full = fine(store.receive(arrival("r1", "tea", UNITS_ON_HAND_MAX)).await);
    assert_eq!(full.on_hand, UNITS_ON_HAND_MAX);
    assert_eq!(
        refused(store.receive(arrival("r2", "tea", 1)).await),
        Rejection::TooMany
    );
    assert_eq!(level(store, "tea").await, full);
}

/// Counts, and answers with on hand and version.
async fn count(
    store: &Store,
    on_hand: u64,
    if_version: Option<u64>,
) -> Result<(u64, u64), Rejection> {
    let request = SetOnHand {
        product_id: product("tea"),
        on_hand,
        if_version,
    };
    match store.set_on_hand(request).await {
        Ok(level) => Ok((level.on_hand, level.version)),
        other => Err(refused(other)),
    }
}

pub(super) async fn a_count_corrects_the_shelf(store: &Store, _: Time) {
    count(store, 5, None)
        .await
        .expect("a count lists the product");
    assert_eq!(counts(store, "tea").await, [5, 0, 0, 0]);
    sold(store, "h", &[("tea", 2)]).await;
    fine(store.ship(settle("h", "s", None)).await);
    for on_hand in [9, 1, 0] {
        count(store, on_hand, None)
            .await
            .expect("nothing is promised");
        let after = level(store, "tea").await;
        assert_eq!((after.on_hand, after.shipped), (on_hand, 2));
        assert_eq!(
            after.received,
            on_hand + 2,
            "what was found or lost is in the receipts"
        );
    }
    assert_eq!(fine(store.audit().await).violations, []);
}

pub(super) async fn a_count_below_what_is_promised_is_refused(store: &Store, _: Time) {
    stock(store, &[("tea", 5)]).await;
    sold(store, "sold", &[("tea", 1)]).await;
    reserve(store, "held", &[("tea", 2)]).await;
    assert_eq!(
        count(store, 2, None).await,
        Err(Rejection::BelowPromised { promised: 3 })
    );
    assert_eq!(counts(store, "tea").await, [5, 2, 1, 0]);
    count(store, 3, None)
        .await
        .expect("exactly what is promised is there");
    assert_eq!(level(store, "tea").await.available(), 0);
}

pub(super) async fn a_count_of_an_old_version_is_refused(store: &Store, _: Time) {
    stock(store, &[("tea", 5)]).await;
    let read = level(store, "tea").await.version;
    let (_, current) = count(store, 6, Some(read))
        .await
        .expect("the version is the current one");
    assert!(current > read);
    assert_eq!(
        count(store, 7, Some(read)).await,
        Err(Rejection::VersionMismatch { current })
    );
    assert_eq!(counts(store, "tea").await, [6, 0, 0, 0]);
    // A promise changes the level as well.
    reserve(store, "h", &[("tea", 1)]).await;
    assert!(matches!(
        count(store, 7, Some(current)).await,
        Err(Rejection::VersionMismatch { .. })
    ));
}

pub(super) async fn versions_grow_with_changes_only(store: &Store, _: Time) {
    stock(store, &[("tea", 5)]).await;
    let version = async || level(store, "tea").await.version;
    let mut last = version().await;
    let mut grew = async |what: &str| {
        let now = version().await;
        assert_eq!(now, last + 1, "{what} is one change");
        last = now;
    };
    reserve(store, "h", &[("tea", 3)]).await;
    grew("reserve").await;
    fine(store.confirm(&hold_id("h"), None).await);
    grew("confirm").await;
    fine(store.ship(settle("h", "s", Some(&[("tea", 1)]))).await);
    grew("ship").await;
    fine(store.release(&hold_id("h")).await);
    grew("release").await;
    fine(store.receive(arrival("r", "tea", 1)).await);
    grew("receive").await;
    // Repeats and refusals change nothing.
    fine(store.receive(arrival("r", "tea", 1)).await);
    fine(store.ship(settle("h", "s", Some(&[("tea", 1)]))).await);
    fine(store.release(&hold_id("h")).await);
    refused(store.reserve(asked("big", &[("tea", 99)])).await);
    count(store, 0, Some(0)).await.expect_err("an old version");
    fine(store.void(&hold_id("tombstone")).await);
    assert_eq!(version().await, last);
}

pub(super) async fn time_never_stands_still(store: &Store, clock: Time) {
    let mut last = Timestamp::EPOCH;
    for receipt in 0..8 {
        if receipt == 5 {
            // A wall clock that is set back.
            clock.set(Timestamp::from_millis(1_000));
        }
        let level = fine(
            store
                .receive(arrival(&format!("r{receipt}"), "tea", 1))
                .await,
        );
        assert!(
            level.updated_at > last,
            "each transaction is later than the one before"
        );
        last = level.updated_at;
    }
}

pub(super) async fn unknown_things_are_not_there(store: &Store, _: Time) {
    assert_eq!(fine(store.level(&product("tea")).await), None);
    assert_eq!(fine(store.hold(&hold_id("h")).await), None);
    assert_eq!(fine(store.levels(None, 10).await), []);
    assert_eq!(fine(store.holds(None, 10).await), []);
    let audit = fine(store.audit().await);
    assert_eq!(
        (audit.products, audit.holds, audit.violations),
        (0, 0, vec![])
    );
}

pub(super) async fn levels_are_listed_by_id(store: &Store, _: Time) {
    // Ids are compared byte by byte: capitals first.
    stock(store, &[("tea", 1), ("mug", 2), ("Zebra", 3), ("mug-2", 4)]).await;
    let page = async |after: Option<&str>, limit| -> Vec<String> {
        let after: Option<ProductId> = after.map(product);
        let levels = fine(store.levels(after.as_ref(), limit).await);
        levels
            .into_iter()
            .map(|(id, level)| format!("{id} {}", level.on_hand))
            .collect()
    };
    assert_eq!(
        page(None, 10).await,
        ["Zebra 3", "mug 2", "mug-2 4", "tea 1"]
    );
    assert_eq!(page(None, 2).await, ["Zebra 3", "mug 2"]);
    assert_eq!(page(Some("mug"), 1).await, ["mug-2 4"]);
    assert_eq!(
        page(Some("n"), 10).await,
        ["tea 1"],
        "the cursor need not exist"
    );
    assert_eq!(page(Some("tea"), 10).await, [""; 0]);
}

pub(super) async fn holds_are_listed_by_id(store: &Store, _: Time) {
    stock(store, &[("tea", 9)]).await;
    for id in ["h-2", "h-10", "H-1"] {
        reserve(store, id, &[("tea", 1)]).await;
    }
    fine(store.void(&hold_id("tomb")).await);
    let page = async |after: Option<&str>, limit| -> Vec<String> {
        let after = after.map(hold_id);
        let holds = fine(store.holds(after.as_ref(), limit).await);
        holds.into_iter().map(|it| it.id.to_string()).collect()
    };
    assert_eq!(page(None, 10).await, ["H-1", "h-10", "h-2", "tomb"]);
    assert_eq!(page(Some("H-1"), 2).await, ["h-10", "h-2"]);
    assert_eq!(page(Some("h-2"), 10).await, ["tomb"]);
    assert_eq!(page(Some("z"), 10).await, [""; 0]);
}

pub(super) async fn open_holds_are_counted(store: &Store, clock: Time) {
    let open = async || fine(store.open_holds().await);
    assert_eq!(open().await, 0);
    stock(store, &[("tea", 20)]).await;
    for id in ["a", "b", "c", "d"] {
        reserve(store, id, &[("tea", 3)]).await;
    }
    assert_eq!(open().await, 4, "holds, not units");
    fine(store.confirm(&hold_id("a"), None).await);
    fine(store.void(&hold_id("b")).await);
    fine(store.void(&hold_id("tomb")).await);
    fine(store.pin(&hold_id("c")).await);
    assert_eq!(open().await, 2);
    clock.advance_millis(60_001);
    assert_eq!(open().await, 1, "what has lapsed is not open any more");
    fine(store.confirm(&hold_id("c"), None).await);
    assert_eq!(open().await, 0);
}

pub(super) async fn the_books_add_up(store: &Store, clock: Time) {
    stock(store, &[("tea", 20), ("mug", 20)]).await;
    for (id, units) in [("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5)] {
        reserve(store, id, &[("tea", units), ("mug", 1)]).await;
    }
    for id in ["a", "b"] {
        fine(store.confirm(&hold_id(id), None).await);
    }
    fine(store.ship(settle("a", "s", Some(&[("tea", 1)]))).await);
    fine(store.release(&hold_id("b")).await);
    fine(store.void(&hold_id("c")).await);
    fine(store.pin(&hold_id("d")).await);
    clock.advance_millis(60_001);
    let audit = fine(store.audit().await);
    assert_eq!(audit.violations, []);
    assert_eq!((audit.products, audit.holds), (2, 5));
    assert_eq!(counts(store, "tea").await, [19, 4, 0, 1]);
    assert_eq!(counts(store, "mug").await, [20, 1, 1, 0]);
}
