//! The services of the wire contract over HTTP: for each its router and its client.
//!
//! A router binds core services to paths; a client is the same Tower service, or the same port,
//! as the thing behind the router, so whoever asks cannot tell them apart. What the two share:
//!
//! * [`call`]: what travels beside a request: deadline, trace, request id, lane.
//! * [`problem`]: refusals and failures as RFC 9457 documents, and back.
//! * [`envelope`]: the push envelope of Pub/Sub and Eventarc.
//! * [`body`] and [`page`]: reading bodies, keys, versions and cursors; errors name the field.
//! * [`userinfo`]: on whose behalf a request comes; [`moment`]: dates as text.
//! * [`exchange`]: one HTTP exchange as a Tower service, whoever carries it.
//! * [`edge`]: what stands between a client and its upstream; [`gate`]: how many at once.
//! * [`serve`]: the accept loop of every server; [`admission`]: how much it works on at once.
//! * [`api`]: what every server answers besides its own paths.
//! * [`observe`]: what is seen of requests: spans, metrics, lines for those that fail.

pub mod accounting;
pub mod admission;
pub mod api;
pub mod body;
pub mod call;
pub mod checkout;
pub mod crm;
pub mod edge;
pub mod envelope;
pub mod exchange;
pub mod fraud;
pub mod gate;
pub mod moment;
pub mod observe;
pub mod oms;
pub mod page;
pub mod problem;
mod schema;
pub(crate) mod scope;
pub mod serve;
pub mod stock;
pub mod userinfo;
pub mod warehouse;

pub use exchange::{Exchange, Upstream};
pub use problem::Problem;
