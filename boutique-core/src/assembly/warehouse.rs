//! The warehouse as a system: what it owes the ledgers, and what it tells of shipments.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join;

use super::topology::broker_fault;
use super::{PushService, Topology, Worked};
use crate::broker::{Deliveries, Pumped, PushPump};
use crate::clock::Clock;
use crate::fault::Fault;
use crate::flow::StepService;
use crate::stock::{StockRouter, StockSystem};
use crate::warehouse::{Moved, ShipmentStore, Warehouse};

/// What the warehouse stands on. It owns the topic of shipments.
#[derive(Clone)]
pub struct WarehousePorts {
    /// Shipments.
    pub shipments: Arc<dyn ShipmentStore>,
    /// Both stock systems, wherever they are.
    pub stock: StockRouter,
    /// The broker shipments are reported on.
    pub broker: Deliveries,
    /// The present.
    pub clock: Arc<dyn Clock>,
}

impl WarehousePorts {
    /// The warehouse itself, before anybody is there to be told.
    pub fn into_warehouse(self, topology: &Topology) -> Arc<Warehouse> {
        let ledger = |it: StockSystem| (it, Arc::clone(self.stock.ledger(it)));
        let ledgers = BTreeMap::from(StockSystem::ALL.map(ledger));
        Arc::new(Warehouse {
            shipments: self.shipments,
            ledgers,
            broker: self.broker,
            topic: topology.shipments.clone(),
            clock: self.clock,
            moved: Moved::default(),
        })
    }
}

/// The warehouse with all that runs behind it.
pub struct WarehouseSystem {
    warehouse: Arc<Warehouse>,
    to_oms: Option<PushPump<PushService>>,
    topology: Topology,
    batch: usize,
}

impl WarehouseSystem {
    /// Lets `warehouse` report to `orders`, taking on `batch` shipments or messages a round,
    /// `in_flight` at a time.
    pub fn new(
        warehouse: Arc<Warehouse>,
        orders: PushService,
        topology: Topology,
        batch: usize,
        in_flight: usize,
    ) -> Self {
        Self {
            to_oms: warehouse.broker.own().map(|broker| PushPump {
                broker: Arc::clone(broker),
                subscription: topology.shipments_to_oms.clone(),
                service: orders,
                in_flight,
            }),
            warehouse,
            topology,
            batch,
        }
    }

    /// Creates the topic of shipments and its subscription, if it delivers them.
    ///
    /// # Errors
    ///
    /// A [`Fault`] of the broker; it may be called again.
    pub async fn start(&self) -> Result<(), Fault> {
        match &self.to_oms {
            Some(to_oms) => self.topology.create_shipments(&*to_oms.broker).await,
            None => Ok(()),
        }
    }

    /// The service that sends goods, takes them back, and takes in what carriers say.
    pub fn service(&self) -> StepService<Warehouse> {
        StepService::shared(Arc::clone(&self.warehouse))
    }

    /// The step behind the service.
    pub fn step(&self) -> &Warehouse {
        &self.warehouse
    }

    /// One round: does what shipments owe, and delivers reports.
    ///
    /// # Errors
    ///
    /// The first [`Fault`]; the other part of the round is done all the same.
    pub async fn work(&self) -> Result<Worked, Fault> {
        let reports = async {
            match &self.to_oms {
                Some(to_oms) => to_oms.pump(self.batch).await,
                None => Ok(Pumped::default()),
            }
        };
        let (discharged, reports) = join(self.warehouse.discharge_all(self.batch), reports).await;
        let mut worked = Worked {
            discharged: discharged?,
            ..Worked::default()
        };
        worked.deliver(reports.map_err(broker_fault)?);
        Ok(worked)
    }
}
