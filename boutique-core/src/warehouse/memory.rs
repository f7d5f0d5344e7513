//! Shipments in memory.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{CarrierEvent, Duty, Shipment, ShipmentError, ShipmentRejection};
use super::{ShipmentStatus, ShipmentStore};
use crate::fault::{Fault, PortError};
use crate::ids::{OrderId, ShipmentId};
use crate::shelf::Shelf;
use crate::stock::StockSystem;

/// Keeps shipments in memory, for tests and for one process that may forget.
#[derive(Debug, Default)]
pub struct MemoryShipments {
    store: Mutex<Store>,
}

#[derive(Debug, Default)]
struct Store {
    shipments: Shelf<ShipmentId, Shipment>,
    unfinished: BTreeSet<ShipmentId>,
}

impl Store {
    fn change<T>(
        &mut self,
        id: &ShipmentId,
        change: impl FnOnce(&mut Shipment) -> Result<T, ShipmentRejection>,
    ) -> Result<&Shipment, ShipmentError> {
        let Some(shipment) = self.shipments.get_mut(id) else {
            let rejection = ShipmentRejection::UnknownShipment(id.clone());
            return Err(PortError::Rejected(rejection));
        };
        change(shipment).map_err(PortError::Rejected)?;
        if shipment.duties.is_empty() {
            self.unfinished.remove(id);
        } else if !self.unfinished.contains(id) {
            self.unfinished.insert(id.clone());
        }
        Ok(shipment)
    }
}

fn from<K: Ord>(after: Option<&K>) -> (Bound<&K>, Bound<&K>) {
    (
        after.map_or(Bound::Unbounded, Bound::Excluded),
        Bound::Unbounded,
    )
}

impl MemoryShipments {
    fn store(&self) -> MutexGuard<'_, Store> {
        // A shipment changes only after every check, so the store is whole after a panic.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ShipmentStore for MemoryShipments {
    async fn create(&self, shipment: Shipment) -> Result<(Shipment, bool), ShipmentError> {
        let mut store = self.store();
        if let Some(known) = store.shipments.get(&shipment.id) {
            return if known.sends_the_same_as(&shipment) {
                Ok((known.clone(), true))
            } else {
                let rejection = ShipmentRejection::Conflict(shipment.id);
                Err(PortError::Rejected(rejection))
            };
        }
        let id = shipment.id.clone();
        if !shipment.duties.is_empty() {
            store.unfinished.insert(id.clone());
        }
        store.shipments.insert(id, shipment.clone());
        Ok((shipment, false))
    }

    async fn apply(&self, event: CarrierEvent) -> Result<Shipment, ShipmentError> {
        let mut store = self.store();
        let shipment = store.change(&event.shipment_id, |it| it.apply(&event))?;
        Ok(shipment.clone())
    }

    async fn discharge(
        &self,
        shipment_id: &ShipmentId,
        of: ShipmentStatus,
        done: &[Duty],
    ) -> Result<(), ShipmentError> {
        let mut store = self.store();
        store.change(shipment_id, |it| Ok(it.discharge(of, done)))?;
        Ok(())
    }

    async fn shipment(&self, id: &ShipmentId) -> Result<Option<Shipment>, Fault> {
        Ok(self.store().shipments.get(id).cloned())
    }

    async fn of_order(&self, order_id: &OrderId) -> Result<Vec<Shipment>, Fault> {
        let store = self.store();
        // A shipment's id is a function of order and system, so no index is needed.
        let shipments = StockSystem::ALL
            .into_iter()
            .filter_map(|it| store.shipments.get(&order_id.shipment(it.as_str())));
        Ok(shipments.cloned().collect())
    }

    async fn shipments(
        &self,
        after: Option<&ShipmentId>,
        limit: usize,
    ) -> Result<Vec<Shipment>, Fault> {
        let mut store = self.store();
        let page = store.shipments.after(after).take(limit);
        Ok(page.map(|(_, it)| it.clone()).collect())
    }

    async fn unfinished(
        &self,
        after: Option<&ShipmentId>,
        limit: usize,
    ) -> Result<Vec<Shipment>, Fault> {
        let store = self.store();
        let page = store.unfinished.range(from(after)).take(limit);
        let shipments = page.filter_map(|it| store.shipments.get(it));
        Ok(shipments.cloned().collect())
    }
}
