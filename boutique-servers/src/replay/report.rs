//! What a replay tells.

use std::sync::Arc;
use std::time::Duration;

use boutique_core::audit::AuditReport;
use boutique_core::money::Money;
use serde_json::json;

use super::dates::{DateOrder, Evidence};
use super::lines::{CURRENCY, Skipped};
use crate::exit::Failure;
use crate::inspect::{audit_json, print_audit};
use crate::output::{Output, Rows};

/// A credit that belongs to no order.
#[derive(Clone, Debug)]
pub(super) struct CreditNote {
    pub(super) invoice: Arc<str>,
    pub(super) amount: Money,
    pub(super) lines: Vec<u64>,
}

/// What was replayed, what was not, and what it comes to.
pub(super) struct Report {
    pub(super) order: DateOrder,
    pub(super) evidence: Evidence,
    pub(super) orders: usize,
    pub(super) refused: usize,
    pub(super) cancellations: usize,
    pub(super) credit_notes: Vec<CreditNote>,
    pub(super) skipped: Vec<Skipped>,
    pub(super) gross: Money,
    pub(super) net: Money,
    pub(super) audit: AuditReport,
    pub(super) took: Duration,
}

impl Report {
    pub(super) fn print(&self, out: &mut Output<'_>) -> Result<(), Failure> {
        if out.json {
            let of = |amount: &Money| json!({ CURRENCY.code(): amount.decimal() });
            return out.json(&json!({
                "orders": self.orders,
                "refused": self.refused,
                "cancellations": self.cancellations,
                "credit_notes": self.credit_notes.len(),
                "skipped": self.skipped,
                "gross": of(&self.gross),
                "net": of(&self.net),
                "date_order": self.order.as_str(),
                "audit": audit_json(&self.audit),
            }));
        }
        out.line(&format!(
            "dates were read as {}: {}",
            self.order.as_str(),
            self.evidence
        ))?;
        let mut rows = Rows::new(["replayed", "#count"]);
        for (what, count) in [
            ("orders", self.orders),
            ("orders refused", self.refused),
            ("cancellations", self.cancellations),
            ("credit notes", self.credit_notes.len()),
            ("lines or parts of lines not replayed", self.skipped.len()),
        ] {
            rows.push([what.to_owned(), count.to_string()]);
        }
        out.table("replay", &rows)?;
        let mut rows = Rows::new(["#lines", "line", "why it was not replayed"]);
        for (reason, lines) in by_reason(&self.skipped) {
            rows.push([lines.len().to_string(), ranges(&lines), reason.to_owned()]);
        }
        out.table("not replayed", &rows)?;
        let mut rows = Rows::new(["cancellation", "#credit", "line"]);
        for note in &self.credit_notes {
            rows.push([
                note.invoice.to_string(),
                note.amount.to_string(),
                ranges(&note.lines),
            ]);
        }
        out.table("credit notes, for what no purchase was found", &rows)?;
        let mut rows = Rows::new(["currency", "#gross", "#net"]);
        rows.push([
            CURRENCY.to_string(),
            self.gross.decimal(),
            self.net.decimal(),
        ]);
        out.table("journal, receipts and file agree on", &rows)?;
        print_audit(&self.audit, out)?;
        let seconds = self.took.as_secs_f64();
        #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = self.orders as f64 / seconds.max(1e-9);
        out.line(&format!(
            "{} orders in {seconds:.2} s: {rate:.0} orders a second",
            self.orders
        ))
    }
}

/// Lines by the reason they share, in the order of the first of them.
fn by_reason(skipped: &[Skipped]) -> Vec<(&str, Vec<u64>)> {
    let mut groups: Vec<(&str, Vec<u64>)> = Vec::new();
    let mut at = std::collections::BTreeMap::new();
    for it in skipped {
        let index = *at.entry(it.reason.as_str()).or_insert_with(|| {
            groups.push((it.reason.as_str(), Vec::new()));
            groups.len() - 1
        });
        groups[index].1.push(it.line);
    }
    groups
}

/// `2-4, 9` for the lines 2, 3, 4 and 9; the first few of them, if there are many gaps.
fn ranges(lines: &[u64]) -> String {
    const SHOWN: usize = 8;
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for line in lines {
        match runs.last_mut() {
            Some((_, last)) if *last == *line || *last + 1 == *line => *last = *line,
            _ => runs.push((*line, *line)),
        }
    }
    let mut text: Vec<String> = runs
        .iter()
        .take(SHOWN)
        .map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        })
        .collect();
    if runs.len() > SHOWN {
        text.push("... (all of them with --json)".to_owned());
    }
    text.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_listed_as_ranges() {
        assert_eq!(ranges(&[2, 3, 4, 9]), "2-4, 9");
        assert_eq!(ranges(&[5]), "5");
    }
}
