//! Any rules over any signals and windows: the score is the sum of the rules that applied, each
//! of them did apply, and no reason repeats what a buyer wrote.
#![no_main]

use std::collections::BTreeSet;
use std::time::Duration;

use arbitrary::Arbitrary;
use boutique_core::customer::{Country, Tier};
use boutique_core::fraud::{
    Condition, Decision, Features, InvalidRules, Measure, Rule, RuleSet, Signals, Subject,
    Thresholds, Velocity, WINDOW_ROWS_MAX, Window,
};
use boutique_core::ids::{OrderId, Pseudonym};
use boutique_core::money::{Currency, Money};
use boutique_fuzz::CANARY;
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum When {
    Amount(u32, Option<u32>),
    Units(u16),
    Velocity(u8, u8, u8, u16),
    NewCustomer(u32, u32),
    UnknownCustomer(u32),
    Country(Vec<String>),
    Tier(u8),
    PriorOrders(u16),
}

#[derive(Arbitrary, Debug)]
struct Input {
    rules: Vec<(u8, i32, When)>,
    review: u16,
    deny: u16,
    country: String,
    nanos: i64,
    currency: u8,
    units: u16,
    known: bool,
    tier: u8,
    age: Option<u32>,
    prior: u16,
    windows: [[[u16; 5]; 2]; 3],
}

fn tier(n: u8) -> Tier {
    [Tier::Standard, Tier::Silver, Tier::Gold, Tier::Platinum][usize::from(n % 4)]
}

fn condition(when: When) -> Condition {
    match when {
        When::Amount(from, below) => Condition::Amount {
            from: from.into(),
            below: below.map(u64::from),
        },
        When::Units(from) => Condition::Units(from.into()),
        When::Velocity(subject, window, measure, from) => Condition::Velocity {
            subject: [Subject::User, Subject::Email, Subject::Address][usize::from(subject % 3)],
            window: [Window::Short, Window::Long][usize::from(window % 2)],
            measure: [
                Measure::Count,
                Measure::Sum,
                Measure::Users,
                Measure::Emails,
                Measure::Addresses,
            ][usize::from(measure % 5)],
            from: from.into(),
        },
        When::NewCustomer(younger_than, amount) => Condition::NewCustomer {
            younger_than: Duration::from_secs(younger_than.into()),
            amount: amount.into(),
        },
        When::UnknownCustomer(amount) => Condition::UnknownCustomer {
            amount: amount.into(),
        },
        When::Country(countries) => {
            Condition::Country(countries.iter().map(|it| Country::of(it)).collect())
        }
        When::Tier(n) => Condition::Tier(tier(n)),
        When::PriorOrders(from) => Condition::PriorOrders(from.into()),
    }
}

fn velocity(it: [u16; 5]) -> Velocity {
    let [count, sum_units, users, emails, addresses] = it.map(u64::from);
    Velocity {
        count,
        sum_units,
        distinct_users: users,
        distinct_emails: emails,
        distinct_addresses: addresses,
    }
}

fuzz_target!(|input: Input| {
    let thresholds = Thresholds {
        review: input.review,
        deny: input.deny,
    };
    let rules: Vec<Rule> = input
        .rules
        .into_iter()
        .map(|(name, points, when)| Rule {
            name: format!("{}", name % 32).trim_matches('7').into(),
            points,
            when: condition(when),
        })
        .collect();
    let set = match RuleSet::new(rules.clone(), thresholds) {
        Ok(set) => set,
        Err(InvalidRules::Nameless) => {
            return assert!(rules.iter().any(|it| it.name.trim().is_empty()));
        }
        Err(InvalidRules::Duplicate(name)) => {
            return assert!(rules.iter().filter(|it| it.name == name).count() > 1);
        }
        Err(InvalidRules::Unreachable(name)) => {
            let waits = |it: &Condition| matches!(it, Condition::Velocity { from, .. } if *from > WINDOW_ROWS_MAX as u64);
            return assert!(rules.iter().any(|it| it.name == name && waits(&it.when)));
        }
    };
    let currency = [Currency::USD, Currency::JPY, Currency::GBP][usize::from(input.currency % 3)];
    let pseudonym = || Pseudonym::new(CANARY).expect("an id");
    let signals = Signals {
        order_id: OrderId::new("o").expect("an id"),
        user: pseudonym(),
        email: pseudonym(),
        address: pseudonym(),
        country: format!("{CANARY}{}", input.country),
        amount: Money::from_nanos(currency, i128::from(input.nanos)).expect("small"),
        lines: 1,
        units: input.units.into(),
        known_customer: input.known,
        tier: tier(input.tier),
        customer_age: input.age.map(|it| Duration::from_secs(it.into())),
        prior_orders: input.prior.into(),
    };
    let [user, email, address] = input.windows.map(|it| it.map(velocity));
    let features = Features {
        user,
        email,
        address,
    };
    let risk = set.assess(&signals, &features);
    assert_eq!(set.assess(&signals, &features), risk);

    let sum: i64 = risk.reasons.iter().map(|it| i64::from(it.points)).sum();
    assert_eq!(i64::from(risk.score), sum.clamp(0, 1_000));
    let decision = match risk.score {
        score if score >= input.deny => Decision::Deny,
        score if score >= input.review => Decision::Review,
        _ => Decision::Allow,
    };
    assert_eq!(risk.decision, decision);
    assert!(
        risk.reasons
            .is_sorted_by_key(|it| (std::cmp::Reverse(it.points), it.rule.clone()))
    );
    let applied: BTreeSet<&str> = risk.reasons.iter().map(|it| it.rule.as_str()).collect();
    assert_eq!(applied.len(), risk.reasons.len(), "a rule counts twice");
    for reason in &risk.reasons {
        assert!(
            !reason.detail.contains(CANARY),
            "a reason that repeats what a buyer wrote"
        );
    }
    // Rules stand each for itself: the same ones apply whatever the others are.
    for rule in set.rules() {
        let alone = RuleSet::new([rule.clone()], thresholds).expect("a rule of a set");
        let applies = !alone.assess(&signals, &features).reasons.is_empty();
        assert_eq!(applies, applied.contains(&*rule.name), "{rule:?}");
    }
    // What the shop itself sells by, on the same signals.
    let standard = RuleSet::standard().assess(&signals, &features);
    assert!(standard.score <= 1_000);
    assert!(
        standard
            .reasons
            .iter()
            .all(|it| !it.detail.contains(CANARY))
    );
});
