//! Who wants what in the demo, and how that ought to end.

use boutique_core::carts::CartLine;
use boutique_core::checkout::OrderBody;
use boutique_core::customer::{Address, Email, Standing, Tier, UpsertCustomer};
use boutique_core::ids::{CustomerId, IdempotencyKey, ProductId, UserId};
use boutique_core::limits::Units;
use boutique_core::money::Currency;
use boutique_core::pii::Pii;

use crate::exit::Failure;

/// How many orders are placed.
const ORDERS: usize = 300;
/// Customers who come again and again.
const REGULARS: usize = 40;
/// Units of each article on the shelf in the beginning.
pub const STOCKED: u64 = 5_000;
/// The article there is little of, and how little.
pub const SCARCE: (&str, u64) = ("FURN-LAMP-ARC", 2);

/// What an order is an example of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Articles that travel as parcels.
    Plain,
    /// Parcels and furniture in one cart.
    TwoSystems,
    /// The client repeats its request.
    Repeated,
    /// The customer's account is blocked.
    Blocked,
    /// Too risky to sell.
    Fraud,
    /// A person looks at it and approves.
    Approved,
    /// A person looks at it and denies.
    Denied,
    /// More than there is in stock.
    Short,
    /// Called off before it ships.
    Cancelled,
    /// An article of it comes back.
    Returned,
}

impl Fate {
    /// Every fate.
    pub const ALL: [Self; 10] = [
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
    pub const fn text(self) -> &'static str {
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
    pub const fn outcome(self) -> &'static str {
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
pub struct Wish {
    /// What it is an example of.
    pub fate: Fate,
    /// The name of its idempotency key.
    name: String,
    user: String,
    lines: Vec<(&'static str, i64)>,
}

impl Wish {
    /// Its idempotency key.
    ///
    /// # Errors
    ///
    /// [`Failure::Refused`] if the story is told wrong.
    pub fn key(&self) -> Result<IdempotencyKey, Failure> {
        told(IdempotencyKey::new(self.name.as_str()))
    }

    /// What is asked for.
    ///
    /// # Errors
    ///
    /// [`Failure::Refused`] if the story is told wrong.
    pub fn body(&self) -> Result<OrderBody, Failure> {
        let lines = self.lines.iter().map(|(article, units)| {
            Ok(CartLine {
                product_id: told(ProductId::new(*article))?,
                quantity: told(Units::new(*units))?,
            })
        });
        let address = Address {
            street_address: format!("1 {} Street", self.user),
            city: "Springfield".to_owned(),
            state: "OR".to_owned(),
            country: "United States".to_owned(),
            zip_code: "97477".to_owned(),
        };
        Ok(OrderBody {
            user_id: told(UserId::new(self.user.as_str()))?,
            currency: Currency::USD,
            email: email(&self.user)?,
            address: Pii::new(told(address.checked())?),
            lines: Some(lines.collect::<Result<_, Failure>>()?),
            ordered_at: None,
        })
    }
}

/// A customer the CRM knows.
pub struct Known {
    user: String,
    tier: Tier,
    standing: Standing,
}

impl Known {
    /// What the CRM is told.
    ///
    /// # Errors
    ///
    /// [`Failure::Refused`] if the story is told wrong.
    pub fn customer(&self) -> Result<UpsertCustomer, Failure> {
        Ok(UpsertCustomer {
            id: told(CustomerId::new(self.user.as_str()))?,
            email: email(&self.user)?,
            name: None,
            surname: None,
            address: None,
            tier: Some(self.tier),
            standing: Some(self.standing),
            billing: None,
        })
    }
}

/// The story's own texts are well-formed; a failure here is a mistake in the story.
pub(super) fn told<T, E: std::fmt::Display>(result: Result<T, E>) -> Result<T, Failure> {
    result.map_err(|error| Failure::Refused(error.to_string()))
}

fn email(user: &str) -> Result<Pii<Email>, Failure> {
    told(Email::new(format!("{user}@customers.invalid"))).map(Pii::new)
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
pub fn customers() -> Vec<Known> {
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
pub fn wishes() -> Vec<Wish> {
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
        name: format!("demo-{number:03}"),
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
