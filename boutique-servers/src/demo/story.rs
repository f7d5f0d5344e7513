//! Who wants what in the demo, and how that ought to end.

use boutique_core::customer::{Standing, Tier};

/// How many orders are placed.
const ORDERS: usize = 300;
/// Customers who come again and again.
const REGULARS: usize = 40;
/// Units of each article on the shelf in the beginning.
pub(super) const STOCKED: u64 = 5_000;
/// The article there is little of, and how little.
pub(super) const SCARCE: (&str, u64) = ("FURN-LAMP-ARC", 2);

/// What an order is an example of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    Plain,
    TwoSystems,
    Repeated,
    Blocked,
    Fraud,
    Approved,
    Denied,
    Short,
    Cancelled,
    Returned,
}

impl Fate {
    pub(super) const ALL: [Self; 10] = [
        Self::Plain,
        Self::TwoSystems,
        Self::Repeated,
        Self::Blocked,
        Self::Fraud,
        Self::Approved,
        Self::Denied,
        Self::Short,
        Self::Cancelled,
        Self::Returned,
    ];

    /// What happens, in words.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Plain => "parcels",
            Self::TwoSystems => "parcels and furniture in one cart",
            Self::Repeated => "the client repeats its request",
            Self::Blocked => "the customer's account is blocked",
            Self::Fraud => "too risky",
            Self::Approved => "reviewed, approved",
            Self::Denied => "reviewed, denied",
            Self::Short => "more than there is in stock",
            Self::Cancelled => "cancelled before it ships",
            Self::Returned => "an article comes back",
        }
    }

    /// How the checkout ends: `confirmed`, or the name of the refusal.
    pub(super) const fn outcome(self) -> &'static str {
        match self {
            Self::Plain
            | Self::TwoSystems
            | Self::Repeated
            | Self::Approved
            | Self::Cancelled
            | Self::Returned => "confirmed",
            Self::Blocked => "standing",
            Self::Fraud => "fraud",
            Self::Denied => "review_denied",
            Self::Short => "short",
        }
    }
}

/// A wish of a customer.
pub(super) struct Wish {
    pub(super) fate: Fate,
    /// Its idempotency key.
    pub(super) key: String,
    pub(super) user: String,
    pub(super) lines: Vec<(&'static str, i64)>,
}

/// A customer the CRM knows.
pub(super) struct Known {
    pub(super) user: String,
    pub(super) tier: Tier,
    pub(super) standing: Standing,
}

const PARCELS: [&str; 9] = [
    "OLJCESPC7Z",
    "66VCHSJNUP",
    "1YMWWN1N4O",
    "L9ECAV7KIM",
    "2ZYFJ3GM2N",
    "0PUK6V6EV0",
    "LS4PSXUNUM",
    "9SIQT8TOJO",
    "6E92ZMYYFZ",
];
const FURNITURE: [&str; 3] = ["FURN-CHAIR-OAK", "FURN-DESK-140", "FURN-SHELF-5"];

/// The customers.
pub(super) fn customers() -> Vec<Known> {
    let tiers = [Tier::Standard, Tier::Silver, Tier::Gold, Tier::Platinum];
    let good = |user, tier| Known {
        user,
        tier,
        standing: Standing::Good,
    };
    let regulars = (0..REGULARS).map(|it| good(format!("regular-{it}"), tiers[it % tiers.len()]));
    let collectors = wishes()
        .into_iter()
        .filter(|it| matches!(it.fate, Fate::Approved | Fate::Denied))
        .map(|it| good(it.user, Tier::Standard));
    let blocked = Known {
        user: "blocked".to_owned(),
        tier: Tier::Standard,
        standing: Standing::Blocked,
    };
    regulars.chain(collectors).chain([blocked]).collect()
}

/// The wishes, in the order in which they are made.
pub(super) fn wishes() -> Vec<Wish> {
    (0..ORDERS).map(wish).collect()
}

fn wish(number: usize) -> Wish {
    let fate = match number % 25 {
        3 => Fate::Blocked,
        5 | 16 => Fate::TwoSystems,
        7 => Fate::Fraud,
        9 => Fate::Repeated,
        11 => Fate::Approved,
        12 => Fate::Cancelled,
        14 => Fate::Short,
        19 if number % 100 == 19 => Fate::Denied,
        21 => Fate::Returned,
        _ => Fate::Plain,
    };
    let regular = format!("regular-{}", number % REGULARS);
    let parcels = parcels(number);
    let (user, lines) = match fate {
        Fate::Blocked => ("blocked".to_owned(), parcels),
        // Unknown to the CRM, 200 watches at once.
        Fate::Fraud => (format!("stranger-{number}"), vec![("1YMWWN1N4O", 200)]),
        // Known since today, twenty sofas at once.
        Fate::Approved | Fate::Denied => (format!("collector-{number}"), vec![("FURN-SOFA-3", 20)]),
        Fate::Short => (regular, vec![(SCARCE.0, 5)]),
        Fate::TwoSystems | Fate::Cancelled => {
            let mut lines = parcels;
            lines.push((FURNITURE[number % FURNITURE.len()], 1));
            (regular, lines)
        }
        Fate::Plain | Fate::Repeated | Fate::Returned => (regular, parcels),
    };
    Wish {
        fate,
        key: format!("demo-{number:03}"),
        user,
        lines,
    }
}

/// One to three articles, a few units of each.
fn parcels(number: usize) -> Vec<(&'static str, i64)> {
    let units = [1, 2, 3];
    (0..=number % 3)
        .map(|it| {
            let article = PARCELS[(number * 7 + it * 2) % PARCELS.len()];
            (article, units[(number / 3 + it) % units.len()])
        })
        .collect()
}
