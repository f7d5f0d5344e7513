//! What must hold once nothing is left to do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use boutique_core::assembly::{Ports, Topology};
use boutique_core::audit::{AuditScope, Auditor};
use boutique_core::checkout::{Outcome, SagaState};
use boutique_core::clock::Timestamp;
use boutique_core::fault::Fault;
use boutique_core::stock::StockSystem;
use tokio::time::sleep;

use super::answers::{Answers, named};
use super::cluster::Cluster;
use super::shop::{STOCKED, range};

/// How long after everything works again something may be left to do: the longest lease of a
/// message, its longest back-off, and the longest hold, each twice.
const BOUND: Duration = Duration::from_secs(150);

/// How often it is looked whether something is left.
const LOOK: Duration = Duration::from_millis(500);

/// What is left to do, if anything is.
async fn left(cluster: &Cluster, ports: &Ports) -> Result<Option<String>, Fault> {
    let _held = cluster.watch.held_time();
    let waiting = ports.checkout.outbox().await?.waiting;
    if waiting > 0 {
        return Ok(Some(format!("{waiting} events in the outbox")));
    }
    if let Some(saga) = ports
        .checkout
        .unfinished(Timestamp::MAX, None, 1)
        .await?
        .first()
    {
        let (order, state) = (&saga.intent.order_id, &saga.state);
        return Ok(Some(format!("order {order} is {state}")));
    }
    if let Some(order) = ports
        .orders
        .unfinished(Timestamp::MAX, None, 1)
        .await?
        .first()
    {
        return Ok(Some(format!("order {order} has steps left to do")));
    }
    if let Some(shipment) = ports.shipments.unfinished(None, 1).await?.first() {
        return Ok(Some(format!("shipment {} has duties left", shipment.id)));
    }
    for subscription in Topology::default().subscriptions() {
        if let Ok(backlog) = ports.broker.backlog(&subscription).await
            && backlog.messages > 0
        {
            let messages = backlog.messages;
            return Ok(Some(format!("{messages} messages for {subscription}")));
        }
    }
    for system in StockSystem::ALL {
        let holds = ports.ledger(system).holds(None, usize::MAX).await?;
        if let Some(hold) = holds.iter().find(|it| it.state.is_open()) {
            return Ok(Some(format!("hold {} is {}", hold.id, hold.state)));
        }
    }
    Ok(None)
}

/// What came back is on the shelf, once.
async fn restocked(cluster: &Cluster, ports: &Ports) -> Result<(), Fault> {
    let mut back = BTreeMap::new();
    for order in ports.orders.orders(None, usize::MAX).await? {
        let items = &order.placed.order.items;
        let returns = order.progress.returns.iter().filter(|it| it.restock);
        for line in returns.flat_map(|it| &it.lines) {
            let product = items[line.line].item.product_id.clone();
            *back.entry(product).or_insert(0) += u64::from(line.quantity.get());
        }
    }
    for (product, system) in range() {
        let Some(level) = ports.ledger(system).level(&product).await? else {
            continue;
        };
        let came = STOCKED + back.get(&product).copied().unwrap_or(0);
        if level.received != came {
            let detail = format!("{} units arrived, but {came} were sent", level.received);
            let rule = "goods come back once";
            cluster.world.breach(rule, product.as_str(), detail);
        }
    }
    Ok(())
}

/// Waits until nothing is left to do, for as long as that may take; then checks everything.
pub(super) async fn come_to_rest(cluster: &Arc<Cluster>, answers: &Answers) -> Result<(), Fault> {
    let (world, ports) = (&cluster.world, cluster.stores.whole());
    if world.is_broken() {
        // What follows from what is broken says nothing new.
        return Ok(());
    }
    let begun = world.age();
    while let Some(what) = left(cluster, &ports).await? {
        if world.age() > begun + BOUND {
            let rule = "everything comes to an end";
            world.breach(
                rule,
                "the shop",
                format!("after {BOUND:?} there is still {what}"),
            );
            break;
        }
        sleep(LOOK).await;
    }
    let _held = cluster.watch.held_time();
    let subscriptions = Topology::default().subscriptions();
    let report = Auditor::new(&ports, &subscriptions, AuditScope::AtRest);
    let report = report.run().await?;
    world.count(|it| {
        it.audits += 1;
        it.confirmed += report.seen.confirmed;
    });
    for it in report.violations {
        world.breach(&it.invariant.to_string(), &it.subject, it.detail);
    }
    if let Some(letter) = ports.orders.dead_letters(None, 1).await?.first() {
        let detail = format!("is dead: {}", letter.reason);
        world.breach("every event is taken in", &letter.id, detail);
    }
    restocked(cluster, &ports).await?;
    for (order, told) in answers.all() {
        let saga = ports.checkout.saga(&order).await?;
        let is = saga.as_ref().and_then(Outcome::of);
        if is.as_ref() != Some(&told) {
            let state = saga.as_ref().map_or("unknown", |it| match it.state {
                SagaState::Confirmed { .. } => "confirmed otherwise",
                ref other => other.name(),
            });
            let detail = format!("a client was told {}, but it is {state}", named(&told));
            world.breach("an answer is kept", order.as_str(), detail);
        }
    }
    Ok(())
}
