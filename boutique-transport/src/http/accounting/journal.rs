//! The journal itself: `GET /journal`, `GET /trial-balance`, and `POST /journal` for what is no
//! sale.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use boutique_core::accounting::{Book, BookError, Booked, Credit, Entry, EntryKind};
use boutique_core::accounting::{Recognition, Reverse};
use boutique_core::flow::Ask;
use boutique_core::ids::{EntryId, OrderId};
use boutique_core::money::{Currency, Money};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::api::answer;
use super::super::body::{JsonBody, PathOf, QueryOf};
use super::super::moment::Micros;
use super::super::page::{Page, listed};
use super::super::problem::{Problem, ProblemSchema};
use super::super::schema::MoneySchema;
use super::AccountingApi;
use super::wire::EntrySchema;

/// Something to be booked that is no sale.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Posting {
    /// A shipment left: deferred revenue becomes revenue.
    Recognition(RecognitionWire),
    /// Money is owed back.
    Credit(CreditWire),
    /// An entry was wrong: it is taken back with its opposite.
    Reversal(ReverseWire),
}

/// A shipment that left.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = Recognition)]
#[serde(rename_all = "camelCase")]
pub(super) struct RecognitionWire {
    #[schema(value_type = String)]
    order_id: OrderId,
    /// Which part of the order: the entry is `<order>.recognition.<part>`.
    part: String,
    /// The part's share of the total less its share of the tax.
    #[schema(value_type = MoneySchema)]
    net: Money,
    /// When it left: RFC 3339, or whole microseconds since 1970.
    #[schema(value_type = String)]
    occurred_at: Micros,
}

/// Money that is owed back.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = Credit)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreditWire {
    /// The entry's id, chosen by the caller.
    #[schema(value_type = String)]
    entry_id: EntryId,
    /// `cancellation`, `return` or `credit_note`.
    #[schema(value_type = String)]
    kind: EntryKind,
    /// The order, unless it is a credit note.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    order_id: Option<OrderId>,
    /// What the buyer gets back, tax included.
    #[schema(value_type = MoneySchema)]
    total: Money,
    /// What of it is tax.
    #[schema(value_type = MoneySchema)]
    tax: Money,
    /// RFC 3339, or whole microseconds since 1970.
    #[schema(value_type = String)]
    occurred_at: Micros,
    /// A remark without personal data.
    #[serde(default)]
    memo: String,
}

/// An entry to be taken back.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = Reversal)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReverseWire {
    /// The entry that was wrong.
    #[schema(value_type = String)]
    entry_id: EntryId,
    /// RFC 3339, or whole microseconds since 1970.
    #[schema(value_type = String)]
    occurred_at: Micros,
    /// Why, without personal data.
    #[serde(default)]
    memo: String,
}

impl From<Recognition> for RecognitionWire {
    fn from(it: Recognition) -> Self {
        Self {
            order_id: it.order_id,
            part: it.part,
            net: it.net,
            occurred_at: Micros(it.occurred_at),
        }
    }
}

impl From<Credit> for CreditWire {
    fn from(it: Credit) -> Self {
        Self {
            entry_id: it.entry_id,
            kind: it.kind,
            order_id: it.order_id,
            total: it.total,
            tax: it.tax,
            occurred_at: Micros(it.occurred_at),
            memo: it.memo,
        }
    }
}

impl From<Reverse> for ReverseWire {
    fn from(it: Reverse) -> Self {
        Self {
            entry_id: it.entry_id,
            occurred_at: Micros(it.occurred_at),
            memo: it.memo,
        }
    }
}

impl From<Posting> for Book {
    fn from(posting: Posting) -> Self {
        match posting {
            Posting::Recognition(it) => Self::Recognition(Recognition {
                order_id: it.order_id,
                part: it.part,
                net: it.net,
                occurred_at: it.occurred_at.0,
            }),
            Posting::Credit(it) => Self::Credit(Credit {
                entry_id: it.entry_id,
                kind: it.kind,
                order_id: it.order_id,
                total: it.total,
                tax: it.tax,
                occurred_at: it.occurred_at.0,
                memo: it.memo,
            }),
            Posting::Reversal(it) => Self::Reversal(Reverse {
                entry_id: it.entry_id,
                occurred_at: it.occurred_at.0,
                memo: it.memo,
            }),
        }
    }
}

/// 201 for what is new, 200 for what had been booked.
pub(super) const fn status(booked: &Booked) -> StatusCode {
    if booked.repeated {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    }
}

/// Book a recognition, a credit or a reversal; the same again books nothing.
#[utoipa::path(
    post,
    path = "/journal",
    request_body = Posting,
    responses(
        (status = 201, description = "Booked", body = EntrySchema),
        (status = 200, description = "It had been booked", body = EntrySchema),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 404, description = "There is no such entry to be taken back", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, description = "The entry exists and says something else", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn post<B>(
    State(api): State<AccountingApi<B>>,
    JsonBody(posting): JsonBody<Posting>,
) -> Result<Response, Problem>
where
    B: Ask<Book, Response = Booked, Error = BookError> + Clone,
{
    let booked = api.book.ask(posting.into()).await?;
    Ok(answer(status(&booked), &booked.entry))
}

/// An entry and its place in the journal.
#[derive(Serialize, ToSchema)]
struct Numbered<'a> {
    /// Its sequence number; missing in the list of one order.
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[schema(value_type = EntrySchema)]
    entry: &'a Entry,
}

/// Whose entries.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OfOrder {
    /// Only those of this order, all of them on one page.
    #[serde(default, rename = "orderId")]
    #[param(value_type = Option<String>)]
    order_id: Option<OrderId>,
}

/// List the journal in the order it was booked.
#[utoipa::path(
    get,
    path = "/journal",
    params(Page, OfOrder),
    responses((status = 200, body = Vec<Numbered>), (status = 400, body = ProblemSchema, content_type = "application/problem+json")),
)]
pub(super) async fn list<B>(
    State(api): State<AccountingApi<B>>,
    uri: Uri,
    QueryOf(page): QueryOf<Page>,
    QueryOf(of): QueryOf<OfOrder>,
) -> Result<Response, Problem>
where
    B: Ask<Book, Response = Booked, Error = BookError> + Clone,
{
    if let Some(order_id) = of.order_id {
        let entries = api.journal.entries_of(&order_id).await?;
        let entries = entries.iter().map(|entry| Numbered { seq: None, entry });
        return Ok(answer(StatusCode::OK, &entries.collect::<Vec<_>>()));
    }
    let limit = page.limit()?;
    let entries = api.journal.entries(page.after()?, limit).await?;
    let full = entries.last().filter(|_| entries.len() == limit);
    let next = full.map(|(seq, _)| seq.to_string());
    let entries = entries.iter().map(|(seq, entry)| Numbered {
        seq: Some(*seq),
        entry,
    });
    let entries: Vec<_> = entries.collect();
    Ok(listed(&uri, limit, &entries, next.as_deref()))
}

/// Tell one entry.
#[utoipa::path(
    get,
    path = "/journal/{entryId}",
    params(("entryId" = String, Path)),
    responses((status = 200, body = EntrySchema), (status = 404, body = ProblemSchema, content_type = "application/problem+json")),
)]
pub(super) async fn one<B>(
    State(api): State<AccountingApi<B>>,
    PathOf(id): PathOf<EntryId>,
) -> Result<Response, Problem>
where
    B: Ask<Book, Response = Booked, Error = BookError> + Clone,
{
    let entry = api.journal.entry(&id).await?;
    let entry = entry.ok_or_else(|| Problem::not_found("there is no such entry"))?;
    Ok(answer(StatusCode::OK, &entry))
}

/// An account in one currency.
#[derive(Serialize, ToSchema)]
struct AccountSums {
    /// Its number.
    account: u16,
    name: &'static str,
    #[schema(value_type = String)]
    currency: Currency,
    #[schema(value_type = MoneySchema)]
    debits: Money,
    #[schema(value_type = MoneySchema)]
    credits: Money,
}

/// Debits and credits of every account.
#[derive(Serialize, ToSchema)]
struct Balance {
    /// By currency and account.
    rows: Vec<AccountSums>,
    /// Entries in the journal.
    entries: u64,
    /// Whether debits equal credits in every currency.
    balanced: bool,
}

/// Tell debits and credits of every account.
#[utoipa::path(get, path = "/trial-balance", responses((status = 200, body = Balance)))]
pub(super) async fn trial_balance<B>(
    State(api): State<AccountingApi<B>>,
) -> Result<Response, Problem>
where
    B: Ask<Book, Response = Booked, Error = BookError> + Clone,
{
    let trial = api.journal.trial_balance().await?;
    let rows = trial.rows.iter();
    let rows = rows.map(|(&(currency, account), &(debits, credits))| AccountSums {
        account: account.number(),
        name: account.name(),
        currency,
        debits,
        credits,
    });
    let balance = Balance {
        rows: rows.collect(),
        entries: trial.entries,
        balanced: trial.is_balanced(),
    };
    Ok(answer(StatusCode::OK, &balance))
}
