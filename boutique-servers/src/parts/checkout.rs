//! The checkout.

use std::sync::Arc;

use boutique_core::assembly::CheckoutSystem;
use boutique_core::carts::Carts;
use boutique_core::catalog::Catalog;
use boutique_core::checkout::{CheckoutStore, Finish};
use boutique_core::ids::TenantId;
use boutique_transport::http::call::Call;
use boutique_transport::http::checkout::{CheckoutApi, routes};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use super::{Duty, Making, Part};
use crate::config::{Background, Server};
use crate::data::TENANT;

/// What the checkout's paths read besides asking it.
#[derive(Clone)]
pub struct CheckoutStores {
    /// The records of attempts.
    pub checkout: Arc<dyn CheckoutStore>,
    /// Carts.
    pub carts: Arc<dyn Carts>,
    /// What is sold.
    pub catalog: Arc<Catalog>,
}

/// Finishes orders off their clients' path, on tasks of `tasks`, and wakes `published` for the
/// event that is then in the outbox.
pub fn finish(tasks: TaskTracker, published: Arc<Notify>) -> Finish {
    Finish::Spawn(Arc::new(move |work| {
        let call = Call::current().map_or_else(Call::background, Call::detached);
        let published = Arc::clone(&published);
        tasks.spawn(call.scope(async move {
            work.await;
            published.notify_one();
        }));
    }))
}

/// The checkout; `published` is what [`finish`] was given.
pub fn checkout(
    system: &Arc<CheckoutSystem>,
    stores: CheckoutStores,
    published: Arc<Notify>,
    background: &Background,
    making: &Making,
) -> Part {
    // Duties of their own: neither an order management nor a data warehouse that does not answer
    // keeps an order from being published.
    let (publishing, told) = (Arc::clone(system), Arc::new(Notify::new()));
    let (working, next) = (background.working(), Arc::clone(&told));
    let publish = Duty::new("publish", working, move || {
        let (system, next) = (Arc::clone(&publishing), Arc::clone(&next));
        async move {
            let worked = system.publish().await?;
            if worked.published > 0 {
                next.notify_one();
            }
            Ok(!worked.is_idle())
        }
    })
    .woken_by(published);
    let reporting = Arc::clone(system);
    let report = Duty::new("report", working, move || {
        let system = Arc::clone(&reporting);
        async move { Ok(!system.report().await?.is_idle()) }
    });
    let delivering = Arc::clone(system);
    let deliver = Duty::new("deliver", working, move || {
        let system = Arc::clone(&delivering);
        async move { Ok(!system.deliver().await?.is_idle()) }
    })
    .woken_by(told);
    let api = CheckoutApi {
        place: system.placing().clone(),
        review: system.reviewing().clone(),
        store: stores.checkout,
        carts: stores.carts,
        catalog: stores.catalog,
        clock: Arc::clone(&making.clock),
        tenant: TenantId::new(TENANT).expect("visible letters"),
    };
    let (recovering, clock) = (Arc::clone(system), Arc::clone(&making.clock));
    let recover = Duty::new("recover", background.tidying(), move || {
        let (system, now) = (Arc::clone(&recovering), clock.now());
        async move { Ok(!system.recover(now).await?.is_idle()) }
    });
    let mut duties = vec![publish, report, recover];
    if system.delivers() {
        duties.push(deliver);
    }
    making.part(Server::Checkout, routes(), api, duties)
}
