//! Weighted rules over signals and velocity: integers only, so that the same input gives the
//! same bytes everywhere.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Band, Features, Reason, RiskAssessment, Signals, Thresholds, Velocity, WINDOW_ROWS_MAX,
};
use crate::customer::{Country, Tier};
use crate::money::Money;

/// A rule: points to add, or take off, when something is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name, as reasons give it.
    pub name: Arc<str>,
    /// What it adds to the score; negative takes off.
    pub points: i32,
    /// When it applies.
    pub when: Condition,
}

/// When a rule applies.
///
/// Amounts are in hundreds of the currency's minor unit, so that 10000 JPY weigh like 100 USD;
/// they are not converted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The order comes to at least this, and to less than `below` where one is given.
    Amount {
        /// At least.
        from: u64,
        /// Less than.
        below: Option<u64>,
    },
    /// The order has at least this many units.
    Units(u64),
    /// A velocity window has seen at least so many.
    Velocity {
        /// Whose orders.
        subject: Subject,
        /// How far back.
        window: Window,
        /// What is counted.
        measure: Measure,
        /// How many are too many.
        from: u64,
    },
    /// The CRM knows the buyer, but not for this long, and the order comes to at least `amount`.
    NewCustomer {
        /// Newer than this.
        younger_than: Duration,
        /// At least.
        amount: u64,
    },
    /// The CRM does not know the buyer, and the order comes to at least `amount`.
    UnknownCustomer {
        /// At least.
        amount: u64,
    },
    /// The goods go to one of these countries.
    Country(BTreeSet<Country>),
    /// The buyer is known and has this loyalty.
    Tier(Tier),
    /// The buyer is known and has had at least this many orders.
    PriorOrders(u64),
}

/// Whose orders a velocity window looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The same user's.
    User,
    /// Those with the same e-mail.
    Email,
    /// Those to the same address.
    Address,
}

/// How far back a velocity window looks: see [`WINDOWS`](super::WINDOWS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Ten minutes.
    Short,
    /// A day.
    Long,
}

/// What a velocity window counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Orders; at most [`WINDOW_ROWS_MAX`], so a rule that wants more never applies.
    Count,
    /// Their amounts, in whole units of their currencies.
    Sum,
    /// Different users.
    Users,
    /// Different e-mails.
    Emails,
    /// Different addresses.
    Addresses,
}

/// Why rules do not make a rule set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRules {
    /// Two rules have one name, so a reason would not say which of them applied.
    #[error("there are two rules called {0}")]
    Duplicate(Arc<str>),
    /// A rule has no name.
    #[error("a rule has no name")]
    Nameless,
    /// A rule waits for more orders than a window looks at.
    #[error("{0} can never apply: a window looks at {WINDOW_ROWS_MAX} orders")]
    Unreachable(Arc<str>),
}

/// Rules and what their score means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSet {
    rules: Vec<Rule>,
    thresholds: Thresholds,
}

impl RuleSet {
    /// A set of `rules`. Each of them is tried on its own; the points of those that apply are
    /// added up.
    ///
    /// # Errors
    ///
    /// [`InvalidRules`] names the first rule that is not one.
    pub fn new(
        rules: impl IntoIterator<Item = Rule>,
        thresholds: Thresholds,
    ) -> Result<Self, InvalidRules> {
        let mut names = BTreeSet::new();
        let mut checked = Vec::new();
        for rule in rules {
            if rule.name.trim().is_empty() {
                return Err(InvalidRules::Nameless);
            }
            if !names.insert(Arc::clone(&rule.name)) {
                return Err(InvalidRules::Duplicate(rule.name));
            }
            let orders = |from| from > WINDOW_ROWS_MAX as u64;
            if matches!(rule.when, Condition::Velocity { measure, from, .. } if measure != Measure::Sum && orders(from))
            {
                return Err(InvalidRules::Unreachable(rule.name));
            }
            checked.push(rule);
        }
        Ok(Self {
            rules: checked,
            thresholds,
        })
    }

    /// No rules: every order scores 0 and is allowed.
    pub fn none() -> Self {
        Self {
            rules: Vec::new(),
            thresholds: Thresholds::default(),
        }
    }

    /// The rules.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What a score means.
    pub const fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    /// Whether any rule looks at velocity; without one the windows need not be asked.
    pub fn looks_at_velocity(&self) -> bool {
        self.rules
            .iter()
            .any(|it| matches!(it.when, Condition::Velocity { .. }))
    }

    /// Scores an order. A function of its arguments alone.
    pub fn assess(&self, signals: &Signals, features: &Features) -> RiskAssessment {
        let amount = hundreds_of_minor(&signals.amount);
        let seen = Seen {
            signals,
            features,
            amount,
        };
        let mut reasons: Vec<_> = self
            .rules
            .iter()
            .filter_map(|rule| {
                Some(Reason {
                    detail: rule.when.explain(&seen)?,
                    rule: rule.name.to_string(),
                    points: rule.points,
                })
            })
            .collect();
        reasons.sort_by(|a, b| {
            (Reverse(a.points), a.rule.as_str()).cmp(&(Reverse(b.points), b.rule.as_str()))
        });
        let sum: i64 = reasons.iter().map(|it| i64::from(it.points)).sum();
        let score = u16::try_from(sum.clamp(0, 1_000)).unwrap_or(1_000);
        RiskAssessment {
            score,
            band: Band::of(score),
            decision: self.thresholds.decision(score),
            reasons,
        }
    }
}

/// What the conditions look at.
struct Seen<'a> {
    signals: &'a Signals,
    features: &'a Features,
    amount: u64,
}

impl Condition {
    /// What was seen, without personal data, if the condition holds.
    fn explain(&self, seen: &Seen<'_>) -> Option<String> {
        let Seen {
            signals, amount, ..
        } = *seen;
        match self {
            Self::Amount { from, below } => (amount >= *from && below.is_none_or(|it| amount < it))
                .then(|| format!("the order comes to {}", signals.amount)),
            Self::Units(from) => {
                (signals.units >= *from).then(|| format!("the order has {} units", signals.units))
            }
            Self::Velocity {
                subject,
                window,
                measure,
                from,
            } => {
                let found = measure.of(subject.of(seen.features, *window));
                (found >= *from).then(|| measure.explain(found, *subject, *window))
            }
            Self::NewCustomer {
                younger_than,
                amount: from,
            } => {
                let age = signals.customer_age.filter(|_| signals.known_customer)?;
                (age < *younger_than && amount >= *from).then(|| {
                    let hours = age.as_secs() / 3_600;
                    format!("known for {hours} hours, buying for {}", signals.amount)
                })
            }
            Self::UnknownCustomer { amount: from } => (!signals.known_customer && amount >= *from)
                .then(|| format!("not known, buying for {}", signals.amount)),
            // The country is text as somebody typed it, so it is not repeated.
            Self::Country(countries) => countries
                .contains(&Country::of(&signals.country))
                .then(|| "the goods go to a listed country".to_owned()),
            Self::Tier(tier) => (signals.known_customer && signals.tier == *tier).then(|| {
                let name = match tier {
                    Tier::Standard => "standard",
                    Tier::Silver => "silver",
                    Tier::Gold => "gold",
                    Tier::Platinum => "platinum",
                };
                format!("a {name} customer")
            }),
            Self::PriorOrders(from) => (signals.known_customer && signals.prior_orders >= *from)
                .then(|| format!("{} orders before", signals.prior_orders)),
        }
    }
}

impl Subject {
    const fn of(self, features: &Features, window: Window) -> &Velocity {
        let windows = match self {
            Self::User => &features.user,
            Self::Email => &features.email,
            Self::Address => &features.address,
        };
        match window {
            Window::Short => &windows[0],
            Window::Long => &windows[1],
        }
    }
}

impl Measure {
    const fn of(self, velocity: &Velocity) -> u64 {
        match self {
            Self::Count => velocity.count,
            Self::Sum => velocity.sum_units,
            Self::Users => velocity.distinct_users,
            Self::Emails => velocity.distinct_emails,
            Self::Addresses => velocity.distinct_addresses,
        }
    }

    fn explain(self, found: u64, subject: Subject, window: Window) -> String {
        let what = match self {
            Self::Count => "orders",
            Self::Sum => "units of money",
            Self::Users => "users",
            Self::Emails => "e-mails",
            Self::Addresses => "addresses",
        };
        let whose = match subject {
            Subject::User => "user",
            Subject::Email => "e-mail",
            Subject::Address => "address",
        };
        let back = match window {
            Window::Short => "ten minutes",
            Window::Long => "a day",
        };
        format!("{found} {what} of one {whose} within {back}")
    }
}

/// An amount in hundreds of its minor unit, rounded down; what is below nothing is nothing.
fn hundreds_of_minor(amount: &Money) -> u64 {
    let per_hundred = 100 * 10_i128.pow(9 - u32::from(amount.currency().digits()));
    u64::try_from(amount.nanos() / per_hundred).unwrap_or(0)
}
