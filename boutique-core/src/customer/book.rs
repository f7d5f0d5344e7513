//! The rules of the customer directory.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::{
    Customer, CustomerOrder, DirectoryRejection, DirectoryStats, Email, ReviseCustomer,
    UpsertCustomer,
};
use crate::clock::Timestamp;
use crate::ids::{CustomerId, OrderId};
use crate::money::{Currency, Money, MoneyError};
use crate::pii::Pii;

impl Customer {
    /// A new record. Names that are not said are empty.
    pub fn made_of(said: UpsertCustomer, now: Timestamp) -> Self {
        let mut customer = Self {
            id: said.id.clone(),
            name: Pii::default(),
            surname: Pii::default(),
            email: said.email.clone(),
            address: None,
            tier: Default::default(),
            standing: Default::default(),
            billing: None,
            created_at: now,
            updated_at: now,
            orders: Vec::new(),
        };
        customer.change(said, now);
        customer
    }

    /// Changes what is said; the rest stays as it is. The record keeps its id, its e-mail as it
    /// was spelled first, and its orders.
    pub fn change(&mut self, said: UpsertCustomer, now: Timestamp) {
        let UpsertCustomer {
            id: _,
            email: _,
            name,
            surname,
            address,
            tier,
            standing,
            billing,
        } = said;
        self.name = name.unwrap_or_else(|| std::mem::take(&mut self.name));
        self.surname = surname.unwrap_or_else(|| std::mem::take(&mut self.surname));
        self.address = address.or_else(|| self.address.take());
        self.tier = tier.unwrap_or(self.tier);
        self.standing = standing.unwrap_or(self.standing);
        self.billing = billing.or_else(|| self.billing.take());
        self.updated_at = now;
    }

    /// Changes what is said, the e-mail too; the rest stays as it is.
    pub fn revise(&mut self, said: ReviseCustomer, now: Timestamp) {
        let ReviseCustomer {
            id,
            email,
            name,
            surname,
            address,
            tier,
            standing,
            billing,
        } = said;
        if let Some(email) = email {
            self.email = email;
        }
        let said = UpsertCustomer {
            id,
            email: self.email.clone(),
            name,
            surname,
            address,
            tier,
            standing,
            billing,
        };
        self.change(said, now);
    }

    /// Puts an order where it belongs: oldest first, orders of one moment by id.
    fn insert(&mut self, order: CustomerOrder) {
        let key = (order.placed_at, &order.order_id);
        let at = self
            .orders
            .partition_point(|it| (it.placed_at, &it.order_id) < key);
        self.orders.insert(at, order);
    }
}

/// All customers, as a plain value.
#[derive(Clone, Debug, Default)]
pub struct CustomerBook {
    customers: BTreeMap<CustomerId, Customer>,
    by_email: BTreeMap<Pii<String>, CustomerId>,
    by_age: BTreeSet<(Timestamp, CustomerId)>,
    /// Whose each attached order is.
    attached: BTreeMap<OrderId, CustomerId>,
    /// Per currency, how many orders and what they came to in nanos.
    revenue: BTreeMap<Currency, (u64, i128)>,
}

impl CustomerBook {
    /// Makes the record with this e-mail, or changes it; answers with all of it.
    ///
    /// # Errors
    ///
    /// [`DirectoryRejection::IdTaken`] if the id belongs to a record with another e-mail.
    /// Nothing has changed.
    pub fn upsert(
        &mut self,
        said: UpsertCustomer,
        now: Timestamp,
    ) -> Result<Customer, DirectoryRejection> {
        let email = Pii::new(said.email.expose().folded());
        let known = self.by_email.get(&email);
        if self.customers.contains_key(&said.id) && known != Some(&said.id) {
            return Err(DirectoryRejection::IdTaken);
        }
        if let Some(customer) = known.and_then(|it| self.customers.get_mut(it)) {
            customer.change(said, now);
            return Ok(customer.clone());
        }
        let customer = Customer::made_of(said, now);
        let id = &customer.id;
        self.by_email.insert(email, id.clone());
        self.by_age.insert((now, id.clone()));
        self.customers.insert(id.clone(), customer.clone());
        Ok(customer)
    }

    /// Changes the record with this id, its e-mail included; answers with all of it.
    ///
    /// # Errors
    ///
    /// [`DirectoryRejection::UnknownCustomer`]; [`DirectoryRejection::EmailTaken`] if another
    /// record has the e-mail. Nothing has changed.
    pub fn revise(
        &mut self,
        said: ReviseCustomer,
        now: Timestamp,
    ) -> Result<Customer, DirectoryRejection> {
        let Some(customer) = self.customers.get_mut(&said.id) else {
            return Err(DirectoryRejection::UnknownCustomer);
        };
        if let Some(email) = &said.email {
            let email = Pii::new(email.expose().folded());
            match self.by_email.get(&email) {
                Some(owner) if *owner == said.id => {}
                Some(_) => return Err(DirectoryRejection::EmailTaken),
                None => {
                    let before = Pii::new(customer.email.expose().folded());
                    self.by_email.remove(&before);
                    self.by_email.insert(email, said.id.clone());
                }
            }
        }
        customer.revise(said, now);
        Ok(customer.clone())
    }

    /// One record by id.
    pub fn customer(&self, id: &CustomerId) -> Option<&Customer> {
        self.customers.get(id)
    }

    /// One record by e-mail.
    pub fn by_email(&self, email: &Email) -> Option<&Customer> {
        let id = self.by_email.get(&Pii::new(email.folded()))?;
        self.customers.get(id)
    }

    /// Records, newest first, those of one moment by descending id; after the one with the id
    /// `after`. After a record that is gone there is nothing.
    pub fn newest_first(&self, after: Option<&CustomerId>) -> impl Iterator<Item = &Customer> {
        use std::ops::Bound::{Excluded, Unbounded};
        let end = match after {
            None => Some(Unbounded),
            Some(id) => {
                let last = self.customers.get(id);
                last.map(|it| Excluded((it.created_at, id.clone())))
            }
        };
        end.into_iter()
            .flat_map(|end| self.by_age.range((Unbounded, end)).rev())
            .filter_map(|(_, id)| self.customers.get(id))
    }

    /// Attaches an order, once; answers with the record. The order's moment is the one it was
    /// attached with first.
    ///
    /// # Errors
    ///
    /// [`DirectoryRejection::UnknownCustomer`]; [`DirectoryRejection::OrderTaken`] if it is
    /// attached to another customer or with another total. Nothing has changed.
    pub fn attach(
        &mut self,
        id: &CustomerId,
        order: CustomerOrder,
    ) -> Result<Customer, DirectoryRejection> {
        let Some(customer) = self.customers.get_mut(id) else {
            return Err(DirectoryRejection::UnknownCustomer);
        };
        match self.attached.entry(order.order_id.clone()) {
            Entry::Occupied(owner) => {
                let same =
                    |it: &CustomerOrder| it.order_id == order.order_id && it.total == order.total;
                if owner.get() != id || !customer.orders.iter().any(same) {
                    return Err(DirectoryRejection::OrderTaken);
                }
            }
            Entry::Vacant(entry) => {
                entry.insert(id.clone());
                let sum = self.revenue.entry(order.total.currency()).or_default();
                *sum = (sum.0 + 1, sum.1 + order.total.nanos());
                customer.insert(order);
            }
        }
        Ok(customer.clone())
    }

    /// Takes an order off whoever it is attached to; says whether it was attached.
    pub fn detach(&mut self, order_id: &OrderId) -> bool {
        let Some(owner) = self.attached.remove(order_id) else {
            return false;
        };
        if let Some(customer) = self.customers.get_mut(&owner)
            && let Some(at) = customer
                .orders
                .iter()
                .position(|it| it.order_id == *order_id)
        {
            let order = customer.orders.remove(at);
            self.uncount(&order);
        }
        true
    }

    /// Attached orders and whose they are, by order id, after the one with the id `after`.
    pub fn orders_after(
        &self,
        after: Option<&OrderId>,
    ) -> impl Iterator<Item = (&CustomerId, &CustomerOrder)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let start = after.map_or(Unbounded, Excluded);
        let page = self.attached.range::<OrderId, _>((start, Unbounded));
        page.filter_map(|(order_id, owner)| {
            let orders = &self.customers.get(owner)?.orders;
            let order = orders.iter().find(|it| it.order_id == *order_id)?;
            Some((owner, order))
        })
    }

    /// Takes an order out of the revenue.
    fn uncount(&mut self, order: &CustomerOrder) {
        if let Entry::Occupied(mut sum) = self.revenue.entry(order.total.currency()) {
            let (orders, nanos) = *sum.get();
            if orders <= 1 {
                sum.remove();
            } else {
                sum.insert((orders - 1, nanos - order.total.nanos()));
            }
        }
    }

    /// Erases a record and all it says; says whether there was one.
    pub fn erase(&mut self, id: &CustomerId) -> bool {
        let Some(customer) = self.customers.remove(id) else {
            return false;
        };
        let email = Pii::new(customer.email.expose().folded());
        self.by_email.remove(&email);
        self.by_age.remove(&(customer.created_at, customer.id));
        for order in customer.orders {
            self.attached.remove(&order.order_id);
            self.uncount(&order);
        }
        true
    }

    /// Sums over all records.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`] if the orders of a currency come to more than money can say.
    pub fn stats(&self) -> Result<DirectoryStats, MoneyError> {
        let sums = self.revenue.iter();
        Ok(DirectoryStats {
            customers: self.customers.len() as u64,
            orders: self.attached.len() as u64,
            revenue: sums
                .map(|(currency, (_, nanos))| Money::from_nanos(*currency, *nanos))
                .collect::<Result<_, _>>()?,
        })
    }
}
