//! Orders that nobody thought of.

use std::collections::BTreeSet;

use boutique_core::carts::CartLine;
use boutique_core::catalog::Catalog;
use boutique_core::checkout::OrderBody;
use boutique_core::customer::{Address, Email, UpsertCustomer};
use boutique_core::ids::{CustomerId, ProductId, UserId};
use boutique_core::limits::Units;
use boutique_core::orders::ReturnLine;
use boutique_core::pii::Pii;
use boutique_core::warehouse::ShipmentStatus;
use boutique_testkit::generate;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::script::{Again, Back, Errand, FOUGHT_FOR, Then};
use boutique_servers::demo::story::SCARCE;

/// Who buys. Each of them does so several times.
const PEOPLE: usize = 150;

/// A source of values that are the same for the same seed.
pub(crate) struct Source(TestRunner);

impl Source {
    pub(crate) fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        Self(TestRunner::new_with_rng(Config::default(), rng))
    }

    fn draw<S: Strategy>(&mut self, strategy: S) -> S::Value {
        let tree = strategy.new_tree(&mut self.0);
        tree.expect("the strategy makes a value").current()
    }

    /// As many people as there are, no two of whom share a name or an e-mail.
    fn people(&mut self) -> Vec<Person> {
        let mut taken = BTreeSet::new();
        let mut people = Vec::new();
        while people.len() < PEOPLE {
            let person = self.draw(person());
            let email = person.email.expose().as_str().to_lowercase();
            if taken.insert(person.user_id.to_string()) && taken.insert(email) {
                people.push(person);
            }
        }
        people
    }

    /// What the CRM is told, and `orders` orders.
    pub(crate) fn story(&mut self, orders: usize) -> (Vec<UpsertCustomer>, Vec<Errand>) {
        let people = self.people();
        let known = people.iter().filter_map(|it| it.known.clone()).collect();
        let (mut keys, mut carts) = (BTreeSet::new(), BTreeSet::new());
        let mut errands = Vec::new();
        while errands.len() < orders {
            let mut errand = self.draw(errand(people.clone()));
            // A cart is emptied behind the client's back: who fills one again sees a race.
            if !errand.cart.is_empty() && !carts.insert(errand.body.user_id.to_string()) {
                errand.body.lines = Some(std::mem::take(&mut errand.cart).into());
            }
            if keys.insert(errand.key.to_string()) {
                errands.push(errand);
            }
        }
        (known, errands)
    }
}

#[derive(Clone, Debug)]
struct Person {
    user_id: UserId,
    email: Pii<Email>,
    address: Pii<Address>,
    known: Option<UpsertCustomer>,
}

fn person() -> impl Strategy<Value = Person> {
    // The gateway has no path for a user whose name has one of these.
    let user = generate::user_id().prop_filter("has a path", |it| {
        !it.as_str().contains(['/', '\\', ';', '%'])
    });
    let known = prop_oneof![3 => generate::upsert_customer().prop_map(Some), 1 => Just(None)];
    (user, generate::email(), generate::address(), known).prop_map(
        |(user_id, email, address, known)| {
            let known = known.map(|said| UpsertCustomer {
                // Known by their name if it may be a customer's, and else by their e-mail.
                id: CustomerId::new(user_id.as_str()).unwrap_or_else(|_| said.id.clone()),
                email: email.clone(),
                ..said
            });
            Person {
                user_id,
                email,
                address,
                known,
            }
        },
    )
}

fn product(id: &str) -> ProductId {
    ProductId::new(id).expect("an id")
}

/// One line: mostly a few units of what there is plenty of.
fn line() -> impl Strategy<Value = CartLine> {
    let range = Catalog::default_range();
    let plenty = range.iter().map(|it| &it.id).filter(|id| {
        let fought_for = FOUGHT_FOR.iter().any(|it| it.0 == id.as_str());
        !fought_for && id.as_str() != SCARCE.0
    });
    let plenty: Vec<ProductId> = plenty.cloned().collect();
    let few = (1..9_i64).prop_map(|it| Units::new(it).expect("in range"));
    // More than there ever is. Of what there is plenty of nobody asks that: how many are left
    // would depend on whose turn it is.
    let greedy = (6_000..10_000_i64).prop_map(|it| Units::new(it).expect("in range"));
    let fought_for = FOUGHT_FOR.map(|it| product(it.0)).to_vec();
    prop_oneof![
        40 => (select(plenty), few.clone()),
        6 => (select(fought_for.clone()), few.clone()),
        1 => (select(fought_for), greedy),
        1 => (generate::product_id(), few),
    ]
    .prop_map(|(product_id, quantity)| CartLine {
        product_id,
        quantity,
    })
}

fn body(people: Vec<Person>) -> impl Strategy<Value = OrderBody> {
    let usual = ["USD", "EUR", "GBP"].map(|it| it.parse().expect("a currency"));
    let currency = prop_oneof![20 => select(usual.to_vec()), 1 => generate::currency()];
    let lines = prop::collection::vec(line(), 1..5);
    let count = people.len();
    // Now and then to the address of somebody else.
    let elsewhere = prop_oneof![9 => Just(None), 1 => (0..count).prop_map(Some)];
    (0..count, elsewhere, currency, lines).prop_map(move |(who, elsewhere, currency, lines)| {
        let (buyer, receiver) = (&people[who], &people[elsewhere.unwrap_or(who)]);
        OrderBody {
            user_id: buyer.user_id.clone(),
            currency,
            email: buyer.email.clone(),
            address: receiver.address.clone(),
            lines: Some(lines.into()),
            ordered_at: None,
        }
    })
}

fn then() -> impl Strategy<Value = Then> {
    use ShipmentStatus::{Delivered, Packed, Returned, Shipped};
    let reports = select(vec![
        vec![],
        vec![Packed],
        vec![Shipped],
        vec![Packed, Shipped, Delivered],
        vec![Delivered],
        vec![Shipped, Returned],
    ]);
    let back = (0..3_usize, 1..4_i64).prop_map(|(line, units)| ReturnLine {
        line,
        quantity: Units::new(units).expect("in range"),
        refund: None,
    });
    let back = (prop::collection::vec(back, 1..3), any::<bool>())
        .prop_map(|(lines, restock)| Back { lines, restock });
    let back = proptest::option::weighted(0.3, back);
    (prop::bool::weighted(0.15), reports, back).prop_map(|(cancelled, reports, back)| Then {
        cancelled,
        reports,
        back,
    })
}

fn errand(people: Vec<Person>) -> impl Strategy<Value = Errand> {
    let again = prop_oneof![
        8 => Just(None),
        1 => Just(Some(Again::Same)),
        1 => Just(Some(Again::OtherBody)),
    ];
    let how = (
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
        again,
        any::<bool>(),
    );
    (generate::idempotency_key(), body(people), how, then()).prop_map(
        |(key, mut body, (from_cart, rehearsed, again, approved), then)| {
            let cart = match from_cart {
                true => body.lines.take().map(|it| it.to_vec()),
                false => None,
            };
            Errand {
                key,
                body,
                cart: cart.unwrap_or_default(),
                rehearsed,
                again,
                approved,
                then,
                due: None,
            }
        },
    )
}
