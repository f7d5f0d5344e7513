//! The auditor: checks what must hold of a boutique, over its ports, running or stopped.
//!
//! It reads records in the order in which they are written (saga, then hold, then entry, then
//! shipment), so that what it calls a violation was one at some instant; what a running system
//! has merely not done yet is only a violation at rest.

mod books;
mod foreign;
mod orders;
mod rest;
mod stock;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::assembly::Ports;
use crate::broker::SubscriptionId;
use crate::fault::Fault;
use crate::money::{Currency, Money};

/// What kind of moment it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditScope {
    /// Orders are being placed and worked on.
    Running,
    /// Nothing is left to do: every event is delivered and every step is done.
    AtRest,
}

/// What must hold. The numbers are those of the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Invariant {
    /// 1: `on_hand = available + held + committed`, all at least zero; units are conserved.
    StockAddsUp,
    /// 2: a confirmed order has one sale entry, one shipment and one sold hold per stock system.
    ConfirmedIsComplete,
    /// 3: an order that was not sold leaves no hold, entry, shipment or event.
    UnsoldLeavesNothing,
    /// 4: every confirmed order's event is delivered, and its effects happen once.
    EventsTakeEffectOnce,
    /// 5: the journal sums to zero per currency; receipts and sales agree.
    BooksBalance,
    /// 6: the answer under a key is the one the deciding ledger keeps.
    AnswersAreKept,
    /// 7: the deduplicated analytics view has exactly the confirmed orders.
    AnalyticsAgree,
    /// 8: whatever was interrupted is resumed or has expired.
    NothingIsStuck,
}

impl Invariant {
    /// Every invariant that data can break.
    pub const ALL: [Self; 8] = [
        Self::StockAddsUp,
        Self::ConfirmedIsComplete,
        Self::UnsoldLeavesNothing,
        Self::EventsTakeEffectOnce,
        Self::BooksBalance,
        Self::AnswersAreKept,
        Self::AnalyticsAgree,
        Self::NothingIsStuck,
    ];

    /// What must hold, in a few words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::StockAddsUp => "stock adds up",
            Self::ConfirmedIsComplete => "confirmed orders are complete",
            Self::UnsoldLeavesNothing => "unsold orders leave nothing",
            Self::EventsTakeEffectOnce => "events take effect once",
            Self::BooksBalance => "books balance",
            Self::AnswersAreKept => "answers are kept",
            Self::AnalyticsAgree => "analytics agree",
            Self::NothingIsStuck => "nothing is stuck",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

/// Something that must hold and does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// What must hold.
    pub invariant: Invariant,
    /// The order, hold, entry, shipment or product that breaks it.
    pub subject: String,
    /// How.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.invariant, self.subject, self.detail)
    }
}

/// What an audit looked at and what it found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditReport {
    /// What kind of moment it was taken for.
    pub scope: AuditScope,
    /// How many of what was looked at.
    pub seen: Seen,
    /// The first violations, at most [`VIOLATIONS_KEPT`].
    pub violations: Vec<Violation>,
    /// All violations, counted.
    pub violation_count: u64,
}

/// How many of what an audit looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Saga records.
    pub orders: u64,
    /// Those of them that are confirmed.
    pub confirmed: u64,
    /// Orders of other publishers, which order management took in and checkout has no record of.
    #[serde(default)]
    pub foreign: u64,
    /// Holds in both stock systems.
    pub holds: u64,
    /// Products in both stock systems.
    pub products: u64,
    /// Journal entries.
    pub entries: u64,
    /// Shipments.
    pub shipments: u64,
    /// Raw rows of the analytics table.
    pub analytics_rows: u64,
}

impl AuditReport {
    /// Whether everything holds.
    pub const fn is_clean(&self) -> bool {
        self.violation_count == 0
    }
}

/// The most violations a report spells out.
pub const VIOLATIONS_KEPT: usize = 1_000;

/// How many rows are read at a time.
const PAGE: usize = 512;

/// Where the page after this one begins: after its `last` record, which comes after what it was
/// asked to begin `after`. A store whose records come in no order would be read for ever.
fn onward<T: PartialOrd>(after: Option<T>, last: T) -> Result<Option<T>, Fault> {
    if after.is_some_and(|it| it >= last) {
        let why = "records come out of order: the store is damaged, restore it from a backup";
        return Err(Fault::permanent(why));
    }
    Ok(Some(last))
}

/// Checks a boutique over its ports.
pub struct Auditor<'a> {
    ports: &'a Ports,
    subscriptions: &'a [SubscriptionId],
    report: AuditReport,
    receipts: BTreeMap<Currency, Money>,
}

impl<'a> Auditor<'a> {
    /// An auditor of these ports; at rest, these subscriptions must have delivered everything.
    /// Where the ports' broker has none of them, events go through another: the rows of analytics
    /// are then with that one, and not looked for here.
    pub fn new(ports: &'a Ports, subscriptions: &'a [SubscriptionId], scope: AuditScope) -> Self {
        let report = AuditReport {
            scope,
            seen: Seen::default(),
            violations: Vec::new(),
            violation_count: 0,
        };
        Self {
            ports,
            subscriptions,
            report,
            receipts: BTreeMap::new(),
        }
    }

    /// Looks at everything.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if a port cannot be read: then nothing is known.
    pub async fn run(mut self) -> Result<AuditReport, Fault> {
        self.stock().await?;
        self.orders().await?;
        self.foreign_orders().await?;
        self.books().await?;
        if self.at_rest() {
            self.rest().await?;
        }
        Ok(self.report)
    }

    fn at_rest(&self) -> bool {
        self.report.scope == AuditScope::AtRest
    }

    /// Counts in what a buyer pays.
    fn receipt(&mut self, total: Money) {
        let zero = Money::zero(total.currency());
        let sum = self.receipts.entry(total.currency()).or_insert(zero);
        *sum = sum.plus(total).unwrap_or(*sum);
    }

    fn say(&mut self, invariant: Invariant, subject: impl fmt::Display, detail: impl Into<String>) {
        self.report.violation_count += 1;
        if self.report.violations.len() < VIOLATIONS_KEPT {
            let (subject, detail) = (subject.to_string(), detail.into());
            self.report.violations.push(Violation {
                invariant,
                subject,
                detail,
            });
        }
    }
}
