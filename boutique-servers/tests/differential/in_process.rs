//! The shop in this process: no server, no file.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use boutique_core::assembly::{Boutique, Ports, Settings};
use boutique_core::carts::{Cart, CartError, CartLine};
use boutique_core::catalog::Catalog;
use boutique_core::checkout::{CheckoutError, Outcome, PlaceOrder, ReviewDecision};
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::customer::{Customer, DirectoryError, UpsertCustomer};
use boutique_core::flow::Step;
use boutique_core::ids::UserId;
use boutique_core::orders::{CancelOrder, DeskError, Order, ReturnGoods};
use boutique_core::stock::{LedgerError, Level, Receive, StockSystem};
use boutique_core::warehouse::{CarrierEvent, Shipment, ShipmentError};
use boutique_transport::sources::{NamedIds, SystemClock, TokioTimer};

use super::shop::Shop;

/// A boutique over stores in memory.
pub(crate) struct InProcess(Boutique);

impl InProcess {
    pub(crate) async fn open() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let ports = Ports::memory(Arc::clone(&clock), Arc::new(NamedIds));
        let settings = Settings {
            timer: Arc::new(TokioTimer::new(clock)),
            ..Settings::standard(Arc::new(Catalog::default_range()))
        };
        let boutique = Boutique::new(ports, settings);
        boutique.start().await.expect("in memory");
        Self(boutique)
    }

    pub(crate) const fn ports(&self) -> &Ports {
        self.0.ports()
    }
}

#[async_trait]
impl Shop for InProcess {
    async fn receive(&self, system: StockSystem, goods: Receive) -> Result<Level, LedgerError> {
        self.ports().ledger(system).receive(goods).await
    }

    async fn customer(
        &self,
        customer: UpsertCustomer,
        at: Timestamp,
    ) -> Result<Customer, DirectoryError> {
        self.ports().customers.upsert(customer, at).await
    }

    async fn add(&self, user_id: &UserId, line: CartLine) -> Result<Cart, CartError> {
        self.ports().carts.add(user_id, line, None).await
    }

    async fn place(&self, order: PlaceOrder) -> Result<Outcome, CheckoutError> {
        self.0.place(order).await
    }

    async fn review(&self, decision: ReviewDecision) -> Result<Outcome, CheckoutError> {
        self.0.decide_review(decision).await
    }

    async fn cancel(&self, _: Option<&UserId>, order: CancelOrder) -> Result<Order, DeskError> {
        self.0.desk().run(order).await
    }

    async fn take_back(&self, _: Option<&UserId>, goods: ReturnGoods) -> Result<Order, DeskError> {
        self.0.desk().run(goods).await
    }

    async fn report(&self, event: CarrierEvent) -> Result<Shipment, ShipmentError> {
        self.0.carrier(event).await
    }

    async fn settle(&self) {
        // What was not taken is not due at once.
        while self.0.settle().await.expect("in memory").waiting > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
