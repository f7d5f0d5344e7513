//! A customer directory behind a wire.

use async_trait::async_trait;
use axum::http::{Method, StatusCode};
use boutique_core::clock::Timestamp;
use boutique_core::customer::{
    Customer, CustomerDirectory, CustomerOrder, DirectoryError, DirectoryRejection, DirectoryStats,
    Email, ReviseCustomer, UpsertCustomer,
};
use boutique_core::fault::{Fault, PortError};
use boutique_core::ids::{CustomerId, OrderId};

use super::super::exchange::{BoxExchange, Exchange, Reply, Target, Upstream};
use super::super::moment::Moment;
use super::super::page::{LIMIT, LIMIT_MAX, collect};
use super::orders::UNKNOWN_ORDER;
use super::wire::{CustomerWire, OrderSaid, OrderWire, SaidWire, StatsWire, TotalSaid};

/// A CRM of ours behind a wire: what the directory there answers, refuses and fails with is what
/// this one does.
#[derive(Clone, Debug)]
pub struct HttpDirectory<S = BoxExchange> {
    /// Where it is.
    pub upstream: Upstream<S>,
}

fn told(reply: &Reply) -> Result<Customer, DirectoryError> {
    let told = reply.port::<CustomerWire, DirectoryRejection>();
    told.map(Customer::from)
}

/// Whether there is such a customer. A 404 of something else is a fault.
fn found(reply: &Reply) -> Result<bool, Fault> {
    if reply.status != StatusCode::NOT_FOUND {
        return Ok(true);
    }
    match reply.refused() {
        PortError::Rejected(DirectoryRejection::UnknownCustomer) => Ok(false),
        other => Err(other.into_fault("the CRM refuses a look")),
    }
}

/// An answer without a body that has to be a success.
fn done(reply: &Reply) -> Result<bool, Fault> {
    match reply.status.is_success() {
        true => Ok(true),
        false => Err(reply.unexpected()),
    }
}

fn of(id: &CustomerId) -> Target {
    Target::path(["customers", id.as_str()])
}

#[async_trait]
impl<S: Exchange> CustomerDirectory for HttpDirectory<S> {
    async fn upsert(
        &self,
        customer: UpsertCustomer,
        now: Timestamp,
    ) -> Result<Customer, DirectoryError> {
        let said = SaidWire {
            id: Some(customer.id),
            email: Some(customer.email),
            name: customer.name,
            surname: customer.surname,
            address: customer.address,
            tier: customer.tier,
            standing: customer.standing,
            billing: customer.billing,
            order: None,
            at: Some(Moment(now)),
        };
        let target = Target::path(["customers"]);
        told(&self.upstream.json(Method::POST, target, &said).await?)
    }

    async fn revise(
        &self,
        customer: ReviseCustomer,
        now: Timestamp,
    ) -> Result<Customer, DirectoryError> {
        let target = of(&customer.id);
        let change = SaidWire {
            id: None,
            email: customer.email,
            name: customer.name,
            surname: customer.surname,
            address: customer.address,
            tier: customer.tier,
            standing: customer.standing,
            billing: customer.billing,
            order: None,
            at: Some(Moment(now)),
        };
        told(&self.upstream.json(Method::PUT, target, &change).await?)
    }

    async fn customer(&self, id: &CustomerId) -> Result<Option<Customer>, Fault> {
        let reply = self.upstream.bare(Method::GET, of(id)).await?;
        match found(&reply)? {
            true => Ok(Some(reply.json::<CustomerWire>()?.into())),
            false => Ok(None),
        }
    }

    async fn by_email(&self, email: &Email) -> Result<Option<Customer>, Fault> {
        let target = Target::path(["customers"]).query("email", email.as_str());
        let reply = self.upstream.bare(Method::GET, target).await?;
        let mut customers: Vec<CustomerWire> = reply.json()?;
        Ok(customers.pop().map(Customer::from))
    }

    async fn customers(
        &self,
        after: Option<&CustomerId>,
        limit: usize,
    ) -> Result<Vec<Customer>, Fault> {
        let target = Target::path(["customers"]);
        let after = after.map(CustomerId::as_str);
        let upstream = &self.upstream;
        // Customers have their orders inside, and an answer its ceiling.
        let customers = collect(
            upstream,
            target,
            after,
            limit,
            LIMIT,
            |it: &CustomerWire| it.id.as_str(),
        );
        Ok(customers.await?.into_iter().map(Customer::from).collect())
    }

    async fn attach(
        &self,
        id: &CustomerId,
        order: CustomerOrder,
    ) -> Result<Customer, DirectoryError> {
        let target = ["customers", id.as_str(), "orders", order.order_id.as_str()];
        let said = OrderSaid {
            order_id: None,
            total: TotalSaid::Money(order.total),
            placed_at: Some(Moment(order.placed_at)),
            customer_id: None,
            email: None,
        };
        let target = Target::path(target);
        told(&self.upstream.json(Method::PUT, target, &said).await?)
    }

    async fn detach(&self, order_id: &OrderId) -> Result<bool, Fault> {
        let target = Target::path(["orders", order_id.as_str()]);
        let reply = self.upstream.bare(Method::DELETE, target).await?;
        let problem = reply.problem();
        let code = problem.as_ref().and_then(|it| it.member("code"));
        match code.and_then(|it| it.as_str()) {
            Some(UNKNOWN_ORDER) => Ok(false),
            _ => done(&reply),
        }
    }

    async fn orders(
        &self,
        after: Option<&OrderId>,
        limit: usize,
    ) -> Result<Vec<(CustomerId, CustomerOrder)>, Fault> {
        let target = Target::path(["orders"]);
        let after = after.map(OrderId::as_str);
        let upstream = &self.upstream;
        let orders = collect(
            upstream,
            target,
            after,
            limit,
            LIMIT_MAX,
            |it: &OrderWire| it.order_id.as_str(),
        );
        let owned = |mut it: OrderWire| {
            let nobody = || Fault::permanent("the CRM does not say whose an order is");
            let owner = it.customer_id.take().ok_or_else(nobody)?;
            Ok((owner, it.into()))
        };
        orders.await?.into_iter().map(owned).collect()
    }

    async fn erase(&self, id: &CustomerId) -> Result<bool, Fault> {
        let reply = self.upstream.bare(Method::DELETE, of(id)).await?;
        match found(&reply)? {
            true => done(&reply),
            false => Ok(false),
        }
    }

    async fn stats(&self) -> Result<DirectoryStats, Fault> {
        let target = Target::path(["stats"]);
        let stats: StatsWire = self.upstream.bare(Method::GET, target).await?.json()?;
        Ok(DirectoryStats {
            customers: stats.customers,
            orders: stats.orders,
            revenue: stats.revenue_by_currency,
        })
    }
}
