//! The customer directory.

use async_trait::async_trait;
use boutique_core::clock::Timestamp;
use boutique_core::customer::{
    Customer, CustomerDirectory, CustomerOrder, DirectoryError, DirectoryRejection, DirectoryStats,
    Email, ReviseCustomer, UpsertCustomer,
};
use boutique_core::fault::{Fault, PortError};
use boutique_core::ids::{CustomerId, OrderId};
use boutique_core::money::{Currency, Money};
use rusqlite::{Connection, Params, Row, params};

use super::SqliteStore;
use super::columns::{currency, money};
use super::error::fault;
use super::query::{Query, count, id, json, moment, row_limit, to_json, unreadable};

/// Keeps customers in the data file.
#[derive(Clone)]
pub struct SqliteDirectory {
    store: SqliteStore,
}

impl SqliteStore {
    /// The customer directory.
    pub fn customers(&self) -> SqliteDirectory {
        SqliteDirectory {
            store: self.clone(),
        }
    }
}

/// A record as it is kept: its number, and the customer without orders.
type Kept = (i64, Customer);

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    Ok((row.get(0)?, json(row, 1)?))
}

fn by_id(db: &Connection, id: &CustomerId) -> Result<Option<Kept>, Fault> {
    let select = "SELECT seq, record FROM customer WHERE id = ?1";
    db.one(select, [id.as_str()], kept)
}

fn by_email(db: &Connection, folded: &str) -> Result<Option<Kept>, Fault> {
    let select = "SELECT seq, record FROM customer WHERE email = ?1";
    db.one(select, [folded], kept)
}

fn order(row: &Row<'_>) -> rusqlite::Result<CustomerOrder> {
    Ok(CustomerOrder {
        order_id: id(row, 0, OrderId::new)?,
        total: money(row, [1, 2, 3])?,
        placed_at: moment(row, 4)?,
    })
}

/// The record with its orders.
fn whole(db: &Connection, (seq, mut customer): Kept) -> Result<Customer, Fault> {
    customer.orders = db.all(
        "SELECT order_id, currency, units, nanos, placed_at FROM customer_order \
         WHERE customer = ?1 ORDER BY placed_at, order_id",
        [seq],
        order,
    )?;
    Ok(customer)
}

fn upsert(
    db: &Connection,
    said: UpsertCustomer,
    now: Timestamp,
) -> Result<Customer, DirectoryError> {
    let folded = said.email.expose().folded();
    let known = by_email(db, &folded)?;
    let is_own = known.as_ref().is_some_and(|(_, it)| it.id == said.id);
    if !is_own && by_id(db, &said.id)?.is_some() {
        return Err(PortError::Rejected(DirectoryRejection::IdTaken));
    }
    if let Some((seq, mut customer)) = known {
        customer.change(said, now);
        let update = "UPDATE customer SET record = ?2 WHERE seq = ?1";
        db.run(update, params![seq, to_json(&customer)?])?;
        return Ok(whole(db, (seq, customer))?);
    }
    let customer = Customer::made_of(said, now);
    db.run(
        "INSERT INTO customer (id, email, created_at, record) VALUES (?1, ?2, ?3, ?4)",
        params![
            customer.id.as_str(),
            folded,
            customer.created_at.as_micros(),
            to_json(&customer)?,
        ],
    )?;
    Ok(customer)
}

fn revise(
    db: &Connection,
    said: ReviseCustomer,
    now: Timestamp,
) -> Result<Customer, DirectoryError> {
    let refuse = |why| Err(PortError::Rejected(why));
    let Some((seq, mut customer)) = by_id(db, &said.id)? else {
        return refuse(DirectoryRejection::UnknownCustomer);
    };
    if let Some(email) = &said.email
        && let Some((other, _)) = by_email(db, &email.expose().folded())?
        && other != seq
    {
        return refuse(DirectoryRejection::EmailTaken);
    }
    customer.revise(said, now);
    let folded = customer.email.expose().folded();
    let update = "UPDATE customer SET email = ?2, record = ?3 WHERE seq = ?1";
    db.run(update, params![seq, folded, to_json(&customer)?])?;
    Ok(whole(db, (seq, customer))?)
}

fn attach(
    db: &Connection,
    id: &CustomerId,
    new: &CustomerOrder,
) -> Result<Customer, DirectoryError> {
    let unknown = || PortError::Rejected(DirectoryRejection::UnknownCustomer);
    let (seq, customer) = by_id(db, id)?.ok_or_else(unknown)?;
    let attached = db.one(
        "SELECT order_id, currency, units, nanos, placed_at, customer FROM customer_order \
         WHERE order_id = ?1",
        [new.order_id.as_str()],
        |row| Ok((row.get::<_, i64>(5)?, order(row)?.total)),
    )?;
    match attached {
        Some(known) if known == (seq, new.total) => {}
        Some(_) => return Err(PortError::Rejected(DirectoryRejection::OrderTaken)),
        None => {
            db.run(
                "INSERT INTO customer_order \
                 (order_id, customer, currency, units, nanos, placed_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    new.order_id.as_str(),
                    seq,
                    new.total.currency().code(),
                    new.total.units(),
                    new.total.subunit_nanos(),
                    new.placed_at.as_micros(),
                ],
            )?;
        }
    }
    Ok(whole(db, (seq, customer))?)
}

fn erase(db: &Connection, id: &CustomerId) -> Result<bool, Fault> {
    let Some((seq, _)) = by_id(db, id)? else {
        return Ok(false);
    };
    // Deleted is not erased: without this, pages that become free keep what was in them.
    secure_delete(db, "PRAGMA secure_delete = ON")?;
    let delete = || {
        db.run("DELETE FROM customer_order WHERE customer = ?1", [seq])?;
        db.run("DELETE FROM customer WHERE seq = ?1", [seq])
    };
    let deleted = delete();
    secure_delete(db, "PRAGMA secure_delete = FAST")?;
    deleted.map(|_| true)
}

/// A pragma takes effect when it is prepared, so it must not come out of the statement cache.
fn secure_delete(db: &Connection, pragma: &'static str) -> Result<(), Fault> {
    db.execute_batch(pragma).map_err(|it| fault(&it))
}

fn newest(db: &Connection, select: &'static str, of: impl Params) -> Result<Vec<Customer>, Fault> {
    let page = db.all(select, of, kept)?;
    page.into_iter().map(|it| whole(db, it)).collect()
}

fn stats(db: &Connection) -> Result<DirectoryStats, Fault> {
    let customers = "SELECT count(*) FROM customer";
    let mut stats = DirectoryStats {
        customers: db.one(customers, [], |row| count(row, 0))?.unwrap_or(0),
        ..DirectoryStats::default()
    };
    db.each(
        "SELECT currency, count(*), sum(units), sum(nanos) FROM customer_order \
         GROUP BY currency ORDER BY currency",
        [],
        |row| {
            let currency: Currency = currency(row, 0)?;
            let (units, nanos): (i64, i64) = (row.get(2)?, row.get(3)?);
            let nanos = i128::from(units) * 1_000_000_000 + i128::from(nanos);
            let sum = Money::from_nanos(currency, nanos).map_err(|it| unreadable(2, it))?;
            stats.orders += count(row, 1)?;
            stats.revenue.push(sum);
            Ok(())
        },
    )?;
    Ok(stats)
}

#[async_trait]
impl CustomerDirectory for SqliteDirectory {
    async fn upsert(
        &self,
        customer: UpsertCustomer,
        now: Timestamp,
    ) -> Result<Customer, DirectoryError> {
        self.store.write(move |db| upsert(db, customer, now)).await
    }

    async fn revise(
        &self,
        customer: ReviseCustomer,
        now: Timestamp,
    ) -> Result<Customer, DirectoryError> {
        self.store.write(move |db| revise(db, customer, now)).await
    }

    async fn customer(&self, id: &CustomerId) -> Result<Option<Customer>, Fault> {
        self.store
            .peek(|db| by_id(db, id)?.map(|it| whole(db, it)).transpose())
    }

    async fn by_email(&self, email: &Email) -> Result<Option<Customer>, Fault> {
        let folded = email.folded();
        self.store
            .peek(|db| by_email(db, &folded)?.map(|it| whole(db, it)).transpose())
    }

    async fn customers(
        &self,
        after: Option<&CustomerId>,
        limit: usize,
    ) -> Result<Vec<Customer>, Fault> {
        let (after, limit) = (after.cloned(), row_limit(limit));
        self.store
            .read(move |db| match after {
                None => {
                    let page = "SELECT seq, record FROM customer \
                                ORDER BY created_at DESC, id DESC LIMIT ?1";
                    newest(db, page, [limit])
                }
                // After a record that is gone there is nothing.
                Some(id) => {
                    let page = "SELECT seq, record FROM customer \
                                WHERE (created_at, id) < \
                                      (SELECT created_at, id FROM customer WHERE id = ?1) \
                                ORDER BY created_at DESC, id DESC LIMIT ?2";
                    newest(db, page, (id.as_str(), limit))
                }
            })
            .await
    }

    async fn attach(
        &self,
        id: &CustomerId,
        order: CustomerOrder,
    ) -> Result<Customer, DirectoryError> {
        let id = id.clone();
        self.store.write(move |db| attach(db, &id, &order)).await
    }

    async fn detach(&self, order_id: &OrderId) -> Result<bool, Fault> {
        let order_id = order_id.clone();
        let delete = "DELETE FROM customer_order WHERE order_id = ?1";
        self.store
            .write(move |db| Ok(db.run(delete, [order_id.as_str()])? > 0))
            .await
    }

    async fn orders(
        &self,
        after: Option<&OrderId>,
        limit: usize,
    ) -> Result<Vec<(CustomerId, CustomerOrder)>, Fault> {
        let (after, limit) = (after.cloned(), row_limit(limit));
        self.store
            .read(move |db| {
                let after = after.as_ref().map_or("", OrderId::as_str);
                db.all(
                    "SELECT order_id, currency, units, nanos, placed_at, customer.id \
                     FROM customer_order JOIN customer ON customer.seq = customer_order.customer \
                     WHERE order_id > ?1 ORDER BY order_id LIMIT ?2",
                    params![after, limit],
                    |row| Ok((id(row, 5, CustomerId::new)?, order(row)?)),
                )
            })
            .await
    }

    /// Overwrites the record and its list of orders. What the write-ahead log has of it goes
    /// when the log is folded into the file and overwritten. Orders, shipments, bills, messages
    /// and analytics rows are records of their own and stay.
    async fn erase(&self, id: &CustomerId) -> Result<bool, Fault> {
        let id = id.clone();
        self.store.write(move |db| erase(db, &id)).await
    }

    async fn stats(&self) -> Result<DirectoryStats, Fault> {
        self.store.read(stats).await
    }
}
