//! What somebody was told, and whether it is still so.

use boutique_core::assembly::Ports;
use boutique_core::checkout::Outcome;
use boutique_core::ids::CustomerId;
use boutique_core::stock::StockSystem;
use boutique_core::warehouse::ShipmentStatus;
use serde::{Deserialize, Serialize};

use crate::load::{delivery, order_id, user};

/// Something that was acknowledged. None of them ever stops being true.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fact {
    /// Goods came in.
    Received { system: StockSystem, nth: usize },
    /// The CRM knows the user.
    Known { user: usize },
    /// The user's cart has this version or a later one.
    Carted { user: usize, version: u64 },
    /// This is the answer under the order's key.
    Answered { number: usize, answer: String },
    /// Everything of the order has left.
    Shipped { number: usize },
    /// The journal has at least so many entries of the order.
    Booked { number: usize, entries: usize },
    /// Analytics has at least so many rows.
    Counted { rows: u64 },
}

impl Fact {
    /// Whether an answer may have to be made up for by recovery: only the deciding ledger has
    /// it, if the power went away before the record was ended.
    pub(crate) const fn needs_recovery(&self) -> bool {
        matches!(self, Self::Answered { .. })
    }

    /// Whether it is so.
    pub(crate) async fn holds(&self, ports: &Ports) -> bool {
        match self {
            Self::Received { system, nth } => {
                // Taken in before, it changes nothing.
                let ledger = ports.ledger(*system);
                let delivery = delivery(*system, *nth);
                let before = ledger.level(&delivery.product_id).await.expect("reads");
                let after = ledger.receive(delivery).await.expect("received");
                before.is_some_and(|it| it.on_hand == after.on_hand)
            }
            Self::Known { user: number } => {
                let id = CustomerId::new(user(*number).as_str()).expect("an id");
                ports
                    .customers
                    .customer(&id)
                    .await
                    .expect("reads")
                    .is_some()
            }
            Self::Carted {
                user: number,
                version,
            } => {
                let cart = ports.carts.cart(&user(*number)).await.expect("reads");
                cart.version >= *version
            }
            Self::Answered { number, answer } => {
                let saga = ports
                    .checkout
                    .saga(&order_id(*number))
                    .await
                    .expect("reads");
                let outcome = saga.and_then(|it| Outcome::of(&it));
                outcome.is_some_and(|it| format!("{it:?}") == *answer)
            }
            Self::Shipped { number } => {
                let shipments = ports.shipments.of_order(&order_id(*number)).await;
                let shipments = shipments.expect("reads");
                !shipments.is_empty()
                    && shipments
                        .iter()
                        .all(|it| it.status == ShipmentStatus::Shipped)
            }
            Self::Booked { number, entries } => {
                let booked = ports.journal.entries_of(&order_id(*number)).await;
                booked.expect("reads").len() >= *entries
            }
            Self::Counted { rows } => ports.analytics.raw_rows().await.expect("reads") >= *rows,
        }
    }
}
