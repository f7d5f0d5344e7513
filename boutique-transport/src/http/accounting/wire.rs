//! The JSON of accounting.

use std::borrow::Cow;

use boutique_core::accounting::{Account, BookRejection, Entry, Sale, what_was_sold};
use boutique_core::clock::Timestamp;
use boutique_core::customer::Email;
use boutique_core::event::ConfirmedOrder;
use boutique_core::ids::{EntryId, OrderId, UserId};
use boutique_core::money::{Currency, Money};
use boutique_core::pii::Pii;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::envelope::OfOrder;
use super::super::moment::{Micros, Moment};
use super::super::problem::Problem;
use super::super::schema::MoneySchema;
use super::amount::{Amount, Financials};

/// 409: the entry exists and says something else; 404: there is no such entry; 400: the request
/// makes no entry.
impl From<BookRejection> for Problem {
    fn from(rejection: BookRejection) -> Self {
        let status = match &rejection {
            BookRejection::Conflict(_) => StatusCode::CONFLICT,
            BookRejection::UnknownEntry(_) => StatusCode::NOT_FOUND,
            BookRejection::Unbalanced
            | BookRejection::Amount(_)
            | BookRejection::Mixed { .. }
            | BookRejection::Id(_)
            | BookRejection::Kind(_) => StatusCode::BAD_REQUEST,
        };
        Self::rejection(status, &rejection)
    }
}

/// An order that was confirmed.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewTransaction)]
pub(super) struct SaleIn {
    #[serde(rename = "orderId", alias = "order_id")]
    #[schema(value_type = String)]
    pub(super) order_id: OrderId,
    #[serde(rename = "userId", alias = "user_id")]
    #[schema(value_type = String)]
    user_id: UserId,
    #[serde(rename = "customerEmail", alias = "customer_email", alias = "email")]
    #[schema(value_type = String, format = Email)]
    pub(super) customer_email: Pii<Email>,
    #[serde(alias = "user_currency")]
    #[schema(value_type = String, example = "USD")]
    currency: Currency,
    /// What was sold. May be missing where the total is given.
    #[serde(default)]
    financials: Option<Financials>,
    /// What the buyer pays, tax included; what goods and shipping come to, less the discount,
    /// if it is missing.
    #[serde(default)]
    #[schema(value_type = Option<MoneySchema>)]
    total: Option<Amount>,
    /// What was taken off the goods.
    #[serde(default)]
    #[schema(value_type = Option<MoneySchema>)]
    discount: Option<Amount>,
    /// What of the total is tax.
    #[serde(default)]
    #[schema(value_type = Option<MoneySchema>)]
    tax: Option<Amount>,
    /// What was sold, in words; made of the items if it is missing.
    #[serde(default)]
    item: Option<String>,
    /// When it was placed, as RFC 3339 or in whole microseconds since 1970; the present if
    /// it is missing.
    #[serde(default, rename = "occurredAt", alias = "occurred_at")]
    #[schema(value_type = Option<String>)]
    pub(super) occurred_at: Option<Micros>,
}

/// What a sale comes to, as far as it is said.
#[derive(Clone, Copy)]
pub(super) struct Figures<'a> {
    pub(super) financials: Option<&'a Financials>,
    pub(super) total: Option<Amount>,
    pub(super) discount: Option<Amount>,
    pub(super) tax: Option<Amount>,
}

impl Figures<'_> {
    /// Total and tax; what is wrong with them is for the books to say.
    pub(super) fn amounts(self, currency: Currency) -> Result<(Money, Money), Problem> {
        let part = |amount: Option<Amount>, field| match amount {
            Some(amount) => amount.of(currency, field),
            None => Ok(Money::zero(currency)),
        };
        let tax = part(self.tax, "tax")?;
        if let Some(total) = self.total {
            return Ok((total.of(currency, "total")?, tax));
        }
        let Some(financials) = self.financials else {
            return Err(Problem::invalid("financials", "is missing"));
        };
        let discount = part(self.discount, "discount")?;
        if discount.is_negative() {
            return Err(Problem::invalid("discount", "must not be below zero"));
        }
        let total = financials.charged(currency)?.minus(discount);
        total
            .map(|total| (total, tax))
            .map_err(|why| Problem::from(BookRejection::from(why)).about("discount"))
    }
}

/// The longest remark that is kept, in bytes.
const REMARK_BYTES_MAX: usize = 200;

/// A client's own words on what was sold.
pub(super) fn remark(item: String) -> Result<String, Problem> {
    if item.len() > REMARK_BYTES_MAX || item.chars().any(char::is_control) {
        let why = "must be text of at most 200 bytes without control characters";
        return Err(Problem::invalid("item", why));
    }
    Ok(item)
}

impl SaleIn {
    /// The sale, which was placed at `occurred_at`.
    pub(super) fn sale(self, occurred_at: Timestamp) -> Result<Sale, Problem> {
        let figures = Figures {
            financials: self.financials.as_ref(),
            total: self.total,
            discount: self.discount,
            tax: self.tax,
        };
        let (total, tax) = figures.amounts(self.currency)?;
        let sold = |it: &Financials| what_was_sold(it.items.iter().map(|it| &it.item));
        let memo = match self.item {
            Some(item) => remark(item)?,
            None => self.financials.as_ref().map(sold).unwrap_or_default(),
        };
        Ok(Sale {
            order_id: self.order_id,
            user_id: self.user_id,
            email: self.customer_email,
            total,
            tax,
            occurred_at,
            memo,
        })
    }
}

impl OfOrder for SaleIn {
    fn of_order(order: ConfirmedOrder, at: Option<Timestamp>) -> Self {
        let event = order.order;
        Self {
            item: Some(what_was_sold(event.items.iter().map(|it| &it.item))),
            order_id: event.order_id,
            user_id: event.user_id,
            customer_email: event.email,
            currency: event.user_currency,
            financials: None,
            total: Some(Amount::Exact(order.total)),
            discount: Some(Amount::Exact(order.discount)),
            tax: Some(Amount::Exact(order.tax)),
            occurred_at: at.map(Micros),
        }
    }
}

/// A sale as our own client asks for it: a [`SaleIn`] with nothing left to be worked out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SaleOut<'a> {
    order_id: &'a OrderId,
    user_id: &'a UserId,
    customer_email: &'a Pii<Email>,
    currency: Currency,
    total: Money,
    tax: Money,
    item: &'a str,
    occurred_at: Micros,
}

impl<'a> From<&'a Sale> for SaleOut<'a> {
    fn from(sale: &'a Sale) -> Self {
        Self {
            order_id: &sale.order_id,
            user_id: &sale.user_id,
            customer_email: &sale.email,
            currency: sale.total.currency(),
            total: sale.total,
            tax: sale.tax,
            item: &sale.memo,
            occurred_at: Micros(sale.occurred_at),
        }
    }
}

/// A correction: what is said replaces what was booked.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Correction {
    /// What was sold and what it came to.
    #[serde(default)]
    pub(super) financials: Option<Financials>,
    /// What the buyer pays, tax included.
    #[serde(default, alias = "price", alias = "amount")]
    #[schema(value_type = Option<MoneySchema>)]
    pub(super) total: Option<Amount>,
    /// What was taken off the goods.
    #[serde(default)]
    #[schema(value_type = Option<MoneySchema>)]
    pub(super) discount: Option<Amount>,
    /// What of the total is tax; what was booked if it is missing.
    #[serde(default)]
    #[schema(value_type = Option<MoneySchema>)]
    pub(super) tax: Option<Amount>,
    /// The currency; what was booked if it is missing.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub(super) currency: Option<Currency>,
    /// What was sold, in words; what was booked if it is missing.
    #[serde(default)]
    pub(super) item: Option<String>,
}

/// A sale in the books.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Transaction<'a> {
    /// Its id, which a correction does not change.
    #[schema(value_type = String, example = "o-1.sale")]
    id: Cow<'a, EntryId>,
    #[schema(value_type = Option<String>)]
    order_id: Option<&'a OrderId>,
    /// What was sold.
    item: Cow<'a, str>,
    /// The amount as a number, for existing clients: see `amount`.
    price: f64,
    #[schema(value_type = String, example = "USD")]
    currency: Currency,
    /// When it was placed.
    #[schema(value_type = String, format = DateTime)]
    date: Moment,
    /// The e-mail it was sent with; later the name on the bill, because the books keep no
    /// e-mail; null for somebody the CRM did not know.
    customer: Option<&'a str>,
    /// What the buyer pays, tax included.
    #[schema(value_type = MoneySchema)]
    amount: Money,
    /// What of it is tax.
    #[schema(value_type = MoneySchema)]
    tax: Money,
    /// The journal entries it consists of.
    #[schema(value_type = Vec<EntrySchema>)]
    entries: &'a [Entry],
}

impl<'a> Transaction<'a> {
    /// The sale that `entry` books, told by `entries`.
    pub(super) fn new(entry: &'a Entry, entries: &'a [Entry]) -> Self {
        let zero = entry
            .lines
            .first()
            .map(|it| Money::zero(it.amount.currency()));
        let zero = zero.unwrap_or_else(|| Money::zero(Currency::USD));
        let of = |account| {
            let line = entry.lines.iter().find(|it| it.account == account);
            line.map_or(zero, |it| it.amount)
        };
        let amount = of(Account::Receivables);
        let order_id = entry.order_id.as_ref();
        let item = match (&*entry.memo, order_id) {
            ("", Some(order_id)) => Cow::Owned(format!("order {order_id}")),
            (memo, _) => Cow::Borrowed(memo),
        };
        let billing = entry.billing.as_ref();
        Self {
            id: order_id.map_or(Cow::Borrowed(&entry.id), |it| Cow::Owned(it.entry("sale"))),
            order_id,
            item,
            price: number(amount),
            currency: amount.currency(),
            date: entry.occurred_at.into(),
            customer: billing.map(|it| it.name.expose().as_str()),
            amount,
            tax: of(Account::TaxPayable).negated(),
            entries,
        }
    }

    /// The same, sent with this e-mail.
    pub(super) fn sent_by(mut self, email: &'a Email) -> Self {
        self.customer = Some(email.as_str());
        self
    }
}

/// An amount as a number of units, rounded to the minor unit: exact up to 2^53 minor units.
pub(super) fn number(amount: Money) -> f64 {
    let scale = 10_i128.pow(amount.currency().digits().into());
    let minor = amount.rounded().nanos() / (1_000_000_000 / scale);
    minor as f64 / scale as f64
}

/// What our own client reads of a transaction.
#[derive(Deserialize)]
pub(super) struct BookedIn {
    pub(super) entries: Vec<Entry>,
}

/// The CRM as accounting sees it.
#[derive(Serialize, ToSchema)]
pub(super) struct CrmIntegration {
    /// Whether the CRM answered in time.
    pub(super) connected: bool,
    /// How many customers it knows, if it answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) customers: Option<u64>,
    /// What is wrong, if it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<&'static str>,
    #[schema(value_type = String, format = DateTime)]
    pub(super) timestamp: Moment,
}

/// Sums over the whole ledger.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    /// Sales that stand.
    pub(super) total_transactions: u64,
    /// What they come to in `currency`, as a number, for existing clients.
    pub(super) total_amount: f64,
    /// US dollars if there are any, else the first currency there is.
    #[schema(value_type = String)]
    pub(super) currency: Currency,
    /// What they come to in every currency.
    #[schema(value_type = Vec<MoneySchema>)]
    pub(super) amounts: Vec<Money>,
}

/// A page of sales and what all of them come to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Transactions<'a> {
    pub(super) transactions: Vec<Transaction<'a>>,
    pub(super) crm_integration: CrmIntegration,
    pub(super) summary: Summary,
}

/// A journal entry. Its lines sum to zero.
#[derive(ToSchema)]
#[schema(as = Entry)]
#[expect(dead_code, reason = "described and never made")]
pub(super) struct EntrySchema {
    id: String,
    /// `sale`, `recognition`, `cancellation`, `return`, `credit_note` or `reversal`.
    kind: String,
    order_id: Option<String>,
    /// The entry it takes back.
    reverses: Option<String>,
    /// The date it counts for, in microseconds since 1970.
    occurred_at: i64,
    /// When it was booked, in microseconds since 1970.
    recorded_at: i64,
    memo: String,
    /// Who is billed.
    billing: Option<serde_json::Value>,
    lines: Vec<LineOfEntry>,
}

/// A debit if positive, a credit if negative.
#[derive(ToSchema)]
#[schema(as = EntryLine)]
#[expect(dead_code, reason = "described and never made")]
struct LineOfEntry {
    /// `receivables`, `deferred_revenue`, `tax_payable`, `revenue` or `returns_and_credits`.
    account: String,
    amount: MoneySchema,
}
