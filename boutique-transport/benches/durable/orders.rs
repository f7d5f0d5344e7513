//! Whole orders: checkout, event, order management, accounting, warehouse, shipment,
//! recognition and analytics, on one data file.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use boutique_core::assembly::Boutique;
use boutique_core::audit::AuditScope;
use boutique_core::checkout::Finish;
use boutique_core::clock::Clock;
use boutique_core::fault::Fault;
use boutique_core::ids::{OrderId, ShipmentId};
use boutique_core::warehouse::{
    CarrierEvent, Duty, Shipment, ShipmentError, ShipmentStatus, ShipmentStore,
};
use boutique_transport::sources::{NamedIds, SystemClock};
use boutique_transport::sqlite::{CommitStats, SqliteOptions, SqliteStore};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::support::{cpu, leave, order, sell, settings, shop};

pub(crate) struct Orders {
    orders: u64,
    took: Duration,
    cpu: Duration,
    commits: CommitStats,
}

impl Orders {
    pub(crate) fn per_second(&self) -> f64 {
        self.orders as f64 / self.took.as_secs_f64()
    }

    /// Transactions that wrote, each of which somebody waited for.
    pub(crate) fn commits_per_order(&self) -> f64 {
        self.commits.transactions as f64 / self.orders as f64
    }

    pub(crate) fn commits_per_sync(&self) -> f64 {
        self.commits.transactions as f64 / self.commits.groups as f64
    }

    pub(crate) fn cpu_per_order(&self) -> Duration {
        self.cpu.div_f64(self.orders as f64)
    }
}

/// Sells `orders`. One is in flight until its shipment has left; the clock stops when nothing
/// is left to do for any of them.
pub(crate) fn run(
    runtime: &Runtime,
    directory: &Path,
    round: usize,
    orders: u64,
    in_flight: u64,
) -> Orders {
    let path = directory.join(format!("orders-{round}.db"));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let store = SqliteStore::open(path, clock, SqliteOptions::default()).expect("a data file");
    let measured = runtime.block_on(async {
        let (sent, arrived) = mpsc::unbounded_channel();
        let mut ports = store.ports(Arc::new(NamedIds));
        ports.shipments = Arc::new(Announcing {
            inner: ports.shipments,
            sent,
        });
        let mut settings = settings();
        settings.finish = Finish::Spawn(Arc::new(|it| drop(tokio::spawn(it))));
        let boutique = shop(ports, settings).await;

        let before = store.commits();
        let (begun, begun_cpu) = (Instant::now(), cpu());
        sell_all(&boutique, arrived, orders, in_flight as u32).await;
        let (took, cpu) = (begun.elapsed(), cpu() - begun_cpu);
        let after = store.commits();

        let audit = boutique.audit(AuditScope::AtRest).await.expect("audits");
        assert!(audit.is_clean(), "{:?}", audit.violations);
        Orders {
            orders,
            took,
            cpu,
            commits: CommitStats {
                transactions: after.transactions - before.transactions,
                groups: after.groups - before.groups,
            },
        }
    });
    drop(store);
    measured
}

async fn sell_all(
    boutique: &Arc<Boutique>,
    arrived: UnboundedReceiver<ShipmentId>,
    orders: u64,
    in_flight: u32,
) {
    let places = Arc::new(Semaphore::new(in_flight as usize));
    let carrier = tokio::spawn(carry(Arc::clone(boutique), arrived, Arc::clone(&places)));
    let stop = Arc::new(AtomicBool::new(false));
    let background = tokio::spawn(work(Arc::clone(boutique), Arc::clone(&stop)));
    for n in 0..orders {
        places.acquire().await.expect("open").forget();
        let boutique = Arc::clone(boutique);
        tokio::spawn(async move { sell(&boutique, order("d", n)).await });
    }
    drop(places.acquire_many(in_flight).await.expect("open"));
    stop.store(true, Ordering::Relaxed);
    background.await.expect("worked");
    carrier.abort();
    boutique.settle().await.expect("settles");
}

/// What a program does behind the clients' backs.
async fn work(boutique: Arc<Boutique>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        if boutique.work().await.expect("works").is_idle() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Takes every shipment as soon as it is there.
async fn carry(
    boutique: Arc<Boutique>,
    mut arrived: UnboundedReceiver<ShipmentId>,
    places: Arc<Semaphore>,
) {
    while let Some(shipment_id) = arrived.recv().await {
        let (boutique, places) = (Arc::clone(&boutique), Arc::clone(&places));
        tokio::spawn(async move {
            leave(&boutique, shipment_id).await;
            places.add_permits(1);
        });
    }
}

/// A store that tells the carrier of new shipments.
struct Announcing {
    inner: Arc<dyn ShipmentStore>,
    sent: UnboundedSender<ShipmentId>,
}

#[async_trait]
impl ShipmentStore for Announcing {
    async fn create(&self, shipment: Shipment) -> Result<(Shipment, bool), ShipmentError> {
        let created = self.inner.create(shipment).await?;
        if !created.1 {
            drop(self.sent.send(created.0.id.clone()));
        }
        Ok(created)
    }

    async fn apply(&self, event: CarrierEvent) -> Result<Shipment, ShipmentError> {
        self.inner.apply(event).await
    }

    async fn discharge(
        &self,
        shipment_id: &ShipmentId,
        of: ShipmentStatus,
        done: &[Duty],
    ) -> Result<(), ShipmentError> {
        self.inner.discharge(shipment_id, of, done).await
    }

    async fn shipment(&self, id: &ShipmentId) -> Result<Option<Shipment>, Fault> {
        self.inner.shipment(id).await
    }

    async fn of_order(&self, order_id: &OrderId) -> Result<Vec<Shipment>, Fault> {
        self.inner.of_order(order_id).await
    }

    async fn shipments(
        &self,
        after: Option<&ShipmentId>,
        limit: usize,
    ) -> Result<Vec<Shipment>, Fault> {
        self.inner.shipments(after, limit).await
    }

    async fn unfinished(
        &self,
        after: Option<&ShipmentId>,
        limit: usize,
    ) -> Result<Vec<Shipment>, Fault> {
        self.inner.unfinished(after, limit).await
    }
}
