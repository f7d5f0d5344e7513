//! What lies between what is there and what shall be.

use std::collections::BTreeMap;
use std::fmt;

use boutique_core::broker::{SubscriptionId, TopicId};
use boutique_transport::pubsub::{FieldDifference, SubscriptionSettings, TopicSettings};
use serde_json::{Value, json};

use super::Desired;

/// What is there of topics and subscriptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actual {
    /// The project's topics.
    pub topics: BTreeMap<TopicId, TopicSettings>,
    /// The project's subscriptions.
    pub subscriptions: BTreeMap<SubscriptionId, SubscriptionSettings>,
}

/// Something that can be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thing {
    /// A topic.
    Topic(TopicId),
    /// A subscription.
    Subscription(SubscriptionId),
}

/// What is to be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is missing, and is made.
    Create,
    /// It is otherwise, and is changed.
    Change(Vec<FieldDifference>),
    /// It is otherwise in what only a new one, or a person, can have otherwise, and is left alone.
    Drift(Vec<FieldDifference>),
    /// Nobody here knows it: a subscription of somebody else to one of our topics. It is left
    /// alone.
    Extra,
}

/// One line of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it is about.
    pub thing: Thing,
    /// What is done about it.
    pub action: Action,
}

/// What is to be done, in its order, and what will not be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Every step.
    pub steps: Vec<Step>,
}

impl Plan {
    /// From what is there to what shall be.
    pub fn between(actual: &Actual, desired: &Desired) -> Self {
        let mut plan = Self::default();
        for topic in &desired.topics {
            let thing = Thing::Topic(topic.clone());
            let Some(is) = actual.topics.get(topic) else {
                plan.push(thing, Action::Create);
                continue;
            };
            // Somebody has taken care to say it, and may need it: it is not taken away.
            let differences = is.differences(&TopicSettings::default());
            if !differences.is_empty() {
                plan.push(thing, Action::Drift(differences));
            }
        }
        for (id, shall) in &desired.subscriptions {
            let thing = || Thing::Subscription(id.clone());
            let Some(is) = actual.subscriptions.get(id) else {
                plan.push(thing(), Action::Create);
                continue;
            };
            let differences = is.differences(shall);
            let (fixed, free): (Vec<_>, Vec<_>) =
                differences.into_iter().partition(|it| it.field.is_fixed());
            if !free.is_empty() {
                plan.push(thing(), Action::Change(free));
            }
            if !fixed.is_empty() {
                plan.push(thing(), Action::Drift(fixed));
            }
        }
        let ours = |name: &str| {
            let short = name.rsplit('/').next().unwrap_or(name);
            desired.topics.iter().any(|it| &*it.0 == short)
        };
        for (id, is) in &actual.subscriptions {
            let known = desired.subscriptions.iter().any(|(it, _)| it == id);
            if !known && ours(&is.topic) {
                plan.push(Thing::Subscription(id.clone()), Action::Extra);
            }
        }
        plan
    }

    fn push(&mut self, thing: Thing, action: Action) {
        self.steps.push(Step { thing, action });
    }

    /// Whether there is something to do.
    pub fn changes(&self) -> bool {
        let changes = |it: &Step| matches!(it.action, Action::Create | Action::Change(_));
        self.steps.iter().any(changes)
    }

    /// Whether something is otherwise than it shall be and stays so.
    pub fn drifts(&self) -> bool {
        let drifts = |it: &Step| matches!(it.action, Action::Drift(_));
        self.steps.iter().any(drifts)
    }
}

impl Thing {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Topic(_) => "topic",
            Self::Subscription(_) => "subscription",
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Topic(it) => &it.0,
            Self::Subscription(it) => &it.0,
        }
    }
}

impl Action {
    const fn name(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change(_) => "change",
            Self::Drift(_) => "drift",
            Self::Extra => "extra",
        }
    }

    fn differences(&self) -> &[FieldDifference] {
        match self {
            Self::Change(fields) | Self::Drift(fields) => fields,
            Self::Create | Self::Extra => &[],
        }
    }
}

impl Step {
    /// For programs.
    pub fn json(&self) -> Value {
        let fields = self.action.differences().iter().map(|it| {
            let field = it.field.name();
            json!({"field": field, "is": it.is, "shall": it.shall})
        });
        json!({
            "kind": self.thing.kind(),
            "name": self.thing.name(),
            "action": self.action.name(),
            "fields": fields.collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = (self.thing.kind(), self.thing.name());
        let say = match self.action {
            Action::Create => "create",
            Action::Change(_) => "change",
            Action::Drift(_) => "cannot change",
            Action::Extra => "leave alone",
        };
        write!(f, "{say} {kind} {name}")?;
        for it in self.action.differences() {
            let (field, is, shall) = (it.field.name(), &it.is, &it.shall);
            write!(f, "\n    {field}: is {is:?}, shall be {shall:?}")?;
        }
        Ok(())
    }
}
