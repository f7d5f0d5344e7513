//! What was replayed, counted by itself, and what the journal says of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use boutique_core::accounting::EntryKind;
use boutique_core::ids::{EntryId, OrderId};
use boutique_core::money::Money;

use super::invoices::{Document, Sale};
use super::lines::{CURRENCY, Skipped};
use super::report::CreditNote;
use super::run::sales_of;
use super::shop::{Fate, Shop};
use crate::exit::Failure;

/// Entries read at a time.
const PAGE: usize = 512;

/// What was replayed so far; amounts are sums of the file's own lines, except `receipts`.
pub(super) struct Done {
    pub(super) orders: usize,
    pub(super) refused: usize,
    pub(super) cancellations: usize,
    pub(super) credit_notes: Vec<CreditNote>,
    pub(super) skipped: Vec<Skipped>,
    pub(super) gross: Money,
    pub(super) back: Money,
    pub(super) receipts: Money,
}

/// What the journal has of a file's orders and credit notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Booked {
    pub(super) sales: Money,
    pub(super) credits: Money,
}

impl Done {
    pub(super) const fn new() -> Self {
        let zero = Money::zero(CURRENCY);
        Self {
            orders: 0,
            refused: 0,
            cancellations: 0,
            credit_notes: Vec::new(),
            skipped: Vec::new(),
            gross: zero,
            back: zero,
            receipts: zero,
        }
    }

    /// Counts an order and its receipt.
    pub(super) fn sold(&mut self, sale: &Sale, receipt: Money) -> Result<(), Failure> {
        self.orders += 1;
        self.gross = self.gross.plus(sale.total).map_err(beyond)?;
        self.receipts = self.receipts.plus(receipt).map_err(beyond)?;
        Ok(())
    }

    /// Lists every line of an invoice that is no order.
    pub(super) fn refused(&mut self, sale: &Sale, reason: &str) {
        self.refused += 1;
        let lines: BTreeSet<u64> = sale.lines.iter().map(|it| it.number).collect();
        self.skipped.extend(lines.into_iter().map(|line| Skipped {
            line,
            reason: format!("invoice {} was not sold: {reason}", sale.invoice),
        }));
    }

    /// What the journal says of what was replayed here, whatever else the data file has.
    pub(super) async fn booked(
        &self,
        shop: &Shop,
        documents: &[Document],
        fates: &BTreeMap<Arc<str>, Fate>,
    ) -> Result<Booked, Failure> {
        let sold =
            sales_of(documents).filter(|it| matches!(fates.get(&it.invoice), Some(Fate::Sold(_))));
        let orders: BTreeSet<OrderId> =
            sold.map(|it| shop.order_id(it)).collect::<Result<_, _>>()?;
        // Also of a cancellation that came to none here: then there must be none.
        let notes: BTreeSet<EntryId> = documents
            .iter()
            .filter_map(|it| match it {
                Document::Cancellation(it) => Some(credit_note(&it.invoice)),
                Document::Sale(_) => None,
            })
            .collect::<Result<_, _>>()?;
        let zero = Money::zero(CURRENCY);
        let (mut sales, mut credits) = (zero, zero);
        let mut after = None;
        loop {
            let page = shop.ports.journal.entries(after, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            for (_, entry) in &page {
                let ours = match &entry.order_id {
                    Some(order) => orders.contains(order),
                    None => notes.contains(&entry.id),
                };
                let amount = entry.amount().filter(|_| ours).unwrap_or(zero);
                match entry.kind {
                    EntryKind::Sale => sales = sales.plus(amount).map_err(beyond)?,
                    EntryKind::Return | EntryKind::Cancellation | EntryKind::CreditNote => {
                        credits = credits.plus(amount).map_err(beyond)?;
                    }
                    EntryKind::Recognition | EntryKind::Reversal => {}
                }
            }
        }
        Ok(Booked { sales, credits })
    }
}

/// The journal entry of a cancellation's credit note.
pub(super) fn credit_note(invoice: &str) -> Result<EntryId, Failure> {
    EntryId::new(format!("credit-note.{invoice}"))
        .map_err(|error| Failure::Input(error.to_string()))
}

/// Amounts that cannot be summed.
pub(super) fn beyond(error: boutique_core::money::MoneyError) -> Failure {
    Failure::Input(format!("the file's amounts: {error}"))
}
