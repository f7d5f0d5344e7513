//! Which accounts an occasion debits and credits.
//!
//! | occasion | debit | credit |
//! |---|---|---|
//! | sale | receivables: total | deferred revenue: net; tax payable: tax |
//! | recognition | deferred revenue: net | revenue: net |
//! | cancellation | deferred revenue: net; tax payable: tax | receivables: total |
//! | return, credit note | returns and credits: net; tax payable: tax | receivables: total |
//! | reversal | what the entry credited | what it debited |
//!
//! Net is the total less the tax. An order without tax has no tax line; one that costs nothing
//! still has an entry, of two lines of nothing.

use std::fmt::Write;

use super::{Account, BookRejection, Credit, Entry, EntryKind, EntryLine};
use super::{Recognition, Reverse, Sale};
use crate::clock::Timestamp;
use crate::event::ItemRef;
use crate::ids::EntryId;
use crate::money::{Money, MoneyError};

impl From<MoneyError> for BookRejection {
    fn from(error: MoneyError) -> Self {
        match error {
            MoneyError::Mixed { left, right } => Self::Mixed { left, right },
            MoneyError::Overflow => Self::Amount("amount: more than can be kept".into()),
            MoneyError::Nanos => Self::Amount("amount: nanos out of range".into()),
        }
    }
}

/// The entry of a sale, without a billing profile.
///
/// # Errors
///
/// [`BookRejection::Mixed`] or [`BookRejection::Amount`].
pub fn sale_entry(sale: &Sale, recorded_at: Timestamp) -> Result<Entry, BookRejection> {
    Ok(Entry {
        id: sale.order_id.entry("sale"),
        kind: EntryKind::Sale,
        order_id: Some(sale.order_id.clone()),
        reverses: None,
        occurred_at: sale.occurred_at,
        recorded_at,
        memo: sale.memo.clone(),
        billing: None,
        lines: sale_lines(sale.total, sale.tax)?,
    })
}

fn sale_lines(total: Money, tax: Money) -> Result<Vec<EntryLine>, BookRejection> {
    let net = net_of(total, tax)?;
    Ok(lines([
        (Account::Receivables, total),
        (Account::DeferredRevenue, net.negated()),
        (Account::TaxPayable, tax.negated()),
    ]))
}

/// The entry of a sale that was booked wrong, as it should have been: what `wrong` says, with
/// other amounts, under the order's next name for a sale. `sales` counts the sale entries that
/// the order has.
///
/// Book the reversal of `wrong` first: between the two the order has no sale, which shows.
///
/// # Errors
///
/// [`BookRejection::Mixed`], [`BookRejection::Amount`] or [`BookRejection::Id`].
pub fn correction_entry(
    wrong: &Entry,
    total: Money,
    tax: Money,
    sales: usize,
    recorded_at: Timestamp,
) -> Result<Entry, BookRejection> {
    let first = wrong.order_id.as_ref().map(|it| it.entry("sale"));
    let first = first.as_ref().unwrap_or(&wrong.id);
    Ok(Entry {
        id: EntryId::new(format!("{first}.{}", sales + 1))?,
        recorded_at,
        lines: sale_lines(total, tax)?,
        ..wrong.clone()
    })
}

/// The longest remark on what was sold, in bytes.
const SOLD_BYTES_MAX: usize = 200;

/// What was sold, as a remark: `2 x OLJCESPC7Z, 1 x 66VCHSJNUP`, and how many more where that
/// would become too long.
pub fn what_was_sold<'a>(items: impl IntoIterator<Item = &'a ItemRef>) -> String {
    let mut text = String::new();
    let mut items = items.into_iter();
    while let Some(it) = items.next() {
        let separator = if text.is_empty() { "" } else { ", " };
        let product = it.product_id.as_str();
        if text.len() + product.len() + 16 > SOLD_BYTES_MAX {
            let _ = write!(text, "{separator}{} more", 1 + items.count());
            return text;
        }
        let _ = write!(text, "{separator}{} x {product}", it.quantity);
    }
    text
}

/// The entry that turns deferred revenue into revenue.
///
/// # Errors
///
/// [`BookRejection::Amount`] below zero, [`BookRejection::Id`] if `part` cannot be in an id.
pub fn recognition_entry(
    recognition: &Recognition,
    recorded_at: Timestamp,
) -> Result<Entry, BookRejection> {
    let net = recognition.net;
    if net.is_negative() {
        return Err(BookRejection::Amount("net: must not be below zero".into()));
    }
    Ok(Entry {
        id: EntryId::new(format!(
            "{}.recognition.{}",
            recognition.order_id, recognition.part
        ))?,
        kind: EntryKind::Recognition,
        order_id: Some(recognition.order_id.clone()),
        reverses: None,
        occurred_at: recognition.occurred_at,
        recorded_at,
        memo: String::new(),
        billing: None,
        lines: lines([
            (Account::DeferredRevenue, net),
            (Account::Revenue, net.negated()),
        ]),
    })
}

/// The entry of money that is owed back.
///
/// # Errors
///
/// [`BookRejection::Kind`] for a kind that is no credit, [`BookRejection::Mixed`] or
/// [`BookRejection::Amount`].
pub fn credit_entry(credit: &Credit, recorded_at: Timestamp) -> Result<Entry, BookRejection> {
    let from = match credit.kind {
        EntryKind::Cancellation => Account::DeferredRevenue,
        EntryKind::Return | EntryKind::CreditNote => Account::ReturnsAndCredits,
        EntryKind::Sale | EntryKind::Recognition | EntryKind::Reversal => {
            return Err(BookRejection::Kind(credit.kind));
        }
    };
    let net = net_of(credit.total, credit.tax)?;
    Ok(Entry {
        id: credit.entry_id.clone(),
        kind: credit.kind,
        order_id: credit.order_id.clone(),
        reverses: None,
        occurred_at: credit.occurred_at,
        recorded_at,
        memo: credit.memo.clone(),
        billing: None,
        lines: lines([
            (from, net),
            (Account::Receivables, credit.total.negated()),
            (Account::TaxPayable, credit.tax),
        ]),
    })
}

/// The opposite of `entry`, under its id with `.reversal` at the end.
///
/// # Errors
///
/// [`BookRejection::Id`] if that is too long for an id.
pub fn reversal_entry(
    entry: &Entry,
    reverse: &Reverse,
    recorded_at: Timestamp,
) -> Result<Entry, BookRejection> {
    Ok(Entry {
        id: EntryId::new(format!("{}.reversal", entry.id))?,
        kind: EntryKind::Reversal,
        order_id: entry.order_id.clone(),
        reverses: Some(entry.id.clone()),
        occurred_at: reverse.occurred_at,
        recorded_at,
        memo: reverse.memo.clone(),
        billing: None,
        lines: entry
            .lines
            .iter()
            .map(|it| EntryLine {
                account: it.account,
                amount: it.amount.negated(),
            })
            .collect(),
    })
}

fn net_of(total: Money, tax: Money) -> Result<Money, BookRejection> {
    let net = total.minus(tax)?;
    if total.is_negative() || tax.is_negative() {
        return Err(BookRejection::Amount(
            "total and tax: must not be below zero".into(),
        ));
    }
    if net.is_negative() {
        return Err(BookRejection::Amount(
            "tax: must not be above the total".into(),
        ));
    }
    Ok(net)
}

/// The first two lines always, the rest where it is something.
fn lines<const N: usize>(amounts: [(Account, Money); N]) -> Vec<EntryLine> {
    amounts
        .into_iter()
        .enumerate()
        .filter(|(at, (_, amount))| *at < 2 || !amount.is_zero())
        .map(|(_, (account, amount))| EntryLine { account, amount })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{OrderId, ProductId, UserId};
    use crate::limits::Units;
    use crate::money::Currency;

    fn usd(cents: i64) -> Money {
        Money::from_minor(Currency::USD, cents).expect("in range")
    }

    fn sale(total: Money, tax: Money) -> Sale {
        Sale {
            order_id: OrderId::new("o1").expect("valid"),
            user_id: UserId::new("u1").expect("valid"),
            email: crate::customer::Email::new("a@example.com")
                .expect("valid")
                .into(),
            total,
            tax,
            occurred_at: Timestamp::EPOCH,
            memo: String::new(),
        }
    }

    fn credit(kind: EntryKind, total: i64, tax: i64) -> Credit {
        Credit {
            entry_id: EntryId::new("c1").expect("valid"),
            kind,
            order_id: None,
            total: usd(total),
            tax: usd(tax),
            occurred_at: Timestamp::EPOCH,
            memo: String::new(),
        }
    }

    fn print(entry: Result<Entry, BookRejection>) -> String {
        match entry {
            Err(rejection) => rejection.to_string(),
            Ok(entry) => {
                entry.check().expect("every constructed entry balances");
                let lines: Vec<_> = entry
                    .lines
                    .iter()
                    .map(|it| format!("{} {}", it.account.number(), it.amount.decimal()))
                    .collect();
                format!("{}: {}", entry.id, lines.join(", "))
            }
        }
    }

    #[test]
    fn each_occasion_moves_its_accounts() {
        let now = Timestamp::EPOCH;
        let recognition = |part: &str, cents| Recognition {
            order_id: OrderId::new("o1").expect("valid"),
            part: part.to_owned(),
            net: usd(cents),
            occurred_at: now,
        };
        let booked = sale_entry(&sale(usd(1_190), usd(190)), now).expect("fits");
        let reverse = Reverse {
            entry_id: booked.id.clone(),
            occurred_at: now,
            memo: String::new(),
        };
        let eur = Money::from_minor(Currency::EUR, 1).expect("in range");
        let table = [
            (
                print(sale_entry(&sale(usd(1_190), usd(190)), now)),
                "o1.sale: 1100 11.90, 2100 -10.00, 2200 -1.90",
            ),
            (
                print(sale_entry(&sale(usd(0), usd(0)), now)),
                "o1.sale: 1100 0.00, 2100 0.00",
            ),
            (
                print(sale_entry(&sale(usd(5), usd(6)), now)),
                "tax: must not be above the total",
            ),
            (
                print(sale_entry(&sale(usd(-5), usd(-6)), now)),
                "total and tax: must not be below zero",
            ),
            (
                print(sale_entry(&sale(usd(5), eur), now)),
                "currency: USD and EUR cannot be in one entry",
            ),
            (
                print(recognition_entry(&recognition("inventory", 1_000), now)),
                "o1.recognition.inventory: 2100 10.00, 4000 -10.00",
            ),
            (
                print(recognition_entry(&recognition("in stock", 1), now)),
                "entry id: entry id must be 1 to 320 visible ASCII characters; character 18 is not one",
            ),
            (
                print(credit_entry(
                    &credit(EntryKind::Cancellation, 1_190, 190),
                    now,
                )),
                "c1: 2100 10.00, 1100 -11.90, 2200 1.90",
            ),
            (
                print(credit_entry(&credit(EntryKind::Return, 1_190, 190), now)),
                "c1: 4900 10.00, 1100 -11.90, 2200 1.90",
            ),
            (
                print(credit_entry(&credit(EntryKind::CreditNote, 500, 0), now)),
                "c1: 4900 5.00, 1100 -5.00",
            ),
            (
                print(credit_entry(&credit(EntryKind::Sale, 500, 0), now)),
                "kind: this cannot be booked as Sale",
            ),
            (
                print(reversal_entry(&booked, &reverse, now)),
                "o1.sale.reversal: 1100 -11.90, 2100 10.00, 2200 1.90",
            ),
        ];
        for (found, expected) in table {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn what_was_sold_is_told_shortly() {
        let items: Vec<_> = (0..100)
            .map(|it| ItemRef {
                product_id: ProductId::new(format!("PRODUCT-{it:02}")).expect("valid"),
                quantity: Units::new(it + 1).expect("in range"),
            })
            .collect();
        assert_eq!(what_was_sold(&items[..2]), "1 x PRODUCT-00, 2 x PRODUCT-01");
        let all = what_was_sold(&items);
        assert!(
            all.len() <= SOLD_BYTES_MAX && all.ends_with(", 89 more"),
            "{all}"
        );
    }
}
