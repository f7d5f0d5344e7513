//! Durability: what stands between a process and its store.
//!
//! A write waits in a queue, is applied whole at one instant, and is acknowledged later. A crash
//! loses what was not applied and keeps what was, acknowledged or not: the memory store behind
//! the gate is what is on the disk.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use boutique_core::fault::Fault;
use boutique_core::ids::OrderId;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::fault::FaultKind;
use super::node::Node;
use super::watch::Watch;
use super::world::about;
use crate::faulty::Gate;

/// The disk of one process.
#[derive(Clone)]
pub(super) struct Disk {
    pub(super) node: Arc<Node>,
    pub(super) watch: Arc<Watch>,
}

/// Whether a verb of a port changes what is on the disk. Leases of the outbox are kept in
/// memory, as the durable store keeps them; what is mostly found to have nothing to do is not
/// made to wait for a disk.
fn writes(verb: &str) -> bool {
    !matches!(
        verb,
        "saga"
            | "unfinished"
            | "sagas"
            | "lease_outbox"
            | "return_leases"
            | "outbox"
            | "cart"
            | "customer"
            | "by_email"
            | "customers"
            | "orders"
            | "stats"
            | "peek"
            | "order"
            | "orders_of"
            | "dead_letters"
            | "entry"
            | "entries_of"
            | "entries"
            | "sales"
            | "sales_total"
            | "trial_balance"
            | "shipment"
            | "of_order"
            | "shipments"
            | "backlog"
            | "next_due"
            | "raw_rows"
            | "deduplicated"
            | "level"
            | "levels"
            | "hold"
            | "holds"
            | "audit"
            | "pull"
            | "sweep"
    )
}

impl Disk {
    async fn turn(&self, millis: u64) {
        match Duration::from_millis(millis).max(self.node.stalled()) {
            Duration::ZERO => yield_now().await,
            wait => sleep(wait).await,
        }
    }
}

#[async_trait]
impl Gate for Disk {
    async fn enter(&self, verb: &'static str) -> Result<(), Fault> {
        if !writes(verb) {
            return Ok(());
        }
        let (node, order) = (&self.node, about());
        match node
            .world
            .strike(node.site, &FaultKind::OF_A_WRITE, order.as_ref())
        {
            Some(FaultKind::DiskStall) => {
                let lasts = node.world.dice(|it| it.between(100, 4_000));
                node.stall(Duration::from_millis(lasts));
            }
            Some(FaultKind::DiskError) => return Err(Fault::unavailable("the disk is full")),
            _ => {}
        }
        let wait = node.world.dice(|it| it.below(6).saturating_sub(3));
        self.turn(wait).await;
        Ok(())
    }

    fn during(&self) -> Option<Box<dyn Any + Send>> {
        self.watch.held_time().map(|it| Box::new(it) as _)
    }

    fn answered(&self, verb: &'static str, answer: &dyn Any) {
        if !writes(verb) {
            return;
        }
        let (world, order) = (&self.node.world, about());
        let named = order.as_ref().map_or("", OrderId::as_str);
        world.note(self.node.site, "commit", named, verb);
        world.count(|it| it.commits += 1);
        self.watch.committed(answer, order.as_ref());
    }

    async fn leave(&self, verb: &'static str) -> Result<(), Fault> {
        if writes(verb) {
            let wait = self.node.world.dice(|it| it.below(4).saturating_sub(2));
            self.turn(wait).await;
        }
        Ok(())
    }
}
