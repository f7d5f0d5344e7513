//! The JSON that both sides of the CRM share.

use boutique_core::clock::Timestamp;
use boutique_core::customer::{
    BillingProfile, Customer, CustomerOrder, Email, PostalAddress, Standing, Tier,
};
use boutique_core::ids::{CustomerId, OrderId};
use boutique_core::money::{Currency, Money, UNITS_MAX};
use boutique_core::pii::Pii;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::moment::Moment;
use super::super::problem::Problem;
use super::super::schema::{BillingSchema, MoneySchema};

/// A customer record.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Customer)]
pub(super) struct CustomerWire {
    #[schema(value_type = String)]
    pub(super) id: CustomerId,
    /// Given name.
    #[schema(value_type = String)]
    name: Pii<String>,
    /// Family name.
    #[schema(value_type = String)]
    surname: Pii<String>,
    #[schema(value_type = String)]
    email: Pii<Email>,
    /// As it was given: a text, or an object of `street_address`, `city` and so on.
    #[schema(value_type = Option<Object>)]
    address: Option<Pii<PostalAddress>>,
    /// When the record was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Moment,
    /// When it was changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Moment,
    /// Orders attached, oldest first.
    #[serde(rename = "Orders")]
    orders: Vec<OrderWire>,
    /// `standard`, `silver`, `gold` or `platinum`.
    #[schema(value_type = String)]
    tier: Tier,
    /// `good` or `blocked`.
    #[schema(value_type = String)]
    standing: Standing,
    #[schema(value_type = Option<BillingSchema>)]
    billing: Option<BillingProfile>,
}

impl From<Customer> for CustomerWire {
    fn from(it: Customer) -> Self {
        Self {
            id: it.id,
            name: it.name,
            surname: it.surname,
            email: it.email,
            address: it.address,
            created_at: Moment(it.created_at),
            updated_at: Moment(it.updated_at),
            orders: it.orders.into_iter().map(OrderWire::from).collect(),
            tier: it.tier,
            standing: it.standing,
            billing: it.billing,
        }
    }
}

impl From<CustomerWire> for Customer {
    fn from(it: CustomerWire) -> Self {
        Self {
            id: it.id,
            name: it.name,
            surname: it.surname,
            email: it.email,
            address: it.address,
            tier: it.tier,
            standing: it.standing,
            billing: it.billing,
            created_at: it.created_at.0,
            updated_at: it.updated_at.0,
            orders: it.orders.into_iter().map(CustomerOrder::from).collect(),
        }
    }
}

/// An order, as the CRM remembers it.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CustomerOrder)]
pub(super) struct OrderWire {
    /// The same as `orderId`.
    #[schema(value_type = String)]
    id: OrderId,
    #[schema(value_type = String)]
    pub(super) order_id: OrderId,
    /// Whose it is, where that is not said around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) customer_id: Option<CustomerId>,
    /// What it came to.
    #[schema(value_type = MoneySchema)]
    total: Money,
    /// When it was placed.
    #[schema(value_type = String, format = DateTime)]
    placed_at: Moment,
}

impl From<CustomerOrder> for OrderWire {
    fn from(it: CustomerOrder) -> Self {
        Self {
            id: it.order_id.clone(),
            order_id: it.order_id,
            customer_id: None,
            total: it.total,
            placed_at: Moment(it.placed_at),
        }
    }
}

impl OrderWire {
    /// An order and whose it is.
    pub(super) fn of(customer_id: CustomerId, order: CustomerOrder) -> Self {
        Self {
            customer_id: Some(customer_id),
            ..Self::from(order)
        }
    }
}

impl From<OrderWire> for CustomerOrder {
    fn from(it: OrderWire) -> Self {
        Self {
            order_id: it.order_id,
            total: it.total,
            placed_at: it.placed_at.0,
        }
    }
}

/// What is said of a customer; what is not said stays as it is.
#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = SaidOfCustomer)]
pub(super) struct SaidWire {
    /// The id a new record gets; drawn if it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) id: Option<CustomerId>,
    /// Which record it is; in a change, another e-mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) email: Option<Pii<Email>>,
    /// Given name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) name: Option<Pii<String>>,
    /// Family name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) surname: Option<Pii<String>>,
    /// A text, or an object of `street_address`, `city`, `state`, `country`, `zip_code`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(super) address: Option<Pii<PostalAddress>>,
    /// `standard`, `silver`, `gold` or `platinum`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) tier: Option<Tier>,
    /// `good` or `blocked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) standing: Option<Standing>,
    /// Where the bill goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BillingSchema>)]
    pub(super) billing: Option<BillingProfile>,
    /// An order to be attached, once by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) order: Option<OrderSaid>,
    /// When this was said, if it is not the present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) at: Option<Moment>,
}

impl SaidWire {
    /// Refuses names that no record has room for.
    pub(super) fn check(&self) -> Result<(), Problem> {
        for (field, name) in [("name", &self.name), ("surname", &self.surname)] {
            let Some(name) = name.as_ref().map(Pii::expose) else {
                continue;
            };
            if name.len() > 200 || name.chars().any(char::is_control) {
                let rule = "must be text of at most 200 bytes without control characters";
                return Err(Problem::invalid(field, rule));
            }
        }
        Ok(())
    }
}

/// An amount, or a bare number of the shop's currency.
#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(
    untagged,
    expecting = "must be an amount with currency_code, units and nanos, or a number"
)]
pub(super) enum TotalSaid {
    Money(Money),
    Number(f64),
}

/// [`TotalSaid`], for OpenAPI.
#[derive(ToSchema)]
#[schema(as = Total)]
#[serde(untagged)]
#[allow(dead_code)]
pub(super) enum TotalSchema {
    Money(MoneySchema),
    Number(f64),
}

impl TotalSaid {
    /// The amount; a number must be one of the currency's minor units.
    pub(super) fn money(self, currency: Currency) -> Result<Money, Problem> {
        let money = match self {
            Self::Money(money) => money,
            Self::Number(number) => {
                let minor = number * 10_f64.powi(currency.digits().into());
                let count = minor.round();
                // Beyond 2^53 a number no longer says which amount it is.
                let fits = count.abs() < 9e15
                    && number.abs() <= UNITS_MAX as f64
                    && (minor - count).abs() < 1e-4;
                if !fits {
                    let rule = "must be a number of the currency's decimal places";
                    return Err(Problem::invalid("total", rule));
                }
                #[expect(clippy::cast_possible_truncation, reason = "it is below 2^53")]
                let count = count as i64;
                Money::from_minor(currency, count).map_err(|it| Problem::invalid("total", it))?
            }
        };
        if money.is_negative() {
            return Err(Problem::invalid("total", "must not be negative"));
        }
        Ok(money)
    }
}

/// An order that is said of a customer. Names are accepted in snake_case as well.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NewOrder)]
pub(super) struct OrderSaid {
    /// The order; not needed where the path names it.
    #[serde(default, alias = "order_id", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) order_id: Option<OrderId>,
    /// What it came to.
    #[serde(alias = "amount")]
    #[schema(value_type = TotalSchema)]
    pub(super) total: TotalSaid,
    /// When it was placed; the present if missing.
    #[serde(default, alias = "placed_at", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) placed_at: Option<Moment>,
    /// Whose it is, where neither the path nor what is around it says so; or say the e-mail.
    #[serde(
        default,
        alias = "customer_id",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>)]
    pub(super) customer_id: Option<CustomerId>,
    /// Whose it is, by e-mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) email: Option<Pii<Email>>,
}

impl OrderSaid {
    pub(super) fn order(
        self,
        named: Option<OrderId>,
        currency: Currency,
        now: Timestamp,
    ) -> Result<CustomerOrder, Problem> {
        let missing = || Problem::invalid("orderId", "is missing");
        Ok(CustomerOrder {
            order_id: named.or(self.order_id).ok_or_else(missing)?,
            total: self.total.money(currency)?,
            placed_at: self.placed_at.map_or(now, |it| it.0),
        })
    }
}

/// Sums over all customers.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Stats)]
pub(super) struct StatsWire {
    pub(super) customers: u64,
    pub(super) orders: u64,
    /// What the orders in the shop's currency came to.
    pub(super) revenue: f64,
    /// The shop's currency.
    #[schema(value_type = String)]
    pub(super) currency: Currency,
    /// What the orders came to in each currency, exactly.
    #[schema(value_type = Vec<MoneySchema>)]
    pub(super) revenue_by_currency: Vec<Money>,
}
