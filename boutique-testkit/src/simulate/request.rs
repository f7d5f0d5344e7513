//! What travels between processes.

use std::error::Error;

use boutique_core::accounting::Book;
use boutique_core::analytics::AnalyticsRow;
use boutique_core::broker::Push;
use boutique_core::checkout::{PlaceOrder, ReviewDecision};
use boutique_core::customer::LookUpCustomer;
use boutique_core::fault::{Fault, FaultKind, PortError};
use boutique_core::fraud::Assess;
use boutique_core::ids::{HoldId, OrderId};
use boutique_core::orders::{CancelOrder, ReturnGoods};
use boutique_core::warehouse::{CarrierEvent, Fulfil};

/// A request over the simulated network.
pub(super) trait Request: Clone + Send + Sync + 'static {
    /// What is asked, in traces.
    fn verb(&self) -> &'static str;

    /// The order it is about, if it says so itself.
    fn order(&self) -> Option<OrderId> {
        None
    }
}

/// A failure that a fault of the network can be.
pub(super) trait Failure: Error + From<Fault> + Send + Sync + 'static {
    /// What may be done about it; `None` for an answer.
    fn kind(&self) -> Option<FaultKind>;
}

impl Failure for Fault {
    fn kind(&self) -> Option<FaultKind> {
        Some(self.kind())
    }
}

impl<R: Error + Send + Sync + 'static> Failure for PortError<R> {
    fn kind(&self) -> Option<FaultKind> {
        self.fault().map(Fault::kind)
    }
}

/// The order that a name derived from it begins with.
pub(super) fn order_in(name: &str, parts: usize) -> Option<OrderId> {
    let text = name.rsplitn(parts + 1, '.').nth(parts)?;
    OrderId::new(text).ok()
}

/// The order whose hold this is.
pub(super) fn order_of(hold: &HoldId) -> Option<OrderId> {
    order_in(hold.as_str(), 2)
}

impl Request for PlaceOrder {
    fn verb(&self) -> &'static str {
        "place"
    }
}

impl Request for ReviewDecision {
    fn verb(&self) -> &'static str {
        "review"
    }
    fn order(&self) -> Option<OrderId> {
        Some(self.order_id.clone())
    }
}

impl Request for LookUpCustomer {
    fn verb(&self) -> &'static str {
        "look-up"
    }
}

impl Request for Assess {
    fn verb(&self) -> &'static str {
        "assess"
    }
    fn order(&self) -> Option<OrderId> {
        Some(self.signals.order_id.clone())
    }
}

impl Request for Book {
    fn verb(&self) -> &'static str {
        "book"
    }
    fn order(&self) -> Option<OrderId> {
        match self {
            Self::Sale(it) => Some(it.order_id.clone()),
            Self::Recognition(it) => Some(it.order_id.clone()),
            Self::Credit(it) => it.order_id.clone(),
            _ => None,
        }
    }
}

impl Request for Fulfil {
    fn verb(&self) -> &'static str {
        match self {
            Self::Schedule(_) => "schedule",
            Self::Cancel(_) => "cancel-shipment",
            Self::TakeBack(_) => "take-back",
        }
    }
    fn order(&self) -> Option<OrderId> {
        Some(match self {
            Self::Schedule(it) => it.order_id.clone(),
            Self::Cancel(it) => it.order_id.clone(),
            Self::TakeBack(it) => it.order_id.clone(),
        })
    }
}

impl Request for Push {
    fn verb(&self) -> &'static str {
        "push"
    }
    fn order(&self) -> Option<OrderId> {
        let key = self.delivery.message.ordering_key.as_deref()?;
        OrderId::new(key).ok()
    }
}

impl Request for CancelOrder {
    fn verb(&self) -> &'static str {
        "cancel"
    }
    fn order(&self) -> Option<OrderId> {
        Some(self.order_id.clone())
    }
}

impl Request for ReturnGoods {
    fn verb(&self) -> &'static str {
        "return"
    }
    fn order(&self) -> Option<OrderId> {
        Some(self.order_id.clone())
    }
}

impl Request for CarrierEvent {
    fn verb(&self) -> &'static str {
        "carrier"
    }
    fn order(&self) -> Option<OrderId> {
        order_in(self.shipment_id.as_str(), 1)
    }
}

/// Rows for the table of the data warehouse.
#[derive(Clone)]
pub(super) struct Append(pub(super) Vec<AnalyticsRow>);

impl Request for Append {
    fn verb(&self) -> &'static str {
        "append"
    }
    fn order(&self) -> Option<OrderId> {
        self.0.first().map(|it| it.order_id.clone())
    }
}
