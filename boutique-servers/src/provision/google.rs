//! Asking Pub/Sub what is there, and telling it.

use boutique_core::fault::Fault;
use boutique_transport::pubsub::PubSub;

use super::Desired;
use super::plan::{Action, Actual, Plan, Thing};

/// What is there.
///
/// # Errors
///
/// A fault.
pub async fn look(pubsub: &PubSub) -> Result<Actual, Fault> {
    Ok(Actual {
        topics: pubsub.topics().await?.into_iter().collect(),
        subscriptions: pubsub.subscriptions().await?.into_iter().collect(),
    })
}

/// Does what the plan from `actual` to `desired` says, in its order, and no more.
///
/// # Errors
///
/// A fault: what comes before the step that failed is done. It may be called again, and the same
/// plan does no harm then.
pub async fn apply(
    pubsub: &PubSub,
    actual: &Actual,
    desired: &Desired,
    plan: &Plan,
) -> Result<(), Fault> {
    for step in &plan.steps {
        match (&step.thing, &step.action) {
            (_, Action::Drift(_) | Action::Extra) => {}
            (Thing::Topic(topic), Action::Create | Action::Change(_)) => {
                let made = pubsub.create_topic(topic).await;
                made.map_err(|error| error.into_fault("Pub/Sub refuses the topic"))?;
            }
            (Thing::Subscription(id), Action::Create | Action::Change(_)) => {
                let mut all = desired.subscriptions.iter();
                let Some((_, settings)) = all.find(|(it, _)| it == id) else {
                    continue;
                };
                match actual.subscriptions.get(id) {
                    Some(is) => pubsub.resettle(id, is, settings).await?,
                    None => pubsub.subscribe_as(id, settings).await?,
                }
            }
        }
    }
    Ok(())
}
