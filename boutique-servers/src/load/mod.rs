//! `boutique load`: real checkouts through a gateway, and what they came to.

mod command;
mod cost;
mod echo;
mod own;
mod report;
mod shopper;

use std::sync::Arc;
use std::time::Duration;

use boutique_transport::http::exchange::Exchange;
use futures_util::StreamExt;
use futures_util::stream::iter;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

pub use command::LoadArgs;
pub use cost::{Cost, Counted};
pub use echo::Echo;
pub use report::{Latency, Report, Tally};
pub use shopper::{Bought, Shopper};

use crate::exit::Failure;
use crate::output::{Output, Rows};

/// Places `orders` orders, `in_flight` at a time; `each` sees every answer.
pub async fn drive<S: Exchange>(
    shopper: Shopper<S>,
    orders: u64,
    in_flight: usize,
    mut each: impl FnMut(&Bought),
) -> Report {
    let shopper = Arc::new(shopper);
    let began = Instant::now();
    let mut tally = Tally::default();
    // Tasks, so that shoppers share the machine's cores as separate clients would.
    let mut answers = iter(0..orders)
        .map(|at| {
            let shopper = Arc::clone(&shopper);
            tokio::spawn(async move { shopper.buy(at).await })
        })
        .buffer_unordered(in_flight.max(1));
    while let Some(bought) = answers.next().await {
        if let Ok(bought) = bought {
            tally.note(&bought);
            each(&bought);
        }
    }
    tally.report(began.elapsed())
}

/// A bar for people; hidden where nobody looks.
pub fn progress(orders: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(orders), ProgressDrawTarget::stderr());
    let style = "{bar:40} {pos}/{len} orders, {per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Prints the report for people.
///
/// # Errors
///
/// [`Failure::Output`].
pub fn print_report(report: &Report, out: &mut Output<'_>) -> Result<(), Failure> {
    let mut rows = Rows::new(["what became of them", "#orders"]);
    for (outcome, count) in &report.outcomes {
        rows.push([outcome.clone(), count.to_string()]);
    }
    out.table(&format!("{} orders", report.orders), &rows)?;
    let Latency { p50, p90, p99, max } = report.latency_ms;
    out.line(&format!(
        "{:.1} orders/s over {:.1} s; answered within {p50:.1} ms (half), {p90:.1} ms (90 %), \
         {p99:.1} ms (99 %), {max:.1} ms (all); {} attempts were repeated",
        report.per_second, report.seconds, report.attempts_again
    ))
}
