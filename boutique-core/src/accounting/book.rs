//! The journal as a plain value.

use std::collections::BTreeMap;

use super::{Account, BookRejection, Booked, Entry, EntryKind, EntryLine, SalesTotal};
use crate::ids::{EntryId, OrderId};
use crate::lookup::{Lookup, Marks};
use crate::money::{Currency, Money, MoneyError};

/// Debits and credits of every account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrialBalance {
    /// Per currency and account: the sum of the debits and the sum of the credits, both
    /// positive. Currencies by code, accounts by number.
    pub rows: BTreeMap<(Currency, Account), (Money, Money)>,
    /// Entries in the journal.
    pub entries: u64,
}

impl TrialBalance {
    /// Adds an entry.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`] if a sum is beyond the ceiling; nothing is added then.
    pub fn add(&mut self, entry: &Entry) -> Result<(), MoneyError> {
        // Entries have two or three lines, so the sums are found first and kept only if all fit.
        let mut sums: Vec<((Currency, Account), (Money, Money))> =
            Vec::with_capacity(entry.lines.len());
        for line in &entry.lines {
            let key = (line.amount.currency(), line.account);
            let at = match sums.iter().position(|it| it.0 == key) {
                Some(at) => at,
                None => {
                    let zero = Money::zero(key.0);
                    sums.push((key, *self.rows.get(&key).unwrap_or(&(zero, zero))));
                    sums.len() - 1
                }
            };
            let (debits, credits) = &mut sums[at].1;
            if line.amount.is_negative() {
                *credits = credits.minus(line.amount)?;
            } else {
                *debits = debits.plus(line.amount)?;
            }
        }
        self.rows.extend(sums);
        self.entries += 1;
        Ok(())
    }

    /// The sums of all debits and of all credits, per currency.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`] if a sum is beyond the ceiling.
    pub fn totals(&self) -> Result<BTreeMap<Currency, (Money, Money)>, MoneyError> {
        let mut totals = BTreeMap::new();
        for (&(currency, _), &(debits, credits)) in &self.rows {
            let zero = Money::zero(currency);
            let sum = totals.entry(currency).or_insert((zero, zero));
            sum.0 = sum.0.plus(debits)?;
            sum.1 = sum.1.plus(credits)?;
        }
        Ok(totals)
    }

    /// Whether debits equal credits in every currency.
    pub fn is_balanced(&self) -> bool {
        let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
        for (&(currency, _), (debits, credits)) in &self.rows {
            *sums.entry(currency).or_default() += debits.nanos() - credits.nanos();
        }
        sums.values().all(|&it| it == 0)
    }

    /// Debits less credits of one account: what an asset is worth, or what is owed if below zero.
    pub fn balance(&self, currency: Currency, account: Account) -> Money {
        let zero = Money::zero(currency);
        self.rows
            .get(&(currency, account))
            // Both are positive and within the ceiling, and so is their difference.
            .and_then(|(debits, credits)| debits.minus(*credits).ok())
            .unwrap_or(zero)
    }
}

/// All entries, in the order they were booked. Its first sequence number is 1.
#[derive(Clone, Debug, Default)]
pub struct JournalBook {
    entries: Vec<Entry>,
    by_id: Lookup<EntryId, usize>,
    by_order: Lookup<OrderId, Vec<usize>>,
    taken_back: Marks<EntryId>,
    trial: TrialBalance,
}

impl JournalBook {
    /// Books `entry`, or answers with the one that says the same under its id.
    ///
    /// # Errors
    ///
    /// [`BookRejection::Conflict`], [`BookRejection::Mixed`], [`BookRejection::Unbalanced`], or
    /// [`BookRejection::Amount`] if an account's sum would be beyond the ceiling. The journal is
    /// unchanged.
    pub fn post(&mut self, entry: Entry) -> Result<Booked, BookRejection> {
        if let Some(booked) = self.entry(&entry.id)
            && !planted!(EntryBookedTwice)
        {
            return if booked.says_the_same_as(&entry) {
                Ok(Booked {
                    entry: booked.clone(),
                    repeated: true,
                })
            } else {
                Err(BookRejection::Conflict(entry.id))
            };
        }
        entry.check()?;
        self.trial.add(&entry)?;
        let at = self.entries.len();
        self.by_id.insert(entry.id.clone(), at);
        if let Some(order_id) = &entry.order_id {
            self.by_order.entry(order_id.clone()).or_default().push(at);
        }
        if let (EntryKind::Reversal, Some(wrong)) = (entry.kind, &entry.reverses) {
            self.taken_back.insert(wrong.clone());
        }
        self.entries.push(entry.clone());
        Ok(Booked {
            entry,
            repeated: false,
        })
    }

    /// One entry.
    pub fn entry(&self, id: &EntryId) -> Option<&Entry> {
        self.by_id.get(id).map(|&at| &self.entries[at])
    }

    /// All entries of an order, in the order they were booked.
    pub fn entries_of(&self, order_id: &OrderId) -> impl Iterator<Item = &Entry> {
        let places = self.by_order.get(order_id).map_or(&[][..], Vec::as_slice);
        places.iter().map(|&at| &self.entries[at])
    }

    /// Entries and their sequence numbers after `after`.
    pub fn entries(&self, after: Option<u64>) -> impl Iterator<Item = (u64, &Entry)> {
        let skip = usize::try_from(after.unwrap_or(0)).unwrap_or(usize::MAX);
        (1..).zip(&self.entries).skip(skip)
    }

    /// Sales that no reversal took back, with their sequence numbers, after `after`.
    pub fn sales(&self, after: Option<u64>) -> impl Iterator<Item = (u64, &Entry)> {
        let sales = self.entries(after);
        sales.filter(|(_, it)| it.kind == EntryKind::Sale && !self.taken_back.contains(&it.id))
    }

    /// What those sales come to: what they debit receivables with.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`], which the ceiling of an account does not let happen.
    pub fn sales_total(&self) -> Result<SalesTotal, MoneyError> {
        let mut total = SalesTotal::default();
        for (_, sale) in self.sales(None) {
            total.count += 1;
            let asked =
                |it: &&EntryLine| it.account == Account::Receivables && !it.amount.is_negative();
            for EntryLine { amount, .. } in sale.lines.iter().filter(asked) {
                let currency = amount.currency();
                let zero = Money::zero(currency);
                let sum = total.amounts.entry(currency).or_insert(zero);
                *sum = sum.plus(*amount)?;
            }
        }
        Ok(total)
    }

    /// Debits and credits of every account.
    pub const fn trial_balance(&self) -> &TrialBalance {
        &self.trial
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    type Line = (Account, Currency, i64);

    fn entry(id: &str, lines: &[Line]) -> Entry {
        Entry {
            id: EntryId::new(id).expect("valid"),
            kind: EntryKind::CreditNote,
            order_id: Some(OrderId::new("o1").expect("valid")),
            reverses: None,
            occurred_at: Timestamp::EPOCH,
            recorded_at: Timestamp::EPOCH,
            memo: String::new(),
            billing: None,
            lines: lines
                .iter()
                .map(|&(account, currency, cents)| EntryLine {
                    account,
                    amount: Money::from_minor(currency, cents).expect("in range"),
                })
                .collect(),
        }
    }

    #[test]
    fn only_balanced_entries_get_in_and_each_id_once() {
        use Account::{Receivables, Revenue};
        const USD: Currency = Currency::USD;
        const EUR: Currency = Currency::EUR;
        let mut book = JournalBook::default();
        let table: [(&str, &[Line], &str); 8] = [
            ("a", &[(Receivables, USD, 5), (Revenue, USD, -5)], "1"),
            ("a", &[(Receivables, USD, 5), (Revenue, USD, -5)], "again"),
            (
                "a",
                &[(Receivables, USD, 6), (Revenue, USD, -6)],
                "entry a exists and says something else: correct it with a reversal",
            ),
            (
                "b",
                &[(Receivables, USD, 5), (Revenue, USD, -4)],
                "an entry needs two lines or more, of one currency, that sum to zero",
            ),
            (
                "b",
                &[(Receivables, USD, 0)],
                "an entry needs two lines or more, of one currency, that sum to zero",
            ),
            (
                "b",
                &[(Receivables, USD, 5), (Revenue, EUR, -5)],
                "currency: USD and EUR cannot be in one entry",
            ),
            ("b", &[(Receivables, EUR, 7), (Revenue, EUR, -7)], "2"),
            ("c", &[(Receivables, USD, -2), (Revenue, USD, 2)], "3"),
        ];
        for (id, lines, expected) in table {
            let answer = match book.post(entry(id, lines)) {
                Ok(booked) if booked.repeated => "again".to_owned(),
                Ok(_) => book.trial_balance().entries.to_string(),
                Err(rejection) => rejection.to_string(),
            };
            assert_eq!(answer, expected, "{id} {lines:?}");
        }
        let trial = book.trial_balance();
        assert!(trial.is_balanced());
        assert_eq!(trial.balance(USD, Receivables).decimal(), "0.03");
        let (debits, credits) = trial.totals().expect("in range")[&USD];
        assert_eq!(
            (debits.decimal(), credits.decimal()),
            ("0.07".into(), "0.07".into())
        );
        let ids = |after| -> Vec<String> {
            book.entries(after)
                .map(|(seq, it)| format!("{seq}{}", it.id))
                .collect()
        };
        assert_eq!(ids(None), ["1a", "2b", "3c"]);
        assert_eq!(ids(Some(2)), ["3c"]);
        let order = OrderId::new("o1").expect("valid");
        assert_eq!(book.entries_of(&order).count(), 3);
    }
}
