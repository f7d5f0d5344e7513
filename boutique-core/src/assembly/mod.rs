//! A whole boutique in one process: every service composed over a set of ports.
//!
//! [`Boutique`] is what an embedder holds. It places orders on behalf of clients, and does what
//! has to be done behind their backs when somebody calls [`Boutique::work`]; it owns no thread
//! and no timer. It is made of systems ([`CheckoutSystem`], [`OrderSystem`], [`WarehouseSystem`])
//! whose edges are services: a program that runs one of them alone gives it other edges.

mod boutique;
mod checkout;
mod edges;
mod feeds;
mod ids;
mod orders;
mod ports;
mod settings;
mod topology;
mod warehouse;
mod work;

pub use boutique::Boutique;
pub use checkout::{CheckoutEdges, CheckoutPorts, CheckoutSystem, PlaceService};
pub use edges::{BookService, CrmService, FraudService, FulfilService, PushService};
pub use feeds::AnalyticsFeeds;
pub use ids::VolatileIds;
pub use orders::{OrderDriver, OrderEdges, OrderSystem};
pub use ports::Ports;
pub use settings::{QuoteService, Settings, ShippingService};
pub use topology::Topology;
pub use warehouse::{WarehousePorts, WarehouseSystem};
pub use work::{Settled, Worked};
