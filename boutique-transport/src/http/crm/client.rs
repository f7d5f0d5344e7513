//! Looking buyers up behind a wire.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use boutique_core::customer::{
    BillingProfile, CustomerProfile, DirectoryRejection, LookUpCustomer, Standing, Tier,
};
use boutique_core::fault::Fault;
use boutique_core::flow::Step;
use boutique_core::ids::CustomerId;
use boutique_core::pii::Pii;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::super::exchange::{BoxExchange, Exchange, Target, Upstream};
use super::super::moment::Moment;

/// A CRM behind a wire: the same service as
/// [`LookUpInDirectory`](boutique_core::customer::LookUpInDirectory).
///
/// One that knows neither tiers, standings nor e-mails as names serves as well: customers are of
/// the standard tier and in good standing, and whoever is not found by id is looked for in the
/// list of all customers.
#[derive(Clone, Debug)]
pub struct CrmClient<S = BoxExchange> {
    /// Where it is.
    pub upstream: Upstream<S>,
}

/// What is read of a customer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProfileRead {
    id: Id,
    #[serde(default)]
    tier: Tier,
    #[serde(default)]
    standing: Standing,
    created_at: Moment,
    #[serde(default)]
    billing: Option<BillingProfile>,
    order_count: Option<u64>,
    #[serde(rename = "Orders", default)]
    orders: Vec<IgnoredAny>,
}

/// Other CRMs count their customers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Text(CustomerId),
    Number(u64),
}

/// A customer in the list of a CRM that knows no other way.
#[derive(Deserialize)]
struct Listed {
    email: Pii<String>,
    #[serde(flatten)]
    profile: ProfileRead,
}

impl ProfileRead {
    fn profile(self) -> Result<CustomerProfile, Fault> {
        let id = match self.id {
            Id::Text(id) => id,
            Id::Number(number) => CustomerId::new(number.to_string())
                .map_err(|why| Fault::permanent("a customer's number is no id").because(why))?,
        };
        Ok(CustomerProfile {
            id,
            tier: self.tier,
            standing: self.standing,
            created_at: self.created_at.0,
            orders: self.order_count.unwrap_or(self.orders.len() as u64),
            billing: self.billing,
        })
    }
}

impl<S: Exchange> Step<LookUpCustomer> for CrmClient<S> {
    type Response = Option<CustomerProfile>;
    type Error = Fault;

    async fn run(&self, request: LookUpCustomer) -> Result<Option<CustomerProfile>, Fault> {
        let LookUpCustomer { user_id, email } = request;
        let user_id = Arc::<str>::from(user_id);
        let target = Target::path(["customers", &user_id])
            .query("email", email.expose().as_str())
            .query("view", "profile");
        let reply = self.upstream.bare(Method::GET, target).await?;
        if reply.status != StatusCode::NOT_FOUND {
            return reply.json::<ProfileRead>()?.profile().map(Some);
        }
        if let Some(DirectoryRejection::UnknownCustomer) =
            reply.problem().and_then(|it| it.refusal())
        {
            return Ok(None);
        }
        let target = Target::path(["customers"]);
        let reply = self.upstream.bare(Method::GET, target).await?;
        let email = email.expose().folded();
        let all: Vec<Listed> = reply.json()?;
        let mut all = all.into_iter();
        let found = all.find(|it| it.email.expose().to_lowercase() == email);
        found.map(|it| it.profile.profile()).transpose()
    }
}
