//! Amounts as existing clients send them.

use std::fmt;

use boutique_core::accounting::BookRejection;
use boutique_core::limits::Units;
use boutique_core::money::{Currency, Money, MoneyError};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::super::problem::Problem;
use super::super::schema::{LineSchema, MoneySchema};

/// An amount: money as it is elsewhere, the same without its currency, or a plain number of
/// units. What says no currency is of that of the request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Amount {
    Exact(Money),
    Parts { units: i64, nanos: i32 },
    Nanos(i128),
}

impl Amount {
    /// The amount in money; `field` is where it stands.
    pub(super) fn of(self, currency: Currency, field: &str) -> Result<Money, Problem> {
        let amount = match self {
            Self::Exact(money) => Ok(money),
            Self::Parts { units, nanos } => Money::new(currency, units, nanos),
            Self::Nanos(nanos) => Money::from_nanos(currency, nanos),
        };
        amount.map_err(|why| refused(why, field))
    }

    /// The amount, which may be neither of another currency nor below zero.
    fn charged(self, currency: Currency, field: &str) -> Result<Money, Problem> {
        let amount = self.of(currency, field)?;
        if amount.is_negative() {
            return Err(Problem::invalid(field, "must not be below zero"));
        }
        Money::zero(currency)
            .plus(amount)
            .map_err(|why| refused(why, field))
    }
}

fn refused(why: MoneyError, field: &str) -> Problem {
    Problem::from(BookRejection::from(why)).about(field)
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

struct AmountVisitor;

const NANOS_PER_UNIT: i128 = 1_000_000_000;

impl<'de> Visitor<'de> for AmountVisitor {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "an amount, such as {\"currency_code\":\"USD\",\"units\":19,\"nanos\":990000000}",
        )
    }

    fn visit_i64<E: Error>(self, units: i64) -> Result<Amount, E> {
        Ok(Amount::Nanos(i128::from(units) * NANOS_PER_UNIT))
    }

    fn visit_u64<E: Error>(self, units: u64) -> Result<Amount, E> {
        Ok(Amount::Nanos(i128::from(units) * NANOS_PER_UNIT))
    }

    fn visit_f64<E: Error>(self, units: f64) -> Result<Amount, E> {
        // A double has a cent exactly enough up to a million millions; `as` saturates.
        Ok(Amount::Nanos((units * 1e9).round() as i128))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Amount, A::Error> {
        let it = Parts::deserialize(MapAccessDeserializer::new(map))?;
        let (units, nanos) = (it.units.0, it.nanos);
        let Some(currency) = it.currency_code else {
            return Ok(Amount::Parts { units, nanos });
        };
        let money = Money::new(currency, units, nanos);
        money.map(Amount::Exact).map_err(A::Error::custom)
    }
}

#[derive(Deserialize)]
struct Parts {
    #[serde(default, alias = "currencyCode")]
    currency_code: Option<Currency>,
    units: Whole,
    #[serde(default)]
    nanos: i32,
}

/// A whole number, or its digits as text, as JSON made of protocol buffers has it.
struct Whole(i64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Whole;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number or its digits as text")
            }

            fn visit_i64<E: Error>(self, units: i64) -> Result<Whole, E> {
                Ok(Whole(units))
            }

            fn visit_u64<E: Error>(self, units: u64) -> Result<Whole, E> {
                let units = i64::try_from(units);
                units
                    .map(Whole)
                    .map_err(|_| E::custom(MoneyError::Overflow))
            }

            fn visit_str<E: Error>(self, digits: &str) -> Result<Whole, E> {
                let units = digits.parse();
                units
                    .map(Whole)
                    .map_err(|_| E::custom("not a whole number"))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// What an order's goods and their shipping cost.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(super) struct Financials {
    pub(super) items: Vec<Charge>,
    #[serde(default, alias = "shippingCost")]
    #[schema(value_type = Option<MoneySchema>)]
    shipping_cost: Option<Amount>,
}

/// A line of an order.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(super) struct Charge {
    #[schema(value_type = LineSchema)]
    pub(super) item: boutique_core::event::ItemRef,
    /// The price of one.
    #[schema(value_type = MoneySchema)]
    cost: Amount,
}

impl Financials {
    /// What the goods and their shipping come to, in whole minor units. Quantity counts.
    pub(super) fn charged(&self, currency: Currency) -> Result<Money, Problem> {
        if self.items.is_empty() {
            let why = "give at least one, or the total";
            return Err(Problem::invalid("financials.items", why));
        }
        let mut sum = Money::zero(currency);
        for (at, charge) in self.items.iter().enumerate() {
            let field = || format!("financials.items[{at}].cost");
            // The path is only written down for somebody to read.
            let cost = match charge.cost.charged(currency, "cost") {
                Ok(cost) => cost,
                Err(_) => charge.cost.charged(currency, &field())?,
            };
            let quantity: Units = charge.item.quantity;
            let line = cost.times(quantity.get());
            sum = line
                .and_then(|it| sum.plus(it))
                .map_err(|why| refused(why, &field()))?;
        }
        if let Some(shipping) = self.shipping_cost {
            let field = "financials.shipping_cost";
            let shipping = shipping.charged(currency, field)?;
            sum = sum.plus(shipping).map_err(|why| refused(why, field))?;
        }
        Ok(sum.rounded())
    }
}
