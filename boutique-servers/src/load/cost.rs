//! What a run cost: processor time and HTTP requests, as the servers count them themselves.

use boutique_transport::http::exchange::{Exchange, Target, Upstream};
use boutique_transport::http::observe::DURATION;
use http::Method;
use serde::Serialize;
use url::Url;

/// What a server has counted since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counted {
    /// Processor time of its process, in seconds.
    pub cpu: f64,
    /// Requests it has answered, probes left out.
    pub requests: u64,
}

/// What one server took for an order, on average.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// Which server.
    pub server: &'static str,
    /// Microseconds of processor time.
    pub cpu_micros: f64,
    /// Requests it answered.
    pub requests: f64,
}

impl Counted {
    /// What `admin`'s `/metrics` says; `None` if it does not say.
    pub async fn ask<S: Exchange>(admin: &Url, exchange: &S) -> Option<Self> {
        let admin = Upstream::new(admin.clone(), exchange.clone());
        let target = Target::path(["metrics"]);
        let reply = admin.bare(Method::GET, target).await.ok()?;
        Self::read(std::str::from_utf8(&reply.body).ok()?)
    }

    /// Reads the text format of Prometheus.
    fn read(text: &str) -> Option<Self> {
        let mut counted = Self {
            cpu: value(
                text.lines()
                    .find(|it| it.starts_with("process_cpu_seconds_total"))?,
            )?,
            requests: 0,
        };
        for line in text.lines() {
            let sample = line.strip_prefix(DURATION);
            let sample = sample.and_then(|it| it.strip_prefix("_count"));
            if sample.is_some_and(|it| !it.contains("route=\"/health\"")) {
                counted.requests += value::<u64>(line)?;
            }
        }
        Some(counted)
    }

    /// What `server` took for each of `orders` between `before` and now.
    pub fn since(self, before: Self, server: &'static str, orders: u64) -> Cost {
        let orders = orders.max(1) as f64;
        Cost {
            server,
            cpu_micros: (self.cpu - before.cpu) * 1e6 / orders,
            requests: self.requests.saturating_sub(before.requests) as f64 / orders,
        }
    }
}

fn value<T: std::str::FromStr>(line: &str) -> Option<T> {
    line.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_and_buckets_are_no_requests() {
        let text = "# HELP process_cpu_seconds_total Processor time, user and system.\n\
            process_cpu_seconds_total 1.250000000\n\
            http_server_request_duration_seconds_bucket{route=\"/\",le=\"0.1\"} 7\n\
            http_server_request_duration_seconds_count{route=\"/\",status=\"200\"} 7\n\
            http_server_request_duration_seconds_count{route=\"/\",status=\"503\"} 1\n\
            http_server_request_duration_seconds_count{route=\"/health\",status=\"200\"} 90\n";
        let (cpu, requests) = (1.25, 8);
        assert_eq!(Counted::read(text), Some(Counted { cpu, requests }));
        assert_eq!(Counted::read("something else"), None);
    }
}
