//! `boutique-checkout`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use boutique_core::analytics::{ORDERS, REFUSALS};
use boutique_core::assembly::{
    CheckoutEdges, CheckoutPorts, CheckoutSystem, CrmService, FraudService, PushService, Settings,
};
use boutique_core::catalog::Catalog;
use boutique_core::clock::Timestamp;
use boutique_core::flow::Step;
use boutique_core::stock::StockRouter;
use boutique_transport::http::api::versioned;
use boutique_transport::http::call::Call;
use boutique_transport::http::crm::CrmClient;
use boutique_transport::http::fraud::FraudClient;
use boutique_transport::http::oms::PushClient;
use boutique_transport::http::stock::HttpLedger;
use boutique_transport::sources::TokioTimer;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::{Composed, clock};
use crate::admin::{self, Dependency};
use crate::analytics::Analytics;
use crate::broker;
use crate::config::{CheckoutConfig, Server};
use crate::exit::Failure;
use crate::parts::{self, CheckoutStores, Making};
use crate::stack::Edges;
use crate::store;

/// How long the start may wait for attempts of the last run to be ended.
const RESUME: Duration = Duration::from_secs(2);

/// Ends what the last run left, as far as the stock systems answer; recovery does the rest when
/// its time has come.
async fn resume(system: &CheckoutSystem) {
    let all = system.recover(Timestamp::MAX);
    let resumed = timeout(RESUME, Call::background().scope(all)).await;
    if !matches!(resumed, Ok(Ok(_))) {
        tracing::warn!("not everything the last run left could be ended yet");
    }
}

pub(super) async fn compose(config: &CheckoutConfig) -> Result<Composed, Failure> {
    let clock = clock();
    let ports = store::open(&config.store, Arc::clone(&clock))?;
    let mut edges = Edges::new(&config.edge, config.common.serving.request_timeout)?;
    let crm = CrmClient {
        upstream: edges.reading(Server::Crm, &config.crm),
    };
    let fraud = FraudClient {
        upstream: edges.reading(Server::Fraud, &config.fraud),
    };
    let inventory = HttpLedger {
        upstream: edges.to(Server::Inventory, &config.inventory),
    };
    let furniture = HttpLedger {
        upstream: edges.to(Server::Furniture, &config.furniture),
    };
    let (tasks, published) = (TaskTracker::new(), Arc::new(Notify::new()));
    let catalog = Arc::new(Catalog::default_range());
    let topology = config.broker.topology();
    let publishing = broker::publishing(
        &config.broker,
        Server::Checkout,
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
    let settings = Settings {
        checkout: config.policy.settings(),
        finish: parts::finish(tasks.clone(), Arc::clone(&published)),
        timer: Arc::new(TokioTimer::new(Arc::clone(&clock))),
        batch: config.background.batch,
        in_flight: config.edge.in_flight,
        stuck_after: config.background.stuck_after,
        ..Settings::standard(Arc::clone(&catalog))
    };
    let system = CheckoutSystem::new(
        CheckoutPorts {
            checkout: Arc::clone(&ports.checkout),
            carts: Arc::clone(&ports.carts),
            stock: StockRouter::new(Arc::new(inventory), Arc::new(furniture)),
            broker: publishing.deliveries,
            analytics: Arc::clone(&ports.analytics),
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ports.ids),
        },
        CheckoutEdges {
            crm: CrmService::new(crm.into_service()),
            fraud: FraudService::new(fraud.into_service()),
            orders: publishing.orders,
        },
        settings,
        topology.clone(),
    );
    let system = Arc::new(system);
    // Shipments are the warehouse's to tell of.
    let tables = [&ORDERS, &REFUSALS];
    let analytics = match (&config.warehouse_files, &delivers) {
        (Some(folder), Some(broker)) => {
            Some(Analytics::open(folder, &tables, broker, &topology).await?)
        }
        _ => None,
    };
    system.start().await?;
    resume(&system).await;
    let stores = CheckoutStores {
        checkout: Arc::clone(&ports.checkout),
        carts: Arc::clone(&ports.carts),
        catalog,
    };
    let making = Making {
        limits: config.common.serving.limits(),
        admission: config.common.serving.gate(),
        clock: Arc::clone(&clock),
    };
    let mut part = parts::checkout(&system, stores, published, &config.background, &making);
    // Google's gateway passes public paths on as they are.
    part.router = versioned(part.router);
    part.edges = edges.into_states();
    let mut meters = vec![admin::outbox(
        Arc::clone(&ports.checkout),
        Arc::clone(&clock),
    )];
    // What a managed broker still has to deliver, that broker tells.
    if let Some(broker) = delivers {
        let mut subscriptions = vec![
            topology.orders_to_oms,
            topology.orders_to_analytics,
            topology.dead_to_oms,
        ];
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
        tasks,
    })
}
