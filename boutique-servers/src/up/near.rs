//! Paths for programs of this machine.

use std::net::IpAddr;

use axum::Router;
use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use boutique_transport::http::problem::Problem;

/// `router`, for whoever asks this machine by its own name and is no page in a browser.
///
/// These paths ask for no token. A page from elsewhere could reach them in the browser of
/// somebody who is here, by a name of its own that resolves to this machine (DNS rebinding).
pub(super) fn near(router: Router) -> Router {
    router.layer(from_fn(only_near))
}

async fn only_near(request: Request, next: Next) -> Response {
    if is_near(request.headers()) {
        return next.run(request).await;
    }
    let text = "Host: these paths are for programs of this machine: ask 127.0.0.1 or localhost, \
                without Origin";
    Problem::new(StatusCode::FORBIDDEN, text).into_response()
}

fn is_near(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|it| it.to_str().ok());
    let host = host.and_then(|it| it.parse::<Authority>().ok());
    let named = host.is_some_and(|it| {
        let name = it.host().trim_start_matches('[').trim_end_matches(']');
        let address: Option<IpAddr> = name.parse().ok();
        let name = name.strip_suffix('.').unwrap_or(name);
        name.eq_ignore_ascii_case("localhost")
            || address.is_some_and(|it| it.to_canonical().is_loopback())
    });
    named && !headers.contains_key(header::ORIGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_own_names_are_near() {
        let of = |host: &str| HeaderMap::from_iter([(header::HOST, host.parse().expect("text"))]);
        for host in [
            "127.0.0.1:9080",
            "localhost",
            "LOCALHOST.:9080",
            "[::1]:9080",
        ] {
            assert!(is_near(&of(host)), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example:9080",
            "10.0.0.1",
            "",
        ] {
            assert!(!is_near(&of(host)), "{host}");
        }
        let mut page = of("127.0.0.1:9080");
        page.insert(header::ORIGIN, "null".parse().expect("text"));
        assert!(!is_near(&page), "a page in a browser");
    }
}
