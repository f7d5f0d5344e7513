//! The recorder behind the [`metrics`] facade.

use std::sync::OnceLock;

use boutique_transport::http::observe::DURATION;
use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Seconds: from a fraction of what a request costs to the longest a client waits.
const BUCKETS: [f64; 14] = [
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// Records what the process measures from here on; the first call decides.
pub(super) fn install() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    let handle = HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new();
        let buckets = Matcher::Full(DURATION.to_owned());
        // Fails for no buckets only.
        let builder = builder.set_buckets_for_metric(buckets, &BUCKETS);
        let recorder = builder.unwrap_or_default().build_recorder();
        let handle = recorder.handle();
        // Somebody who embeds us may have a recorder of their own: then theirs records.
        if metrics::set_global_recorder(recorder).is_ok() {
            describe();
        }
        handle
    });
    handle.clone()
}

/// What the measures mean.
fn describe() {
    describe_histogram!(
        DURATION,
        "From the head of a request to that of its answer."
    );
    describe_gauge!(
        "boutique_dependency_up",
        "1 if it answered when last checked."
    );
    describe_gauge!(
        "boutique_units",
        "Units of all products of a stock system, by state."
    );
    describe_gauge!(
        "boutique_outbox_waiting",
        "Events that are not published yet."
    );
    describe_gauge!(
        "boutique_outbox_oldest_seconds",
        "Age of the oldest of them."
    );
    describe_gauge!(
        "boutique_backlog_messages",
        "Messages not yet taken, by subscription."
    );
    describe_gauge!("boutique_backlog_leased", "Those that are being delivered.");
    describe_gauge!(
        "boutique_backlog_oldest_seconds",
        "Age of the oldest of them."
    );
    describe_counter!(
        "boutique_duty_rounds_total",
        "Rounds of background work, by result."
    );
}
