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
use metrics::gauge;

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
fn float(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn age(now: Timestamp, oldest: Option<Timestamp>) -> f64 {
    oldest.map_or(0.0, |it| now.since(it).as_secs_f64())
}

/// What waits in the outbox of `store`, and for how long.
pub fn outbox(store: Arc<dyn CheckoutStore>, clock: Arc<dyn Clock>) -> Meter {
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

/// Units of `ledger` over all products: held by open holds, committed to sold orders, available.
pub fn stock(system: StockSystem, ledger: Arc<dyn StockLedger>) -> Meter {
    let of = |state: &'static str| gauge!("boutique_units", "system" => system.as_str(), "state" => state);
    let gauges = [of("available"), of("held"), of("committed")];
    Meter::background(move || {
        let (ledger, gauges) = (Arc::clone(&ledger), gauges.clone());
        async move {
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
