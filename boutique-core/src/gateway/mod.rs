//! The front door as a value: which routes there are, who may take them, how often, how long.
//!
//! A [`RouteTable`] and a [`TokenPolicy`] say everything; the gateway server enforces them, and
//! [`spec`] writes the same value as the documents of Google API Gateway.
//!
//! # Who may do what
//!
//! * A token has to be valid for every route that is not [`Access::Public`], and to have all
//!   scopes the route names.
//! * Where a route names an [`Owner`], the parameter of its path has to be the token's `sub`,
//!   unless the token has the owner's `unless` scope, such as [`CHECKOUT_ANY`]. Somebody else's is
//!   answered as if it were not there: 404.
//! * What only a body or a record knows is checked by the service behind the gateway, which reads
//!   the verified claims from `X-Apigateway-Api-Userinfo`. A request without that header did not
//!   come through a gateway and is trusted: it is one of our own servers. With it:
//!   * checkout refuses a `user_id` in the body that is not the caller's with 403, unless the
//!     caller has [`CHECKOUT_ANY`]; somebody else's `GET /checkout/{orderId}` is a 404, the same
//!     as for an order that does not exist;
//!   * order management lists the caller's own orders only, and answers 404 for somebody else's,
//!     in reading as in cancelling and returning, unless the caller has [`ORDERS_ANY`].
//!
//! The services check carts too, because Google's gateway verifies tokens and passes them on but
//! knows neither scopes nor owners.

mod path;
mod route;
pub mod spec;
mod standard;
mod table;
#[cfg(test)]
mod tests;
mod token;

pub use path::PathProblem;
pub use route::{Access, Method, Owner, Rate, Route};
pub use standard::{
    CARTS_READ, CARTS_WRITE, CHECKOUT, CHECKOUT_ANY, ORDERS_ANY, ORDERS_READ, ORDERS_WRITE,
    SHOPPER_SCOPES,
};
pub use table::{InvalidTable, Miss, Resolved, RouteTable};
pub use token::{Algorithm, InvalidPolicy, Issuer, TokenPolicy};
