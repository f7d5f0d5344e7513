//! What every [`Journal`] does.

use std::sync::Arc;

use boutique_core::accounting::{
    Account, BookError, BookRejection, Entry, EntryKind, EntryLine, Journal, JournalBook,
};
use boutique_core::customer::BillingProfile;
use boutique_core::money::{Currency, Money, UNITS_MAX};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::given::{address, at, entry_id, fine, order_id, refused, together, usd};
use super::{Fixture, replay};
use crate::ManualClock;

suite! {
    $ /// Proves a [`Journal`](boutique_core::accounting::Journal); see
    /// [`conformance`](crate::conformance).
    journal_conformance in journal over Fixture<dyn Journal>;
    cases {
        an_entry_is_kept_whole,
        booking_again_books_nothing,
        who_and_when_do_not_make_another_entry,
        other_content_under_an_id_is_refused,
        only_balanced_entries_get_in,
        no_account_outgrows_its_ceiling,
        entries_of_an_order_are_in_sequence,
        entries_are_read_in_pages,
        the_trial_balance_sums_every_account,
        a_sale_counts_until_it_is_taken_back,
        an_empty_journal_balances,
        one_entry_booked_by_many_is_one_entry,
        entries_booked_by_many_are_all_kept,
    }
    models { random_entries_match_the_rules }
}

type Time = Arc<ManualClock>;

fn lines(lines: &[(Account, i64)]) -> Vec<EntryLine> {
    lines
        .iter()
        .map(|&(account, cents)| EntryLine {
            account,
            amount: usd(cents),
        })
        .collect()
}

/// A sale of so many cents, tax of a fifth included.
fn sale(order: &str, cents: i64) -> Entry {
    Entry {
        id: entry_id(format!("{order}.sale")),
        kind: EntryKind::Sale,
        order_id: Some(order_id(order)),
        reverses: None,
        occurred_at: at(1),
        recorded_at: at(2),
        memo: "caf\u{e9}".to_owned(),
        billing: None,
        lines: lines(&[
            (Account::Receivables, cents),
            (Account::DeferredRevenue, cents / 5 - cents),
            (Account::TaxPayable, -(cents / 5)),
        ]),
    }
}

async fn an_entry_is_kept_whole(store: &Store, _: Time) {
    let mut whole = sale("o", 1_000);
    whole.reverses = Some(entry_id("earlier"));
    whole.billing = Some(BillingProfile {
        name: "Ada L.".to_owned().into(),
        address: address(),
        tax_id: Some("T-1".to_owned().into()),
    });
    let mut bare = sale("p", 500);
    (bare.order_id, bare.memo, bare.kind) = (None, String::new(), EntryKind::CreditNote);
    for entry in [whole, bare] {
        let booked = fine(store.post(entry.clone()).await);
        assert_eq!((&booked.entry, booked.repeated), (&entry, false));
        assert_eq!(fine(store.entry(&entry.id).await), Some(entry));
    }
    assert_eq!(fine(store.entry(&entry_id("other")).await), None);
}

async fn booking_again_books_nothing(store: &Store, _: Time) {
    let entry = sale("o", 1_000);
    fine(store.post(entry.clone()).await);
    let again = fine(store.post(entry.clone()).await);
    assert_eq!((again.entry, again.repeated), (entry, true));
    assert_eq!(fine(store.trial_balance().await).entries, 1);
    assert_eq!(fine(store.entries(None, 10).await).len(), 1);
}

async fn who_and_when_do_not_make_another_entry(store: &Store, _: Time) {
    let first = sale("o", 1_000);
    fine(store.post(first.clone()).await);
    let mut later = first.clone();
    later.recorded_at = at(99);
    later.memo = "again".to_owned();
    later.billing = Some(BillingProfile {
        name: "Ada".to_owned().into(),
        address: address(),
        tax_id: None,
    });
    let again = fine(store.post(later).await);
    assert_eq!(
        (again.entry, again.repeated),
        (first.clone(), true),
        "as it was first booked"
    );
    assert_eq!(fine(store.entry(&first.id).await), Some(first));
}

async fn other_content_under_an_id_is_refused(store: &Store, _: Time) {
    let entry = sale("o", 1_000);
    fine(store.post(entry.clone()).await);
    let (mut amount, mut date, mut order, mut kind) = (
        sale("o", 2_000),
        entry.clone(),
        entry.clone(),
        entry.clone(),
    );
    amount.id = entry.id.clone();
    date.occurred_at = at(7);
    order.order_id = None;
    kind.kind = EntryKind::Reversal;
    let unbalanced = Entry {
        lines: vec![],
        ..entry.clone()
    };
    for other in [amount, date, order, kind, unbalanced] {
        assert_eq!(
            refused(store.post(other).await),
            BookRejection::Conflict(entry.id.clone())
        );
    }
    assert_eq!(fine(store.entry(&entry.id).await), Some(entry));
    assert_eq!(fine(store.trial_balance().await).entries, 1);
}

async fn only_balanced_entries_get_in(store: &Store, _: Time) {
    use Account::{Receivables, Revenue};
    let euro = Money::from_minor(Currency::EUR, -5).expect("in range");
    for (wrong, mixed) in [
        (vec![], false),
        (lines(&[(Receivables, 0)]), false),
        (lines(&[(Receivables, 5), (Revenue, -4)]), false),
        (lines(&[(Receivables, 5), (Revenue, 5)]), false),
        (
            [
                lines(&[(Receivables, 5)]),
                vec![EntryLine {
                    account: Revenue,
                    amount: euro,
                }],
            ]
            .concat(),
            true,
        ),
    ] {
        let entry = Entry {
            lines: wrong,
            ..sale("o", 5)
        };
        match refused(store.post(entry).await) {
            BookRejection::Unbalanced => assert!(!mixed),
            BookRejection::Mixed { .. } => assert!(mixed),
            other => panic!("not balanced, whatever {other} says"),
        }
    }
    assert_eq!(fine(store.entries(None, 10).await), []);
    assert_eq!(fine(store.entry(&entry_id("o.sale")).await), None);
    assert_eq!(fine(store.trial_balance().await), Default::default());
}

async fn no_account_outgrows_its_ceiling(store: &Store, _: Time) {
    let most = Money::new(Currency::USD, UNITS_MAX, 0).expect("the ceiling itself");
    let of = |id: &str, amount: Money| Entry {
        lines: vec![
            EntryLine {
                account: Account::Receivables,
                amount,
            },
            EntryLine {
                account: Account::Revenue,
                amount: amount.negated(),
            },
        ],
        ..sale(id, 0)
    };
    fine(store.post(of("o", most)).await);
    let beyond = refused(store.post(of("p", usd(1))).await);
    assert!(matches!(beyond, BookRejection::Amount(_)), "{beyond}");
    let trial = fine(store.trial_balance().await);
    assert_eq!(trial.entries, 1);
    assert_eq!(trial.rows[&(Currency::USD, Account::Receivables)].0, most);
}

async fn entries_of_an_order_are_in_sequence(store: &Store, _: Time) {
    let kinds = ["z.sale", "b.recognition", "a.return"];
    for id in kinds {
        fine(
            store
                .post(Entry {
                    id: entry_id(id),
                    ..sale("o", 100)
                })
                .await,
        );
        fine(
            store
                .post(Entry {
                    id: entry_id(format!("p.{id}")),
                    ..sale("p", 100)
                })
                .await,
        );
    }
    let entries = fine(store.entries_of(&order_id("o")).await);
    let ids: Vec<_> = entries.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, kinds, "in the order they were booked, not by id");
    assert_eq!(fine(store.entries_of(&order_id("nobody")).await), []);
}

async fn entries_are_read_in_pages(store: &Store, _: Time) {
    for order in ["c", "a", "b", "d"] {
        fine(store.post(sale(order, 100)).await);
    }
    let (mut read, mut after) = (Vec::new(), None);
    loop {
        let page = fine(store.entries(after, 3).await);
        assert!(page.len() <= 3);
        let Some((last, _)) = page.last() else { break };
        assert!(
            after.is_none_or(|it| page[0].0 > it),
            "sequence numbers grow"
        );
        after = Some(*last);
        read.extend(page.into_iter().map(|(_, it)| it.id.to_string()));
    }
    assert_eq!(read, ["c.sale", "a.sale", "b.sale", "d.sale"]);
}

async fn the_trial_balance_sums_every_account(store: &Store, _: Time) {
    fine(store.post(sale("o", 1_000)).await);
    fine(store.post(sale("p", 500)).await);
    let recognition = Entry {
        id: entry_id("o.recognition"),
        lines: lines(&[(Account::DeferredRevenue, 800), (Account::Revenue, -800)]),
        ..sale("o", 0)
    };
    fine(store.post(recognition).await);
    let euro = |cents| Money::from_minor(Currency::EUR, cents).expect("in range");
    let foreign = Entry {
        lines: vec![
            EntryLine {
                account: Account::Receivables,
                amount: euro(7),
            },
            EntryLine {
                account: Account::Revenue,
                amount: euro(-7),
            },
        ],
        ..sale("q", 0)
    };
    fine(store.post(foreign).await);
    let trial = fine(store.trial_balance().await);
    let row = |account| trial.rows[&(Currency::USD, account)];
    assert_eq!(row(Account::Receivables), (usd(1_500), usd(0)));
    assert_eq!(row(Account::DeferredRevenue), (usd(800), usd(1_200)));
    assert_eq!(row(Account::TaxPayable), (usd(0), usd(300)));
    assert_eq!(row(Account::Revenue), (usd(0), usd(800)));
    assert_eq!(
        trial.rows[&(Currency::EUR, Account::Revenue)],
        (euro(0), euro(7))
    );
    assert_eq!(trial.entries, 4);
    assert!(trial.is_balanced());
}

async fn a_sale_counts_until_it_is_taken_back(store: &Store, _: Time) {
    for (order, cents) in [("c", 1_000), ("a", 500), ("b", 70), ("free", 0)] {
        fine(store.post(sale(order, cents)).await);
    }
    let of = |kind, reverses: Option<&str>, id: &str| Entry {
        id: entry_id(id),
        kind,
        reverses: reverses.map(entry_id),
        ..sale("a", 500)
    };
    // Only a reversal takes back, and what is no sale is none.
    fine(
        store
            .post(of(EntryKind::Recognition, None, "a.recognition"))
            .await,
    );
    let credit = of(EntryKind::CreditNote, Some("b.sale"), "b.credit");
    fine(store.post(credit).await);
    let ids = async |after| -> Vec<String> {
        let sales = fine(store.sales(after, 2).await);
        sales.iter().map(|it| it.1.id.to_string()).collect()
    };
    assert_eq!(ids(None).await, ["c.sale", "a.sale"]);
    let total = fine(store.sales_total().await);
    assert_eq!(total.count, 4);
    assert_eq!(total.amounts[&Currency::USD], usd(1_570));

    fine(
        store
            .post(of(EntryKind::Reversal, Some("a.sale"), "a.sale.reversal"))
            .await,
    );
    assert_eq!(ids(None).await, ["c.sale", "b.sale"]);
    let (last, _) = fine(store.sales(None, 2).await)[1];
    assert_eq!(ids(Some(last)).await, ["free.sale"]);
    let total = fine(store.sales_total().await);
    assert_eq!(total.count, 3);
    assert_eq!(total.amounts[&Currency::USD], usd(1_070));
}

async fn an_empty_journal_balances(store: &Store, _: Time) {
    assert_eq!(fine(store.sales(None, 10).await), []);
    assert_eq!(fine(store.sales_total().await), Default::default());
    assert_eq!(fine(store.trial_balance().await), Default::default());
    assert_eq!(fine(store.entries(None, 10).await), []);
}

async fn one_entry_booked_by_many_is_one_entry(store: &Store, _: Time) {
    let booked = together(16, |_| {
        let store = Arc::clone(store);
        async move { fine(store.post(sale("o", 1_000)).await) }
    })
    .await;
    assert_eq!(booked.iter().filter(|it| !it.repeated).count(), 1);
    assert_eq!(fine(store.trial_balance().await).entries, 1);
}

async fn entries_booked_by_many_are_all_kept(store: &Store, _: Time) {
    together(16, |task| {
        let store = Arc::clone(store);
        async move { fine(store.post(sale(&format!("o{task}"), 100)).await) }
    })
    .await;
    let trial = fine(store.trial_balance().await);
    assert_eq!(trial.entries, 16);
    assert_eq!(
        trial.rows[&(Currency::USD, Account::Receivables)].0,
        usd(1_600)
    );
    assert_eq!(fine(store.entries(None, 100).await).len(), 16);
}

/// Few ids and amounts, so that entries meet; some are not balanced.
fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let account = || prop::sample::select(Account::ALL.to_vec());
    let one = (0..6_u8, 0..3_u8, account(), account(), 1..4_i64, 0..12_i64).prop_map(
        |(id, order, debit, credit, cents, slip)| Entry {
            id: entry_id(format!("e{id}")),
            kind: [EntryKind::Reversal, EntryKind::Sale][usize::from(slip < 9)],
            reverses: (slip > 7).then(|| entry_id(format!("e{}", id / 2))),
            order_id: (order > 0).then(|| order_id(format!("o{order}"))),
            lines: lines(&[(debit, cents), (credit, i64::from(slip == 0) - cents)]),
            ..sale("o", 0)
        },
    );
    prop::collection::vec(one, 1..40)
}

/// Books random entries in the store and the [`JournalBook`].
///
/// # Panics
///
/// If they differ.
pub fn random_entries_match_the_rules<M, F>(make: M)
where
    M: AsyncFn(Arc<ManualClock>) -> F,
    F: Into<Store>,
{
    replay(64, entries(), async |entries| {
        let store: Store = make(Arc::default()).await.into();
        let mut book = JournalBook::default();
        let fault = |it: boutique_core::fault::Fault| TestCaseError::fail(format!("{it:?}"));
        for entry in entries {
            let subject = match store.post(entry.clone()).await {
                Ok(booked) => Ok(booked),
                Err(BookError::Rejected(rejection)) => Err(rejection),
                Err(BookError::Fault(it)) => return Err(fault(it)),
            };
            prop_assert_eq!(subject, book.post(entry));
        }
        let trial = store.trial_balance().await.map_err(fault)?;
        prop_assert_eq!(&trial, book.trial_balance());
        let all = store.entries(None, 100).await.map_err(fault)?;
        let sales = store.sales(None, 100).await.map_err(fault)?;
        let sales: Vec<_> = sales.iter().map(|it| &it.1).collect();
        prop_assert_eq!(sales, book.sales(None).map(|it| it.1).collect::<Vec<_>>());
        let total = store.sales_total().await.map_err(fault)?;
        prop_assert_eq!(Ok(total), book.sales_total());
        let all: Vec<_> = all.iter().map(|it| &it.1).collect();
        prop_assert_eq!(all, book.entries(None).map(|it| it.1).collect::<Vec<_>>());
        for order in ["o1", "o2"].map(order_id) {
            let of = store.entries_of(&order).await.map_err(fault)?;
            prop_assert_eq!(of, book.entries_of(&order).cloned().collect::<Vec<_>>());
        }
        Ok(())
    });
}
