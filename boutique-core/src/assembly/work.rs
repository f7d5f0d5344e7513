//! What has to be done behind the clients' backs.

use futures_util::future::join5;

use super::Boutique;
use super::boutique::broker_fault;
use crate::broker::Pumped;
use crate::fault::Fault;
use crate::flow::Ask;
use crate::fraud::WINDOWS;
use crate::stock::StockSystem;

/// What one round of work did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worked {
    /// Events published from the outbox.
    pub published: usize,
    /// Messages delivered to order management and analytics.
    pub delivered: usize,
    /// Those of them that were not taken and come again.
    pub rejected: usize,
    /// Shipments whose duties were done.
    pub discharged: usize,
    /// Attempts and orders that nobody worked on and that were ended or driven on.
    pub resumed: usize,
}

impl Worked {
    /// Whether nothing was done.
    pub fn is_idle(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, pumped: Pumped) {
        self.delivered += pumped.delivered;
        self.rejected += pumped.rejected;
    }
}

/// How a boutique came to rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Rounds of work it took.
    pub rounds: u64,
    /// Messages that are not due yet: a delivery failed, or its lease has not run out.
    pub waiting: u64,
}

impl Boutique {
    /// One round: publishes, delivers, discharges; all of it once, at the same time.
    ///
    /// Call it again and again while orders are placed. Dropping it half-way is harmless.
    ///
    /// # Errors
    ///
    /// The first [`Fault`]; the other parts of the round are done all the same.
    pub async fn work(&self) -> Result<Worked, Fault> {
        let (relayed, orders, analytics, reports, discharged) = join5(
            self.relay.round(self.batch),
            self.pumps.orders.pump(self.batch),
            self.pumps.analytics.pump(self.batch),
            self.pumps.reports.pump(self.batch),
            self.warehouse.discharge_all(self.batch),
        )
        .await;
        let dead = self.pumps.dead.pump(self.batch).await;
        let mut worked = Worked {
            published: relayed?.published,
            ..Worked::default()
        };
        worked.add(orders.map_err(broker_fault)?);
        worked.add(analytics.map_err(broker_fault)?);
        worked.add(reports.map_err(broker_fault)?);
        worked.add(dead.map_err(broker_fault)?);
        worked.discharged = discharged?;
        Ok(worked)
    }

    /// Looks after what nobody works on any more: attempts past their time, orders that are
    /// stuck, holds that have lapsed, orders that no velocity window sees any more. Cheap; call it every second or so.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if something cannot be listed; the next call goes on.
    pub async fn tidy(&self) -> Result<Worked, Fault> {
        let now = self.ports().clock.now();
        // Twice the longest window: an order that comes late still meets what it belongs to.
        self.ports()
            .signals
            .forget(now.before(WINDOWS[1] * 2))
            .await?;
        self.resume(now.before(self.stuck_after)).await
    }

    async fn resume(&self, idle_since: crate::clock::Timestamp) -> Result<Worked, Fault> {
        let now = self.ports().clock.now();
        let recovered = self.recovery.round(now).await?;
        let mut resumed = recovered.confirmed + recovered.refused + recovered.failed;
        let mut after = None;
        loop {
            let page = self
                .ports()
                .orders
                .unfinished(idle_since, after.as_ref(), self.batch)
                .await?;
            let Some(last) = page.last() else { break };
            after = Some(last.clone());
            for order_id in page {
                // An order that cannot be driven now stays stuck and is found again.
                let before = self.ports().orders.order(&order_id).await?;
                if let Ok(drove) = self.driver.ask(order_id).await {
                    let moved = before.is_none_or(|it| it.progress != drove.order.progress);
                    resumed += usize::from(moved);
                }
            }
        }
        for system in StockSystem::ALL {
            self.ports().ledger(system).sweep(self.batch).await?;
        }
        Ok(Worked {
            resumed,
            ..Worked::default()
        })
    }

    /// Works until nothing is left that can be done now.
    ///
    /// # Errors
    ///
    /// The first [`Fault`]; it may be called again.
    pub async fn settle(&self) -> Result<Settled, Fault> {
        let mut settled = Settled::default();
        loop {
            settled.rounds += 1;
            if !self.work().await?.is_idle() {
                continue;
            }
            let now = self.ports().clock.now();
            if self.resume(now).await?.is_idle() {
                break;
            }
        }
        for subscription in self.subscriptions() {
            let backlog = self
                .ports()
                .broker
                .backlog(subscription)
                .await
                .map_err(broker_fault)?;
            settled.waiting += backlog.messages;
        }
        Ok(settled)
    }
}
