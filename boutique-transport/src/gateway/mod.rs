//! The gateway: enforces a [`RouteTable`](boutique_core::gateway::RouteTable) and passes on what
//! may pass.
//!
//! For each request, in this order, and without a byte of its body read:
//!
//! 1. The target is at most 8 KiB: 414.
//! 2. Who asks is counted: the principal of a token that was verified lately, otherwise the
//!    address, and the address once more for what is public: 429. This comes before any signature is checked, so a flood of made-up tokens
//!    costs a hash each, and before anything is told, so nobody probes for what there is.
//! 3. The table says which route it is: 400, 404, 405 with `Allow`.
//! 4. The token is verified: 401. The principal has asked no more often than they may, in all
//!    and of this route: 429. The token has the route's scopes: 403. The resource is the
//!    caller's, or not there: 404.
//! 5. The request goes to the route's [`GatewayUpstream`] with the headers of [`headers`], its
//!    body as it comes, at most [`GatewayOptions::body`] of it: 413. The answer comes back the
//!    same way. Both end at the route's deadline: 504.
//!
//! All of it happens in the scope of one [`Call`](crate::http::call::Call), which is the
//! gateway's hop of the trace and the parent of the upstream's: see [`Gateway::server`].
//!
//! An upstream that refuses the connection is a 503, one that breaks off after it was sent
//! something a 504: it may have done what was asked. An upstream on the network has a circuit
//! breaker, a limit of requests in flight, and retries of what was never sent or has no body and
//! may be sent twice; of a body nothing is kept, so what was sent of one is sent once: see the
//! client's own `Idempotency-Key`.

mod body;
mod document;
mod guard;
pub mod headers;
mod limit;
mod server;
mod upstream;

pub use server::{Gateway, GatewayOptions, MissingUpstream};
pub use upstream::GatewayUpstream;
