//! `boutique demo`: a few hundred orders of every fate in a fresh boutique.

mod clock;
mod run;
pub mod story;
mod twice;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use boutique_core::audit::AuditScope;
use boutique_core::ids::{IdempotencyKey, OrderId};
use boutique_core::money::{Currency, Money};

use crate::exit::Failure;
use crate::inspect::{print_audit, print_stock, print_trial_balance};
use crate::output::{Output, Rows};
use run::Demo;
use story::{Fate, STOCKED};

/// Runs the demo in `data`, which must not exist, or in a temporary file, and lets the data
/// warehouse in the folder `warehouse`, if it is given, have what is published.
///
/// # Errors
///
/// [`Failure::Refused`], after everything is printed, if an order does not end as it ought to or
/// the audit finds something.
pub async fn demo(
    data: Option<&Path>,
    warehouse: Option<&Path>,
    out: &mut Output<'_>,
) -> Result<(), Failure> {
    let begun = Instant::now();
    let scratch = tempfile::tempdir()?;
    let scratch = scratch.path().join("demo.db");
    let path = data.unwrap_or(&scratch);
    if path.exists() {
        let path = path.display();
        return Err(Failure::Input(format!(
            "{path} exists: the demo needs a fresh data file"
        )));
    }
    let demo = Demo::open(path, warehouse).await?;
    demo.stock_and_customers().await?;
    let ended = demo.place_all().await?;
    demo.ship_and_undo(&ended).await?;

    demo.complete_analytics().await?;

    let surprises = print_outcomes(&ended, out)?;
    let ports = demo.boutique.ports();
    let (rows, orders) = demo.analytics().await?;
    out.line(&format!(
        "{} messages were published twice: {rows} analytics rows of {orders} orders",
        demo.broker.repeated()
    ))?;
    print_trial_balance(&ports.journal.trial_balance().await?, out)?;
    out.line(&format!(
        "every article but one began with {STOCKED} units on the shelf"
    ))?;
    print_stock(ports, out).await?;
    let audit = demo.boutique.audit(AuditScope::AtRest).await?;
    print_audit(&audit, out)?;
    out.line(&format!("took {:.2} s", begun.elapsed().as_secs_f64()))?;
    match (surprises, audit.violation_count) {
        (0, 0) => Ok(()),
        (surprises, violations) => Err(Failure::Refused(format!(
            "{surprises} orders ended otherwise than they ought to, and the audit found \
             {violations} violations"
        ))),
    }
}

/// How an order ended.
struct Ended {
    key: IdempotencyKey,
    fate: Fate,
    order_id: OrderId,
    outcome: &'static str,
    total: Option<Money>,
}

/// Prints what became of the orders; says how many surprise.
fn print_outcomes(ended: &[Ended], out: &mut Output<'_>) -> Result<usize, Failure> {
    let mut rows = Rows::new(["what happens", "#orders", "checkout", "#sold for"]);
    let mut surprises = 0;
    for fate in Fate::ALL {
        let mut by_outcome: BTreeMap<&str, Vec<&Ended>> = BTreeMap::new();
        for it in ended.iter().filter(|it| it.fate == fate) {
            by_outcome.entry(it.outcome).or_default().push(it);
        }
        for (outcome, orders) in by_outcome {
            if outcome != fate.outcome() {
                surprises += orders.len();
            }
            let totals = orders.iter().filter_map(|it| it.total);
            let sum = Money::sum(Currency::USD, totals)
                .map_err(|error| Failure::Refused(error.to_string()))?;
            rows.push([
                fate.text().to_owned(),
                orders.len().to_string(),
                outcome.to_owned(),
                sum.to_string(),
            ]);
        }
    }
    out.table(&format!("{} orders", ended.len()), &rows)?;
    Ok(surprises)
}
