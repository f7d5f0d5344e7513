//! The verbs of a shop, wherever its systems are.

use async_trait::async_trait;
use boutique_core::carts::{Cart, CartError, CartLine};
use boutique_core::checkout::{CheckoutError, Outcome, PlaceOrder, ReviewDecision};
use boutique_core::clock::Timestamp;
use boutique_core::customer::{Customer, DirectoryError, UpsertCustomer};
use boutique_core::ids::UserId;
use boutique_core::orders::{CancelOrder, DeskError, Order, ReturnGoods};
use boutique_core::stock::{LedgerError, Level, Receive, StockSystem};
use boutique_core::warehouse::{CarrierEvent, Shipment, ShipmentError};

/// What can be asked of a shop.
#[async_trait]
pub(crate) trait Shop: Send + Sync {
    /// Puts goods onto a shelf.
    async fn receive(&self, system: StockSystem, goods: Receive) -> Result<Level, LedgerError>;

    /// Tells the CRM of a customer.
    async fn customer(
        &self,
        customer: UpsertCustomer,
        at: Timestamp,
    ) -> Result<Customer, DirectoryError>;

    /// Puts something into a buyer's cart.
    async fn add(&self, user_id: &UserId, line: CartLine) -> Result<Cart, CartError>;

    /// Places an order, as its buyer.
    async fn place(&self, order: PlaceOrder) -> Result<Outcome, CheckoutError>;

    /// Decides an order that waits for a person.
    async fn review(&self, decision: ReviewDecision) -> Result<Outcome, CheckoutError>;

    /// Calls an order off: its buyer, or the shop if nobody is named.
    async fn cancel(&self, buyer: Option<&UserId>, order: CancelOrder) -> Result<Order, DeskError>;

    /// Takes goods back from their buyer, or, if nobody is named, at the shop.
    async fn take_back(
        &self,
        buyer: Option<&UserId>,
        goods: ReturnGoods,
    ) -> Result<Order, DeskError>;

    /// Takes in what a carrier says.
    async fn report(&self, event: CarrierEvent) -> Result<Shipment, ShipmentError>;

    /// Waits until nothing is left to do.
    async fn settle(&self);
}
