//! The rules a shop starts with.

use std::time::Duration;

use super::Thresholds;
use super::rules::{Condition, Measure, Rule, RuleSet, Subject, Window};
use crate::customer::{Country, Tier};

/// Countries subject to a call for action by the Financial Action Task Force (its list of
/// high-risk jurisdictions, unchanged since October 2022).
const HIGH_RISK: [&str; 3] = ["IR", "KP", "MM"];

const DAY: Duration = Duration::from_secs(86_400);

impl RuleSet {
    /// The rules a shop starts with, under the default [`Thresholds`]. No single rule makes a
    /// review; two or three grave ones together do, and a denial takes more.
    pub fn standard() -> Self {
        use Measure::{Addresses, Count, Emails, Sum, Users};
        use Subject::{Address, Email, User};
        use Window::{Long, Short};
        let velocity = |subject, window, measure, from| Condition::Velocity {
            subject,
            window,
            measure,
            from,
        };
        let amount = |from, below| Condition::Amount { from, below };
        let high_risk = HIGH_RISK.into_iter().map(Country::of).collect();
        #[rustfmt::skip]
        let table = [
            ("amount-1000", 80, amount(1_000, Some(5_000))),
            ("amount-5000", 200, amount(5_000, Some(20_000))),
            ("amount-20000", 400, amount(20_000, None)),
            ("units-100", 100, Condition::Units(100)),
            ("units-1000", 150, Condition::Units(1_000)),

            ("unknown-customer", 50, Condition::UnknownCustomer { amount: 0 }),
            ("unknown-customer-2000", 150, Condition::UnknownCustomer { amount: 2_000 }),
            ("new-customer-500", 120, Condition::NewCustomer { younger_than: 7 * DAY, amount: 500 }),
            ("country-high-risk", 400, Condition::Country(high_risk)),

            ("user-orders-short", 150, velocity(User, Short, Count, 6)),
            ("user-orders-short-many", 250, velocity(User, Short, Count, 20)),
            ("user-orders-long", 100, velocity(User, Long, Count, 40)),
            ("user-sum-short", 150, velocity(User, Short, Sum, 10_000)),
            ("user-sum-long", 150, velocity(User, Long, Sum, 30_000)),
            ("user-emails-long", 150, velocity(User, Long, Emails, 4)),
            ("user-addresses-short", 150, velocity(User, Short, Addresses, 3)),
            ("user-addresses-long", 150, velocity(User, Long, Addresses, 6)),

            ("email-orders-short", 100, velocity(Email, Short, Count, 6)),
            ("email-orders-long", 100, velocity(Email, Long, Count, 40)),
            ("email-sum-long", 100, velocity(Email, Long, Sum, 30_000)),
            ("email-users-short", 200, velocity(Email, Short, Users, 3)),
            ("email-users-long", 150, velocity(Email, Long, Users, 5)),
            ("email-addresses-long", 100, velocity(Email, Long, Addresses, 6)),

            ("address-orders-short", 100, velocity(Address, Short, Count, 10)),
            ("address-orders-long", 100, velocity(Address, Long, Count, 60)),
            ("address-sum-long", 100, velocity(Address, Long, Sum, 50_000)),
            ("address-users-short", 200, velocity(Address, Short, Users, 4)),
            ("address-users-long", 150, velocity(Address, Long, Users, 10)),
            ("address-emails-short", 150, velocity(Address, Short, Emails, 4)),

            ("tier-gold", -100, Condition::Tier(Tier::Gold)),
            ("tier-platinum", -200, Condition::Tier(Tier::Platinum)),
            ("prior-orders-10", -50, Condition::PriorOrders(10)),
        ];
        let rules = table.into_iter().map(|(name, points, when)| Rule {
            name: name.into(),
            points,
            when,
        });
        Self::new(rules, Thresholds::default()).expect("the names of the table differ")
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Band, Decision, Features, Signals, Velocity};
    use super::*;
    use crate::ids::{OrderId, Pseudonym};
    use crate::money::{Currency, Money};

    fn signals(units: i64) -> Signals {
        let name = |text: &str| Pseudonym::new(text).expect("a pseudonym");
        Signals {
            order_id: OrderId::new("o1").expect("an id"),
            user: name("u"),
            email: name("e"),
            address: name("a"),
            country: "United States".to_owned(),
            amount: Money::new(Currency::USD, units, 0).expect("in range"),
            lines: 1,
            units: 1,
            known_customer: true,
            tier: Tier::Standard,
            customer_age: Some(400 * DAY),
            prior_orders: 2,
        }
    }

    fn busy() -> Features {
        let seen = Velocity {
            count: 25,
            sum_units: 40_000,
            distinct_users: 1,
            distinct_emails: 1,
            distinct_addresses: 7,
        };
        Features {
            user: [seen.clone(), seen],
            ..Features::default()
        }
    }

    fn names(rules: &RuleSet, signals: &Signals, features: &Features) -> Vec<String> {
        let reasons = rules.assess(signals, features).reasons;
        reasons.into_iter().map(|it| it.rule).collect()
    }

    #[test]
    fn an_ordinary_order_is_sold_without_remark() {
        let risk = RuleSet::standard().assess(&signals(80), &Features::default());
        assert_eq!(risk.score, 0);
        assert_eq!(risk.band, Band::Low);
        assert_eq!(risk.decision, Decision::Allow);
        assert!(risk.reasons.is_empty());
    }

    #[test]
    fn the_same_input_gives_the_same_bytes_heaviest_reason_first() {
        let mut order = signals(6_000);
        order.known_customer = false;
        let bytes = || {
            let risk = RuleSet::standard().assess(&order, &busy());
            serde_json::to_string(&risk).expect("prints")
        };
        assert_eq!(bytes(), bytes());
        let risk = RuleSet::standard().assess(&order, &busy());
        assert_eq!(risk.score, 1_000, "clamped");
        assert_eq!((risk.band, risk.decision), (Band::High, Decision::Deny));
        let order_of = |it: &super::super::Reason| (-it.points, it.rule.clone());
        assert!(risk.reasons.is_sorted_by_key(order_of));
    }

    #[test]
    fn trust_takes_points_off_but_never_below_nothing() {
        let rules = RuleSet::standard();
        let mut order = signals(25_000);
        assert_eq!(rules.assess(&order, &Features::default()).score, 400);
        order.tier = Tier::Platinum;
        assert_eq!(rules.assess(&order, &Features::default()).score, 200);
        order.amount = Money::zero(Currency::USD);
        assert_eq!(rules.assess(&order, &Features::default()).score, 0);
        order.known_customer = false;
        assert!(
            !names(&rules, &order, &Features::default()).contains(&"tier-platinum".to_owned()),
            "a tier that nobody vouches for earns nothing"
        );
    }

    #[test]
    fn bands_of_amounts_do_not_overlap_and_currencies_weigh_by_their_minor_unit() {
        let rules = RuleSet::standard();
        let of = |amount| {
            let order = Signals {
                amount,
                ..signals(0)
            };
            names(&rules, &order, &Features::default())
        };
        let usd = |units| Money::new(Currency::USD, units, 0).expect("in range");
        assert!(of(usd(999)).is_empty());
        assert_eq!(of(usd(1_000)), ["amount-1000"]);
        assert_eq!(of(usd(5_000)), ["amount-5000"]);
        assert_eq!(of(usd(20_000)), ["amount-20000"]);
        let yen = |count| Money::from_minor(Currency::JPY, count).expect("in range");
        assert!(of(yen(99_999)).is_empty());
        assert_eq!(of(yen(100_000)), ["amount-1000"]);
    }

    #[test]
    fn a_listed_country_is_found_in_any_spelling_and_not_repeated() {
        let rules = RuleSet::standard();
        for country in ["IR", "iran", " North Korea"] {
            let order = Signals {
                country: country.to_owned(),
                ..signals(10)
            };
            let risk = rules.assess(&order, &Features::default());
            assert_eq!(risk.reasons[0].rule, "country-high-risk", "{country}");
            assert!(!risk.reasons[0].detail.contains(country.trim()));
        }
    }

    #[test]
    fn no_single_rule_makes_a_review() {
        let rules = RuleSet::standard();
        let review = i32::from(rules.thresholds().review);
        assert!(rules.rules().iter().all(|it| it.points < review));
    }

    #[test]
    fn rules_that_could_not_be_told_apart_or_never_apply_are_refused() {
        let rule = |name: &str, from| Rule {
            name: name.into(),
            points: 1,
            when: Condition::Velocity {
                subject: Subject::User,
                window: Window::Long,
                measure: Measure::Count,
                from,
            },
        };
        let made = |rules: [Rule; 2]| {
            RuleSet::new(rules, Thresholds::default())
                .map_err(|it| it.to_string())
                .err()
        };
        assert_eq!(made([rule("a", 1), rule("b", 256)]), None);
        assert_eq!(
            made([rule("a", 1), rule("a", 2)]).as_deref(),
            Some("there are two rules called a")
        );
        assert_eq!(
            made([rule("a", 1), rule("b", 257)]).as_deref(),
            Some("b can never apply: a window looks at 256 orders")
        );
    }
}
