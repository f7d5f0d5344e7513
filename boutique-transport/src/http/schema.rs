//! What values of the domain look like on the wire, for OpenAPI: core itself knows nothing of it.

#![expect(dead_code, reason = "these types are described and never made")]

use utoipa::ToSchema;

/// An amount.
#[derive(ToSchema)]
#[schema(as = Money)]
pub(super) struct MoneySchema {
    /// ISO 4217.
    #[schema(example = "USD")]
    currency_code: String,
    /// Whole units; a digit string is accepted as well.
    #[schema(example = 19)]
    units: i64,
    /// Billionths beyond the units, of the same sign.
    #[schema(example = 990_000_000)]
    nanos: i32,
}

/// A postal address.
#[derive(ToSchema)]
#[schema(as = Address)]
pub(super) struct AddressSchema {
    street_address: String,
    city: String,
    /// May be empty.
    state: String,
    country: String,
    /// May be empty; a number is accepted as well.
    zip_code: String,
}

/// An article and how many.
#[derive(ToSchema)]
#[schema(as = Line)]
pub(super) struct LineSchema {
    product_id: String,
    #[schema(minimum = 1, maximum = 10_000)]
    quantity: u32,
}

/// A line of an order.
#[derive(ToSchema)]
#[schema(as = OrderItem)]
pub(super) struct OrderItemSchema {
    item: LineSchema,
    /// The price of one.
    cost: MoneySchema,
}

/// Where the bill goes.
#[derive(ToSchema)]
#[schema(as = Billing)]
pub(super) struct BillingSchema {
    name: String,
    address: AddressSchema,
    tax_id: Option<String>,
}
