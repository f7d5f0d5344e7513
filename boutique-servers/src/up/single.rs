//! `boutique up`: every server in one process, on one file, behind the gateway on one port.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use boutique_core::analytics::Table;
use boutique_core::assembly::{Boutique, Settings};
use boutique_core::catalog::Catalog;
use boutique_core::flow::Step;
use boutique_core::stock::StockSystem;
use boutique_transport::gateway::GatewayUpstream;
use boutique_transport::http::accounting::{CountInDirectory, CountService};
use boutique_transport::sources::{SystemClock, TokioTimer};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use super::audit::auditing;
use super::near::near;
use crate::admin::{self, Dependency};
use crate::analytics::Analytics;
use crate::config::{Server, UpConfig};
use crate::exit::Failure;
use crate::parts::{self, CheckoutStores, Making, Part, Stock};
use crate::servers::Composed;
use crate::store;

/// For a connection to whoever has the keys of tokens; everything else is in the process.
const CONNECT: Duration = Duration::from_secs(1);

/// Composes all servers with edges that stay in the process.
///
/// # Errors
///
/// [`Failure`]: the store cannot be opened, or the development issuer's key cannot be used.
pub async fn compose(config: &UpConfig) -> Result<Composed, Failure> {
    let clock = Arc::new(SystemClock::default());
    let ports = store::open(&config.store, clock.clone())?;
    let catalog = Arc::new(Catalog::default_range());
    let (tasks, published) = (TaskTracker::new(), Arc::new(Notify::new()));
    let settings = Settings {
        checkout: config.policy.settings(),
        finish: parts::finish(tasks.clone(), Arc::clone(&published)),
        timer: Arc::new(TokioTimer::new(clock.clone())),
        batch: config.background.batch,
        stuck_after: config.background.stuck_after,
        ..Settings::standard(Arc::clone(&catalog))
    };
    for system in StockSystem::ALL {
        let ledger = ports.ledger(system);
        parts::open_shelves(&**ledger, system, &catalog, config.opening_stock).await?;
    }
    let boutique = Arc::new(Boutique::new(ports.clone(), settings));
    let analytics = match &config.warehouse_files {
        Some(folder) => {
            let (broker, topology) = (&ports.broker, boutique.topology());
            Some(Analytics::open(folder, &Table::ALL, broker, topology).await?)
        }
        None => None,
    };
    boutique.start().await?;

    let making = Making {
        limits: config.common.serving.limits(),
        admission: config.common.serving.gate(),
        clock: clock.clone(),
    };
    let stores = CheckoutStores {
        checkout: Arc::clone(&ports.checkout),
        carts: Arc::clone(&ports.carts),
        catalog: Arc::clone(&catalog),
    };
    let stock = |system| {
        let stock = Stock {
            system,
            ledger: Arc::clone(ports.ledger(system)),
            catalog: Arc::clone(&catalog),
            ids: Arc::clone(&ports.ids),
        };
        parts::stock(stock, &config.background, &making)
    };
    let checkout = parts::checkout(
        boutique.checkout(),
        stores,
        published,
        &config.background,
        &making,
    );
    let oms = parts::oms(boutique.orders(), &config.background, &making);
    let upstream = |it: &Part| GatewayUpstream::InProcess(it.router.clone());
    let verifier = parts::verifier(&config.jwt, clock.clone(), CONNECT)?;
    let gateway = parts::gateway(
        verifier,
        upstream(&checkout),
        upstream(&oms),
        config.rates,
        &making,
    )?;
    let customers = Arc::clone(&ports.customers);
    let journal = Arc::clone(&ports.journal);
    let count = CountService::new(
        CountInDirectory {
            directory: Arc::clone(&customers),
        }
        .into_service(),
    );
    let behind = [
        checkout,
        oms,
        parts::crm(Arc::clone(&customers), Arc::clone(&ports.ids), &making),
        stock(StockSystem::Inventory),
        stock(StockSystem::Furniture),
        parts::fraud(
            boutique.fraud().clone(),
            Arc::clone(&ports.signals),
            &config.background,
            &making,
        ),
        parts::accounting(boutique.accounting().clone(), journal, count, &making),
        parts::warehouse(
            boutique.warehouse(),
            Arc::clone(&ports.shipments),
            &config.background,
            &making,
        ),
    ];
    let mut part = Part {
        server: Server::Boutique,
        ..gateway
    };
    // Whoever runs the shop reaches every server's own paths by the admin port.
    // There is no token to show there, so only on this machine.
    let is_near = config.common.serving.host.is_loopback();
    let mut more = Router::new();
    let mut meters = vec![admin::outbox(Arc::clone(&ports.checkout), clock.clone())];
    for it in behind {
        let name = it.server.name();
        if is_near {
            more = more.nest(&format!("/services/{name}"), it.router);
        }
        part.duties.extend(it.duties);
        meters.push(admin::admitted(name, it.gate));
    }
    for system in StockSystem::ALL {
        meters.push(admin::stock(system, Arc::clone(ports.ledger(system))));
    }
    for subscription in boutique.subscriptions() {
        let broker = Arc::clone(&ports.broker);
        meters.push(admin::backlog(broker, subscription.clone(), clock.clone()));
    }
    if let Some(analytics) = analytics {
        for subscription in analytics.subscriptions() {
            let broker = Arc::clone(&ports.broker);
            meters.push(admin::backlog(broker, subscription, clock.clone()));
        }
        part.duties
            .push(analytics.duty(config.background.tidying()));
    }
    Ok(Composed {
        part,
        more: near(more).merge(auditing(ports.clone())),
        dependencies: vec![Dependency::store(&ports)],
        meters,
        tasks,
    })
}
