//! What every [`Broker`] does.

mod cases;
mod model;

use std::sync::Arc;
use std::time::Duration;

use boutique_core::broker::{
    AckId, Broker, BrokerRejection, DeadLetterPolicy, Delivery, Message, SubscriptionConfig,
    SubscriptionId, TopicId,
};

use super::Fixture;
use super::given::{fine, message};

use cases::*;
pub use model::random_traffic_matches_the_rules;

suite! {
    $ /// Proves a [`Broker`](boutique_core::broker::Broker); see
    /// [`conformance`](crate::conformance).
    broker_conformance in broker over Fixture<dyn Broker>;
    cases {
        creating_again_is_fine,
        another_configuration_is_refused,
        attempts_have_a_range,
        unknown_names_are_refused,
        a_message_travels_whole,
        numbers_are_never_used_twice,
        a_subscription_begins_with_the_present,
        every_subscription_gets_every_message,
        the_oldest_are_delivered_first,
        what_is_leased_is_not_delivered_again,
        a_lease_that_ran_out_comes_back_after_its_back_off,
        an_acknowledged_message_is_over,
        a_late_acknowledgement_counts_until_the_next_lease,
        an_acknowledgement_of_an_older_delivery_is_ignored,
        a_rejected_delivery_rests_twice_as_long_each_time,
        a_stale_rejection_is_ignored,
        one_key_is_delivered_in_order,
        a_failing_message_holds_its_key_back,
        without_order_all_are_delivered,
        a_message_that_always_fails_is_dead_in_the_end,
        what_follows_a_dead_message_is_delivered,
        a_delivery_that_nobody_saw_is_not_counted,
        a_stale_return_is_ignored,
        without_a_policy_nothing_dies,
        a_lease_can_be_extended,
        a_lease_that_ran_out_can_not_be_extended,
        the_backlog_counts_what_is_left,
        the_next_due_moment_is_known,
        deliveries_are_exclusive,
        publishers_do_not_lose_each_other,
    }
    models { random_traffic_matches_the_rules }
}

fn topic() -> TopicId {
    "orders".into()
}

fn oms() -> SubscriptionId {
    "oms".into()
}

/// 10 s to acknowledge, 100 ms to 1 s of back-off, ordered.
fn config() -> SubscriptionConfig {
    SubscriptionConfig {
        backoff_max: Duration::from_secs(1),
        ..SubscriptionConfig::new(topic())
    }
}

/// As [`config`], and dead after five deliveries.
fn mortal() -> SubscriptionConfig {
    SubscriptionConfig {
        dead_letter: Some(DeadLetterPolicy {
            topic: "dead".into(),
            max_attempts: 5,
        }),
        ..config()
    }
}

/// The topic, a dead-letter topic with a subscription, and the subscription with `config`.
async fn subscribed(store: &Store, config: SubscriptionConfig) {
    fine(store.create_topic(&topic()).await);
    fine(store.create_topic(&"dead".into()).await);
    let letters = SubscriptionConfig::new("dead".into());
    fine(store.create_subscription(&"letters".into(), letters).await);
    fine(store.create_subscription(&oms(), config).await);
}

/// A message of no key.
fn loose(text: &str) -> Message {
    Message {
        ordering_key: None,
        ..message(text)
    }
}

/// A message of this key.
fn keyed(text: &str, key: &str) -> Message {
    Message {
        ordering_key: Some(key.into()),
        ..message(text)
    }
}

async fn publish(store: &Store, messages: Vec<Message>) -> Vec<u64> {
    fine(store.publish(&topic(), messages).await)
}

async fn pull(store: &Store) -> Vec<Delivery> {
    fine(store.pull(&oms(), 100).await)
}

/// Pulls: what was delivered, at which attempt.
async fn pulled(store: &Store) -> Vec<String> {
    let told = |it: &Delivery| format!("{} {}", it.message.data, it.attempt);
    pull(store).await.iter().map(told).collect()
}

/// Pulls the one message that is due.
async fn one(store: &Store) -> AckId {
    let [delivery] = &pull(store).await[..] else {
        panic!("one message is due");
    };
    delivery.ack_id
}

async fn acknowledge(store: &Store, ack_id: AckId) {
    fine(store.acknowledge(&oms(), vec![ack_id]).await);
}

async fn reject(store: &Store, ack_id: AckId) {
    fine(store.reject(&oms(), vec![ack_id]).await);
}

async fn return_unsent(store: &Store, ack_id: AckId) {
    fine(store.return_unsent(&oms(), vec![ack_id]).await);
}

async fn left(store: &Store) -> u64 {
    fine(store.backlog(&oms()).await).messages
}

fn no_subscription() -> BrokerRejection {
    BrokerRejection::UnknownSubscription("nobody".into())
}

type Time = Arc<crate::ManualClock>;
