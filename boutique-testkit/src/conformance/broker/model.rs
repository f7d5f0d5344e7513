//! Random traffic, and what the rules of one message make of a plain list of them.

use std::sync::Arc;
use std::time::Duration;

use boutique_core::broker::{
    AckId, BrokerError, DeliveryRow, Fate, SubscriptionConfig, SubscriptionId,
};
use boutique_core::clock::{Clock, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::super::replay;
use super::{Store, config, keyed, loose, mortal, oms, subscribed, topic};
use crate::ManualClock;

#[derive(Clone, Debug)]
enum Step {
    Publish(Vec<Option<u8>>),
    Pull(usize),
    Acknowledge(usize),
    Reject(usize),
    ReturnUnsent(usize),
    Extend(usize),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = (bool, bool, Vec<Step>)> {
    let keys = prop::collection::vec(prop::option::weighted(0.7, 0..3_u8), 0..4);
    let step = prop_oneof![
        2 => keys.prop_map(Step::Publish),
        4 => (0..4_usize).prop_map(Step::Pull),
        3 => any::<usize>().prop_map(Step::Acknowledge),
        3 => any::<usize>().prop_map(Step::Reject),
        2 => any::<usize>().prop_map(Step::ReturnUnsent),
        1 => any::<usize>().prop_map(Step::Extend),
        3 => prop_oneof![Just(90_u64), Just(150), Just(900), Just(4_000), Just(11_000)]
            .prop_map(Step::Wait),
    ];
    (
        any::<bool>(),
        any::<bool>(),
        prop::collection::vec(step, 1..60),
    )
}

/// One subscription as the docs of the port tell it: a list, looked at from end to end.
struct Rules {
    config: SubscriptionConfig,
    rows: Vec<(DeliveryRow, Option<u8>)>,
    dead: u64,
}

impl Rules {
    fn bury(&mut self, fates: impl IntoIterator<Item = (u64, Fate)>) {
        for (id, fate) in fates {
            if matches!(fate, Fate::Dead(_)) {
                self.rows.retain(|(row, _)| row.message_id != id);
                self.dead += 1;
            }
        }
    }

    fn lapse(&mut self, now: Timestamp) {
        let config = &self.config;
        let fates: Vec<_> = self
            .rows
            .iter_mut()
            .filter_map(|(row, _)| Some((row.message_id, row.lapse(config, now)?)))
            .collect();
        self.bury(fates);
    }

    fn pull(&mut self, max: usize, now: Timestamp) -> Vec<AckId> {
        let (mut pulled, mut keys) = (Vec::new(), Vec::new());
        for (row, key) in &mut self.rows {
            // Only the first of a key that has not ended may be delivered.
            let first = key.is_none() || !self.config.ordered || !keys.contains(key);
            keys.push(*key);
            if first && row.is_due(now) && pulled.len() < max {
                pulled.push(row.lease(&self.config, now));
            }
        }
        pulled
    }

    fn reject(&mut self, ack_id: AckId, now: Timestamp) {
        let config = &self.config;
        let fates: Vec<_> = self
            .rows
            .iter_mut()
            .filter_map(|(row, _)| Some((row.message_id, row.reject(ack_id, config, now)?)))
            .collect();
        self.bury(fates);
    }
}

/// Publishes and delivers at random, and compares each pull with the rules of [`DeliveryRow`].
///
/// # Panics
///
/// If they differ.
pub fn random_traffic_matches_the_rules<M, F>(make: M)
where
    M: AsyncFn(Arc<ManualClock>) -> F,
    F: Into<Store>,
{
    replay(64, steps(), async |(ordered, dies, steps)| {
        let clock = Arc::<ManualClock>::default();
        let store: Store = make(Arc::clone(&clock)).await.into();
        let config = if dies { mortal() } else { config() };
        let config = SubscriptionConfig { ordered, ..config };
        subscribed(&store, config.clone()).await;
        let mut rules = Rules {
            config,
            rows: Vec::new(),
            dead: 0,
        };
        let mut known = Vec::<AckId>::new();
        let fault = |it: BrokerError| TestCaseError::fail(format!("{it:?}"));
        for step in steps {
            let now = clock.now();
            let pick = |at: usize| (!known.is_empty()).then(|| known[at % known.len()]);
            match &step {
                Step::Publish(keys) => {
                    let of = |key: &Option<u8>| match key {
                        Some(key) => keyed("m", &key.to_string()),
                        None => loose("m"),
                    };
                    let messages = keys.iter().map(of).collect();
                    let ids = store.publish(&topic(), messages).await.map_err(fault)?;
                    prop_assert_eq!(ids.len(), keys.len());
                    let rows = ids.into_iter().zip(keys);
                    rules
                        .rows
                        .extend(rows.map(|(id, key)| (DeliveryRow::new(id, now), *key)));
                }
                Step::Pull(max) => {
                    rules.lapse(now);
                    let subject = store.pull(&oms(), *max).await.map_err(fault)?;
                    let subject: Vec<_> = subject.iter().map(|it| it.ack_id).collect();
                    prop_assert_eq!(&subject, &rules.pull(*max, now), "{:?}", step);
                    known.extend(subject);
                }
                Step::Acknowledge(at) => {
                    let Some(id) = pick(*at) else { continue };
                    store.acknowledge(&oms(), vec![id]).await.map_err(fault)?;
                    rules.rows.retain(|(row, _)| !row.is_ended_by(id));
                }
                Step::Reject(at) => {
                    let Some(id) = pick(*at) else { continue };
                    rules.lapse(now);
                    store.reject(&oms(), vec![id]).await.map_err(fault)?;
                    rules.reject(id, now);
                }
                Step::ReturnUnsent(at) => {
                    let Some(id) = pick(*at) else { continue };
                    rules.lapse(now);
                    let returned = store.return_unsent(&oms(), vec![id]).await;
                    returned.map_err(fault)?;
                    for (row, _) in &mut rules.rows {
                        row.return_unsent(id, &rules.config, now);
                    }
                }
                Step::Extend(at) => {
                    let Some(id) = pick(*at) else { continue };
                    rules.lapse(now);
                    let by = Duration::from_secs(7);
                    store.extend(&oms(), vec![id], by).await.map_err(fault)?;
                    for (row, _) in &mut rules.rows {
                        row.extend(id, by, now);
                    }
                }
                Step::Wait(millis) => clock.advance_millis(*millis),
            }
            let now = clock.now();
            rules.lapse(now);
            let backlog = store.backlog(&oms()).await.map_err(fault)?;
            let leased = rules.rows.iter().filter(|(row, _)| row.leased).count();
            prop_assert_eq!(
                backlog.messages,
                rules.rows.len() as u64,
                "after {:?}",
                step
            );
            prop_assert_eq!(backlog.leased, leased as u64, "after {:?}", step);
            let letters = SubscriptionId::from("letters");
            let dead = store.backlog(&letters).await.map_err(fault)?.messages;
            prop_assert_eq!(dead, rules.dead, "letters after {:?}", step);
        }
        Ok(())
    });
}
