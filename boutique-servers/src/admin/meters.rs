//! What is measured besides requests.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use boutique_core::broker::{Broker, SubscriptionId};
use boutique_core::checkout::CheckoutStore;
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::fault::Fault;
use boutique_core::flow::BoxFuture;
use boutique_core::stock::{StockLedger, StockSystem};
use boutique_transport::http::call::Call;
use boutique_transport::http::edge::{EdgeState, Phase};
use boutique_transport::http::gate::Gate;
use metrics::{counter, gauge};

use super::recorder::install;

/// Something that has to be asked to be measured.
pub struct Meter(How);

enum How {
    /// Asks a store: in the background.
    Background(Box<dyn Fn() -> BoxFuture<'static, Result<(), Fault>> + Send + Sync>),
    /// Reads what is at hand: when somebody asks for metrics.
    AtHand(Box<dyn Fn() + Send + Sync>),
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meter")
    }
}

impl Meter {
    /// Measures by `read`, which asks a store, now and then in the background. What it cannot
    /// read keeps its last value.
    pub fn background<F>(read: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        Self(How::Background(Box::new(move || Box::pin(read()))))
    }

    /// Measures by `read`, which waits for nothing, whenever somebody asks for metrics.
    pub fn at_hand(read: impl Fn() + Send + Sync + 'static) -> Self {
        Self(How::AtHand(Box::new(read)))
    }

    pub(super) async fn read(&self, within: Duration) {
        if let How::Background(read) = &self.0 {
            let read = Call::background().scope(read());
            match tokio::time::timeout(within, read).await {
                Ok(Ok(())) => {}
                Ok(Err(fault)) => tracing::debug!(%fault, "a measure cannot be read"),
                Err(_) => tracing::debug!("a measure takes too long to read"),
            }
        }
    }

    pub(super) fn scraped(&self) {
        if let How::AtHand(read) = &self.0 {
            read();
        }
    }
}

/// Gauges are floating-point; counts of ours are far below where that is inexact.
const fn float(count: u64) -> f64 {
    count as f64
}

fn age(now: Timestamp, oldest: Option<Timestamp>) -> f64 {
    oldest.map_or(0.0, |it| now.since(it).as_secs_f64())
}

/// What waits in the outbox of `store`, and for how long.
pub fn outbox(store: Arc<dyn CheckoutStore>, clock: Arc<dyn Clock>) -> Meter {
    install();
    let waiting = gauge!("boutique_outbox_waiting");
    let oldest = gauge!("boutique_outbox_oldest_seconds");
    Meter::background(move || {
        let (store, clock) = (Arc::clone(&store), Arc::clone(&clock));
        let (waiting, oldest) = (waiting.clone(), oldest.clone());
        async move {
            let status = store.outbox().await?;
            waiting.set(float(status.waiting));
            oldest.set(age(clock.now(), status.oldest));
            Ok(())
        }
    })
}

/// What `subscription` still has to deliver, and for how long it has waited.
pub fn backlog(
    broker: Arc<dyn Broker>,
    subscription: SubscriptionId,
    clock: Arc<dyn Clock>,
) -> Meter {
    install();
    let named = |name: &'static str| gauge!(name, "subscription" => subscription.to_string());
    let messages = named("boutique_backlog_messages");
    let leased = named("boutique_backlog_leased");
    let oldest = named("boutique_backlog_oldest_seconds");
    Meter::background(move || {
        let (broker, clock) = (Arc::clone(&broker), Arc::clone(&clock));
        let subscription = subscription.clone();
        let (messages, leased, oldest) = (messages.clone(), leased.clone(), oldest.clone());
        async move {
            let unknown = "there is no such subscription";
            let backlog = broker.backlog(&subscription).await;
            let backlog = backlog.map_err(|it| it.into_fault(unknown))?;
            messages.set(float(backlog.messages));
            leased.set(float(backlog.leased));
            oldest.set(age(clock.now(), backlog.oldest));
            Ok(())
        }
    })
}

/// The most products of a ledger that are read at once.
const PAGE: usize = 1_000;

/// Open holds of `ledger`, and its units over all products: held by open holds, committed to sold
/// orders, available.
pub fn stock(system: StockSystem, ledger: Arc<dyn StockLedger>) -> Meter {
    install();
    let of = |state: &'static str| gauge!("boutique_units", "system" => system.as_str(), "state" => state);
    let gauges = [of("available"), of("held"), of("committed")];
    let holds = gauge!("boutique_holds_open", "system" => system.as_str());
    Meter::background(move || {
        let (ledger, gauges) = (Arc::clone(&ledger), gauges.clone());
        let holds = holds.clone();
        async move {
            holds.set(float(ledger.open_holds().await?));
            let mut sums = [0_u64; 3];
            let mut after = None;
            loop {
                let page = ledger.levels(after.as_ref(), PAGE).await?;
                for (_, level) in &page {
                    sums[0] += level.available();
                    sums[1] += level.held;
                    sums[2] += level.committed;
                }
                match page.into_iter().last() {
                    Some((last, _)) => after = Some(last),
                    None => break,
                }
            }
            for (gauge, sum) in gauges.iter().zip(sums) {
                gauge.set(float(sum));
            }
            Ok(())
        }
    })
}

/// How the stack before one upstream is doing.
pub fn edge(state: EdgeState) -> Meter {
    install();
    let upstream = state.name();
    let phases = [Phase::Closed, Phase::HalfOpen, Phase::Open];
    let names = ["closed", "half_open", "open"];
    let breaker =
        names.map(|it| gauge!("boutique_breaker_state", "upstream" => upstream, "state" => it));
    let opened = counter!("boutique_breaker_opened_total", "upstream" => upstream);
    let in_flight = gauge!("boutique_upstream_in_flight", "upstream" => upstream);
    let queued = gauge!("boutique_upstream_queued", "upstream" => upstream);
    let calls = counter!("boutique_upstream_calls_total", "upstream" => upstream);
    let shed = counter!("boutique_upstream_shed_total", "upstream" => upstream);
    let retries = counter!("boutique_upstream_retries_total", "upstream" => upstream);
    let hedges = counter!("boutique_upstream_hedges_total", "upstream" => upstream);
    let unpaid = counter!("boutique_upstream_unpaid_total", "upstream" => upstream);
    Meter::at_hand(move || {
        let now = state.read();
        for (phase, gauge) in phases.iter().zip(&breaker) {
            gauge.set(if *phase == now.circuit.phase {
                1.0
            } else {
                0.0
            });
        }
        opened.absolute(now.circuit.opened);
        in_flight.set(float(now.in_flight as u64));
        queued.set(float(now.queued as u64));
        calls.absolute(now.calls);
        shed.absolute(now.shed);
        retries.absolute(now.retries);
        hedges.absolute(now.hedges);
        unpaid.absolute(now.unpaid);
    })
}

/// How many requests `service` works on, lets wait and turned away.
pub fn admitted(service: &'static str, gate: Gate) -> Meter {
    install();
    let in_flight = gauge!("boutique_requests_in_flight", "service" => service);
    let queued = gauge!("boutique_requests_queued", "service" => service);
    let shed = counter!("boutique_requests_shed_total", "service" => service);
    Meter::at_hand(move || {
        in_flight.set(float(gate.in_flight() as u64));
        queued.set(float(gate.queued() as u64));
        shed.absolute(gate.shed());
    })
}
