//! The journal of accounting.

use async_trait::async_trait;
use boutique_core::accounting::{
    Account, BookError, BookRejection, Booked, Entry, EntryLine, Journal, SalesTotal, TrialBalance,
};
use boutique_core::fault::{Fault, PortError};
use boutique_core::ids::{EntryId, OrderId};
use boutique_core::money::{Currency, Money};
use rusqlite::{Connection, Params, Row, params};

use super::SqliteStore;
use super::columns::{currency, maybe, money, name};
use super::query::{Query, count, id, json, moment, row_limit, to_json, unknown, unreadable};

/// Keeps the journal in the data file, where triggers refuse to change or remove an entry.
#[derive(Clone)]
pub struct SqliteJournal {
    store: SqliteStore,
}

impl SqliteStore {
    /// The journal of accounting.
    pub fn journal(&self) -> SqliteJournal {
        SqliteJournal {
            store: self.clone(),
        }
    }
}

/// Selects entries with their lines: one row a line, entries and lines in their order. `$of`
/// says which entries.
macro_rules! select {
    ($($of:tt)*) => {
        concat!(
            "SELECT it.seq, it.id, it.kind, it.order_id, it.reverses, it.occurred_at, \
                    it.recorded_at, it.memo, it.billing, \
                    line.account, line.currency, line.units, line.nanos \
             FROM (SELECT * FROM journal_entry ",
            $($of)*,
            ") AS it JOIN journal_line AS line ON line.entry = it.seq ORDER BY it.seq, line.n"
        )
    };
}

/// Whether the entry `sale` is a sale that no reversal took back.
macro_rules! stands {
    () => {
        "sale.kind = 'sale' AND NOT EXISTS (SELECT 1 FROM journal_entry AS taken \
         WHERE taken.reverses = sale.id AND taken.kind = 'reversal')"
    };
}

fn account(row: &Row<'_>, column: usize) -> rusqlite::Result<Account> {
    let number: u16 = row.get(column)?;
    let account = Account::ALL.into_iter().find(|it| it.number() == number);
    account.ok_or_else(|| unknown(column))
}

fn entry_at(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        id: id(row, 1, EntryId::new)?,
        kind: name(row, 2)?,
        order_id: maybe(row, 3, |row, at| id(row, at, OrderId::new))?,
        reverses: maybe(row, 4, |row, at| id(row, at, EntryId::new))?,
        occurred_at: moment(row, 5)?,
        recorded_at: moment(row, 6)?,
        memo: row.get(7)?,
        billing: maybe(row, 8, json)?,
        lines: Vec::new(),
    })
}

/// Reads what [`select`] selects: each entry with its sequence number.
fn entries(
    db: &Connection,
    select: &'static str,
    of: impl Params,
) -> Result<Vec<(u64, Entry)>, Fault> {
    let mut entries: Vec<(u64, Entry)> = Vec::new();
    db.each(select, of, |row| {
        let seq = count(row, 0)?;
        if entries.last().is_none_or(|it| it.0 != seq) {
            entries.push((seq, entry_at(row)?));
        }
        if let Some((_, entry)) = entries.last_mut() {
            entry.lines.push(EntryLine {
                account: account(row, 9)?,
                amount: money(row, [10, 11, 12])?,
            });
        }
        Ok(())
    })?;
    Ok(entries)
}

fn entry(db: &Connection, id: &EntryId) -> Result<Option<Entry>, Fault> {
    let found = entries(db, select!("WHERE id = ?1"), [id.as_str()])?;
    Ok(found.into_iter().next().map(|it| it.1))
}

/// The running sums of one currency.
fn totals(db: &Connection, currency: Currency) -> Result<TrialBalance, Fault> {
    let mut totals = TrialBalance::default();
    db.each(
        "SELECT account, currency, debit_units, debit_nanos, credit_units, credit_nanos \
         FROM journal_total WHERE currency = ?1",
        [currency.code()],
        |row| {
            let sums = (money(row, [1, 2, 3])?, money(row, [1, 4, 5])?);
            totals.rows.insert((currency, account(row, 0)?), sums);
            Ok(())
        },
    )?;
    Ok(totals)
}

fn insert(db: &Connection, entry: &Entry, totals: &TrialBalance) -> Result<(), Fault> {
    let billing = entry.billing.as_ref().map(to_json).transpose()?;
    db.run(
        "INSERT INTO journal_entry \
         (id, kind, order_id, reverses, occurred_at, recorded_at, memo, billing) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            entry.id.as_str(),
            entry.kind.as_str(),
            entry.order_id.as_ref().map(OrderId::as_str),
            entry.reverses.as_ref().map(EntryId::as_str),
            entry.occurred_at.as_micros(),
            entry.recorded_at.as_micros(),
            entry.memo,
            billing,
        ],
    )?;
    let seq = db.last_insert_rowid();
    for (n, EntryLine { account, amount }) in (0_i64..).zip(&entry.lines) {
        db.run(
            "INSERT INTO journal_line (entry, n, account, currency, units, nanos) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                seq,
                n,
                account.number(),
                amount.currency().code(),
                amount.units(),
                amount.subunit_nanos(),
            ],
        )?;
    }
    for (&(currency, account), (debits, credits)) in &totals.rows {
        if entry.lines.iter().any(|it| it.account == account) {
            db.run(
                "INSERT INTO journal_total \
                 (currency, account, debit_units, debit_nanos, credit_units, credit_nanos) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
                 ON CONFLICT DO UPDATE SET debit_units = ?3, debit_nanos = ?4, \
                    credit_units = ?5, credit_nanos = ?6",
                params![
                    currency.code(),
                    account.number(),
                    debits.units(),
                    debits.subunit_nanos(),
                    credits.units(),
                    credits.subunit_nanos(),
                ],
            )?;
        }
    }
    Ok(())
}

/// The rules of `JournalBook::post`, on the rows it concerns.
fn post(db: &Connection, posted: Entry) -> Result<Booked, BookError> {
    if let Some(booked) = entry(db, &posted.id)? {
        return if booked.says_the_same_as(&posted) {
            Ok(Booked {
                entry: booked,
                repeated: true,
            })
        } else {
            Err(PortError::Rejected(BookRejection::Conflict(posted.id)))
        };
    }
    posted.check().map_err(PortError::Rejected)?;
    if let Some(line) = posted.lines.first() {
        let mut totals = totals(db, line.amount.currency())?;
        totals
            .add(&posted)
            .map_err(|it| PortError::Rejected(it.into()))?;
        insert(db, &posted, &totals)?;
    }
    Ok(Booked {
        entry: posted,
        repeated: false,
    })
}

/// As [`trial_balance`], over what sales that stand debit receivables with.
fn sales_total(db: &Connection) -> Result<SalesTotal, Fault> {
    let mut total = SalesTotal {
        count: db
            .one(
                concat!(
                    "SELECT count(*) FROM journal_entry AS sale WHERE ",
                    stands!()
                ),
                [],
                |row| count(row, 0),
            )?
            .unwrap_or(0),
        ..SalesTotal::default()
    };
    db.each(
        concat!(
            "SELECT line.currency, sum(line.units), sum(line.nanos) \
             FROM journal_entry AS sale JOIN journal_line AS line ON line.entry = sale.seq \
             WHERE line.account = ?1 AND line.units >= 0 AND line.nanos >= 0 AND ",
            stands!(),
            " GROUP BY line.currency"
        ),
        [Account::Receivables.number()],
        |row| {
            let currency = currency(row, 0)?;
            let amount = sum(row, currency, [1, 2])?;
            total.amounts.insert(currency, amount);
            Ok(())
        },
    )?;
    Ok(total)
}

/// Sums over the lines, units and billionths apart: either stays within 64 bits.
fn trial_balance(db: &Connection) -> Result<TrialBalance, Fault> {
    let mut balance = TrialBalance {
        entries: db
            .one("SELECT count(*) FROM journal_entry", [], |row| {
                count(row, 0)
            })?
            .unwrap_or(0),
        ..TrialBalance::default()
    };
    db.each(
        "SELECT currency, account, sum(max(units, 0)), sum(max(nanos, 0)), \
                sum(max(-units, 0)), sum(max(-nanos, 0)) \
         FROM journal_line GROUP BY currency, account",
        [],
        |row| {
            let currency = currency(row, 0)?;
            let sums = (sum(row, currency, [2, 3])?, sum(row, currency, [4, 5])?);
            balance.rows.insert((currency, account(row, 1)?), sums);
            Ok(())
        },
    )?;
    Ok(balance)
}

/// Units and billionths that were summed apart, as one amount.
fn sum(row: &Row<'_>, currency: Currency, columns: [usize; 2]) -> rusqlite::Result<Money> {
    let (units, nanos): (i64, i64) = (row.get(columns[0])?, row.get(columns[1])?);
    Money::from_nanos(
        currency,
        i128::from(units) * 1_000_000_000 + i128::from(nanos),
    )
    .map_err(|it| unreadable(columns[0], it))
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn post(&self, entry: Entry) -> Result<Booked, BookError> {
        self.store.write(move |db| post(db, entry)).await
    }

    async fn entry(&self, id: &EntryId) -> Result<Option<Entry>, Fault> {
        self.store.peek(|db| entry(db, id))
    }

    async fn entries_of(&self, order_id: &OrderId) -> Result<Vec<Entry>, Fault> {
        let of = order_id.clone();
        self.store
            .read(move |db| {
                let found = entries(db, select!("WHERE order_id = ?1"), [of.as_str()])?;
                Ok(found.into_iter().map(|it| it.1).collect())
            })
            .await
    }

    async fn entries(&self, after: Option<u64>, limit: usize) -> Result<Vec<(u64, Entry)>, Fault> {
        // Beyond what a sequence number can be there is nothing.
        let after = after.map_or(0, |it| i64::try_from(it).unwrap_or(i64::MAX));
        self.store
            .read(move |db| {
                let page = select!("WHERE seq > ?1 ORDER BY seq LIMIT ?2");
                entries(db, page, (after, row_limit(limit)))
            })
            .await
    }

    async fn sales(&self, after: Option<u64>, limit: usize) -> Result<Vec<(u64, Entry)>, Fault> {
        let after = after.map_or(0, |it| i64::try_from(it).unwrap_or(i64::MAX));
        self.store
            .read(move |db| {
                let page = select!(
                    "AS sale WHERE seq > ?1 AND ",
                    stands!(),
                    " ORDER BY seq LIMIT ?2"
                );
                entries(db, page, (after, row_limit(limit)))
            })
            .await
    }

    async fn sales_total(&self) -> Result<SalesTotal, Fault> {
        self.store.read(sales_total).await
    }

    async fn trial_balance(&self) -> Result<TrialBalance, Fault> {
        self.store.read(trial_balance).await
    }
}
