//! `boutique-warehouse`.

use std::sync::Arc;

use axum::Router;
use boutique_core::analytics::SHIPMENTS;
use boutique_core::assembly::{PushService, WarehousePorts, WarehouseSystem};
use boutique_core::flow::Step;
use boutique_core::stock::StockRouter;
use boutique_transport::http::oms::PushClient;
use boutique_transport::http::stock::HttpLedger;
use tokio_util::task::TaskTracker;

use super::{Composed, clock};
use crate::admin::{self, Dependency};
use crate::analytics::Analytics;
use crate::broker;
use crate::config::{Server, WarehouseConfig};
use crate::exit::Failure;
use crate::parts::{self, Making};
use crate::stack::Edges;
use crate::store;

pub(super) async fn compose(config: &WarehouseConfig) -> Result<Composed, Failure> {
    let clock = clock();
    let ports = store::open(&config.store, Arc::clone(&clock))?;
    let mut edges = Edges::new(&config.edge, config.common.serving.request_timeout)?;
    let inventory = HttpLedger {
        upstream: edges.to(Server::Inventory, &config.inventory),
    };
    let furniture = HttpLedger {
        upstream: edges.to(Server::Furniture, &config.furniture),
    };
    let topology = config.broker.topology();
    let publishing = broker::publishing(
        &config.broker,
        Server::Warehouse,
        &config.oms,
        &ports.broker,
        || {
            let orders = PushClient {
                upstream: edges.to(Server::Oms, &config.oms),
                credential: parts::push_credential(config.push.as_ref(), &clock)?,
            };
            Ok(PushService::new(orders.into_service()))
        },
    );
    let publishing = publishing.await?;
    let delivers = publishing.deliveries.own().cloned();
    let warehouse = WarehousePorts {
        shipments: Arc::clone(&ports.shipments),
        stock: StockRouter::new(Arc::new(inventory), Arc::new(furniture)),
        broker: publishing.deliveries,
        clock: Arc::clone(&clock),
    }
    .into_warehouse(&topology);
    let system = WarehouseSystem::new(
        warehouse,
        publishing.orders,
        topology.clone(),
        config.background.batch,
        config.edge.in_flight,
    );
    let analytics = match (&config.warehouse_files, &delivers) {
        (Some(folder), Some(broker)) => {
            Some(Analytics::open(folder, &[&SHIPMENTS], broker, &topology).await?)
        }
        _ => None,
    };
    system.start().await?;
    let making = Making {
        limits: config.common.serving.limits(),
        admission: config.common.serving.gate(),
        clock: Arc::clone(&clock),
    };
    let shipments = Arc::clone(&ports.shipments);
    let mut part = parts::warehouse(&Arc::new(system), shipments, &config.background, &making);
    part.edges = edges.into_states();
    let mut meters = Vec::new();
    // What a managed broker still has to deliver, that broker tells.
    if let Some(broker) = delivers {
        let mut subscriptions = vec![topology.shipments_to_oms];
        if let Some(analytics) = analytics {
            subscriptions.extend(analytics.subscriptions());
            part.duties
                .push(analytics.duty(config.background.tidying()));
        }
        for subscription in subscriptions {
            let (broker, clock) = (Arc::clone(&broker), Arc::clone(&clock));
            meters.push(admin::backlog(broker, subscription, clock));
        }
    }
    let mut dependencies = vec![Dependency::store(&ports)];
    dependencies.extend(publishing.dependencies);
    Ok(Composed {
        part,
        more: Router::new(),
        dependencies,
        meters,
        tasks: TaskTracker::new(),
    })
}
