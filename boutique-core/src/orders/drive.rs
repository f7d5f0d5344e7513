//! Carrying out what is left to do for an order.

use std::sync::Arc;

use futures_util::future::join_all;

use super::{Action, Fact, Order, OrderError, OrderRejection, OrderStore, Part};
use crate::accounting::what_was_sold;
use crate::accounting::{Book, BookError, Booked, Credit, EntryKind, Recognition, Sale};
use crate::clock::Clock;
use crate::fault::{Fault, PortError};
use crate::flow::{Ask, Step};
use crate::ids::{OrderId, ProductId, ReturnId};
use crate::money::{Money, MoneyError};
use crate::stock::StockSystem;
use crate::warehouse::{CancelShipment, Fulfil, Fulfilled, Schedule, TakeBack};
use crate::warehouse::{ShipmentError, ShipmentRejection, ShipmentStatus};

/// Drives accounting and warehouse until nothing is left to do for an order, or what is left
/// fails.
///
/// Actions that do not depend on each other run side by side; once all have ended, what
/// succeeded is recorded together, so that what failed is done again without it. What is asked for is a function of
/// the order alone, ids and dates included: a crash, or somebody who drives the same order at
/// the same time, repeats requests, and the books and the warehouse know a repeat.
#[derive(Clone)]
pub struct DriveOrder<A, W> {
    /// Where orders are kept.
    pub orders: Arc<dyn OrderStore>,
    /// Keeps the books.
    pub accounting: A,
    /// Sends the goods.
    pub warehouse: W,
    /// Stamps what is recorded.
    pub clock: Arc<dyn Clock>,
}

/// How far an order was driven.
#[derive(Debug)]
pub struct Drove {
    /// The order as it now stands.
    pub order: Order,
    /// What is still to be done; empty unless something failed or happened meanwhile.
    pub remaining: Vec<Action>,
    /// The first thing that failed, in the order of the actions.
    pub fault: Option<Fault>,
}

impl<A, W> Step<OrderId> for DriveOrder<A, W>
where
    A: Ask<Book, Response = Booked, Error = BookError>,
    W: Ask<Fulfil, Response = Fulfilled, Error = ShipmentError>,
{
    type Response = Drove;
    type Error = OrderError;

    async fn run(&self, order_id: OrderId) -> Result<Drove, OrderError> {
        let Some(mut order) = self.orders.order(&order_id).await? else {
            return Err(PortError::Rejected(OrderRejection::UnknownOrder(order_id)));
        };
        let mut tried: Vec<Action> = Vec::new();
        let mut fault = None;
        loop {
            let mut actions = order.progress.actions(&order.placed);
            actions.retain(|it| !tried.contains(it));
            if actions.is_empty() {
                break;
            }
            let outcomes = join_all(actions.iter().map(|it| self.carry_out(&order, it))).await;
            let mut facts = Vec::with_capacity(outcomes.len());
            for outcome in outcomes {
                match outcome {
                    Ok(fact) => facts.push(fact),
                    Err(failed) => {
                        fault.get_or_insert(failed);
                    }
                }
            }
            let (recorded, failed) = self.record_all(&order_id, facts).await;
            order = recorded.unwrap_or(order);
            fault = fault.or(failed);
            // Each action is tried once: a later attempt is for whoever drives the order next.
            tried.extend(actions);
        }
        Ok(Drove {
            remaining: order.progress.actions(&order.placed),
            order,
            fault,
        })
    }
}

impl<A, W> DriveOrder<A, W>
where
    A: Ask<Book, Response = Booked, Error = BookError>,
    W: Ask<Fulfil, Response = Fulfilled, Error = ShipmentError>,
{
    /// Does one thing; the fact that it is done.
    async fn carry_out(&self, order: &Order, action: &Action) -> Result<Fact, Fault> {
        Ok(match action {
            Action::BookSale => {
                self.book(Book::Sale(sale(order))).await?;
                Fact::SaleBooked
            }
            Action::Schedule(system) => {
                self.schedule(order, *system).await?;
                scheduled(order, *system)
            }
            Action::Recognise(system) => {
                self.book(Book::Recognition(recognition(order, *system)?))
                    .await?;
                Fact::Recognised { system: *system }
            }
            Action::CancelPart(system) => self.cancel(order, *system).await?,
            Action::CreditCancelled => {
                self.book(Book::Credit(cancellation(order)?)).await?;
                Fact::CancelCredited
            }
            Action::Restock(return_id, system) => {
                let take_back = take_back(order, return_id, *system)?;
                let asked = self.warehouse.ask(Fulfil::TakeBack(take_back)).await;
                asked.map_err(|it| refused("the warehouse", it))?;
                Fact::Restocked {
                    return_id: return_id.clone(),
                    system: *system,
                }
            }
            Action::CreditReturn(return_id) => {
                self.book(Book::Credit(return_credit(order, return_id)?))
                    .await?;
                Fact::ReturnCredited {
                    return_id: return_id.clone(),
                }
            }
        })
    }

    async fn book(&self, book: Book) -> Result<(), Fault> {
        let booked = self.accounting.ask(book).await;
        booked.map_err(|it| refused("accounting", it))?;
        Ok(())
    }

    async fn schedule(&self, order: &Order, system: StockSystem) -> Result<(), Fault> {
        let part = part(order, system)?;
        let event = &order.placed.order;
        let schedule = Schedule {
            order_id: event.order_id.clone(),
            system,
            hold_id: part.hold_id.cloned(),
            lines: part.goods(&order.placed),
            tracking_id: event.shipping_tracking_id.clone(),
            address: event.shipping_address.clone(),
        };
        let asked = self.warehouse.ask(Fulfil::Schedule(schedule)).await;
        asked.map_err(|it| refused("the warehouse", it))?;
        Ok(())
    }

    /// Calls a part off. One that was never scheduled is scheduled first: the shipment that is
    /// then cancelled releases the hold, by the same duty as any other, and it stays as a
    /// tombstone, so that a schedule that is still on its way finds it cancelled and sends
    /// nothing. A crash between the two is found as a part that has not answered.
    async fn cancel(&self, order: &Order, system: StockSystem) -> Result<Fact, Fault> {
        let part = order.progress.parts.get(&system);
        if part.is_none_or(|it| it.scheduled.is_none()) {
            self.schedule(order, system).await?;
            let order_id = &order.placed.order.order_id;
            let recorded = self.record(order_id, vec![scheduled(order, system)]).await;
            recorded.map_err(|it| refused("the order store", it))?;
        }
        let cancel = CancelShipment {
            order_id: order.placed.order.order_id.clone(),
            system,
        };
        let in_time = match self.warehouse.ask(Fulfil::Cancel(cancel)).await {
            Ok(Fulfilled::Shipment { shipment, .. }) => {
                shipment.status == ShipmentStatus::Cancelled
            }
            Ok(Fulfilled::TakenBack) => {
                let context = "the warehouse gave another answer than was asked for";
                return Err(Fault::permanent(context));
            }
            Err(PortError::Rejected(ShipmentRejection::Impossible { .. })) => false,
            Err(error) => return Err(refused("the warehouse", error)),
        };
        Ok(Fact::CancelAnswered { system, in_time })
    }

    /// Records what was done: together or, if one of the facts cannot be any more, each by
    /// itself, so that it keeps no other back. The order as it then stands, and the first thing
    /// that failed.
    async fn record_all(
        &self,
        order_id: &OrderId,
        facts: Vec<Fact>,
    ) -> (Option<Order>, Option<Fault>) {
        let (mut latest, mut first) = (None, None);
        if facts.len() > 1 {
            match self.record(order_id, facts.clone()).await {
                Ok(order) => return (Some(order), None),
                Err(PortError::Fault(fault)) => return (None, Some(fault)),
                Err(PortError::Rejected(_)) => {}
            }
        }
        for fact in facts {
            match self.record(order_id, vec![fact]).await {
                Ok(order) => latest = Some(order),
                Err(error) => {
                    first.get_or_insert_with(|| refused("the order store", error));
                }
            }
        }
        (latest, first)
    }

    async fn record(&self, order_id: &OrderId, facts: Vec<Fact>) -> Result<Order, OrderError> {
        let now = self.clock.now();
        self.orders.record(order_id, facts, None, now).await
    }
}

/// A refusal where none is an answer: the same request will be refused again.
fn refused<R>(who: &str, error: PortError<R>) -> Fault
where
    R: std::error::Error + Send + Sync + 'static,
{
    match error {
        PortError::Fault(fault) => fault,
        PortError::Rejected(why) => {
            Fault::permanent(format!("{who} refuses what the order needs")).because(why)
        }
    }
}

fn unsplit(error: MoneyError) -> Fault {
    Fault::permanent("the order's amounts cannot be split").because(error)
}

fn missing() -> Fault {
    Fault::permanent("the order's progress does not fit what was placed")
}

fn part(order: &Order, system: StockSystem) -> Result<Part<'_>, Fault> {
    Part::of(&order.placed, system).ok_or_else(missing)
}

fn scheduled(order: &Order, system: StockSystem) -> Fact {
    Fact::Scheduled {
        system,
        tracking_id: order.placed.order.shipping_tracking_id.clone(),
    }
}

fn sale(order: &Order) -> Sale {
    let (placed, event) = (&order.placed, &order.placed.order);
    Sale {
        order_id: event.order_id.clone(),
        user_id: event.user_id.clone(),
        email: event.email.clone(),
        total: placed.total,
        tax: placed.tax,
        occurred_at: placed.occurred_at,
        memo: what_was_sold(event.items.iter().map(|it| &it.item)),
    }
}

fn recognition(order: &Order, system: StockSystem) -> Result<Recognition, Fault> {
    let progress = order.progress.parts.get(&system);
    let share = part(order, system)?.share(&order.placed).map_err(unsplit)?;
    Ok(Recognition {
        order_id: order.placed.order.order_id.clone(),
        part: system.as_str().to_owned(),
        net: share.total.minus(share.tax).map_err(unsplit)?,
        occurred_at: progress.and_then(|it| it.shipped_at).ok_or_else(missing)?,
    })
}

/// What was called off is paid back in full, shipping included.
fn cancellation(order: &Order) -> Result<Credit, Fault> {
    let asked = order.progress.cancellation.as_ref().ok_or_else(missing)?;
    let zero = Money::zero(order.placed.total.currency());
    let (mut total, mut tax) = (zero, zero);
    for (&system, &in_time) in &asked.parts {
        if in_time || planted!(CancelPaysForShippedGoods) {
            let share = part(order, system)?.share(&order.placed).map_err(unsplit)?;
            total = total.plus(share.total).map_err(unsplit)?;
            tax = tax.plus(share.tax).map_err(unsplit)?;
        }
    }
    let order_id = &order.placed.order.order_id;
    Ok(Credit {
        entry_id: order_id.entry("cancellation"),
        kind: EntryKind::Cancellation,
        order_id: Some(order_id.clone()),
        total,
        tax,
        occurred_at: asked.at,
        memo: String::new(),
    })
}

fn return_credit(order: &Order, return_id: &ReturnId) -> Result<Credit, Fault> {
    let mut returns = order.progress.returns.iter();
    let asked = returns.find(|it| it.id == *return_id).ok_or_else(missing)?;
    let currency = order.placed.total.currency();
    let sum = |amounts: Vec<Money>| Money::sum(currency, amounts).map_err(unsplit);
    let order_id = &order.placed.order.order_id;
    Ok(Credit {
        entry_id: order_id.entry(&format!("return.{return_id}")),
        kind: EntryKind::Return,
        order_id: Some(order_id.clone()),
        total: sum(asked.lines.iter().map(|it| it.refund).collect())?,
        tax: sum(asked.lines.iter().map(|it| it.tax).collect())?,
        occurred_at: asked.at,
        memo: String::new(),
    })
}

fn take_back(order: &Order, id: &ReturnId, system: StockSystem) -> Result<TakeBack, Fault> {
    let mut returns = order.progress.returns.iter();
    let asked = returns.find(|it| it.id == *id).ok_or_else(missing)?;
    let part = part(order, system)?;
    let items = &order.placed.order.items;
    let mut lines: Vec<(ProductId, u64)> = Vec::new();
    for it in asked
        .lines
        .iter()
        .filter(|it| part.lines.contains(&it.line))
    {
        let product_id = &items[it.line].item.product_id;
        let quantity = u64::from(it.quantity.get());
        match lines.iter_mut().find(|it| it.0 == *product_id) {
            Some(line) => line.1 += quantity,
            None => lines.push((product_id.clone(), quantity)),
        }
    }
    Ok(TakeBack {
        order_id: order.placed.order.order_id.clone(),
        return_id: id.clone(),
        system,
        lines,
    })
}
