//! Which requests may be sent twice, and which may be sent twice at the same time.
//!
//! A request may be repeated if its effect is named by an id that it carries: then the second
//! time finds the first. That is told by, in this order,
//!
//! 1. its method: `GET`, `HEAD`, `OPTIONS`, `PUT` and `DELETE` (RFC 9110, 9.2.2);
//! 2. an `Idempotency-Key`;
//! 3. its path: the wire contract's POSTs whose path or body holds the id of what they make.
//!
//! Any other POST is sent once.

use axum::http::{Method, Request};

use super::super::body::IDEMPOTENCY_KEY;
use super::super::exchange::Sent;

/// Marks a request as changing nothing whatever its method says: put into its extensions.
#[derive(Clone, Copy, Debug)]
pub struct Pure;

/// Whether carrying `request` out twice is the same as once.
pub fn repeatable<B>(request: &Request<B>) -> bool {
    let method = request.method();
    let named = method == Method::POST
        && (request.headers().contains_key(&IDEMPOTENCY_KEY) || named_by(request.uri().path()));
    named || method.is_idempotent()
}

/// Whether carrying `request` out changes nothing.
pub fn pure(request: &Sent) -> bool {
    request.method().is_safe() || request.extensions().get::<Pure>().is_some()
}

/// The POSTs of the wire contract that name what they make, as our clients send them: where an
/// id may be left out, theirs never is. An upstream's address may have a path of its own, so the
/// path is read from its end.
fn named_by(path: &str) -> bool {
    let mut segments = path.rsplit('/');
    let mut next = || segments.next().unwrap_or_default();
    match (next(), next(), next()) {
        // By message id: the push to order management.
        ("", ..) => true,
        // By order id; by e-mail address, an order attached by its id; by the id of what is
        // booked.
        ("transactions" | "shipments" | "customers" | "metrics" | "journal", ..) => true,
        // A question; a duty that is done when it is done.
        ("freight-quotes" | "sweeps", ..) => true,
        // By hold id, and for a shipment its own.
        ("pin" | "confirm" | "extend" | "release" | "ship", _, "holds") => true,
        // By shipment id, and by those of the return and the report.
        ("cancel" | "take-back" | "events", _, "shipments") => true,
        // By order id, and by that of the return.
        ("cancel" | "returns", _, "orders") => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use bytes::Bytes;

    use super::*;

    #[test]
    fn only_what_names_its_effect_is_sent_twice() {
        for (method, uri, key, expected) in [
            ("GET", "http://x/customers", false, true),
            ("PUT", "http://x/holds/h-1", false, true),
            ("DELETE", "http://x/holds/h-1", false, true),
            ("POST", "http://x/holds/h-1/confirm", false, true),
            ("POST", "http://x/holds/h-1/release", false, true),
            ("POST", "http://x/holds/h-1/ship", false, true),
            ("POST", "http://x/base/transactions", false, true),
            ("POST", "http://x/shipments", false, true),
            ("POST", "http://x/shipments/s-1/take-back", false, true),
            ("POST", "http://x/orders/o-1/returns", false, true),
            ("POST", "http://x/", false, true),
            ("POST", "http://x/checkout", false, false),
            ("POST", "http://x/checkout", true, true),
            ("POST", "http://x/inventory", false, false),
            ("POST", "http://x/inventory", true, true),
            ("POST", "http://x/inventory/sku/reserve", false, false),
            ("POST", "http://x/carts/u/items", false, false),
            ("POST", "http://x/confirm", false, false),
            ("PATCH", "http://x/customers/1", true, false),
        ] {
            let mut request = Request::builder().method(method).uri(uri);
            if key {
                request = request.header(IDEMPOTENCY_KEY, "key");
            }
            let request = request.body(Bytes::new()).expect("a request");
            assert_eq!(repeatable(&request), expected, "{method} {uri} {key}");
        }
    }

    #[test]
    fn a_post_is_pure_only_where_its_sender_says_so() {
        let asked = |method| Request::builder().method(method).body(Bytes::new());
        let mut post = asked("POST").expect("a request");
        assert!(!pure(&post));
        post.extensions_mut().insert(Pure);
        assert!(pure(&post));
        assert!(pure(&asked("GET").expect("a request")));
        assert!(!pure(&asked("PUT").expect("a request")));
    }
}
