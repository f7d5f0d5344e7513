//! A whole boutique in one process: every service composed over a set of ports.
//!
//! [`Boutique`] is what an embedder holds. It places orders on behalf of clients, and does what
//! has to be done behind their backs when somebody calls [`Boutique::work`]; it owns no thread
//! and no timer.

mod boutique;
mod ids;
mod ports;
mod settings;
mod work;

pub use boutique::{Accounting, Boutique, Crm, OrderDriver, Topology};
pub use ids::VolatileIds;
pub use ports::Ports;
pub use settings::{FraudService, QuoteService, Settings, ShippingService};
pub use work::{Settled, Worked};
