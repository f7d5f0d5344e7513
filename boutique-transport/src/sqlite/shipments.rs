//! Shipments of the warehouse.

use async_trait::async_trait;
use boutique_core::fault::{Fault, PortError};
use boutique_core::ids::{OrderId, ShipmentId};
use boutique_core::warehouse::{
    CarrierEvent, Duty, Shipment, ShipmentError, ShipmentRejection, ShipmentStatus, ShipmentStore,
};
use rusqlite::{Connection, params};

use super::SqliteStore;
use super::columns::cursor;
use super::query::{Query, json, row_limit, to_json};

/// Keeps shipments in the data file.
#[derive(Clone)]
pub struct SqliteShipments {
    store: SqliteStore,
}

impl SqliteStore {
    /// The shipments of the warehouse.
    pub fn shipments(&self) -> SqliteShipments {
        SqliteShipments {
            store: self.clone(),
        }
    }
}

fn shipment(db: &Connection, id: &ShipmentId) -> Result<Option<Shipment>, Fault> {
    let select = "SELECT shipment FROM shipment WHERE id = ?1";
    db.one(select, [id.as_str()], |row| json(row, 0))
}

fn create(db: &Connection, new: Shipment, text: &str) -> Result<(Shipment, bool), ShipmentError> {
    if let Some(known) = shipment(db, &new.id)? {
        return if known.sends_the_same_as(&new) {
            Ok((known, true))
        } else {
            Err(PortError::Rejected(ShipmentRejection::Conflict(new.id)))
        };
    }
    db.run(
        "INSERT INTO shipment (id, order_id, system, status, open, shipment) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            new.id.as_str(),
            new.order_id.as_str(),
            new.system.as_str(),
            new.status.as_str(),
            !new.duties.is_empty(),
            text,
        ],
    )?;
    Ok((new, false))
}

/// Changes one shipment by a rule that says whether it changed anything.
fn change(
    db: &Connection,
    id: &ShipmentId,
    rule: impl FnOnce(&mut Shipment) -> Result<bool, ShipmentRejection>,
) -> Result<Shipment, ShipmentError> {
    let unknown = || PortError::Rejected(ShipmentRejection::UnknownShipment(id.clone()));
    let mut shipment = shipment(db, id)?.ok_or_else(unknown)?;
    if rule(&mut shipment).map_err(PortError::Rejected)? {
        db.run(
            "UPDATE shipment SET status = ?2, open = ?3, shipment = ?4 WHERE id = ?1",
            params![
                id.as_str(),
                shipment.status.as_str(),
                !shipment.duties.is_empty(),
                to_json(&shipment)?,
            ],
        )?;
    }
    Ok(shipment)
}

#[async_trait]
impl ShipmentStore for SqliteShipments {
    async fn create(&self, shipment: Shipment) -> Result<(Shipment, bool), ShipmentError> {
        // Written out here, not on the writer's thread, which everybody waits for.
        let text = to_json(&shipment)?;
        self.store
            .write(move |db| create(db, shipment, &text))
            .await
    }

    async fn apply(&self, event: CarrierEvent) -> Result<Shipment, ShipmentError> {
        self.store
            .write(move |db| change(db, &event.shipment_id, |it| it.apply(&event)))
            .await
    }

    async fn discharge(
        &self,
        shipment_id: &ShipmentId,
        of: ShipmentStatus,
        done: &[Duty],
    ) -> Result<(), ShipmentError> {
        let (id, done) = (shipment_id.clone(), done.to_vec());
        self.store
            .write(move |db| change(db, &id, |it| Ok(it.discharge(of, &done))).map(|_| ()))
            .await
    }

    async fn shipment(&self, id: &ShipmentId) -> Result<Option<Shipment>, Fault> {
        self.store.peek(|db| shipment(db, id))
    }

    async fn of_order(&self, order_id: &OrderId) -> Result<Vec<Shipment>, Fault> {
        let order_id = order_id.clone();
        self.store
            .read(move |db| {
                let select = "SELECT shipment FROM shipment WHERE order_id = ?1";
                let mut found =
                    db.all(select, [order_id.as_str()], |row| json::<Shipment>(row, 0))?;
                found.sort_by_key(|it| it.system);
                Ok(found)
            })
            .await
    }

    async fn shipments(
        &self,
        after: Option<&ShipmentId>,
        limit: usize,
    ) -> Result<Vec<Shipment>, Fault> {
        let after = cursor(after);
        self.store
            .read(move |db| {
                let page = "SELECT shipment FROM shipment WHERE id > ?1 ORDER BY id LIMIT ?2";
                db.all(page, (after, row_limit(limit)), |row| json(row, 0))
            })
            .await
    }

    async fn unfinished(
        &self,
        after: Option<&ShipmentId>,
        limit: usize,
    ) -> Result<Vec<Shipment>, Fault> {
        let after = cursor(after);
        self.store
            .read(move |db| {
                let page = "SELECT shipment FROM shipment WHERE open = 1 AND id > ?1 \
                            ORDER BY id LIMIT ?2";
                db.all(page, (after, row_limit(limit)), |row| json(row, 0))
            })
            .await
    }
}
