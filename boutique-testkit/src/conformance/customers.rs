//! What every [`CustomerDirectory`] does.

use std::collections::BTreeMap;
use std::sync::Arc;

use boutique_core::customer::{
    AddressText, BillingProfile, Customer, CustomerDirectory, CustomerOrder, DirectoryError,
    DirectoryRejection, DirectoryStats, PostalAddress, ReviseCustomer, Standing, Tier,
    UpsertCustomer,
};
use boutique_core::money::{Currency, Money};
use boutique_core::pii::Pii;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::given::{address, at, customer_id, email, fine, order_id, refused, together, usd};
use super::{Fixture, replay};
use crate::ManualClock;

suite! {
    $ /// Proves a [`CustomerDirectory`](boutique_core::customer::CustomerDirectory); see
    /// [`conformance`](crate::conformance).
    customers_conformance in customers over Fixture<dyn CustomerDirectory>;
    cases {
        a_new_record_has_what_was_said,
        what_is_not_said_stays,
        the_e_mail_names_the_record,
        an_id_is_taken_once,
        a_record_is_revised_with_its_e_mail,
        an_e_mail_of_another_is_refused,
        an_address_may_be_one_text,
        customers_are_listed_newest_first,
        an_order_is_attached_once,
        an_order_belongs_to_one_customer,
        an_order_of_nobody_is_refused,
        orders_are_listed_by_id_until_they_are_detached,
        the_erased_are_gone,
        sums_go_over_all_records,
        one_e_mail_upserted_by_many_is_one_record,
        one_order_attached_by_many_counts_once,
    }
    models { random_changes_match_the_rules }
}

type Time = Arc<ManualClock>;

/// Says nothing but who.
fn who(id: &str, mail: &str) -> UpsertCustomer {
    UpsertCustomer {
        id: customer_id(id),
        email: email(mail),
        name: None,
        surname: None,
        address: None,
        tier: None,
        standing: None,
        billing: None,
    }
}

fn all_of(id: &str, mail: &str) -> UpsertCustomer {
    UpsertCustomer {
        name: Some("Ada".to_owned().into()),
        surname: Some("L\u{f8}vel".to_owned().into()),
        address: Some(Pii::new(address().into_inner().into())),
        tier: Some(Tier::Gold),
        standing: Some(Standing::Blocked),
        billing: Some(BillingProfile {
            name: "Ada L.".to_owned().into(),
            address: address(),
            tax_id: Some("T-1".to_owned().into()),
        }),
        ..who(id, mail)
    }
}

fn order(id: &str, cents: i64, second: i64) -> CustomerOrder {
    CustomerOrder {
        order_id: order_id(id),
        total: usd(cents),
        placed_at: at(second),
    }
}

async fn upsert(store: &Store, customer: UpsertCustomer, second: i64) -> Customer {
    fine(store.upsert(customer, at(second)).await)
}

async fn a_new_record_has_what_was_said(store: &Store, _: Time) {
    let said = all_of("c1", "ada@example.com");
    let made = upsert(store, said.clone(), 5).await;
    assert_eq!((&made.id, &made.email), (&said.id, &said.email));
    assert_eq!(
        (Some(&made.name), Some(&made.surname)),
        (said.name.as_ref(), said.surname.as_ref())
    );
    assert_eq!(
        (&made.address, &made.billing),
        (&said.address, &said.billing)
    );
    assert_eq!((made.tier, made.standing), (Tier::Gold, Standing::Blocked));
    assert_eq!((made.created_at, made.updated_at), (at(5), at(5)));
    assert_eq!(made.orders, []);
    assert_eq!(
        fine(store.customer(&customer_id("c1")).await),
        Some(made.clone())
    );
    assert_eq!(fine(store.by_email(said.email.expose()).await), Some(made));
    let bare = upsert(store, who("c2", "eve@example.com"), 6).await;
    assert_eq!((bare.tier, bare.standing), (Tier::Standard, Standing::Good));
    assert_eq!((bare.address, bare.billing), (None, None));
    assert_eq!(fine(store.customer(&customer_id("c3")).await), None);
    assert_eq!(
        fine(store.by_email(email("no@example.com").expose()).await),
        None
    );
}

async fn what_is_not_said_stays(store: &Store, _: Time) {
    let made = upsert(store, all_of("c1", "ada@example.com"), 5).await;
    let change = UpsertCustomer {
        tier: Some(Tier::Platinum),
        ..who("c1", "ada@example.com")
    };
    let changed = upsert(store, change, 9).await;
    let expected = Customer {
        tier: Tier::Platinum,
        updated_at: at(9),
        ..made
    };
    assert_eq!(changed, expected);
    assert_eq!(
        fine(store.customer(&customer_id("c1")).await),
        Some(expected)
    );
}

async fn the_e_mail_names_the_record(store: &Store, _: Time) {
    upsert(store, all_of("c1", "Ada@Example.com"), 5).await;
    let again = upsert(store, who("c9", "ada@example.COM"), 9).await;
    assert_eq!(
        again.id,
        customer_id("c1"),
        "an existing record keeps its id"
    );
    assert_eq!(again.created_at, at(5));
    assert_eq!(fine(store.customer(&customer_id("c9")).await), None);
    let found = fine(store.by_email(email("ADA@example.com").expose()).await);
    assert_eq!(found.map(|it| it.id), Some(customer_id("c1")));
    assert_eq!(fine(store.customers(None, 10).await).len(), 1);
}

async fn an_id_is_taken_once(store: &Store, _: Time) {
    let made = upsert(store, all_of("c1", "ada@example.com"), 5).await;
    let answer = store.upsert(who("c1", "eve@example.com"), at(9)).await;
    assert_eq!(refused(answer), DirectoryRejection::IdTaken);
    assert_eq!(fine(store.customer(&customer_id("c1")).await), Some(made));
    assert_eq!(
        fine(store.by_email(email("eve@example.com").expose()).await),
        None
    );
}

/// Changes nothing.
fn revision(id: &str) -> ReviseCustomer {
    ReviseCustomer {
        id: customer_id(id),
        email: None,
        name: None,
        surname: None,
        address: None,
        tier: None,
        standing: None,
        billing: None,
    }
}

async fn a_record_is_revised_with_its_e_mail(store: &Store, _: Time) {
    let made = upsert(store, all_of("c1", "ada@example.com"), 5).await;
    fine(store.attach(&made.id, order("o1", 100, 6)).await);
    let change = ReviseCustomer {
        email: Some(email("Ada@Example.org")),
        tier: Some(Tier::Silver),
        ..revision("c1")
    };
    let revised = fine(store.revise(change, at(9)).await);
    let expected = Customer {
        email: email("Ada@Example.org"),
        tier: Tier::Silver,
        updated_at: at(9),
        orders: vec![order("o1", 100, 6)],
        ..made
    };
    assert_eq!(revised, expected);
    let found = fine(store.by_email(email("ada@example.ORG").expose()).await);
    assert_eq!(found, Some(expected));
    let old = email("ada@example.com");
    assert_eq!(fine(store.by_email(old.expose()).await), None);
    let other = upsert(store, who("c2", "ada@example.com"), 10).await;
    assert_eq!(other.id, customer_id("c2"), "the old e-mail is free");
}

async fn an_e_mail_of_another_is_refused(store: &Store, _: Time) {
    let made = upsert(store, all_of("c1", "ada@example.com"), 5).await;
    upsert(store, who("c2", "eve@example.com"), 5).await;
    let taken = ReviseCustomer {
        email: Some(email("EVE@example.com")),
        tier: Some(Tier::Silver),
        ..revision("c1")
    };
    let answer = store.revise(taken, at(9)).await;
    assert_eq!(refused(answer), DirectoryRejection::EmailTaken);
    assert_eq!(fine(store.customer(&made.id).await), Some(made));
    let answer = store.revise(revision("c3"), at(9)).await;
    assert_eq!(refused(answer), DirectoryRejection::UnknownCustomer);
    let spelled = ReviseCustomer {
        email: Some(email("Eve@example.com")),
        ..revision("c2")
    };
    let spelled = fine(store.revise(spelled, at(9)).await);
    assert_eq!(spelled.email, email("Eve@example.com"));
}

async fn an_address_may_be_one_text(store: &Store, _: Time) {
    let text = AddressText::new("1 Harbour Street\nPort").expect("a text");
    let said = UpsertCustomer {
        address: Some(Pii::new(PostalAddress::Text(text))),
        ..who("c1", "ada@example.com")
    };
    let made = upsert(store, said.clone(), 5).await;
    assert_eq!(made.address, said.address);
    assert_eq!(fine(store.customer(&made.id).await), Some(made));
}

async fn orders_are_listed_by_id_until_they_are_detached(store: &Store, _: Time) {
    for (id, orders) in [("c1", ["o3", "o1"]), ("c2", ["o2", "O4"])] {
        upsert(store, who(id, &format!("{id}@example.com")), 0).await;
        for it in orders {
            fine(store.attach(&customer_id(id), order(it, 100, 1)).await);
        }
    }
    let page = async |after: Option<&str>, limit| -> Vec<String> {
        let after = after.map(order_id);
        let found = fine(store.orders(after.as_ref(), limit).await);
        let named = found
            .into_iter()
            .map(|(id, it)| format!("{id} {}", it.order_id));
        named.collect()
    };
    assert_eq!(page(None, 9).await, ["c2 O4", "c1 o1", "c2 o2", "c1 o3"]);
    assert_eq!(page(Some("O4"), 2).await, ["c1 o1", "c2 o2"]);
    assert!(fine(store.detach(&order_id("o1")).await));
    assert!(!fine(store.detach(&order_id("o1")).await));
    assert_eq!(page(None, 9).await, ["c2 O4", "c2 o2", "c1 o3"]);
    let ada = fine(store.customer(&customer_id("c1")).await).expect("it is known");
    assert_eq!(ada.orders, [order("o3", 100, 1)]);
    let stats = fine(store.stats().await);
    assert_eq!((stats.orders, stats.revenue), (3, vec![usd(300)]));
    // It can be somebody else's now.
    fine(store.attach(&customer_id("c2"), order("o1", 50, 1)).await);
}

async fn customers_are_listed_newest_first(store: &Store, _: Time) {
    for (second, id) in (1..).zip(["b", "d", "a", "c"]) {
        upsert(store, who(id, &format!("{id}@example.com")), second).await;
    }
    // A change does not make a record newer.
    upsert(store, who("b", "b@example.com"), 50).await;
    let page = async |after: Option<&str>, limit| -> Vec<String> {
        let after = after.map(customer_id);
        let found = fine(store.customers(after.as_ref(), limit).await);
        found.into_iter().map(|it| it.id.to_string()).collect()
    };
    assert_eq!(page(None, 10).await, ["c", "a", "d", "b"]);
    assert_eq!(page(None, 2).await, ["c", "a"]);
    assert_eq!(page(Some("a"), 1).await, ["d"]);
    assert_eq!(page(Some("d"), 10).await, ["b"]);
    assert_eq!(page(Some("b"), 10).await, [""; 0]);
}

async fn an_order_is_attached_once(store: &Store, _: Time) {
    upsert(store, who("c1", "ada@example.com"), 0).await;
    let id = customer_id("c1");
    fine(store.attach(&id, order("o1", 100, 1)).await);
    let both = fine(store.attach(&id, order("o2", 250, 2)).await);
    assert_eq!(both.orders, [order("o1", 100, 1), order("o2", 250, 2)]);
    let again = fine(store.attach(&id, order("o1", 100, 1)).await);
    assert_eq!(again.orders, both.orders);
    let stored = fine(store.customer(&id).await).expect("it is known");
    assert_eq!(stored.orders, both.orders);
    // Orders stay when the record is changed.
    assert_eq!(
        upsert(store, all_of("c1", "ada@example.com"), 9)
            .await
            .orders,
        both.orders
    );
}

async fn an_order_belongs_to_one_customer(store: &Store, _: Time) {
    upsert(store, who("c1", "ada@example.com"), 0).await;
    upsert(store, who("c2", "eve@example.com"), 1).await;
    fine(store.attach(&customer_id("c1"), order("o1", 100, 1)).await);
    for (id, cents) in [("c1", 101), ("c2", 100)] {
        let answer = store.attach(&customer_id(id), order("o1", cents, 1)).await;
        assert_eq!(refused(answer), DirectoryRejection::OrderTaken, "{id}");
    }
    let other = fine(store.customer(&customer_id("c2")).await).expect("it is known");
    assert_eq!(other.orders, []);
}

async fn an_order_of_nobody_is_refused(store: &Store, _: Time) {
    let answer = store.attach(&customer_id("c1"), order("o1", 100, 1)).await;
    assert_eq!(refused(answer), DirectoryRejection::UnknownCustomer);
    assert_eq!(fine(store.stats().await), DirectoryStats::default());
}

async fn the_erased_are_gone(store: &Store, _: Time) {
    upsert(store, all_of("c1", "ada@example.com"), 0).await;
    upsert(store, who("c2", "eve@example.com"), 1).await;
    fine(store.attach(&customer_id("c1"), order("o1", 100, 1)).await);
    assert!(!fine(store.erase(&customer_id("c3")).await));
    assert!(fine(store.erase(&customer_id("c1")).await));
    assert!(!fine(store.erase(&customer_id("c1")).await));
    assert_eq!(fine(store.customer(&customer_id("c1")).await), None);
    assert_eq!(
        fine(store.by_email(email("ada@example.com").expose()).await),
        None
    );
    let stats = fine(store.stats().await);
    assert_eq!((stats.customers, stats.orders), (1, 0));
    let anew = upsert(store, who("c9", "ada@example.com"), 7).await;
    assert_eq!((anew.id, anew.created_at), (customer_id("c9"), at(7)));
    assert_eq!(
        (anew.address, anew.orders.len()),
        (None, 0),
        "nothing of the person is left"
    );
}

async fn sums_go_over_all_records(store: &Store, _: Time) {
    assert_eq!(fine(store.stats().await), DirectoryStats::default());
    upsert(store, who("c1", "ada@example.com"), 0).await;
    upsert(store, who("c2", "eve@example.com"), 1).await;
    let euro = Money::from_minor(Currency::EUR, 70).expect("in range");
    for (id, it) in [
        ("c1", order("o1", 100, 1)),
        ("c2", order("o2", 250, 1)),
        (
            "c2",
            CustomerOrder {
                total: euro,
                ..order("o3", 0, 1)
            },
        ),
    ] {
        fine(store.attach(&customer_id(id), it.clone()).await);
        fine(store.attach(&customer_id(id), it).await);
    }
    let stats = fine(store.stats().await);
    assert_eq!((stats.customers, stats.orders), (2, 3));
    assert_eq!(stats.revenue, [euro, usd(350)], "by currency code");
}

async fn one_e_mail_upserted_by_many_is_one_record(store: &Store, _: Time) {
    let made = together(16, |task| {
        let store = Arc::clone(store);
        async move {
            fine(
                store
                    .upsert(who(&format!("c{task}"), "ada@example.com"), at(0))
                    .await,
            )
        }
    })
    .await;
    assert!(made.iter().all(|it| it.id == made[0].id), "{made:?}");
    assert_eq!(fine(store.stats().await).customers, 1);
}

async fn one_order_attached_by_many_counts_once(store: &Store, _: Time) {
    upsert(store, who("c1", "ada@example.com"), 0).await;
    together(16, |_| {
        let store = Arc::clone(store);
        async move { fine(store.attach(&customer_id("c1"), order("o1", 100, 1)).await) }
    })
    .await;
    let stats = fine(store.stats().await);
    assert_eq!((stats.orders, stats.revenue), (1, vec![usd(100)]));
}

#[derive(Clone, Debug)]
enum Step {
    Upsert {
        id: u8,
        mail: u8,
        tier: Option<Tier>,
    },
    Attach {
        id: u8,
        order: u8,
        cents: i64,
    },
    Revise {
        id: u8,
        mail: Option<u8>,
        tier: Option<Tier>,
    },
    Detach(u8),
    Erase(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let tiers = vec![Tier::Standard, Tier::Silver, Tier::Gold, Tier::Platinum];
    let tier = || prop::option::of(prop::sample::select(tiers.clone()));
    let step = prop_oneof![
        4 => (0..4_u8, 0..4_u8, tier()).prop_map(|(id, mail, tier)| Step::Upsert { id, mail, tier }),
        4 => (0..4_u8, 0..4_u8, 1..3_i64)
            .prop_map(|(id, order, cents)| Step::Attach { id, order, cents }),
        2 => (0..4_u8, prop::option::of(0..4_u8), tier())
            .prop_map(|(id, mail, tier)| Step::Revise { id, mail, tier }),
        1 => (0..4_u8).prop_map(Step::Detach),
        1 => (0..4_u8).prop_map(Step::Erase),
    ];
    prop::collection::vec(step, 1..40)
}

/// A directory as the docs of the port tell it: records in the order they were made. It keeps
/// tier, moments and orders, which is what the steps change.
#[derive(Default)]
struct Rules {
    records: Vec<(String, String, Tier, i64, i64)>,
    orders: BTreeMap<String, (String, i64)>,
}

impl Rules {
    fn at(&self, id: &str) -> Option<usize> {
        self.records.iter().position(|it| it.0 == id)
    }

    fn upsert(
        &mut self,
        id: &str,
        mail: &str,
        tier: Option<Tier>,
        now: i64,
    ) -> Result<String, DirectoryRejection> {
        if self.records.iter().any(|it| it.0 == id && it.1 != mail) {
            return Err(DirectoryRejection::IdTaken);
        }
        if let Some(known) = self.records.iter_mut().find(|it| it.1 == mail) {
            known.2 = tier.unwrap_or(known.2);
            known.4 = now;
            return Ok(known.0.clone());
        }
        let record = (
            id.to_owned(),
            mail.to_owned(),
            tier.unwrap_or_default(),
            now,
            now,
        );
        self.records.push(record);
        Ok(id.to_owned())
    }

    fn revise(
        &mut self,
        id: &str,
        mail: Option<&str>,
        tier: Option<Tier>,
        now: i64,
    ) -> Result<String, DirectoryRejection> {
        let Some(at) = self.at(id) else {
            return Err(DirectoryRejection::UnknownCustomer);
        };
        let taken = |mail| self.records.iter().any(|it| it.0 != id && it.1 == mail);
        if mail.is_some_and(taken) {
            return Err(DirectoryRejection::EmailTaken);
        }
        let record = &mut self.records[at];
        if let Some(mail) = mail {
            mail.clone_into(&mut record.1);
        }
        record.2 = tier.unwrap_or(record.2);
        record.4 = now;
        Ok(id.to_owned())
    }

    fn attach(&mut self, id: &str, order: &str, cents: i64) -> Result<String, DirectoryRejection> {
        if self.at(id).is_none() {
            return Err(DirectoryRejection::UnknownCustomer);
        }
        let new = (id.to_owned(), cents);
        let known = self
            .orders
            .entry(order.to_owned())
            .or_insert_with(|| new.clone());
        if *known != new {
            return Err(DirectoryRejection::OrderTaken);
        }
        Ok(id.to_owned())
    }

    fn erase(&mut self, id: &str) -> bool {
        let Some(at) = self.at(id) else { return false };
        self.records.remove(at);
        self.orders.retain(|_, it| it.0 != id);
        true
    }
}

/// Changes the store at random and compares it with the port's docs as a plain value.
///
/// # Panics
///
/// If they differ.
pub fn random_changes_match_the_rules<M, F>(make: M)
where
    M: AsyncFn(Arc<ManualClock>) -> F,
    F: Into<Store>,
{
    replay(64, steps(), async |steps| {
        let store: Store = make(Arc::default()).await.into();
        let mut rules = Rules::default();
        let fault = |it: boutique_core::fault::Fault| TestCaseError::fail(format!("{it:?}"));
        for (second, step) in (0_i64..).zip(&steps) {
            let (subject, expected) = match step {
                Step::Upsert { id, mail, tier } => {
                    let (id, mail) = (format!("c{id}"), format!("m{mail}@example.com"));
                    let said = UpsertCustomer {
                        tier: *tier,
                        ..who(&id, &mail)
                    };
                    let subject = store.upsert(said, at(second)).await;
                    (subject, rules.upsert(&id, &mail, *tier, second))
                }
                Step::Attach {
                    id,
                    order: of,
                    cents,
                } => {
                    let (id, of) = (format!("c{id}"), format!("o{of}"));
                    let subject = store
                        .attach(&customer_id(id.as_str()), order(&of, *cents, 0))
                        .await;
                    (subject, rules.attach(&id, &of, *cents))
                }
                Step::Revise { id, mail, tier } => {
                    let id = format!("c{id}");
                    let mail = mail.map(|it| format!("m{it}@example.com"));
                    let said = ReviseCustomer {
                        id: customer_id(id.as_str()),
                        email: mail.as_deref().map(email),
                        name: None,
                        surname: None,
                        address: None,
                        tier: *tier,
                        standing: None,
                        billing: None,
                    };
                    let subject = store.revise(said, at(second)).await;
                    (subject, rules.revise(&id, mail.as_deref(), *tier, second))
                }
                Step::Detach(of) => {
                    let of = format!("o{of}");
                    let subject = store.detach(&order_id(of.as_str())).await;
                    let known = rules.orders.remove(&of).is_some();
                    prop_assert_eq!(subject.map_err(fault)?, known, "{:?}", step);
                    continue;
                }
                Step::Erase(id) => {
                    let id = format!("c{id}");
                    let subject = store
                        .erase(&customer_id(id.as_str()))
                        .await
                        .map_err(fault)?;
                    prop_assert_eq!(subject, rules.erase(&id), "{:?}", step);
                    continue;
                }
            };
            let subject = match subject {
                Ok(customer) => Ok(customer.id.to_string()),
                Err(DirectoryError::Rejected(rejection)) => Err(rejection),
                Err(DirectoryError::Fault(it)) => return Err(fault(it)),
            };
            prop_assert_eq!(subject, expected, "{:?}", step);
            let records = store.customers(None, 10).await.map_err(fault)?;
            let subject: Vec<_> = records
                .iter()
                .map(|it| {
                    let mail = it.email.expose().as_str();
                    let moments = (it.created_at, it.updated_at);
                    (it.id.as_str(), mail, it.tier, moments, it.orders.len())
                })
                .collect();
            let orders = |id: &str| rules.orders.values().filter(|it| it.0 == id).count();
            let newest_first = rules.records.iter().rev();
            let expected: Vec<_> = newest_first
                .map(|it| {
                    let moments = (at(it.3), at(it.4));
                    (it.0.as_str(), it.1.as_str(), it.2, moments, orders(&it.0))
                })
                .collect();
            prop_assert_eq!(subject, expected, "after {:?}", step);
            let stats = store.stats().await.map_err(fault)?;
            let revenue: i64 = rules.orders.values().map(|it| it.1).sum();
            prop_assert_eq!(stats.customers, rules.records.len() as u64);
            prop_assert_eq!(stats.orders, rules.orders.len() as u64);
            let expected = if revenue == 0 {
                vec![]
            } else {
                vec![usd(revenue)]
            };
            prop_assert_eq!(stats.revenue, expected);
        }
        Ok(())
    });
}
