//! What has to be done behind the clients' backs.

use std::ops::Add;

use futures_util::future::join;

use super::Boutique;
use super::topology::broker_fault;
use crate::broker::Pumped;
use crate::clock::Timestamp;
use crate::fault::Fault;
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

    pub(super) fn deliver(&mut self, pumped: Pumped) {
        self.delivered += pumped.delivered;
        self.rejected += pumped.rejected;
    }
}

impl Add for Worked {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            published: self.published + other.published,
            delivered: self.delivered + other.delivered,
            rejected: self.rejected + other.rejected,
            discharged: self.discharged + other.discharged,
            resumed: self.resumed + other.resumed,
        }
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
        let (sold, shipped) = join(self.checkout.work(), self.warehouse.work()).await;
        Ok(sold? + shipped?)
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

    async fn resume(&self, idle_since: Timestamp) -> Result<Worked, Fault> {
        let recovered = self.checkout.recover(self.ports().clock.now()).await?;
        let driven = self.orders.drive_stuck(idle_since).await?;
        for system in StockSystem::ALL {
            self.ports().ledger(system).sweep(self.batch).await?;
        }
        Ok(recovered + driven)
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
