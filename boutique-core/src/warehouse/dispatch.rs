//! The warehouse at work.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::{CancelShipment, CarrierEvent, Duty, Fulfil, Fulfilled, Schedule, TakeBack};
use super::{Shipment, ShipmentError, ShipmentRejection, ShipmentReport};
use super::{ShipmentStatus, ShipmentStore};
use crate::broker::{Deliveries, TopicId};
use crate::clock::Clock;
use crate::fault::{Fault, PortError};
use crate::flow::Step;
use crate::ids::{OrderId, ProductId, ReceiptId, ReturnId, ShipmentId};
use crate::stock::{LedgerError, Receive, Settle, StockLedger, StockSystem};

/// Schedules shipments, takes in what carriers report, and does what follows from it.
#[derive(Clone)]
pub struct Warehouse {
    /// Where shipments are kept.
    pub shipments: Arc<dyn ShipmentStore>,
    /// The stock ledgers goods leave from and come back to.
    pub ledgers: BTreeMap<StockSystem, Arc<dyn StockLedger>>,
    /// Where reports go.
    pub broker: Deliveries,
    /// The topic of the reports.
    pub topic: TopicId,
    /// Stamps shipments.
    pub clock: Arc<dyn Clock>,
    /// What is done and not struck off yet.
    pub moved: Moved,
}

/// Duties that were done at once, when a carrier reported, and that [`Warehouse::discharge_all`]
/// strikes off together with what it does itself: one write less for every shipment.
///
/// Kept in memory: after a crash they are done again, which the stock ledger knows. Clones share
/// it.
#[derive(Clone, Debug, Default)]
pub struct Moved(Arc<Mutex<BTreeSet<(ShipmentId, Duty)>>>);

/// The most that [`Moved`] keeps; then it forgets them all, and they are done again.
const MOVED_MAX: usize = 4_096;

impl Moved {
    fn all(&self) -> MutexGuard<'_, BTreeSet<(ShipmentId, Duty)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, shipment_id: &ShipmentId, duty: Duty) {
        let mut all = self.all();
        if all.len() >= MOVED_MAX {
            all.clear();
        }
        all.insert((shipment_id.clone(), duty));
    }

    fn has(&self, shipment_id: &ShipmentId, duty: Duty) -> bool {
        self.all().contains(&(shipment_id.clone(), duty))
    }

    fn forget(&self, shipment_id: &ShipmentId, duties: &[Duty]) {
        let mut all = self.all();
        for &duty in duties {
            all.remove(&(shipment_id.clone(), duty));
        }
    }
}

impl Step<Fulfil> for Warehouse {
    type Response = Fulfilled;
    type Error = ShipmentError;

    async fn run(&self, request: Fulfil) -> Result<Fulfilled, ShipmentError> {
        match request {
            Fulfil::Schedule(schedule) => self.schedule(schedule).await,
            Fulfil::Cancel(cancel) => self.cancel(cancel).await,
            Fulfil::TakeBack(take_back) => self.take_back(take_back).await,
        }
    }
}

/// The shipment that is answered has the report. A duty that is still open, because the stock
/// ledger could not be reached or refuses, is done by [`Warehouse::discharge_all`].
impl Step<CarrierEvent> for Warehouse {
    type Response = Shipment;
    type Error = ShipmentError;

    async fn run(&self, event: CarrierEvent) -> Result<Shipment, ShipmentError> {
        if event.status == ShipmentStatus::Cancelled {
            // Only the order can be called off: nobody would pay the buyer back for a part.
            let to = event.status;
            let rejection = match self.shipments.shipment(&event.shipment_id).await? {
                Some(Shipment { status: from, .. }) => ShipmentRejection::Impossible { from, to },
                None => ShipmentRejection::UnknownShipment(event.shipment_id),
            };
            return Err(PortError::Rejected(rejection));
        }
        self.record(event).await
    }
}

impl Warehouse {
    async fn schedule(&self, schedule: Schedule) -> Result<Fulfilled, ShipmentError> {
        let shipment = Shipment::new(schedule, self.clock.now()).map_err(PortError::Rejected)?;
        let (shipment, repeated) = self.shipments.create(shipment).await?;
        Ok(Fulfilled::Shipment { shipment, repeated })
    }

    async fn cancel(&self, cancel: CancelShipment) -> Result<Fulfilled, ShipmentError> {
        let shipment_id = cancel.order_id.shipment(cancel.system.as_str());
        let known = self.shipments.shipment(&shipment_id).await?;
        let repeated = known.is_some_and(|it| it.status == ShipmentStatus::Cancelled);
        let shipment = self
            .record(CarrierEvent {
                id: shipment_id.cancel(),
                shipment_id,
                status: ShipmentStatus::Cancelled,
                at: self.clock.now(),
            })
            .await?;
        Ok(Fulfilled::Shipment { shipment, repeated })
    }

    /// Records a report first, then moves the goods at once. That the goods could not be moved
    /// does not undo the report: the duty stays.
    async fn record(&self, event: CarrierEvent) -> Result<Shipment, ShipmentError> {
        let mut shipment = self.shipments.apply(event).await?;
        let moved = match self.move_goods(&shipment).await {
            Err(_) if planted!(DutyStruckOffUndone) => Ok(Some(Duty::Settle)),
            moved => moved,
        };
        if let Ok(Some(duty)) = moved {
            let (id, status) = (&shipment.id, shipment.status);
            // Whoever announces the shipment strikes this off as well.
            let done = if shipment.duties.contains(&Duty::Announce) {
                self.moved.note(id, duty);
                true
            } else {
                self.shipments.discharge(id, status, &[duty]).await.is_ok()
            };
            if done {
                shipment.duties.remove(&duty);
            }
        }
        Ok(shipment)
    }

    /// Settles or releases the hold, if that is owed, and says which was done. Both can be
    /// repeated.
    async fn move_goods(&self, shipment: &Shipment) -> Result<Option<Duty>, LedgerError> {
        let owed = [Duty::Settle, Duty::Release];
        let Some(duty) = owed.into_iter().find(|it| shipment.duties.contains(it)) else {
            return Ok(None);
        };
        if self.moved.has(&shipment.id, duty) {
            return Ok(Some(duty));
        }
        let Some(hold_id) = &shipment.hold_id else {
            return Ok(Some(duty));
        };
        let ledger = self.ledger(shipment.system)?;
        if duty == Duty::Release {
            ledger.release(hold_id).await?;
        } else {
            let settle = Settle {
                hold_id: hold_id.clone(),
                shipment_id: shipment.id.clone(),
                lines: Some(shipment.lines.clone()),
            };
            ledger.ship(settle).await?;
        }
        Ok(Some(duty))
    }

    async fn take_back(&self, take_back: TakeBack) -> Result<Fulfilled, ShipmentError> {
        let ledger = self.ledger(take_back.system)?;
        for (product_id, quantity) in take_back.lines {
            let receive = Receive {
                receipt_id: receipt(&take_back.order_id, &take_back.return_id, &product_id),
                product_id,
                quantity,
            };
            ledger.receive(receive).await.map_err(|error| match error {
                PortError::Rejected(why) => {
                    PortError::Rejected(ShipmentRejection::Stock(why.to_string()))
                }
                PortError::Fault(fault) => PortError::Fault(fault),
            })?;
        }
        Ok(Fulfilled::TakenBack)
    }

    fn ledger(&self, system: StockSystem) -> Result<&dyn StockLedger, Fault> {
        let ledger = self.ledgers.get(&system).map(Arc::as_ref);
        ledger.ok_or_else(|| {
            Fault::permanent(format!(
                "the warehouse has no {system} ledger: configure one"
            ))
        })
    }

    /// Does what is owed until `limit` shipments are finished, or all were tried: moves their
    /// goods, announces where they are, and strikes off what is done. Says how many are
    /// finished by that.
    ///
    /// One that cannot be finished does not hold the others up.
    ///
    /// # Errors
    ///
    /// The first fault met, after all was tried. What could not be done is still owed.
    pub async fn discharge_all(&self, limit: usize) -> Result<usize, Fault> {
        let mut first = None;
        let mut finished = 0;
        let mut after: Option<ShipmentId> = None;
        // Shipments that stay unfinished do not use up the limit, or a few of them would hide
        // all others for ever.
        while finished < limit {
            let count = PAGE.min(limit - finished);
            let page = self.shipments.unfinished(after.as_ref(), count).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id.clone());
            finished += self.discharge(page, &mut first).await;
        }
        first.map_or(Ok(finished), Err)
    }

    async fn discharge(&self, page: Vec<Shipment>, first: &mut Option<Fault>) -> usize {
        let mut keep = |fault: Fault| {
            first.get_or_insert(fault);
        };
        let moves: FuturesUnordered<_> = page
            .iter()
            .enumerate()
            .map(|(at, it)| async move { (at, self.move_goods(it).await) })
            .collect();
        let mut done: Vec<Vec<Duty>> = vec![Vec::new(); page.len()];
        for (at, outcome) in moves.collect::<Vec<_>>().await {
            match outcome {
                Ok(duty) => done[at].extend(duty),
                Err(PortError::Fault(fault)) => keep(fault),
                Err(PortError::Rejected(why)) => keep(
                    Fault::permanent(format!(
                        "the stock ledger refuses shipment {}: look at its hold",
                        page[at].id
                    ))
                    .because(why),
                ),
            }
        }
        let announced: Vec<usize> = (0..page.len())
            .filter(|&at| page[at].duties.contains(&Duty::Announce))
            .collect();
        match self.announce(announced.iter().map(|&at| &page[at])).await {
            Ok(()) => announced
                .iter()
                .for_each(|&at| done[at].push(Duty::Announce)),
            Err(fault) => keep(fault),
        }
        let strikes: FuturesUnordered<_> = page
            .iter()
            .zip(&done)
            .filter(|(_, done)| !done.is_empty())
            .map(|(it, done)| async move {
                let struck = self.shipments.discharge(&it.id, it.status, done).await;
                if struck.is_ok() {
                    self.moved.forget(&it.id, done);
                }
                struck.map(|()| done.len() == it.duties.len())
            })
            .collect();
        let mut finished = 0;
        for outcome in strikes.collect::<Vec<_>>().await {
            match outcome {
                Ok(all) => finished += usize::from(all),
                Err(PortError::Fault(fault)) => keep(fault),
                Err(PortError::Rejected(why)) => {
                    keep(Fault::permanent("a shipment disappeared").because(why));
                }
            }
        }
        finished
    }

    async fn announce(&self, shipments: impl Iterator<Item = &Shipment>) -> Result<(), Fault> {
        let messages = shipments
            .map(|it| ShipmentReport::of(it).encode())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|why| Fault::permanent("a shipment report cannot be encoded").because(why))?;
        if messages.is_empty() {
            return Ok(());
        }
        let publisher = self.broker.publisher();
        match publisher.publish(&self.topic, messages).await {
            Ok(_) => Ok(()),
            Err(PortError::Fault(fault)) => Err(fault),
            Err(PortError::Rejected(why)) => {
                Err(Fault::permanent("the broker refuses shipment reports").because(why))
            }
        }
    }
}

/// Shipments read, and messages published, at a time.
const PAGE: usize = 100;

/// The receipt by which a product comes back with a return.
///
/// The product is escaped, because it may have spaces and the like, and so that its beginning
/// can be told: two returns never share a receipt.
fn receipt(order_id: &OrderId, return_id: &ReturnId, product_id: &ProductId) -> ReceiptId {
    let mut what = format!("return.{return_id}.");
    for byte in product_id.as_str().bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            what.push(char::from(byte));
        } else {
            let _ = write!(what, "%{byte:02X}");
        }
    }
    order_id.receipt(&what)
}
