//! Customers in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{
    Customer, CustomerBook, CustomerDirectory, CustomerOrder, DirectoryError, DirectoryStats,
    Email, ReviseCustomer, UpsertCustomer,
};
use crate::clock::Timestamp;
use crate::fault::{Fault, PortError};
use crate::ids::{CustomerId, OrderId};

/// Customers that are known as long as the process lasts.
#[derive(Debug, Default)]
pub struct MemoryDirectory {
    book: Mutex<CustomerBook>,
}

impl MemoryDirectory {
    fn book(&self) -> MutexGuard<'_, CustomerBook> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl CustomerDirectory for MemoryDirectory {
    async fn upsert(
        &self,
        customer: UpsertCustomer,
        now: Timestamp,
    ) -> Result<Customer, DirectoryError> {
        let answer = self.book().upsert(customer, now);
        answer.map_err(PortError::Rejected)
    }

    async fn revise(
        &self,
        customer: ReviseCustomer,
        now: Timestamp,
    ) -> Result<Customer, DirectoryError> {
        let answer = self.book().revise(customer, now);
        answer.map_err(PortError::Rejected)
    }

    async fn customer(&self, id: &CustomerId) -> Result<Option<Customer>, Fault> {
        Ok(self.book().customer(id).cloned())
    }

    async fn by_email(&self, email: &Email) -> Result<Option<Customer>, Fault> {
        Ok(self.book().by_email(email).cloned())
    }

    async fn customers(
        &self,
        after: Option<&CustomerId>,
        limit: usize,
    ) -> Result<Vec<Customer>, Fault> {
        let book = self.book();
        Ok(book.newest_first(after).take(limit).cloned().collect())
    }

    async fn attach(
        &self,
        id: &CustomerId,
        order: CustomerOrder,
    ) -> Result<Customer, DirectoryError> {
        let answer = self.book().attach(id, order);
        answer.map_err(PortError::Rejected)
    }

    async fn detach(&self, order_id: &OrderId) -> Result<bool, Fault> {
        Ok(self.book().detach(order_id))
    }

    async fn orders(
        &self,
        after: Option<&OrderId>,
        limit: usize,
    ) -> Result<Vec<(CustomerId, CustomerOrder)>, Fault> {
        let book = self.book();
        let page = book.orders_after(after).take(limit);
        Ok(page.map(|(id, it)| (id.clone(), it.clone())).collect())
    }

    async fn erase(&self, id: &CustomerId) -> Result<bool, Fault> {
        Ok(self.book().erase(id))
    }

    async fn stats(&self) -> Result<DirectoryStats, Fault> {
        self.book()
            .stats()
            .map_err(|it| Fault::permanent("the orders of a currency do not add up").because(it))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DirectoryRejection, Standing, Tier};
    use super::*;
    use crate::money::{Currency, Money};
    use crate::pii::Pii;

    fn id(text: &str) -> CustomerId {
        CustomerId::new(text).expect("an id")
    }

    fn said(name: &str, email: &str) -> UpsertCustomer {
        UpsertCustomer {
            id: id(name),
            email: Pii::new(Email::new(email).expect("an e-mail")),
            name: None,
            surname: None,
            address: None,
            tier: None,
            standing: None,
            billing: None,
        }
    }

    fn order(name: &str, cents: i64, at: i64) -> CustomerOrder {
        CustomerOrder {
            order_id: OrderId::new(name).expect("an id"),
            total: Money::from_minor(Currency::USD, cents).expect("in range"),
            placed_at: Timestamp::from_millis(at),
        }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn one_e_mail_is_one_record_in_any_spelling() {
        let mut book = CustomerBook::default();
        let made = book.upsert(said("c1", "Ada@Example.org"), at(1));
        assert_eq!(
            made.expect("new").email.expose().as_str(),
            "Ada@Example.org"
        );
        let changed = UpsertCustomer {
            tier: Some(Tier::Gold),
            name: Some(Pii::new("Ada".to_owned())),
            ..said("c9", "ada@example.ORG")
        };
        let changed = book.upsert(changed, at(2)).expect("known");
        assert_eq!((&changed.id, changed.tier), (&id("c1"), Tier::Gold));
        assert_eq!((changed.created_at, changed.updated_at), (at(1), at(2)));
        let blocked = UpsertCustomer {
            standing: Some(Standing::Blocked),
            ..said("c1", "ada@example.org")
        };
        let blocked = book.upsert(blocked, at(3)).expect("known");
        assert_eq!(blocked.tier, Tier::Gold, "what is not said stays");
        assert_eq!(blocked.name, changed.name);
        assert_eq!(book.stats().expect("adds up").customers, 1);
    }

    #[test]
    fn an_id_is_never_given_to_another_e_mail() {
        let mut book = CustomerBook::default();
        book.upsert(said("c1", "ada@example.org"), at(1))
            .expect("new");
        book.upsert(said("c2", "bob@example.org"), at(1))
            .expect("new");
        for email in ["new@example.org", "bob@example.org"] {
            let refused = book.upsert(said("c1", email), at(2));
            assert_eq!(refused, Err(DirectoryRejection::IdTaken));
        }
    }

    #[tokio::test]
    async fn records_are_listed_newest_first_page_by_page() {
        let directory = MemoryDirectory::default();
        for (name, made) in [("b", 1), ("a", 2), ("c", 2), ("d", 3)] {
            let customer = said(name, &format!("{name}@example.org"));
            directory.upsert(customer, at(made)).await.expect("new");
        }
        let page = async |after: Option<&str>, limit| {
            let after = after.map(id);
            let page = directory.customers(after.as_ref(), limit).await;
            let page = page.expect("in memory");
            page.iter().map(|it| it.id.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(page(None, 3).await, ["d", "c", "a"]);
        assert_eq!(page(Some("a"), 3).await, ["b"]);
        assert!(page(Some("b"), 3).await.is_empty());
        assert!(page(Some("gone"), 3).await.is_empty());
    }

    #[test]
    fn an_order_is_attached_once_to_one_customer() {
        let mut book = CustomerBook::default();
        book.upsert(said("c1", "ada@example.org"), at(1))
            .expect("new");
        book.upsert(said("c2", "bob@example.org"), at(1))
            .expect("new");
        book.attach(&id("c1"), order("o2", 500, 2)).expect("new");
        let customer = book.attach(&id("c1"), order("o1", 250, 1)).expect("new");
        assert_eq!(customer.orders, [order("o1", 250, 1), order("o2", 500, 2)]);
        let again = book.attach(&id("c1"), order("o2", 500, 9)).expect("again");
        assert_eq!(again, customer);
        for (to, order) in [("c2", order("o2", 500, 2)), ("c1", order("o2", 501, 2))] {
            let refused = book.attach(&id(to), order);
            assert_eq!(refused, Err(DirectoryRejection::OrderTaken));
        }
        assert_eq!(
            book.attach(&id("c3"), order("o3", 1, 1)),
            Err(DirectoryRejection::UnknownCustomer)
        );
        let stats = book.stats().expect("adds up");
        assert_eq!((stats.customers, stats.orders), (2, 2));
        assert_eq!(stats.revenue[0].to_string(), "USD 7.50");
    }

    #[test]
    fn an_erased_customer_leaves_nothing_behind() {
        let mut book = CustomerBook::default();
        book.upsert(said("c1", "ada@example.org"), at(1))
            .expect("new");
        book.attach(&id("c1"), order("o1", 250, 1)).expect("new");
        assert!(book.erase(&id("c1")));
        assert!(!book.erase(&id("c1")));
        assert_eq!(book.stats().expect("adds up"), DirectoryStats::default());
        assert_eq!(book.newest_first(None).count(), 0);
        let email = Email::new("ada@example.org").expect("an e-mail");
        assert_eq!(book.by_email(&email), None);
        book.upsert(said("c2", "ada@example.org"), at(2))
            .expect("the e-mail is free");
        assert!(
            !format!("{book:?}").contains("ada@"),
            "nothing personal prints"
        );
    }
}
