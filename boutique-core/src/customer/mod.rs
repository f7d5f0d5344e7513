//! Customers: who buys, what they are granted, and where the bill goes.

mod book;
mod contact;
mod country;
mod lookup;
mod memory;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use book::CustomerBook;
pub use contact::{Address, AddressText, Email, InvalidContact, PostalAddress};
pub use country::Country;
pub use lookup::LookUpInDirectory;
pub use memory::MemoryDirectory;

use crate::clock::Timestamp;
use crate::fault::{Fault, PortError};
use crate::ids::{CustomerId, OrderId, UserId};
use crate::money::Money;
use crate::pii::Pii;

/// How loyal a customer is, which is what discount they get on goods.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// No discount.
    #[default]
    Standard,
    /// 2 %.
    Silver,
    /// 5 %.
    Gold,
    /// 10 %.
    Platinum,
}

impl Tier {
    /// The discount on goods, in hundredths of a percent.
    pub const fn discount_basis_points(self) -> u16 {
        match self {
            Self::Standard => 0,
            Self::Silver => 200,
            Self::Gold => 500,
            Self::Platinum => 1_000,
        }
    }
}

/// Whether a customer may buy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// May buy.
    #[default]
    Good,
    /// May not.
    Blocked,
}

/// Where the bill goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillingProfile {
    /// The name on the bill.
    pub name: Pii<String>,
    /// The address on the bill.
    pub address: Pii<Address>,
    /// The customer's tax number, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_id: Option<Pii<String>>,
}

/// An order as the CRM remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerOrder {
    /// The order.
    pub order_id: OrderId,
    /// What it came to.
    pub total: Money,
    /// When it was placed.
    pub placed_at: Timestamp,
}

/// A customer record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Its id. The checkout looks customers up by the buyer's user id.
    pub id: CustomerId,
    /// Given name.
    pub name: Pii<String>,
    /// Family name.
    pub surname: Pii<String>,
    /// E-mail, unique over the directory, compared without regard to case.
    pub email: Pii<Email>,
    /// Postal address.
    pub address: Option<Pii<PostalAddress>>,
    /// Loyalty.
    #[serde(default)]
    pub tier: Tier,
    /// Whether they may buy.
    #[serde(default)]
    pub standing: Standing,
    /// Where the bill goes.
    #[serde(default)]
    pub billing: Option<BillingProfile>,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Orders attached, each once, oldest first, those of one moment by id.
    #[serde(default)]
    pub orders: Vec<CustomerOrder>,
}

/// What is said of a customer to make or change the record; `None` leaves a field as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpsertCustomer {
    /// The id a new record gets. An existing record with this e-mail keeps its own.
    pub id: CustomerId,
    /// Which record: e-mails are unique. A known record keeps the spelling it has.
    pub email: Pii<Email>,
    /// Given name.
    pub name: Option<Pii<String>>,
    /// Family name.
    pub surname: Option<Pii<String>>,
    /// Postal address.
    pub address: Option<Pii<PostalAddress>>,
    /// Loyalty.
    pub tier: Option<Tier>,
    /// Whether they may buy.
    pub standing: Option<Standing>,
    /// Where the bill goes.
    pub billing: Option<BillingProfile>,
}

/// What changes about a known customer; `None` leaves a field as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviseCustomer {
    /// Which record.
    pub id: CustomerId,
    /// Another e-mail, or another spelling of it.
    pub email: Option<Pii<Email>>,
    /// Given name.
    pub name: Option<Pii<String>>,
    /// Family name.
    pub surname: Option<Pii<String>>,
    /// Postal address.
    pub address: Option<Pii<PostalAddress>>,
    /// Loyalty.
    pub tier: Option<Tier>,
    /// Whether they may buy.
    pub standing: Option<Standing>,
    /// Where the bill goes.
    pub billing: Option<BillingProfile>,
}

/// Asks who a buyer is. Answered with `None` for somebody the CRM does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookUpCustomer {
    /// The buyer; looked up first, as a customer id.
    pub user_id: UserId,
    /// Their e-mail; looked up if the id is unknown.
    pub email: Pii<Email>,
}

/// What the other systems may know of a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerProfile {
    /// The record.
    pub id: CustomerId,
    /// Loyalty.
    pub tier: Tier,
    /// Whether they may buy.
    pub standing: Standing,
    /// When the record was made.
    pub created_at: Timestamp,
    /// Orders attached so far.
    pub orders: u64,
    /// Where the bill goes.
    pub billing: Option<BillingProfile>,
}

/// Sums over the directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectoryStats {
    /// Customer records.
    pub customers: u64,
    /// Orders attached to them.
    pub orders: u64,
    /// What the orders came to, one amount per currency, by code.
    pub revenue: Vec<Money>,
}

/// An answer of the directory that is not yes. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", content = "of", rename_all = "snake_case")]
pub enum DirectoryRejection {
    /// The id belongs to a record with another e-mail.
    #[error("id: the customer id is taken by another e-mail")]
    IdTaken,
    /// The e-mail belongs to another record.
    #[error("email: another customer has this e-mail")]
    EmailTaken,
    /// There is no such customer.
    #[error("there is no such customer")]
    UnknownCustomer,
    /// The order is attached to another customer or with another total.
    #[error("the order is attached already, to another customer or with another total")]
    OrderTaken,
}

/// Why the directory does not do what it is asked.
pub type DirectoryError = PortError<DirectoryRejection>;

/// Keeps customers.
#[async_trait]
pub trait CustomerDirectory: Send + Sync + 'static {
    /// Makes the record with this e-mail, or changes it. `now` stamps it.
    async fn upsert(
        &self,
        customer: UpsertCustomer,
        now: Timestamp,
    ) -> Result<Customer, DirectoryError>;

    /// Changes the record with this id, its e-mail included. `now` stamps it.
    async fn revise(
        &self,
        customer: ReviseCustomer,
        now: Timestamp,
    ) -> Result<Customer, DirectoryError>;

    /// One record by id.
    async fn customer(&self, id: &CustomerId) -> Result<Option<Customer>, Fault>;

    /// One record by e-mail.
    async fn by_email(&self, email: &Email) -> Result<Option<Customer>, Fault>;

    /// Records, newest first and those of one moment by descending id, after the one with the
    /// id `after`, at most `limit`. After a record that is gone there is nothing.
    async fn customers(
        &self,
        after: Option<&CustomerId>,
        limit: usize,
    ) -> Result<Vec<Customer>, Fault>;

    /// Attaches an order, once. An equal total under the same id is the same order; its moment
    /// is the one that was said first.
    async fn attach(
        &self,
        id: &CustomerId,
        order: CustomerOrder,
    ) -> Result<Customer, DirectoryError>;

    /// Takes an order off whoever it is attached to; says whether it was attached.
    async fn detach(&self, order_id: &OrderId) -> Result<bool, Fault>;

    /// Attached orders and whose they are, after `after`, by order id, at most `limit`.
    async fn orders(
        &self,
        after: Option<&OrderId>,
        limit: usize,
    ) -> Result<Vec<(CustomerId, CustomerOrder)>, Fault>;

    /// Erases the record and all it says of the person; says whether there was one.
    async fn erase(&self, id: &CustomerId) -> Result<bool, Fault>;

    /// Sums over all records.
    async fn stats(&self) -> Result<DirectoryStats, Fault>;
}
