//! What a run came to.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::shopper::Bought;

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Tally {
    latency: Histogram<u64>,
    outcomes: BTreeMap<String, u64>,
    orders: u64,
    again: u64,
    unanswered: u64,
}

impl Default for Tally {
    fn default() -> Self {
        // Microseconds up to ten minutes, to three digits.
        let latency = Histogram::new_with_max(600_000_000, 3).expect("the bounds are in order");
        Self {
            latency,
            outcomes: BTreeMap::new(),
            orders: 0,
            again: 0,
            unanswered: 0,
        }
    }
}

impl Tally {
    /// Counts one order in.
    pub fn note(&mut self, bought: &Bought) {
        let micros = u64::try_from(bought.took.as_micros()).unwrap_or(u64::MAX);
        self.latency.saturating_record(micros);
        let outcome = match bought.status.map(|it| it.as_u16()) {
            Some(201) => "confirmed".to_owned(),
            Some(202) => "parked for review".to_owned(),
            Some(402) => "refused: fraud".to_owned(),
            Some(403) => "refused: account".to_owned(),
            Some(409) => "refused: stock".to_owned(),
            Some(other) => format!("answered {other}"),
            None => "no answer in time".to_owned(),
        };
        *self.outcomes.entry(outcome).or_default() += 1;
        self.orders += 1;
        self.again += u64::from(bought.again);
        self.unanswered += u64::from(bought.status.is_none());
    }

    /// The report of a run that took `elapsed`.
    pub fn report(&self, elapsed: Duration) -> Report {
        let at = |percentile| {
            let micros = self.latency.value_at_quantile(percentile);
            Duration::from_micros(micros).as_secs_f64() * 1_000.0
        };
        let seconds = elapsed.as_secs_f64();
        Report {
            orders: self.orders,
            seconds,
            per_second: self.orders as f64 / seconds.max(f64::EPSILON),
            attempts_again: self.again,
            unanswered: self.unanswered,
            latency_ms: Latency {
                p50: at(0.5),
                p90: at(0.9),
                p99: at(0.99),
                max: at(1.0),
            },
            outcomes: self.outcomes.clone(),
        }
    }
}

/// A run in figures.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Orders placed.
    pub orders: u64,
    /// How long it took.
    pub seconds: f64,
    /// Orders a second.
    pub per_second: f64,
    /// Attempts beyond the first of an order.
    pub attempts_again: u64,
    /// Orders of which nobody said in time what became of them.
    pub unanswered: u64,
    /// From an order's first attempt to its answer.
    pub latency_ms: Latency,
    /// How many came out how.
    pub outcomes: BTreeMap<String, u64>,
}

/// Latencies in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    /// Half of the orders were answered within this.
    pub p50: f64,
    /// Nine of ten.
    pub p90: f64,
    /// Ninety-nine of a hundred.
    pub p99: f64,
    /// All.
    pub max: f64,
}
