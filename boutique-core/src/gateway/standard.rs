//! The routes of the wire contract.

use std::time::Duration;

use super::route::{Access, Method, Owner, Rate, Route};
use super::table::RouteTable;

/// Look at a cart.
pub const CARTS_READ: &str = "carts:read";
/// Fill and empty a cart.
pub const CARTS_WRITE: &str = "carts:write";
/// Buy.
pub const CHECKOUT: &str = "checkout";
/// Buy in anybody's name, touch anybody's cart and purchase.
pub const CHECKOUT_ANY: &str = "checkout:any";
/// Look at orders.
pub const ORDERS_READ: &str = "orders:read";
/// Cancel orders and send goods back.
pub const ORDERS_WRITE: &str = "orders:write";
/// Touch anybody's orders.
pub const ORDERS_ANY: &str = "orders:any";

/// What somebody who shops for themselves needs.
pub const SHOPPER_SCOPES: [&str; 5] =
    [CARTS_READ, CARTS_WRITE, CHECKOUT, ORDERS_READ, ORDERS_WRITE];

const CHECKOUT_SERVER: &str = "checkout";
const ORDER_SERVER: &str = "oms";

const READS: Rate = Rate::new(600, 100);
const WRITES: Rate = Rate::new(120, 30);

struct Row(
    &'static str,
    &'static str,
    Method,
    &'static str,
    &'static str,
    &'static [&'static str],
);

impl Row {
    fn route(self) -> Route {
        let Self(name, summary, method, path, upstream, scopes) = self;
        let owned = path.contains("{userId}");
        let owner = owned.then_some(Owner {
            param: "userId".into(),
            unless: CHECKOUT_ANY.into(),
        });
        Route {
            name: name.into(),
            summary: summary.into(),
            method,
            path: path.into(),
            upstream: upstream.into(),
            upstream_path: path.strip_prefix("/v1").unwrap_or(path).into(),
            access: Access::Token {
                scopes: scopes.iter().map(|&it| it.into()).collect(),
                owner,
            },
            rate: if method == Method::Get { READS } else { WRITES },
            deadline: Duration::from_secs(10),
        }
    }
}

impl RouteTable {
    /// The public routes of the wire contract, to the upstreams `checkout` and `oms`.
    pub fn standard() -> Self {
        use Method::{Delete, Get, Post};
        let (shop, oms) = (CHECKOUT_SERVER, ORDER_SERVER);
        #[rustfmt::skip]
        let rows = [
            Row("placeOrder", "Buy what is named, or the stored cart", Post, "/v1/checkout", shop, &[CHECKOUT]),
            Row("getCheckout", "The state and timeline of a purchase", Get, "/v1/checkout/{orderId}", shop, &[ORDERS_READ]),
            Row("getCart", "What is in a cart", Get, "/v1/carts/{userId}", shop, &[CARTS_READ]),
            Row("emptyCart", "Empty a cart", Delete, "/v1/carts/{userId}", shop, &[CARTS_WRITE]),
            Row("addToCart", "Put something into a cart", Post, "/v1/carts/{userId}/items", shop, &[CARTS_WRITE]),
            Row("listProducts", "What is sold", Get, "/v1/catalog", shop, &[]),
            Row("getProduct", "One product", Get, "/v1/catalog/{productId}", shop, &[]),
            Row("listOrders", "The caller's orders", Get, "/v1/orders", oms, &[ORDERS_READ]),
            Row("getOrder", "An order and its timeline", Get, "/v1/orders/{orderId}", oms, &[ORDERS_READ]),
            Row("cancelOrder", "Cancel what has not left", Post, "/v1/orders/{orderId}/cancel", oms, &[ORDERS_WRITE]),
            Row("returnGoods", "Send goods back", Post, "/v1/orders/{orderId}/returns", oms, &[ORDERS_WRITE]),
        ];
        match Self::new(rows.map(Row::route).into()) {
            Ok(table) => table,
            Err(error) => unreachable!("the routes above are a table: {error}"),
        }
    }
}
