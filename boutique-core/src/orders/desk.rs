//! The service desk: what people ask of orders.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::refund::{Refundable, tax_within};
use super::{Action, Contradiction, Drove, Fact, LineRefusal, Order, OrderError};
use super::{NotTaken, ReceiveOrders, ReceiveReports};
use super::{OrderRejection, OrderState, OrderStore, Progress, ReturnProgress, ReturnedLine};
use crate::clock::{Clock, Timestamp};
use crate::fault::{Fault, PortError};
use crate::flow::{Ask, Step};
use crate::ids::{OrderId, ReturnId};
use crate::limits::Units;
use crate::money::Money;
use crate::warehouse::REPORT_TYPE;

/// Asks for an order to be called off, as far as it has not left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelOrder {
    /// The order. Asking again changes nothing.
    pub order_id: OrderId,
    /// The date the books count it for, if it is not the present.
    pub at: Option<Timestamp>,
}

/// Says that goods of an order came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnGoods {
    /// The order.
    pub order_id: OrderId,
    /// Chosen by the caller; the same return again changes nothing.
    pub return_id: ReturnId,
    /// What came back.
    pub lines: Vec<ReturnLine>,
    /// Whether it goes back onto the shelf.
    pub restock: bool,
    /// The date the books count it for, if it is not the present.
    pub at: Option<Timestamp>,
}

/// Units of one line of an order that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnLine {
    /// Which line of the order, counted from zero.
    pub line: usize,
    /// How many.
    pub quantity: Units,
    /// What is paid back, tax included, if it is less than what was paid for the goods.
    pub refund: Option<Money>,
}

/// An order with something left to do that nobody has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StuckOrder {
    /// The order.
    pub order_id: OrderId,
    /// Where it stands.
    pub state: OrderState,
    /// When something happened to it last.
    pub since: Timestamp,
    /// What is to be done.
    pub remaining: Vec<Action>,
}

/// An answer of the desk that is not yes. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", content = "of", rename_all = "snake_case")]
pub enum DeskRejection {
    /// There is no such order.
    #[error("there is no order {0}")]
    UnknownOrder(OrderId),
    /// The order cannot take that.
    #[error(transparent)]
    Refused(#[from] Contradiction),
    /// Something else happened to the order at the same time, which forbids it.
    #[error("the order has changed meanwhile: {0}")]
    Changed(String),
    /// There is no such dead letter.
    #[error("there is no dead letter {0}")]
    UnknownLetter(String),
    /// The letter still cannot be taken in; it stays where it is.
    #[error("the letter still cannot be taken in: {0}")]
    StillRefused(String),
}

/// Why the desk does not do what it is asked.
pub type DeskError = PortError<DeskRejection>;

/// Cancels orders, takes goods back, finds orders that are stuck, and replays dead letters.
///
/// What was asked for is durable before it is answered. It is then driven as far as it goes:
/// the order that is answered may have something left to do.
#[derive(Clone)]
pub struct Desk<D> {
    /// Where orders are kept.
    pub orders: Arc<dyn OrderStore>,
    /// Drives orders; see [`super::DriveOrder`].
    pub drive: D,
    /// Dates what is asked for.
    pub clock: Arc<dyn Clock>,
}

impl<D> Step<CancelOrder> for Desk<D>
where
    D: Ask<OrderId, Response = Drove, Error = OrderError>,
{
    type Response = Order;
    type Error = DeskError;

    async fn run(&self, request: CancelOrder) -> Result<Order, DeskError> {
        let order = self.order(&request.order_id).await?;
        let now = self.clock.now();
        let at = request.at.unwrap_or(now);
        self.record(order, Fact::CancelAsked { at }, now).await
    }
}

impl<D> Step<ReturnGoods> for Desk<D>
where
    D: Ask<OrderId, Response = Drove, Error = OrderError>,
{
    type Response = Order;
    type Error = DeskError;

    async fn run(&self, request: ReturnGoods) -> Result<Order, DeskError> {
        let order = self.order(&request.order_id).await?;
        let mut returns = order.progress.returns.iter();
        let known = returns.find(|it| it.id == request.return_id);
        let now = self.clock.now();
        let asked = match known {
            // What is left to refund has changed since, so the amounts are not found again.
            Some(known) if request.asks_for(known) => known.clone(),
            Some(_) => return Err(reject(Contradiction::ReturnTaken(request.return_id))),
            None => ReturnProgress {
                lines: refunds(&order, &request.lines).map_err(reject)?,
                id: request.return_id,
                at: request.at.unwrap_or(now),
                restock: request.restock,
                restocked: Vec::new(),
                credited: false,
            },
        };
        self.record(order, Fact::ReturnAsked(asked), now).await
    }
}

impl ReturnGoods {
    /// Whether `known` is what this asks for.
    fn asks_for(&self, known: &ReturnProgress) -> bool {
        let mut pairs = self.lines.iter().zip(&known.lines);
        self.restock == known.restock
            && self.lines.len() == known.lines.len()
            && pairs.all(|(asked, known)| {
                asked.line == known.line
                    && asked.quantity == known.quantity
                    && asked.refund.is_none_or(|it| it == known.refund)
            })
    }
}

/// What the lines pay back: what was paid for those units, unless less is asked for.
fn refunds(order: &Order, lines: &[ReturnLine]) -> Result<Vec<ReturnedLine>, Contradiction> {
    let Order { placed, progress } = order;
    let goods = Refundable::lines_of(placed)?;
    let mut refunds: Vec<ReturnedLine> = Vec::with_capacity(lines.len());
    for (at, it) in lines.iter().enumerate() {
        let refuse = |why| Contradiction::Line { at, why };
        let same = refunds.iter().filter(|other| other.line == it.line);
        let earlier: u32 = same.map(|other| other.quantity.get()).sum();
        let quantity = it.quantity.get();
        let checked = progress.check_quantity(placed, it.line, earlier + quantity);
        checked.map_err(refuse)?;

        let from = progress.returned(it.line) + earlier;
        let (usual, usual_tax) = goods[it.line].piece(from, quantity)?;
        let (refund, tax) = match it.refund {
            None => (usual, usual_tax),
            Some(less) => {
                let fits = less.currency() == usual.currency()
                    && !less.is_negative()
                    && less.nanos() <= usual.nanos();
                if !fits {
                    return Err(refuse(LineRefusal::Refund(usual)));
                }
                (less, tax_within(less, usual, usual_tax)?)
            }
        };
        refunds.push(ReturnedLine {
            line: it.line,
            quantity: it.quantity,
            refund,
            tax,
        });
    }
    Ok(refunds)
}

fn reject(why: Contradiction) -> DeskError {
    PortError::Rejected(DeskRejection::Refused(why))
}

impl<D> Desk<D>
where
    D: Ask<OrderId, Response = Drove, Error = OrderError>,
{
    async fn order(&self, order_id: &OrderId) -> Result<Order, DeskError> {
        let order = self.orders.order(order_id).await?;
        order.ok_or_else(|| PortError::Rejected(DeskRejection::UnknownOrder(order_id.clone())))
    }

    async fn record(&self, order: Order, fact: Fact, now: Timestamp) -> Result<Order, DeskError> {
        // Tried here first, because the store's refusal is a text only.
        let mut trial: Progress = order.progress;
        trial
            .apply(&order.placed, fact.clone(), now)
            .map_err(reject)?;

        let order_id = order.placed.order.order_id.clone();
        let recorded = self.orders.record(&order_id, vec![fact], None, now).await;
        let recorded = recorded.map_err(|error| match error {
            PortError::Fault(fault) => PortError::Fault(fault),
            PortError::Rejected(OrderRejection::UnknownOrder(id)) => {
                PortError::Rejected(DeskRejection::UnknownOrder(id))
            }
            PortError::Rejected(why) => {
                PortError::Rejected(DeskRejection::Changed(why.to_string()))
            }
        })?;
        let drove = self.drive.ask(order_id).await;
        Ok(drove.map_or(recorded, |it| it.order))
    }

    /// Orders with something left to do to which nothing has happened for `idle_for`, by id,
    /// after `after`, at most `limit`.
    ///
    /// # Errors
    ///
    /// Those of the order store.
    pub async fn stuck(
        &self,
        idle_for: Duration,
        after: Option<&OrderId>,
        limit: usize,
    ) -> Result<Vec<StuckOrder>, Fault> {
        let idle_since = self.clock.now().before(idle_for);
        let mut stuck = Vec::new();
        for order_id in self.orders.unfinished(idle_since, after, limit).await? {
            if let Some(Order { placed, progress }) = self.orders.order(&order_id).await? {
                stuck.push(StuckOrder {
                    order_id,
                    state: progress.state(),
                    since: progress.last_change(),
                    remaining: progress.actions(&placed),
                });
            }
        }
        Ok(stuck)
    }

    /// Delivers a dead letter again and discards it if it is taken in. Replaying what was
    /// taken in before changes nothing but that.
    ///
    /// # Errors
    ///
    /// [`DeskRejection::UnknownLetter`], [`DeskRejection::StillRefused`], or a fault; the letter
    /// is still there.
    pub async fn replay(&self, letter_id: &str) -> Result<(), DeskError>
    where
        D: Clone,
    {
        let Some(letter) = self.orders.dead_letter(letter_id).await? else {
            let unknown = DeskRejection::UnknownLetter(letter_id.to_owned());
            return Err(PortError::Rejected(unknown));
        };
        let message = &letter.message;
        let (orders, drive, clock) = (&self.orders, self.drive.clone(), &self.clock);
        let (orders, clock) = (Arc::clone(orders), Arc::clone(clock));
        let kind = message.attributes.get("ce-type").map(String::as_str);
        let taken = if kind == Some(REPORT_TYPE) {
            let receive = ReceiveReports {
                orders,
                drive,
                clock,
            };
            receive.take_in(message).await
        } else {
            let receive = ReceiveOrders {
                orders,
                drive,
                clock,
            };
            // A form without a date of its own was published little before it was parked.
            receive.take_in(message, letter.parked_at).await
        };
        match taken {
            Ok(()) => {
                self.orders.discard(letter_id).await?;
                Ok(())
            }
            Err(NotTaken::Refused(why)) => {
                Err(PortError::Rejected(DeskRejection::StillRefused(why)))
            }
            Err(NotTaken::Fault(fault)) => Err(PortError::Fault(fault)),
        }
    }
}
