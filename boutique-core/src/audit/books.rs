//! The journal by itself, and every entry and shipment against the order it names.

use std::collections::BTreeMap;

use super::{Auditor, Invariant, PAGE, onward};
use crate::accounting::{Entry, EntryKind};
use crate::fault::Fault;
use crate::money::{Currency, Money};

impl Auditor<'_> {
    pub(super) async fn books(&mut self) -> Result<(), Fault> {
        let mut after = None;
        loop {
            let page = self.ports.journal.entries(after, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = onward(after, *last)?;
            for (_, entry) in &page {
                self.report.seen.entries += 1;
                self.entry(entry).await?;
            }
        }
        if !self.ports.journal.trial_balance().await?.is_balanced() {
            self.say(
                Invariant::BooksBalance,
                "the journal",
                "debits and credits differ",
            );
        }
        let sales = self.ports.journal.sales_total().await?.amounts;
        if self.at_rest() && sales != self.receipts {
            let text = |sums: &BTreeMap<Currency, Money>| {
                sums.values()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            let detail = format!(
                "sales come to {}, receipts to {}",
                text(&sales),
                text(&self.receipts)
            );
            self.say(Invariant::BooksBalance, "the journal", detail);
        }
        self.shipments().await
    }

    async fn entry(&mut self, entry: &Entry) -> Result<(), Fault> {
        let zero = entry
            .lines
            .first()
            .map(|it| Money::zero(it.amount.currency()));
        let sum = zero.and_then(|zero| {
            Money::sum(zero.currency(), entry.lines.iter().map(|it| it.amount)).ok()
        });
        if entry.lines.len() < 2 || !sum.is_some_and(|it| it.is_zero()) {
            self.say(
                Invariant::BooksBalance,
                &entry.id,
                "its lines do not sum to zero",
            );
        }
        match (&entry.order_id, entry.kind) {
            (Some(order_id), _) => {
                if !self.is_confirmed(order_id).await? {
                    let detail = format!("order {order_id} is not confirmed");
                    self.say(Invariant::UnsoldLeavesNothing, &entry.id, detail);
                }
            }
            (None, EntryKind::CreditNote | EntryKind::Reversal) => {}
            (None, kind) => {
                let detail = format!("a {} needs an order", kind.as_str());
                self.say(Invariant::BooksBalance, &entry.id, detail);
            }
        }
        Ok(())
    }

    async fn shipments(&mut self) -> Result<(), Fault> {
        let mut after = None;
        loop {
            let page = self.ports.shipments.shipments(after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = onward(after, last.id.clone())?;
            for shipment in &page {
                self.report.seen.shipments += 1;
                if !self.is_confirmed(&shipment.order_id).await? {
                    let detail = format!("order {} is not confirmed", shipment.order_id);
                    self.say(Invariant::UnsoldLeavesNothing, &shipment.id, detail);
                }
                if self.at_rest() && !shipment.duties.is_empty() {
                    let detail = format!("{} duties are left", shipment.duties.len());
                    self.say(Invariant::NothingIsStuck, &shipment.id, detail);
                }
            }
        }
    }
}
