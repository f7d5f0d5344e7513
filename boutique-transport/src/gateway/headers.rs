//! Which headers pass, and which are ours to write.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// By which addresses a request came.
pub const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Headers of one connection, not of the request (RFC 9110 section 7.6.1), and those that proxies
/// have made of them.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// What only we may say to an upstream, or what is for us alone.
const OURS: [HeaderName; 7] = [
    // For us alone: an upstream has no use for a token it could use in the caller's name.
    header::AUTHORIZATION,
    header::EXPECT,
    // The upstream's own name goes there.
    header::HOST,
    header::FORWARDED,
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-deadline-ms"),
];

/// The names of ours begin so.
const OUR_PREFIXES: [&str; 3] = ["x-apigateway-", "x-boutique-", "x-original-"];

/// Removes what belongs to a connection, the headers that `Connection` names included.
pub(super) fn strip_connection(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        let named = headers.get_all(header::CONNECTION).iter();
        let named = named
            .filter_map(|it| it.to_str().ok())
            .flat_map(|it| it.split(','));
        let named: Vec<HeaderName> = named.filter_map(|it| it.trim().parse().ok()).collect();
        for name in named {
            // What frames the body is not an option of a connection, whatever it says.
            if name != header::CONTENT_LENGTH && name != header::HOST {
                headers.remove(name);
            }
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Leaves of a client's headers what an upstream may believe to be the client's.
pub(super) fn strip_request(headers: &mut HeaderMap) {
    strip_connection(headers);
    for name in &OURS {
        headers.remove(name);
    }
    // Some servers read `_` as `-`: a name with one could become one of ours.
    let ours = |name: &str| {
        name.contains('_') || OUR_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    };
    if headers.keys().any(|it| ours(it.as_str())) {
        let names = headers.keys().filter(|it| ours(it.as_str()));
        for name in names.cloned().collect::<Vec<_>>() {
            headers.remove(name);
        }
    }
}

/// Adds `peer` to the addresses by which the request came.
pub(super) fn append_forwarded(headers: &mut HeaderMap, peer: Option<IpAddr>) {
    let Some(peer) = peer else {
        headers.remove(FORWARDED_FOR);
        return;
    };
    let before = headers.get_all(FORWARDED_FOR).iter();
    let before: Vec<&str> = before.filter_map(|it| it.to_str().ok()).collect();
    let mut all = before.join(", ");
    if !all.is_empty() {
        all.push_str(", ");
    }
    all.push_str(&peer.to_string());
    if let Ok(value) = HeaderValue::from_str(&all) {
        headers.insert(FORWARDED_FOR, value);
    }
}

/// The address that `hops` trusted proxies before us vouch for: each has appended whom it saw.
pub(super) fn client(headers: &HeaderMap, peer: Option<IpAddr>, hops: usize) -> Option<IpAddr> {
    let Some(back) = hops.checked_sub(1) else {
        return peer;
    };
    let all = headers.get_all(FORWARDED_FOR).iter();
    let all = all
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split(','));
    let all: Vec<&str> = all.collect();
    let at = all.len().checked_sub(back + 1)?;
    all[at].trim().parse().ok().or(peer)
}

/// The same reference as a client of the public path reads it: an upstream's own path at the
/// start of a `Link` or `Location` becomes the public one.
pub(super) fn republish(headers: &mut HeaderMap, upstream_path: &str, public_path: &str) {
    for (name, open) in [(header::LINK, "<"), (header::LOCATION, "")] {
        let Some(text) = headers.get(&name).and_then(|it| it.to_str().ok()) else {
            continue;
        };
        let rest = text
            .strip_prefix(open)
            .and_then(|it| it.strip_prefix(upstream_path));
        let Some(rest) = rest.filter(|it| it.is_empty() || it.starts_with(['?', '>', '/', '#']))
        else {
            continue;
        };
        if let Ok(value) = HeaderValue::from_str(&format!("{open}{public_path}{rest}")) {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().expect("a value"));
        }
        headers
    }

    #[test]
    fn the_address_a_trusted_proxy_saw_is_the_clients_and_never_one_the_client_made_up() {
        let peer: IpAddr = "10.0.0.9".parse().expect("an address");
        let headers = map(&[
            ("x-forwarded-for", "6.6.6.6, 1.2.3.4"),
            ("x-forwarded-for", "5.6.7.8"),
        ]);
        let seen = |hops| client(&headers, Some(peer), hops).map(|it| it.to_string());
        assert_eq!(seen(0).as_deref(), Some("10.0.0.9"));
        assert_eq!(seen(1).as_deref(), Some("5.6.7.8"));
        assert_eq!(seen(2).as_deref(), Some("1.2.3.4"));
        assert_eq!(seen(4), None);
        let garbled = map(&[("x-forwarded-for", "unknown")]);
        assert_eq!(client(&garbled, Some(peer), 1), Some(peer));
    }

    #[test]
    fn a_link_leads_to_the_path_that_was_asked() {
        for (link, public) in [
            (
                "</orders?limit=1&after=x>; rel=\"next\"",
                "</v1/orders?limit=1&after=x>; rel=\"next\"",
            ),
            ("</orders/o-1>", "</v1/orders/o-1>"),
            ("<?after=x>", "<?after=x>"),
            ("</ordersOf>", "</ordersOf>"),
        ] {
            let mut headers = map(&[("link", link)]);
            republish(&mut headers, "/orders", "/v1/orders");
            assert_eq!(headers[header::LINK], public);
        }
    }
}
