//! Accounting: a double-entry journal that is immutable and balanced by construction.
//!
//! Revenue is deferred when an order is confirmed and recognised when its goods ship; what was
//! wrong is reversed by a further entry, never changed. An entry's id names the order and the
//! occasion, so booking the same thing again books nothing.

mod book;
mod entries;
mod keep;
mod memory;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use book::{JournalBook, TrialBalance};
pub use entries::{correction_entry, what_was_sold};
pub use entries::{credit_entry, recognition_entry, reversal_entry, sale_entry};
pub use keep::KeepBooks;
pub use memory::MemoryJournal;

use crate::clock::Timestamp;
use crate::customer::{BillingProfile, Email};
use crate::fault::{Fault, PortError};
use crate::ids::{EntryId, InvalidId, OrderId, UserId};
use crate::money::{Currency, Money};
use crate::pii::Pii;

/// An account of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// 1100, an asset: what buyers owe us or have paid through their provider.
    Receivables,
    /// 2100, a liability: paid for, not shipped.
    DeferredRevenue,
    /// 2200, a liability: what the tax office gets.
    TaxPayable,
    /// 4000, revenue: goods and shipping that have left.
    Revenue,
    /// 4900, set against revenue: goods taken back and credits given.
    ReturnsAndCredits,
}

impl Account {
    /// Every account, by number.
    pub const ALL: [Self; 5] = [
        Self::Receivables,
        Self::DeferredRevenue,
        Self::TaxPayable,
        Self::Revenue,
        Self::ReturnsAndCredits,
    ];

    /// Its number.
    pub const fn number(self) -> u16 {
        match self {
            Self::Receivables => 1100,
            Self::DeferredRevenue => 2100,
            Self::TaxPayable => 2200,
            Self::Revenue => 4000,
            Self::ReturnsAndCredits => 4900,
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receivables => "receivables",
            Self::DeferredRevenue => "deferred revenue",
            Self::TaxPayable => "tax payable",
            Self::Revenue => "revenue",
            Self::ReturnsAndCredits => "returns and credits",
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number(), self.name())
    }
}

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// An order was confirmed. One per order.
    Sale,
    /// A shipment of it left.
    Recognition,
    /// All or part of it was cancelled before it left.
    Cancellation,
    /// Some of it came back.
    Return,
    /// A credit that belongs to no order.
    CreditNote,
    /// An earlier entry was wrong.
    Reversal,
}

impl EntryKind {
    /// The name used in tables and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sale => "sale",
            Self::Recognition => "recognition",
            Self::Cancellation => "cancellation",
            Self::Return => "return",
            Self::CreditNote => "credit_note",
            Self::Reversal => "reversal",
        }
    }
}

/// One line of an entry: a debit if positive, a credit if negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryLine {
    /// The account.
    pub account: Account,
    /// How much.
    pub amount: Money,
}

/// A journal entry. Its lines, two or more of one currency, sum to zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its id; the same id with the same content is the same entry.
    pub id: EntryId,
    /// What it is about.
    pub kind: EntryKind,
    /// The order it belongs to.
    pub order_id: Option<OrderId>,
    /// The entry it takes back.
    pub reverses: Option<EntryId>,
    /// The date it counts for.
    pub occurred_at: Timestamp,
    /// When it was booked; not part of its content when entries are compared.
    pub recorded_at: Timestamp,
    /// A remark without personal data.
    pub memo: String,
    /// Who is billed, as the CRM knew them when it was booked; not part of its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing: Option<BillingProfile>,
    /// Debits and credits.
    pub lines: Vec<EntryLine>,
}

impl Entry {
    /// The sum of the debits.
    pub fn amount(&self) -> Option<Money> {
        let currency = self.lines.first()?.amount.currency();
        let debits = self
            .lines
            .iter()
            .map(|it| it.amount)
            .filter(|it| !it.is_negative());
        Money::sum(currency, debits).ok()
    }

    /// Whether it may be booked: two lines or more, of one currency, that sum to zero.
    ///
    /// # Errors
    ///
    /// [`BookRejection::Mixed`] or [`BookRejection::Unbalanced`].
    pub fn check(&self) -> Result<(), BookRejection> {
        let [first, rest @ ..] = self.lines.as_slice() else {
            return Err(BookRejection::Unbalanced);
        };
        let left = first.amount.currency();
        let mut sum = first.amount.nanos();
        for line in rest {
            let right = line.amount.currency();
            if left != right {
                return Err(BookRejection::Mixed { left, right });
            }
            // No line is beyond 10^21 nanos, so an i128 holds the sum of any entry in memory.
            sum += line.amount.nanos();
        }
        if rest.is_empty() || sum != 0 {
            return Err(BookRejection::Unbalanced);
        }
        Ok(())
    }

    /// Whether `other` says the same, whenever and to whom it was booked.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        self.id == other.id
            && self.kind == other.kind
            && self.order_id == other.order_id
            && self.reverses == other.reverses
            && self.occurred_at == other.occurred_at
            && self.lines == other.lines
    }
}

/// Asks accounting to book something. Everything in it but the remark decides the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Book {
    /// An order was confirmed: receivables against deferred revenue and tax.
    Sale(Sale),
    /// A shipment left: deferred revenue becomes revenue.
    Recognition(Recognition),
    /// Money is owed back: see [`Credit::kind`].
    Credit(Credit),
    /// An entry was wrong: take it back with its opposite.
    Reversal(Reverse),
}

/// A confirmed order, as accounting sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sale {
    /// The order; the entry is `<order>.sale`.
    pub order_id: OrderId,
    /// The buyer, to ask the CRM for the billing profile.
    pub user_id: UserId,
    /// Their e-mail.
    pub email: Pii<Email>,
    /// What the buyer pays, tax included.
    pub total: Money,
    /// What of it is tax.
    pub tax: Money,
    /// When.
    pub occurred_at: Timestamp,
    /// A remark without personal data: what was sold, see [`what_was_sold`].
    pub memo: String,
}

/// A shipment that left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognition {
    /// Names the shipment: the entry is `<order>.recognition.<part>`.
    pub order_id: OrderId,
    /// Which part of the order, such as the stock system's name.
    pub part: String,
    /// The part's share of the total less its share of the tax.
    pub net: Money,
    /// When it left.
    pub occurred_at: Timestamp,
}

/// Money that is owed back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credit {
    /// The entry's id, chosen by the caller.
    pub entry_id: EntryId,
    /// `Cancellation` takes it from deferred revenue, `Return` and `CreditNote` from revenue
    /// by way of returns and credits.
    pub kind: EntryKind,
    /// The order, unless it is a credit note.
    pub order_id: Option<OrderId>,
    /// What the buyer gets back, tax included.
    pub total: Money,
    /// What of it is tax.
    pub tax: Money,
    /// When.
    pub occurred_at: Timestamp,
    /// A remark without personal data.
    pub memo: String,
}

/// Takes an entry back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reverse {
    /// The entry that was wrong.
    pub entry_id: EntryId,
    /// When it is taken back.
    pub occurred_at: Timestamp,
    /// Why.
    pub memo: String,
}

/// An answer of accounting that is not yes. Nothing was booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", content = "of", rename_all = "snake_case")]
pub enum BookRejection {
    /// The id has an entry that says something else.
    #[error("entry {0} exists and says something else: correct it with a reversal")]
    Conflict(EntryId),
    /// Lines that do not sum to zero, of several currencies, or fewer than two.
    #[error("an entry needs two lines or more, of one currency, that sum to zero")]
    Unbalanced,
    /// An amount below zero, tax above the total, or more than can be kept.
    #[error("{0}")]
    Amount(Cow<'static, str>),
    /// Two currencies in one request.
    #[error("currency: {left} and {right} cannot be in one entry")]
    Mixed {
        /// The one.
        left: Currency,
        /// The other.
        right: Currency,
    },
    /// There is no such entry.
    #[error("there is no entry {0}")]
    UnknownEntry(EntryId),
    /// A name from which no entry id can be made: too long, or not visible ASCII.
    #[error("entry id: {0}")]
    Id(#[from] InvalidId),
    /// A kind that this request cannot book.
    #[error("kind: this cannot be booked as {0:?}")]
    Kind(EntryKind),
}

/// Why accounting does not do what it is asked.
pub type BookError = PortError<BookRejection>;

/// What became of a request to book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booked {
    /// The entry, as it was first booked.
    pub entry: Entry,
    /// Whether it had been booked before.
    pub repeated: bool,
}

/// What the sales that stand come to. A sale that was taken back does not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SalesTotal {
    /// How many there are.
    pub count: u64,
    /// What buyers were asked for, tax included, per currency.
    pub amounts: BTreeMap<Currency, Money>,
}

/// Keeps the journal. Entries are never changed or removed.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// Books an entry, or answers with the one that says the same under its id.
    async fn post(&self, entry: Entry) -> Result<Booked, BookError>;

    /// One entry.
    async fn entry(&self, id: &EntryId) -> Result<Option<Entry>, Fault>;

    /// All entries of an order, in the order they were booked.
    async fn entries_of(&self, order_id: &OrderId) -> Result<Vec<Entry>, Fault>;

    /// Entries in the order they were booked, each with its sequence number, after `after`, at
    /// most `limit`.
    async fn entries(&self, after: Option<u64>, limit: usize) -> Result<Vec<(u64, Entry)>, Fault>;

    /// Sales that stand, in the order they were booked, each with its sequence number, after
    /// `after`, at most `limit`. A sale that a reversal took back is not among them.
    async fn sales(&self, after: Option<u64>, limit: usize) -> Result<Vec<(u64, Entry)>, Fault>;

    /// What the sales that stand come to, in one snapshot.
    async fn sales_total(&self) -> Result<SalesTotal, Fault>;

    /// Debits and credits of every account, per currency, in one snapshot.
    async fn trial_balance(&self) -> Result<TrialBalance, Fault>;
}
