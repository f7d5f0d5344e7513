//! Who a buyer is.

use std::sync::Arc;

use super::{Customer, CustomerDirectory, CustomerProfile, LookUpCustomer};
use crate::fault::Fault;
use crate::flow::Step;
use crate::ids::CustomerId;

impl From<Customer> for CustomerProfile {
    fn from(customer: Customer) -> Self {
        Self {
            id: customer.id,
            tier: customer.tier,
            standing: customer.standing,
            created_at: customer.created_at,
            orders: customer.orders.len() as u64,
            billing: customer.billing,
        }
    }
}

/// Looks buyers up in a directory: by user id, where that can be a customer id, then by e-mail.
#[derive(Clone)]
pub struct LookUpInDirectory {
    /// The directory.
    pub directory: Arc<dyn CustomerDirectory>,
}

impl Step<LookUpCustomer> for LookUpInDirectory {
    type Response = Option<CustomerProfile>;
    type Error = Fault;

    async fn run(&self, request: LookUpCustomer) -> Result<Option<CustomerProfile>, Fault> {
        let LookUpCustomer { user_id, email } = request;
        // A user id may have characters that a customer id may not.
        if let Ok(id) = CustomerId::new(Arc::<str>::from(user_id))
            && let Some(customer) = self.directory.customer(&id).await?
        {
            return Ok(Some(customer.into()));
        }
        let customer = self.directory.by_email(email.expose()).await?;
        Ok(customer.map(CustomerProfile::from))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Email, MemoryDirectory, UpsertCustomer};
    use super::*;
    use crate::clock::Timestamp;
    use crate::ids::UserId;
    use crate::pii::Pii;

    fn email(text: &str) -> Pii<Email> {
        Pii::new(Email::new(text).expect("an e-mail"))
    }

    #[tokio::test]
    async fn a_buyer_is_found_by_user_id_and_else_by_e_mail() {
        let directory = Arc::new(MemoryDirectory::default());
        for name in ["ada", "bob"] {
            let customer = UpsertCustomer {
                id: CustomerId::new(name).expect("an id"),
                email: email(&format!("{name}@example.org")),
                name: None,
                surname: None,
                address: None,
                tier: None,
                standing: None,
                billing: None,
            };
            let made = directory.upsert(customer, Timestamp::EPOCH).await;
            made.expect("new");
        }
        let step = LookUpInDirectory { directory };
        let found = async |user: &str, mail: &str| {
            let request = LookUpCustomer {
                user_id: UserId::new(user).expect("an id"),
                email: email(mail),
            };
            let profile = step.run(request).await.expect("in memory");
            profile.map(|it| it.id.to_string())
        };
        let some = |id: &str| Some(id.to_owned());
        assert_eq!(found("ada", "bob@example.org").await, some("ada"));
        assert_eq!(found("u 17", "BOB@example.org").await, some("bob"));
        assert_eq!(found("u17", "eve@example.org").await, None);
    }
}
