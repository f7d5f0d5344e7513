//! Sales as transactions.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use boutique_core::accounting::{Account, Book, BookError, BookRejection, Booked, Entry};
use boutique_core::accounting::{EntryKind, Reverse, correction_entry};
use boutique_core::fault::{Fault, PortError};
use boutique_core::flow::Ask;
use boutique_core::ids::EntryId;
use boutique_core::money::{Currency, Money};

use super::super::api::answer;
use super::super::body::{JsonBody, PathOf, QueryOf};
use super::super::call;
use super::super::envelope::{EnvelopeOut, Pushed};
use super::super::page::{Page, listed};
use super::super::problem::{Problem, ProblemSchema};
use super::AccountingApi;
use super::crm::integration;
use super::journal::status;
use super::wire::{Correction, Figures, SaleIn, Summary, Transaction, Transactions};
use super::wire::{number, remark};

/// Book the sale of a confirmed order.
///
/// The same order id again books nothing and is answered the same. A push envelope with the same
/// JSON, or with the event of an order, is as good as the plain body.
#[utoipa::path(
    post,
    path = "/transactions",
    request_body = SaleIn,
    responses(
        (status = 201, description = "Booked", body = Transaction),
        (status = 200, description = "It had been booked", body = Transaction),
        (status = 400, description = "No sale: mixed or unknown currencies, amounts that are none", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, description = "The order was booked with other amounts", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn book<B>(
    State(api): State<AccountingApi<B>>,
    Pushed(asked): Pushed<SaleIn>,
) -> Result<Response, Problem>
where
    B: Ask<Book, Response = Booked, Error = BookError> + Clone,
{
    let email = asked.customer_email.clone();
    let booked = match asked.occurred_at {
        Some(at) => api.book.ask(Book::Sale(asked.sale(at.0)?)).await?,
        None => undated(&api, asked).await?,
    };
    let entries = std::slice::from_ref(&booked.entry);
    let transaction = Transaction::new(&booked.entry, entries).sent_by(email.expose());
    Ok(answer(status(&booked), &transaction))
}

/// Books a sale that does not say when it was: the first time it is now, and then it was then.
async fn undated<B>(api: &AccountingApi<B>, asked: SaleIn) -> Result<Booked, Problem>
where
    B: Ask<Book, Response = Booked, Error = BookError> + Clone,
{
    let id = asked.order_id.entry("sale");
    let known = api.journal.entry(&id).await?.map(|it| it.occurred_at);
    let now = api.clock.now();
    let mut sale = asked.sale(known.unwrap_or(now))?;
    match api.book.ask(Book::Sale(sale.clone())).await {
        // Somebody else may have booked it meanwhile.
        Err(PortError::Rejected(BookRejection::Conflict(id))) if known.is_none() => {
            let known = api.journal.entry(&id).await?;
            sale.occurred_at = known.map_or(now, |it| it.occurred_at);
            Ok(api.book.ask(Book::Sale(sale)).await?)
        }
        other => Ok(other?),
    }
}

/// Book the sale that a push brings: the same as `POST /transactions`.
#[utoipa::path(
    post,
    path = "/",
    request_body = EnvelopeOut,
    responses(
        (status = 201, description = "Booked", body = Transaction),
        (status = 200, description = "It had been booked", body = Transaction),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn push<B>(
    state: State<AccountingApi<B>>,
    body: Pushed<SaleIn>,
) -> Result<Response, Problem>
where
    B: Ask<Book, Response = Booked, Error = BookError> + Clone,
{
    book(state, body).await
}

/// List the sales that stand, with sums over all of them and a look at the CRM.
#[utoipa::path(
    get,
    path = "/transactions",
    params(Page),
    responses((status = 200, body = Transactions), (status = 400, body = ProblemSchema, content_type = "application/problem+json")),
)]
pub(super) async fn list<B>(
    State(api): State<AccountingApi<B>>,
    uri: Uri,
    QueryOf(page): QueryOf<Page>,
) -> Result<Response, Problem>
where
    B: Ask<Book, Response = Booked, Error = BookError> + Clone,
{
    let (limit, after) = (page.limit()?, page.after()?);
    let now = api.clock.now();
    let (crm_integration, sales, total) = tokio::join!(
        integration(&api.crm, api.crm_within, now),
        api.journal.sales(after, limit),
        api.journal.sales_total(),
    );
    let (sales, total) = (sales?, total?);
    let amounts: Vec<Money> = total.amounts.into_values().collect();
    let dollars = amounts.iter().find(|it| it.currency() == Currency::USD);
    let first = dollars.or_else(|| amounts.first());
    let first = first.copied().unwrap_or(Money::zero(Currency::USD));
    let next = sales.last().filter(|_| sales.len() == limit);
    let next = next.map(|(seq, _)| seq.to_string());
    let transactions = sales.iter().map(|(_, sale)| {
        let entries = std::slice::from_ref(sale);
        Transaction::new(sale, entries)
    });
    let all = Transactions {
        transactions: transactions.collect(),
        crm_integration,
        summary: Summary {
            total_transactions: total.count,
            total_amount: number(first),
            currency: first.currency(),
            amounts,
        },
    };
    Ok(listed(&uri, limit, &all, next.as_deref()))
}

/// A transaction's story: all entries of its order.
struct Story {
    entries: Vec<Entry>,
}

impl Story {
    /// The story that the sale called `id` is part of.
    async fn of<B>(api: &AccountingApi<B>, id: &EntryId) -> Result<Self, Problem> {
        let sale = api.journal.entry(id).await?;
        let sale = sale.filter(|it| it.kind == EntryKind::Sale);
        let sale = sale.ok_or_else(|| Problem::not_found("there is no such transaction"))?;
        let entries = match &sale.order_id {
            Some(order_id) => api.journal.entries_of(order_id).await?,
            None => vec![sale],
        };
        Ok(Self { entries })
    }

    fn sales(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        let sales = self.entries.iter();
        sales.filter(|it| it.kind == EntryKind::Sale)
    }

    /// The last sale of it, which stands unless it was taken back.
    fn last(&self) -> Result<&Entry, Problem> {
        let last = self.sales().next_back();
        last.ok_or_else(|| Problem::not_found("there is no such transaction"))
    }

    fn reversal_of(&self, sale: &Entry) -> Option<&Entry> {
        let mut entries = self.entries.iter();
        entries.find(|it| it.kind == EntryKind::Reversal && it.reverses.as_ref() == Some(&sale.id))
    }
}

/// Takes `sale` back on its own date, so that the books of that day come out right, and so that
/// doing it again is the same thing.
async fn reverse<B>(api: &AccountingApi<B>, sale: &Entry) -> Result<Entry, Problem>
where
    B: Ask<Book, Response = Booked, Error = BookError> + Clone,
{
    let reverse = Reverse {
        entry_id: sale.id.clone(),
        occurred_at: sale.occurred_at,
        memo: String::new(),
    };
    Ok(api.book.ask(Book::Reversal(reverse)).await?.entry)
}

/// Tell a sale as it stands, with all entries of its order.
#[utoipa::path(
    get,
    path = "/transactions/{id}",
    params(("id" = String, Path)),
    responses((status = 200, body = Transaction), (status = 404, description = "There is none, or it was taken back", body = ProblemSchema, content_type = "application/problem+json")),
)]
pub(super) async fn one<B>(
    State(api): State<AccountingApi<B>>,
    PathOf(id): PathOf<EntryId>,
) -> Result<Response, Problem>
where
    B: Ask<Book, Response = Booked, Error = BookError> + Clone,
{
    let story = Story::of(&api, &id).await?;
    let sale = story.last()?;
    if story.reversal_of(sale).is_some() {
        let detail = "the transaction was taken back: see /journal for its entries";
        return Err(Problem::not_found(detail));
    }
    Ok(answer(
        StatusCode::OK,
        &Transaction::new(sale, &story.entries),
    ))
}

/// Correct a sale: it is taken back and booked again with other amounts, and both stay in the
/// journal. The same correction again books nothing. A correction that has begun is carried to
/// its end, whether or not its caller still waits.
#[utoipa::path(
    put,
    path = "/transactions/{id}",
    params(("id" = String, Path)),
    request_body = Correction,
    responses(
        (status = 200, body = Transaction),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 404, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, description = "Somebody else corrects it at this moment", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn correct<B>(
    State(api): State<AccountingApi<B>>,
    PathOf(id): PathOf<EntryId>,
    JsonBody(correction): JsonBody<Correction>,
) -> Result<Response, Problem>
where
    B: Ask<Book, Response = Booked, Error = BookError> + Clone,
{
    let story = Story::of(&api, &id).await?;
    let sale = story.last()?;
    let right = corrected(&story, sale, correction, api.clock.now())?;
    let stands = story.reversal_of(sale).is_none();
    if stands && right.lines == sale.lines && right.memo == sale.memo {
        return Ok(answer(
            StatusCode::OK,
            &Transaction::new(sale, &story.entries),
        ));
    }
    right.check()?;
    let taken_back = stands.then(|| sale.clone());
    let rebooked = rebook(api.clone(), taken_back, right).await?;
    let story = Story::of(&api, &id).await?;
    Ok(answer(
        StatusCode::OK,
        &Transaction::new(&rebooked, &story.entries),
    ))
}

/// Takes `sale` back, unless it was, and books `right` in its place.
///
/// A request is dropped when its caller goes away or its time is over, and the sale would stay
/// reversed with nothing in its place: so this is a task of its own, which is only waited for.
async fn rebook<B>(
    api: AccountingApi<B>,
    sale: Option<Entry>,
    right: Entry,
) -> Result<Entry, Problem>
where
    B: Ask<Book, Response = Booked, Error = BookError> + Clone,
{
    let both = call::spawn(async move {
        if let Some(sale) = &sale {
            reverse(&api, sale).await?;
        }
        Ok(api.journal.post(right).await?.entry)
    });
    both.await.unwrap_or_else(|ended| {
        // A panic is the request's own, as it were without the task; otherwise this process is
        // ending, and nobody can say how far it came. Asked again, the rest is booked.
        match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Fault::ambiguous("the server ended before the answer").into()),
        }
    })
}

/// The entry that says what `sale` should have said.
fn corrected(
    story: &Story,
    sale: &Entry,
    correction: Correction,
    now: boutique_core::clock::Timestamp,
) -> Result<Entry, Problem> {
    let was = |account| {
        let line = sale.lines.iter().find(|it| it.account == account);
        line.map(|it| it.amount)
    };
    let total = was(Account::Receivables).unwrap_or(Money::zero(Currency::USD));
    let currency = correction.currency.unwrap_or_else(|| total.currency());
    let says_amounts = correction.total.is_some() || correction.financials.is_some();
    let figures = Figures {
        financials: correction.financials.as_ref(),
        total: correction.total,
        discount: correction.discount,
        tax: correction.tax,
    };
    let (total, mut tax) = if says_amounts {
        figures.amounts(currency)?
    } else {
        let total = super::amount::Amount::Exact(total);
        let total = Some(total);
        Figures { total, ..figures }.amounts(currency)?
    };
    if correction.tax.is_none() {
        tax = was(Account::TaxPayable).map_or(tax, Money::negated);
    }
    let mut right = correction_entry(sale, total, tax, story.sales().count(), now)?;
    if let Some(item) = correction.item {
        right.memo = remark(item)?;
    }
    Ok(right)
}

/// Take a sale back: its opposite is booked, and both stay in the journal. Again: the same
/// answer.
#[utoipa::path(
    delete,
    path = "/transactions/{id}",
    params(("id" = String, Path)),
    responses((status = 200, description = "The reversal among the entries", body = Transaction), (status = 404, body = ProblemSchema, content_type = "application/problem+json")),
)]
pub(super) async fn take_back<B>(
    State(api): State<AccountingApi<B>>,
    PathOf(id): PathOf<EntryId>,
) -> Result<Response, Problem>
where
    B: Ask<Book, Response = Booked, Error = BookError> + Clone,
{
    let mut story = Story::of(&api, &id).await?;
    let sale = story.last()?.clone();
    if story.reversal_of(&sale).is_none() {
        let reversal = reverse(&api, &sale).await?;
        story.entries.push(reversal);
    }
    Ok(answer(
        StatusCode::OK,
        &Transaction::new(&sale, &story.entries),
    ))
}
