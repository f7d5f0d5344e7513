//! The step that books.

use std::sync::Arc;

use super::{Book, BookError, BookRejection, Booked, Journal};
use super::{credit_entry, recognition_entry, reversal_entry, sale_entry};
use crate::clock::Clock;
use crate::customer::{CustomerProfile, LookUpCustomer};
use crate::fault::{Fault, PortError};
use crate::flow::{Ask, Step};

/// Books sales, recognitions, credits and reversals.
///
/// The policy for the CRM is *degrade*: a sale whose buyer's billing profile cannot be had is
/// booked without it, because revenue does not wait for an address.
#[derive(Clone)]
pub struct KeepBooks<C> {
    /// Where entries are kept.
    pub journal: Arc<dyn Journal>,
    /// Stamps entries with when they were booked.
    pub clock: Arc<dyn Clock>,
    /// Asked for the billing profile of a sale's buyer. A deadline for it is a layer's job.
    pub crm: C,
}

impl<C> Step<Book> for KeepBooks<C>
where
    C: Ask<LookUpCustomer, Response = Option<CustomerProfile>, Error = Fault>,
{
    type Response = Booked;
    type Error = BookError;

    async fn run(&self, request: Book) -> Result<Booked, BookError> {
        let now = self.clock.now();
        let entry = match request {
            Book::Sale(sale) => {
                let mut entry = sale_entry(&sale, now).map_err(PortError::Rejected)?;
                let buyer = LookUpCustomer {
                    user_id: sale.user_id,
                    email: sale.email,
                };
                let profile = self.crm.ask(buyer).await.ok().flatten();
                entry.billing = profile.and_then(|it| it.billing);
                Ok(entry)
            }
            Book::Recognition(recognition) => recognition_entry(&recognition, now),
            Book::Credit(credit) => credit_entry(&credit, now),
            Book::Reversal(reverse) => match self.journal.entry(&reverse.entry_id).await? {
                Some(wrong) => reversal_entry(&wrong, &reverse, now),
                None => Err(BookRejection::UnknownEntry(reverse.entry_id)),
            },
        };
        self.journal.post(entry.map_err(PortError::Rejected)?).await
    }
}

#[cfg(test)]
mod tests {
    use tower::service_fn;

    use super::super::{Account, MemoryJournal, Reverse, Sale};
    use super::*;
    use crate::clock::Timestamp;
    use crate::customer::Email;
    use crate::ids::{EntryId, OrderId, UserId};
    use crate::money::{Currency, Money};

    struct Noon;
    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(43_200_000)
        }
    }

    #[tokio::test]
    async fn a_sale_is_booked_once_though_the_crm_is_down_and_can_be_taken_back() {
        let journal = Arc::new(MemoryJournal::default());
        let books = KeepBooks {
            journal: Arc::<MemoryJournal>::clone(&journal),
            clock: Arc::new(Noon),
            crm: service_fn(|_: LookUpCustomer| async {
                Err::<Option<CustomerProfile>, _>(Fault::unavailable("the CRM is down"))
            }),
        };
        let usd = |cents| Money::from_minor(Currency::USD, cents).expect("in range");
        let sale = Sale {
            order_id: OrderId::new("o1").expect("valid"),
            user_id: UserId::new("u1").expect("valid"),
            email: Email::new("a@example.com").expect("valid").into(),
            total: usd(119),
            tax: usd(19),
            occurred_at: Timestamp::EPOCH,
            memo: String::new(),
        };
        let first = books.run(Book::Sale(sale.clone())).await.expect("booked");
        let again = books.run(Book::Sale(sale.clone())).await.expect("booked");
        assert!(!first.repeated && again.repeated);
        assert_eq!(first.entry, again.entry);
        let other = Sale {
            total: usd(120),
            ..sale
        };
        let refused = books.run(Book::Sale(other)).await.expect_err("conflict");
        assert!(matches!(
            refused.rejection(),
            Some(BookRejection::Conflict(_))
        ));

        let reverse = |entry_id| {
            Book::Reversal(Reverse {
                entry_id,
                occurred_at: Timestamp::EPOCH,
                memo: "typed wrong".to_owned(),
            })
        };
        books.run(reverse(first.entry.id)).await.expect("reversed");
        let unknown = EntryId::new("o2.sale").expect("valid");
        let refused = books.run(reverse(unknown)).await.expect_err("unknown");
        assert_eq!(refused.to_string(), "there is no entry o2.sale");
        let trial = journal.trial_balance().await.expect("in memory");
        assert_eq!(trial.entries, 2);
        assert!(trial.is_balanced());
        assert!(trial.balance(Currency::USD, Account::Receivables).is_zero());
    }
}
