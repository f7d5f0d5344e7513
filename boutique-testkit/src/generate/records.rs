//! What the back office keeps: entries, shipments, reports, messages.

use std::sync::Arc;
use std::time::Duration;

use boutique_core::accounting::{Account, Entry, EntryKind, EntryLine};
use boutique_core::analytics::AnalyticsRow;
use boutique_core::broker::{DeadLetterPolicy, Message, SubscriptionConfig, TopicId};
use boutique_core::orders::{DeadLetter, DeadLetterSource};
use boutique_core::warehouse::{CarrierEvent, Schedule, Shipment, ShipmentStatus};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{
    address, amount_and_part, billing_profile, carrier_event_id, currency, entry_id, event_id,
    order_id, shipment_id, stock_line, stock_system, text, timestamp,
};

/// A journal entry of two or three lines that sum to zero.
pub fn entry() -> impl Strategy<Value = Entry> + Clone {
    let kinds = vec![
        EntryKind::Sale,
        EntryKind::Recognition,
        EntryKind::Cancellation,
        EntryKind::Return,
        EntryKind::CreditNote,
        EntryKind::Reversal,
    ];
    let account = || select(Account::ALL.to_vec());
    let lines = (
        currency().prop_flat_map(amount_and_part),
        [account(), account(), account()],
    );
    let names = (entry_id(), option::of(order_id()), option::of(entry_id()));
    let when = (timestamp(), timestamp());
    let rest = (text(), option::of(billing_profile()));
    (names, select(kinds), when, rest, lines).prop_map(
        |((id, order_id, reverses), kind, (occurred_at, recorded_at), (memo, billing), lines)| {
            let ((whole, part), [debit, credit, other]) = lines;
            let rest = whole
                .minus(part)
                .expect("a part is not more than the whole");
            let mut lines = vec![
                EntryLine {
                    account: debit,
                    amount: whole,
                },
                EntryLine {
                    account: credit,
                    amount: rest.negated(),
                },
            ];
            if !part.is_zero() {
                lines.push(EntryLine {
                    account: other,
                    amount: part.negated(),
                });
            }
            Entry {
                id,
                kind,
                order_id,
                reverses,
                occurred_at,
                recorded_at,
                memo,
                billing,
                lines,
            }
        },
    )
}

/// Asks for a shipment of one to four lines.
pub fn schedule() -> impl Strategy<Value = Schedule> + Clone {
    let lines = prop::collection::vec(stock_line(), 1..5);
    (order_id(), stock_system(), any::<bool>(), lines, address()).prop_map(
        |(order_id, system, holds, lines, address)| Schedule {
            hold_id: holds.then(|| order_id.hold(system.as_str(), 1)),
            tracking_id: order_id.tracking(),
            order_id,
            system,
            lines,
            address,
        },
    )
}

/// A shipment that waits to be packed.
pub fn shipment() -> impl Strategy<Value = Shipment> + Clone {
    (schedule(), timestamp())
        .prop_map(|(schedule, now)| Shipment::new(schedule, now).expect("it has lines"))
}

/// Any status of a shipment.
pub fn shipment_status() -> impl Strategy<Value = ShipmentStatus> + Clone {
    select(ShipmentStatus::ALL.to_vec())
}

/// A carrier's report of some shipment.
pub fn carrier_event() -> impl Strategy<Value = CarrierEvent> + Clone {
    (
        carrier_event_id(),
        shipment_id(),
        shipment_status(),
        timestamp(),
    )
        .prop_map(|(id, shipment_id, status, at)| CarrierEvent {
            id,
            shipment_id,
            status,
            at,
        })
}

/// A message with up to four attributes, with or without an ordering key.
pub fn message() -> impl Strategy<Value = Message> + Clone {
    let attributes = prop::collection::btree_map("[a-z-]{1,12}", text(), 0..4);
    (text(), attributes, option::of("[a-z0-9]{1,8}")).prop_map(|(data, attributes, key)| Message {
        data: data.into(),
        attributes: Arc::new(attributes),
        ordering_key: key.map(Into::into),
    })
}

/// How some subscription of `topic` delivers.
pub fn subscription_config(topic: TopicId) -> impl Strategy<Value = SubscriptionConfig> + Clone {
    let backoff = (1..1_000_u64, 1..60_000_u64);
    let attempts = option::of(5..=100_u32);
    (1..600_u64, backoff, any::<bool>(), attempts).prop_map(
        move |(deadline, (least, more), ordered, attempts)| SubscriptionConfig {
            topic: topic.clone(),
            ack_deadline: Duration::from_secs(deadline),
            backoff_min: Duration::from_millis(least),
            backoff_max: Duration::from_millis(least + more),
            ordered,
            dead_letter: attempts.map(|max_attempts| DeadLetterPolicy {
                topic: format!("{topic}.dead").as_str().into(),
                max_attempts,
            }),
        },
    )
}

/// A message that could not be taken in.
pub fn dead_letter() -> impl Strategy<Value = DeadLetter> + Clone {
    let source = select(vec![
        DeadLetterSource::Refused,
        DeadLetterSource::Undelivered,
    ]);
    (event_id(), source, text(), timestamp(), message()).prop_map(
        |(id, source, reason, parked_at, message)| DeadLetter {
            id: id.to_string(),
            source,
            reason,
            parked_at,
            message,
        },
    )
}

/// A row as the analytics subscription writes it.
pub fn analytics_row() -> impl Strategy<Value = AnalyticsRow> + Clone {
    (any::<u32>(), timestamp(), order_id(), text()).prop_map(
        |(message_id, published_at, order_id, data)| AnalyticsRow {
            message_id: message_id.into(),
            published_at,
            event_id: order_id.confirmed_event(),
            order_id,
            data: data.into(),
            attributes: Arc::default(),
        },
    )
}
