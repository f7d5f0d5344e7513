//! What clients were told. Whatever was said once is said for ever.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use boutique_core::checkout::Outcome;
use boutique_core::ids::OrderId;

use super::cluster::Cluster;

/// Which of the two bodies that may be sent with one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Body {
    /// The one the client means.
    First,
    /// Another, sent with the same key by mistake.
    Other,
}

/// Every final answer, by order.
pub(super) struct Answers {
    cluster: Arc<Cluster>,
    kept: Mutex<BTreeMap<OrderId, (Body, Outcome)>>,
}

impl Answers {
    pub(super) fn new(cluster: &Arc<Cluster>) -> Self {
        Self {
            cluster: Arc::clone(cluster),
            kept: Mutex::default(),
        }
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<OrderId, (Body, Outcome)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client was told `outcome`.
    pub(super) fn told(&self, body: Body, outcome: &Outcome) {
        let world = &self.cluster.world;
        world.count(|it| it.answers += 1);
        self.cluster.watch.told(outcome);
        if matches!(outcome, Outcome::Parked { .. }) {
            return;
        }
        let order = outcome.order_id();
        let mut kept = self.kept();
        let Some((of, before)) = kept.get(order) else {
            kept.insert(order.clone(), (body, outcome.clone()));
            return;
        };
        if *of != body {
            let detail = "two bodies with one key are both answered".to_owned();
            world.breach("a key stands for one body", order.as_str(), detail);
        } else if before != outcome {
            let detail = format!("first {}, then {}", named(before), named(outcome));
            world.breach("a key has one answer", order.as_str(), detail);
        }
    }

    /// A client was told that its key stands for another body, but it never sent another.
    pub(super) fn disowned(&self, order: &OrderId) {
        let detail = "refused as used with another body, which nobody sent".to_owned();
        self.cluster
            .world
            .breach("a key has one answer", order.as_str(), detail);
    }

    /// Every answer that was given, and the body it was given for.
    pub(super) fn all(&self) -> Vec<(OrderId, Outcome)> {
        let kept = self.kept();
        let all = kept.iter();
        all.map(|(order, (_, outcome))| (order.clone(), outcome.clone()))
            .collect()
    }
}

/// An answer in one word.
pub(super) fn named(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Confirmed(_) => "confirmed",
        Outcome::Parked { .. } => "parked",
        Outcome::Refused { refusal, .. } => refusal.name(),
    }
}
