//! A checkout before a broker that delivers by itself.

mod shop;

use std::sync::Arc;

use boutique_core::assembly::{
    CheckoutEdges, CheckoutPorts, CheckoutSystem, CrmService, FraudService, PushService, Topology,
};
use boutique_core::broker::{Broker, Deliveries, Push};
use boutique_core::checkout::Outcome;
use boutique_core::customer::LookUpInDirectory;
use boutique_core::fault::Fault;
use boutique_core::flow::Step;
use boutique_core::fraud::AssessRisk;
use shop::Shop;

/// Whom a checkout would push to if it delivered.
struct Nobody;

impl Step<Push> for Nobody {
    type Response = ();
    type Error = Fault;

    async fn run(&self, _: Push) -> Result<(), Fault> {
        panic!("the broker delivers by itself")
    }
}

#[tokio::test]
async fn it_publishes_what_it_sells_and_leaves_delivering_to_the_broker() {
    let shop = Shop::new(false, |_| {}).await;
    let (ports, topology) = (&shop.ports, Topology::default());
    let crm = LookUpInDirectory {
        directory: Arc::clone(&ports.customers),
    };
    let fraud = AssessRisk {
        store: Arc::clone(&ports.signals),
        rules: Arc::clone(&shop.settings.rules),
    };
    let system = CheckoutSystem::new(
        CheckoutPorts {
            checkout: Arc::clone(&ports.checkout),
            carts: Arc::clone(&ports.carts),
            stock: ports.stock(),
            broker: Deliveries::Managed(Arc::<dyn Broker>::clone(&ports.broker)),
            analytics: Arc::clone(&ports.analytics),
            clock: Arc::clone(&ports.clock),
            ids: Arc::clone(&ports.ids),
        },
        CheckoutEdges {
            crm: CrmService::new(crm.into_service()),
            fraud: FraudService::new(fraud.into_service()),
            orders: PushService::new(Nobody.into_service()),
        },
        shop.settings.clone(),
        topology.clone(),
    );
    system.start().await.expect("starts");
    let sold = system.place(shop.both("k1")).await;
    assert!(matches!(sold, Ok(Outcome::Confirmed(_))), "{sold:?}");

    assert_eq!(system.publish().await.expect("published").published, 1);
    assert!(system.deliver().await.expect("nothing to do").is_idle());
    for subscription in [topology.orders_to_oms, topology.orders_to_analytics] {
        let backlog = ports.broker.backlog(&subscription).await.expect("counted");
        assert_eq!(
            backlog.messages, 1,
            "{subscription} is the broker's to deliver"
        );
    }
}
