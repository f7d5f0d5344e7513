//! What it costs to send furniture, by weight and zone, and how long it takes.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use boutique_core::carts::CartLine;
use boutique_core::catalog::PricedLine;
use boutique_core::customer::Address;
use boutique_core::fault::PortError;
use boutique_core::flow::Step;
use boutique_core::limits::LINES_PER_ORDER_MAX;
use boutique_core::money::{Currency, Money};
use boutique_core::pii::Pii;
use boutique_core::shipping::{QuoteByTariff, QuoteShipping, ShippingError, ShippingQuote};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::api::answer;
use super::super::body::JsonBody;
use super::super::exchange::{BoxExchange, Exchange, Target, Upstream};
use super::super::problem::{Problem, ProblemSchema};
use super::super::schema::{AddressSchema, LineSchema, MoneySchema};
use super::StockApi;

pub(super) fn routes() -> OpenApiRouter<Arc<StockApi>> {
    OpenApiRouter::new().routes(routes!(quote))
}

/// What is to be sent, and where to.
#[derive(Deserialize, Serialize, ToSchema)]
struct Freight {
    /// Where to.
    #[schema(value_type = AddressSchema)]
    address: Pii<Address>,
    /// The currency the buyer pays in.
    #[serde(alias = "currency", alias = "userCurrency")]
    #[schema(value_type = String)]
    user_currency: Currency,
    /// What is sent, by the catalog.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<LineSchema>)]
    items: Vec<CartLine>,
    /// What is sent, with weight and freight class; in place of `items`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    lines: Option<Arc<[PricedLine]>>,
}

/// What shipping costs.
#[derive(ToSchema)]
#[allow(dead_code)]
struct Quote {
    /// For all parcels.
    parcels: MoneySchema,
    /// For all freight.
    freight: MoneySchema,
    /// Both together.
    cost: MoneySchema,
    /// Days until the last of it arrives.
    lead_days: u16,
}

/// Quote freight by weight, freight class and zone.
#[utoipa::path(
    post,
    path = "/freight-quotes",
    request_body = Freight,
    responses(
        (status = 200, body = Quote),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn quote(
    State(api): State<Arc<StockApi>>,
    JsonBody(asked): JsonBody<Freight>,
) -> Result<Response, Problem> {
    let Freight {
        address,
        user_currency: currency,
        items,
        lines,
    } = asked;
    let count = lines.as_ref().map_or(items.len(), |it| it.len());
    if !(1..=LINES_PER_ORDER_MAX).contains(&count) {
        let rule = format!("must be 1 to {LINES_PER_ORDER_MAX}");
        return Err(Problem::invalid("items", rule));
    }
    let lines = match lines {
        Some(lines) => lines,
        None => weighed(&api, currency, &items)?,
    };
    let request = QuoteShipping {
        address,
        currency,
        lines,
    };
    let tariff = Arc::clone(&api.tariff);
    let quoted = QuoteByTariff { tariff }.run(request).await;
    let quoted = quoted.map_err(|error| match error {
        PortError::Rejected(why) => {
            Problem::rejection(StatusCode::BAD_REQUEST, &why).about("user_currency")
        }
        PortError::Fault(fault) => fault.into(),
    })?;
    Ok(answer(StatusCode::OK, &quoted))
}

/// The items with weight and class; their price is not asked for.
fn weighed(
    api: &StockApi,
    currency: Currency,
    items: &[CartLine],
) -> Result<Arc<[PricedLine]>, Problem> {
    let lines = items.iter().enumerate().map(|(at, item)| {
        let product = api.names.catalog().get(&item.product_id);
        let product = product.ok_or_else(|| {
            let field = format!("items[{at}].product_id");
            Problem::invalid(&field, "there is no such product in the catalog")
        })?;
        Ok(PricedLine {
            product_id: item.product_id.clone(),
            quantity: item.quantity,
            unit_price: Money::zero(currency),
            weight_grams: product.weight_grams,
            system: product.system,
            freight_class: product.freight_class,
        })
    });
    lines.collect()
}

/// Freight quotes behind a wire: the same service as [`QuoteByTariff`].
#[derive(Clone, Debug)]
pub struct FreightClient<S = BoxExchange> {
    /// Where they are made.
    pub upstream: Upstream<S>,
}

impl<S: Exchange> Step<QuoteShipping> for FreightClient<S> {
    type Response = ShippingQuote;
    type Error = ShippingError;

    async fn run(&self, request: QuoteShipping) -> Result<ShippingQuote, ShippingError> {
        let freight = Freight {
            address: request.address,
            user_currency: request.currency,
            items: Vec::new(),
            lines: Some(request.lines),
        };
        let target = Target::path(["freight-quotes"]);
        let reply = self.upstream.json(Method::POST, target, &freight).await?;
        reply.port()
    }
}
