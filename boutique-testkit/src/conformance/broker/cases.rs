//! One promise of the broker each.

use std::sync::Arc;
use std::time::Duration;

use boutique_core::broker::{
    AckId, BrokerRejection, DeadLetterPolicy, SOURCE_ATTEMPTS, SOURCE_SUBSCRIPTION,
    SubscriptionConfig, SubscriptionId,
};
use boutique_core::clock::Clock;

use super::super::given::{fine, message, refused, together};
use super::{
    Store, Time, acknowledge, config, keyed, left, loose, mortal, no_subscription, oms, one,
    publish, pull, pulled, reject, return_unsent, subscribed, topic,
};

const SECOND: Duration = Duration::from_secs(1);

pub(super) async fn creating_again_is_fine(store: &Store, _: Time) {
    subscribed(store, config()).await;
    publish(store, vec![loose("a")]).await;
    subscribed(store, config()).await;
    assert_eq!(left(store).await, 1, "creating it again loses nothing");
}

pub(super) async fn another_configuration_is_refused(store: &Store, _: Time) {
    subscribed(store, config()).await;
    for other in [
        mortal(),
        SubscriptionConfig {
            ordered: false,
            ..config()
        },
        SubscriptionConfig {
            topic: "dead".into(),
            ..config()
        },
        SubscriptionConfig {
            ack_deadline: SECOND,
            ..config()
        },
    ] {
        assert_eq!(
            refused(store.create_subscription(&oms(), other).await),
            BrokerRejection::Conflict(oms())
        );
    }
    fine(store.create_subscription(&oms(), config()).await);
}

pub(super) async fn attempts_have_a_range(store: &Store, _: Time) {
    fine(store.create_topic(&topic()).await);
    fine(store.create_topic(&"dead".into()).await);
    for (max_attempts, allowed) in [(0, false), (4, false), (5, true), (100, true), (101, false)] {
        let dead_letter = Some(DeadLetterPolicy {
            topic: "dead".into(),
            max_attempts,
        });
        let config = SubscriptionConfig {
            dead_letter,
            ..config()
        };
        let id = SubscriptionId::from(format!("s{max_attempts}").as_str());
        let answer = store.create_subscription(&id, config).await;
        if allowed {
            fine(answer);
        } else {
            assert_eq!(refused(answer), BrokerRejection::Attempts(max_attempts));
        }
    }
}

pub(super) async fn unknown_names_are_refused(store: &Store, _: Time) {
    let unknown = BrokerRejection::UnknownTopic(topic());
    assert_eq!(
        refused(store.publish(&topic(), vec![message("a")]).await),
        unknown
    );
    assert_eq!(
        refused(store.create_subscription(&oms(), config()).await),
        unknown
    );
    let nobody = SubscriptionId::from("nobody");
    let id = AckId {
        message_id: 1,
        attempt: 1,
    };
    assert_eq!(refused(store.pull(&nobody, 1).await), no_subscription());
    assert_eq!(
        refused(store.acknowledge(&nobody, vec![id]).await),
        no_subscription()
    );
    assert_eq!(
        refused(store.reject(&nobody, vec![id]).await),
        no_subscription()
    );
    assert_eq!(
        refused(store.return_unsent(&nobody, vec![id]).await),
        no_subscription()
    );
    assert_eq!(
        refused(store.extend(&nobody, vec![id], SECOND).await),
        no_subscription()
    );
    assert_eq!(refused(store.backlog(&nobody).await), no_subscription());
    assert_eq!(refused(store.next_due(&nobody).await), no_subscription());
}

pub(super) async fn a_message_travels_whole(store: &Store, clock: Time) {
    subscribed(store, config()).await;
    let now = clock.now();
    let ids = publish(store, vec![message("caf\u{e9}")]).await;
    clock.advance_millis(5);
    let [delivery] = &pull(store).await[..] else {
        panic!("one message is due");
    };
    assert_eq!(*delivery.message, message("caf\u{e9}"));
    assert_eq!((delivery.attempt, delivery.published_at), (1, now));
    assert_eq!(vec![delivery.message_id], ids);
    assert_eq!(
        delivery.ack_id,
        AckId {
            message_id: ids[0],
            attempt: 1
        }
    );
}

pub(super) async fn numbers_are_never_used_twice(store: &Store, _: Time) {
    subscribed(store, config()).await;
    assert_eq!(publish(store, vec![]).await, [0_u64; 0]);
    let mut ids = publish(store, vec![loose("a"), loose("b")]).await;
    for _ in 0..2 {
        for delivery in pull(store).await {
            acknowledge(store, delivery.ack_id).await;
        }
        ids.extend(publish(store, vec![loose("c")]).await);
    }
    assert_eq!(ids.len(), 4);
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
}

pub(super) async fn a_subscription_begins_with_the_present(store: &Store, _: Time) {
    fine(store.create_topic(&topic()).await);
    publish(store, vec![loose("before")]).await;
    subscribed(store, config()).await;
    publish(store, vec![loose("after")]).await;
    assert_eq!(pulled(store).await, ["after 1"]);
}

pub(super) async fn every_subscription_gets_every_message(store: &Store, _: Time) {
    subscribed(store, config()).await;
    let other = SubscriptionId::from("warehouse");
    fine(store.create_subscription(&other, config()).await);
    publish(store, vec![loose("a")]).await;
    acknowledge(store, one(store).await).await;
    assert_eq!(left(store).await, 0);
    assert_eq!(
        fine(store.pull(&other, 9).await).len(),
        1,
        "each acknowledges for itself"
    );
    assert_eq!(fine(store.backlog(&"letters".into()).await).messages, 0);
}

pub(super) async fn the_oldest_are_delivered_first(store: &Store, clock: Time) {
    subscribed(store, config()).await;
    for text in ["c", "a", "b"] {
        publish(store, vec![loose(text)]).await;
        clock.advance_millis(1);
    }
    let texts = async |max| -> Vec<String> {
        let pulled = fine(store.pull(&oms(), max).await);
        pulled
            .iter()
            .map(|it| it.message.data.to_string())
            .collect()
    };
    assert_eq!(texts(2).await, ["c", "a"]);
    assert_eq!(texts(0).await, [""; 0]);
    assert_eq!(texts(2).await, ["b"]);
}

pub(super) async fn what_is_leased_is_not_delivered_again(store: &Store, clock: Time) {
    subscribed(store, config()).await;
    publish(store, vec![loose("a")]).await;
    assert_eq!(pulled(store).await, ["a 1"]);
    assert_eq!(pulled(store).await, [""; 0]);
    clock.advance_millis(9_999);
    assert_eq!(pulled(store).await, [""; 0]);
}

pub(super) async fn a_lease_that_ran_out_comes_back_after_its_back_off(store: &Store, clock: Time) {
    subscribed(store, config()).await;
    publish(store, vec![loose("a")]).await;
    let first = one(store).await;
    clock.advance_millis(10_099);
    assert_eq!(
        pulled(store).await,
        [""; 0],
        "the lease is over, the back-off is not"
    );
    clock.advance_millis(1);
    let second = one(store).await;
    assert_eq!((second.message_id, second.attempt), (first.message_id, 2));
}

pub(super) async fn an_acknowledged_message_is_over(store: &Store, clock: Time) {
    subscribed(store, config()).await;
    publish(store, vec![loose("a")]).await;
    let ack_id = one(store).await;
    acknowledge(store, ack_id).await;
    acknowledge(store, ack_id).await;
    assert_eq!(left(store).await, 0);
    clock.advance_millis(100_000);
    assert_eq!(pulled(store).await, [""; 0]);
}

pub(super) async fn a_late_acknowledgement_counts_until_the_next_lease(store: &Store, clock: Time) {
    subscribed(store, config()).await;
    publish(store, vec![loose("a")]).await;
    let ack_id = one(store).await;
    clock.advance_millis(60_000);
    acknowledge(store, ack_id).await;
    assert_eq!(
        left(store).await,
        0,
        "the work was done: nobody has to do it again"
    );
    assert_eq!(pulled(store).await, [""; 0]);
}

pub(super) async fn an_acknowledgement_of_an_older_delivery_is_ignored(store: &Store, clock: Time) {
    subscribed(store, config()).await;
    publish(store, vec![loose("a")]).await;
    let first = one(store).await;
    clock.advance_millis(60_000);
    let second = one(store).await;
    acknowledge(store, first).await;
    assert_eq!(left(store).await, 1, "the second delivery decides");
    reject(store, second).await;
    clock.advance_millis(60_000);
    acknowledge(store, one(store).await).await;
    assert_eq!(left(store).await, 0);
}

pub(super) async fn a_rejected_delivery_rests_twice_as_long_each_time(store: &Store, clock: Time) {
    subscribed(store, config()).await;
    publish(store, vec![loose("a")]).await;
    for (attempt, rest) in (1..).zip([100, 200, 400, 800, 1_000, 1_000]) {
        let ack_id = one(store).await;
        assert_eq!(ack_id.attempt, attempt);
        reject(store, ack_id).await;
        clock.advance_millis(rest - 1);
        assert_eq!(
            pulled(store).await,
            [""; 0],
            "attempt {attempt} rests {rest} ms"
        );
        clock.advance_millis(1);
    }
}

pub(super) async fn a_stale_rejection_is_ignored(store: &Store, clock: Time) {
    subscribed(store, config()).await;
    publish(store, vec![loose("a")]).await;
    let first = one(store).await;
    clock.advance_millis(60_000);
    let second = one(store).await;
    reject(store, first).await;
    clock.advance_millis(5_000);
    assert_eq!(pulled(store).await, [""; 0], "the second lease stands");
    reject(store, second).await;
    reject(store, second).await;
    clock.advance_millis(200);
    assert_eq!(
        pulled(store).await,
        ["a 3"],
        "rejected once, however often it is said"
    );
}

pub(super) async fn one_key_is_delivered_in_order(store: &Store, _: Time) {
    subscribed(store, config()).await;
    publish(
        store,
        vec![
            keyed("a1", "a"),
            keyed("b1", "b"),
            keyed("a2", "a"),
            loose("x"),
            loose("y"),
        ],
    )
    .await;
    let first = pull(store).await;
    let texts: Vec<_> = first.iter().map(|it| &*it.message.data).collect();
    assert_eq!(texts, ["a1", "b1", "x", "y"]);
    assert_eq!(
        pulled(store).await,
        [""; 0],
        "a2 waits until a1 is acknowledged"
    );
    acknowledge(store, first[0].ack_id).await;
    assert_eq!(pulled(store).await, ["a2 1"]);
}

pub(super) async fn a_failing_message_holds_its_key_back(store: &Store, clock: Time) {
    subscribed(store, config()).await;
    publish(
        store,
        vec![
            keyed("a1", "a"),
            keyed("a2", "a"),
            keyed("b1", "b"),
            keyed("a3", "a"),
        ],
    )
    .await;
    let first = pull(store).await;
    let ids: Vec<_> = first.iter().map(|it| it.ack_id).collect();
    reject(store, ids[0]).await;
    acknowledge(store, ids[1]).await;
    assert_eq!(pulled(store).await, [""; 0], "a1 rests, and a2 behind it");
    clock.advance_millis(100);
    let again = one(store).await;
    assert_eq!(again.attempt, 2);
    acknowledge(store, again).await;
    assert_eq!(pulled(store).await, ["a2 1"]);
    clock.advance_millis(60_000);
    let second = one(store).await;
    acknowledge(store, second).await;
    assert_eq!(pulled(store).await, ["a3 1"]);
}

pub(super) async fn without_order_all_are_delivered(store: &Store, _: Time) {
    subscribed(
        store,
        SubscriptionConfig {
            ordered: false,
            ..config()
        },
    )
    .await;
    publish(store, vec![keyed("a1", "a"), keyed("a2", "a")]).await;
    assert_eq!(pulled(store).await, ["a1 1", "a2 1"]);
}

/// Rejects what is due until it was delivered `times` times.
async fn fail(store: &Store, clock: &Time, times: u32) {
    for attempt in 1..=times {
        let delivery = pull(store).await.swap_remove(0);
        assert_eq!(delivery.attempt, attempt);
        // Half of them do not even answer.
        if attempt % 2 == 0 {
            reject(store, delivery.ack_id).await;
        } else {
            clock.advance_millis(10_000);
        }
        clock.advance_millis(1_000);
    }
}

pub(super) async fn a_message_that_always_fails_is_dead_in_the_end(store: &Store, clock: Time) {
    subscribed(store, mortal()).await;
    publish(store, vec![keyed("a1", "a")]).await;
    fail(store, &clock, 5).await;
    assert_eq!(pulled(store).await, [""; 0]);
    assert_eq!(left(store).await, 0);
    let [letter] = &fine(store.pull(&"letters".into(), 9).await)[..] else {
        panic!("one letter is dead");
    };
    let mut expected = keyed("a1", "a");
    let said = [(SOURCE_SUBSCRIPTION, "oms"), (SOURCE_ATTEMPTS, "5")];
    Arc::make_mut(&mut expected.attributes)
        .extend(said.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(*letter.message, expected);
    assert_eq!(letter.attempt, 1);
}

pub(super) async fn what_follows_a_dead_message_is_delivered(store: &Store, clock: Time) {
    subscribed(store, mortal()).await;
    publish(store, vec![keyed("a1", "a"), keyed("a2", "a")]).await;
    fail(store, &clock, 5).await;
    assert_eq!(pulled(store).await, ["a2 1"]);
    assert_eq!(left(store).await, 1);
}

pub(super) async fn a_delivery_that_nobody_saw_is_not_counted(store: &Store, clock: Time) {
    subscribed(store, mortal()).await;
    publish(store, vec![keyed("a1", "a"), keyed("a2", "a")]).await;
    // The subscriber is away: far more often than a message may fail.
    let mut rest = 100;
    for attempt in 1..=30 {
        let ack_id = one(store).await;
        assert_eq!(ack_id.attempt, attempt);
        return_unsent(store, ack_id).await;
        clock.advance_millis(rest - 1);
        assert_eq!(pulled(store).await, [""; 0], "it rests, and a2 behind it");
        clock.advance_millis(1);
        rest = (rest * 2).min(1_000);
    }
    // It is back, and cannot take the message: that is counted from here.
    for attempt in 31..=35 {
        let ack_id = one(store).await;
        assert_eq!(ack_id.attempt, attempt);
        reject(store, ack_id).await;
        clock.advance_millis(1_000);
    }
    let [letter] = &fine(store.pull(&"letters".into(), 9).await)[..] else {
        panic!("one letter is dead");
    };
    assert_eq!(&*letter.message.data, "a1");
    assert_eq!(letter.message.attributes[SOURCE_ATTEMPTS], "5");
    assert_eq!(pulled(store).await, ["a2 1"]);
}

pub(super) async fn a_stale_return_is_ignored(store: &Store, clock: Time) {
    subscribed(store, mortal()).await;
    publish(store, vec![loose("a")]).await;
    let first = one(store).await;
    return_unsent(store, first).await;
    clock.advance_millis(100);
    let second = one(store).await;
    return_unsent(store, first).await;
    assert_eq!(pulled(store).await, [""; 0], "the second is still out");
    acknowledge(store, second).await;
    return_unsent(store, second).await;
    assert_eq!(left(store).await, 0);
}

pub(super) async fn without_a_policy_nothing_dies(store: &Store, clock: Time) {
    subscribed(store, config()).await;
    publish(store, vec![loose("a")]).await;
    fail(store, &clock, 30).await;
    assert_eq!(pulled(store).await, ["a 31"]);
}

pub(super) async fn a_lease_can_be_extended(store: &Store, clock: Time) {
    subscribed(store, config()).await;
    publish(store, vec![loose("a")]).await;
    let ack_id = one(store).await;
    clock.advance_millis(9_000);
    fine(store.extend(&oms(), vec![ack_id], SECOND * 30).await);
    clock.advance_millis(29_000);
    assert_eq!(pulled(store).await, [""; 0]);
    clock.advance_millis(2_000);
    assert_eq!(pulled(store).await, ["a 2"]);
}

pub(super) async fn a_lease_that_ran_out_can_not_be_extended(store: &Store, clock: Time) {
    subscribed(store, config()).await;
    publish(store, vec![loose("a")]).await;
    let first = one(store).await;
    clock.advance_millis(10_050);
    fine(store.extend(&oms(), vec![first], SECOND * 30).await);
    clock.advance_millis(50);
    let second = one(store).await;
    // Nor does the first subscriber hold up the second one's message.
    fine(store.extend(&oms(), vec![first], SECOND * 600).await);
    clock.advance_millis(10_200);
    assert_eq!(one(store).await.attempt, second.attempt + 1);
}

pub(super) async fn the_backlog_counts_what_is_left(store: &Store, clock: Time) {
    subscribed(store, config()).await;
    assert_eq!(fine(store.backlog(&oms()).await), Default::default());
    let first = clock.now();
    publish(store, vec![keyed("a1", "a")]).await;
    clock.advance_millis(10);
    let second = clock.now();
    publish(store, vec![keyed("a2", "a"), loose("x")]).await;
    let told = async || {
        let it = fine(store.backlog(&oms()).await);
        (it.messages, it.leased, it.oldest)
    };
    assert_eq!(told().await, (3, 0, Some(first)));
    let ids: Vec<_> = pull(store).await.iter().map(|it| it.ack_id).collect();
    assert_eq!(told().await, (3, 2, Some(first)));
    acknowledge(store, ids[0]).await;
    assert_eq!(told().await, (2, 1, Some(second)));
    clock.advance_millis(10_000);
    assert_eq!(
        told().await,
        (2, 0, Some(second)),
        "a lease that ran out is none"
    );
}

pub(super) async fn the_next_due_moment_is_known(store: &Store, clock: Time) {
    subscribed(store, config()).await;
    let due = async || fine(store.next_due(&oms()).await);
    assert_eq!(due().await, None);
    publish(store, vec![loose("a")]).await;
    clock.advance_millis(5);
    assert!(
        due().await.is_some_and(|it| it <= clock.now()),
        "it is due at once"
    );
    let leased = clock.now();
    let ack_id = one(store).await;
    assert_eq!(
        due().await,
        Some(leased.after(SECOND * 10)),
        "when the lease runs out"
    );
    clock.advance_millis(1_000);
    reject(store, ack_id).await;
    let back = clock.now().after(Duration::from_millis(100));
    assert_eq!(due().await, Some(back), "when the back-off is over");
    clock.set(back);
    acknowledge(store, one(store).await).await;
    assert_eq!(due().await, None);
}

pub(super) async fn deliveries_are_exclusive(store: &Store, _: Time) {
    subscribed(store, config()).await;
    publish(store, (0..40).map(|it| loose(&it.to_string())).collect()).await;
    let pulled = together(8, |_| {
        let store = Arc::clone(store);
        async move { fine(store.pull(&oms(), 7).await) }
    })
    .await;
    let mut ids: Vec<_> = pulled
        .into_iter()
        .flatten()
        .map(|it| it.message_id)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 40, "every message was leased to one of them");
}

pub(super) async fn publishers_do_not_lose_each_other(store: &Store, _: Time) {
    subscribed(store, config()).await;
    let ids = together(8, |task| {
        let store = Arc::clone(store);
        async move {
            let messages = (0..5).map(|it| loose(&format!("{task}-{it}"))).collect();
            fine(store.publish(&topic(), messages).await)
        }
    })
    .await;
    let mut ids = ids.concat();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), left(store).await), (40, 40));
}
