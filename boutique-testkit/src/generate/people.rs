//! Customers, what is known of them, and what the fraud engine sees.

use boutique_core::customer::{
    Address, BillingProfile, Email, LookUpCustomer, Standing, Tier, UpsertCustomer,
};
use boutique_core::fraud::{Observation, Signals};
use boutique_core::pii::Pii;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{customer_id, duration, money, order_id, pseudonym, timestamp, user_id};

/// Any e-mail address.
pub fn email() -> impl Strategy<Value = Pii<Email>> + Clone {
    "[a-zA-Z0-9.+_-]{1,20}@[a-zA-Z0-9-]{1,12}\\.(com|org|example)"
        .prop_map(|it| Email::new(it).expect("valid by construction").into())
}

/// A postal address; the fields that may be empty sometimes are.
pub fn address() -> impl Strategy<Value = Pii<Address>> + Clone {
    let required = || "[A-Z][a-z\u{e9}\u{f8}]{1,12}( [0-9]{1,4})?";
    let country = select(vec!["United States", "Germany", "Ireland", "Japan"]);
    (
        required(),
        required(),
        "[A-Z]{0,2}",
        country,
        "[A-Z0-9 ]{0,8}",
    )
        .prop_map(|(street_address, city, state, country, zip_code)| {
            let address = Address {
                street_address,
                city,
                state,
                country: country.to_owned(),
                zip_code,
            };
            address.checked().expect("valid by construction").into()
        })
}

/// Any tier.
pub fn tier() -> impl Strategy<Value = Tier> + Clone {
    select(vec![
        Tier::Standard,
        Tier::Silver,
        Tier::Gold,
        Tier::Platinum,
    ])
}

/// Good, or now and then blocked.
pub fn standing() -> impl Strategy<Value = Standing> + Clone {
    prop_oneof![4 => Just(Standing::Good), 1 => Just(Standing::Blocked)]
}

fn name() -> impl Strategy<Value = Pii<String>> + Clone {
    "[A-Z][a-z\u{e9}\u{f8}]{1,14}".prop_map(Pii::new)
}

/// Where a bill goes.
pub fn billing_profile() -> impl Strategy<Value = BillingProfile> + Clone {
    (
        name(),
        address(),
        option::of("[A-Z]{2}[0-9]{8}".prop_map(Pii::new)),
    )
        .prop_map(|(name, address, tax_id)| BillingProfile {
            name,
            address,
            tax_id,
        })
}

/// What is said of a customer: all of it, some of it, or nothing but who.
pub fn upsert_customer() -> impl Strategy<Value = UpsertCustomer> + Clone {
    let names = (option::of(name()), option::of(name()));
    let rest = (
        option::of(address()),
        option::of(tier()),
        option::of(standing()),
        option::of(billing_profile()),
    );
    (customer_id(), email(), names, rest).prop_map(
        |(id, email, (name, surname), (address, tier, standing, billing))| UpsertCustomer {
            id,
            email,
            name,
            surname,
            address: address.map(|it| Pii::new(it.into_inner().into())),
            tier,
            standing,
            billing,
        },
    )
}

/// Asks who a buyer is.
pub fn look_up_customer() -> impl Strategy<Value = LookUpCustomer> + Clone {
    (user_id(), email()).prop_map(|(user_id, email)| LookUpCustomer { user_id, email })
}

/// What is known of an order before it is sold.
pub fn signals() -> impl Strategy<Value = Signals> + Clone {
    let names = (order_id(), pseudonym(), pseudonym(), pseudonym());
    let size = (money(), 1..100_u32, 1..1_000_u64);
    let customer = (any::<bool>(), tier(), option::of(duration()), 0..50_u64);
    let country = select(vec!["United States", "Germany", "NG", "ireland"]);
    (names, country, size, customer).prop_map(
        |(
            (order_id, user, email, address),
            country,
            (amount, lines, units),
            (known_customer, tier, customer_age, prior_orders),
        )| Signals {
            order_id,
            user,
            email,
            address,
            country: country.to_owned(),
            amount: if amount.is_negative() {
                amount.negated()
            } else {
                amount
            },
            lines,
            units,
            known_customer,
            tier,
            // Nobody else has a record, or has ordered before.
            customer_age: customer_age.filter(|_| known_customer),
            prior_orders: if known_customer { prior_orders } else { 0 },
        },
    )
}

/// An order as the velocity windows count it.
pub fn observation() -> impl Strategy<Value = Observation> + Clone {
    (signals(), timestamp()).prop_map(|(signals, at)| Observation {
        order_id: signals.order_id,
        user: signals.user,
        email: signals.email,
        address: signals.address,
        amount: signals.amount,
        at,
    })
}
