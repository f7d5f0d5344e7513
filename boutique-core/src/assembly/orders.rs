//! Order management as a system: takes events in, drives orders, serves the desk.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::iter;

use super::{BookService, FulfilService, PushService, Worked};
use crate::clock::{Clock, Timestamp};
use crate::fault::Fault;
use crate::flow::{Ask, Step, StepService};
use crate::ids::OrderId;
use crate::orders::{Desk, DriveOrder, OrderStore, TakeIn};

/// What drives an order through accounting and warehouse.
pub type OrderDriver = StepService<DriveOrder<BookService, FulfilService>>;

/// Order management with all that runs behind it.
pub struct OrderSystem {
    orders: Arc<dyn OrderStore>,
    take_in: StepService<TakeIn<OrderDriver>>,
    desk: Desk<OrderDriver>,
    driver: OrderDriver,
    batch: usize,
}

/// Whom order management asks.
#[derive(Clone)]
pub struct OrderEdges {
    /// Keeps the books.
    pub accounting: BookService,
    /// Sends the goods.
    pub warehouse: FulfilService,
}

impl OrderSystem {
    /// Composes order management; `batch` orders are looked at in one round.
    pub fn new(
        orders: Arc<dyn OrderStore>,
        clock: Arc<dyn Clock>,
        edges: OrderEdges,
        batch: usize,
    ) -> Self {
        let driver = DriveOrder {
            orders: Arc::clone(&orders),
            accounting: edges.accounting,
            warehouse: edges.warehouse,
            clock: Arc::clone(&clock),
        }
        .into_service();
        let take_in = TakeIn::new(Arc::clone(&orders), driver.clone(), Arc::clone(&clock));
        Self {
            take_in: take_in.into_service(),
            desk: Desk {
                orders: Arc::clone(&orders),
                drive: driver.clone(),
                clock,
            },
            driver,
            orders,
            batch,
        }
    }

    /// What takes deliveries in.
    pub fn taking_in(&self) -> PushService {
        PushService::new(self.take_in.clone())
    }

    /// Where orders are cancelled and goods taken back, stuck orders found and dead letters
    /// replayed.
    pub const fn desk(&self) -> &Desk<OrderDriver> {
        &self.desk
    }

    /// Drives orders on to which nothing has happened since `idle_since`, some at a time: one
    /// that waits for something does not hold the others up.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if they cannot be listed; the next call goes on.
    pub async fn drive_stuck(&self, idle_since: Timestamp) -> Result<Worked, Fault> {
        let mut resumed = 0;
        let mut after = None;
        loop {
            let page = self
                .orders
                .unfinished(idle_since, after.as_ref(), self.batch);
            let page = page.await?;
            let Some(last) = page.last() else { break };
            after = Some(last.clone());
            let mut driven = iter(page)
                .map(|it| self.drive(it))
                .buffer_unordered(SIDE_BY_SIDE);
            while let Some(moved) = driven.next().await {
                resumed += usize::from(moved?);
            }
        }
        Ok(Worked {
            resumed,
            ..Worked::default()
        })
    }

    /// Drives one order on; says whether something happened to it. One that cannot be driven now
    /// stays stuck and is found again.
    async fn drive(&self, order_id: OrderId) -> Result<bool, Fault> {
        let before = self.orders.order(&order_id).await?;
        let Ok(drove) = self.driver.ask(order_id).await else {
            return Ok(false);
        };
        Ok(before.is_none_or(|it| it.progress != drove.order.progress))
    }
}

/// Stuck orders that are driven at a time.
const SIDE_BY_SIDE: usize = 16;
