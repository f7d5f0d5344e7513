//! What happens in a shop: the same in every topology.

use std::collections::{BTreeMap, BTreeSet};

use boutique_core::carts::CartLine;
use boutique_core::catalog::Catalog;
use boutique_core::checkout::OrderBody;
use boutique_core::customer::UpsertCustomer;
use boutique_core::ids::{IdempotencyKey, ProductId};
use boutique_core::limits::Units;
use boutique_core::orders::ReturnLine;
use boutique_core::stock::StockSystem;
use boutique_core::warehouse::ShipmentStatus;
use boutique_servers::demo::story::{self, Fate, SCARCE, STOCKED};

/// Articles the generated orders fight for, beside the demo's, and how many there are.
pub(crate) const FOUGHT_FOR: [(&str, u64); 3] = [
    ("6E92ZMYYFZ", 500),
    ("FURN-TABLE-6", 60),
    ("FURN-WARDROBE-2", 60),
];

/// Everything that happens.
pub(crate) struct Script {
    /// What is on the shelves in the beginning.
    pub(crate) shelves: Vec<(StockSystem, ProductId, u64)>,
    /// What the CRM is told.
    pub(crate) customers: Vec<UpsertCustomer>,
    /// Orders, in the order in which they come.
    pub(crate) errands: Vec<Errand>,
}

/// One order and what becomes of it.
#[derive(Debug)]
pub(crate) struct Errand {
    pub(crate) key: IdempotencyKey,
    pub(crate) body: OrderBody,
    /// Put into the stored cart before; the body has no lines then.
    pub(crate) cart: Vec<CartLine>,
    /// Tried without effect before.
    pub(crate) rehearsed: bool,
    /// Asked for again afterwards: with the same body, or with another one.
    pub(crate) again: Option<Again>,
    /// What a person decides who is asked.
    pub(crate) approved: bool,
    /// What follows when the order is sold, or is tried when it is not.
    pub(crate) then: Then,
    /// How the checkout has to end, where that is known.
    pub(crate) due: Option<Fate>,
}

/// How a client uses its key again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    Same,
    OtherBody,
}

/// What follows an order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Then {
    pub(crate) cancelled: bool,
    /// What the carrier says of each of its shipments, each twice.
    pub(crate) reports: Vec<ShipmentStatus>,
    pub(crate) back: Option<Back>,
}

/// What comes back.
#[derive(Clone, Debug)]
pub(crate) struct Back {
    pub(crate) lines: Vec<ReturnLine>,
    /// Onto the shelf; the shop says so and not the buyer.
    pub(crate) restock: bool,
}

impl Errand {
    /// What it buys.
    pub(crate) fn lines(&self) -> &[CartLine] {
        self.body.lines.as_deref().unwrap_or(&self.cart)
    }

    /// What it has in common with other orders whose turn matters: the buyer, their e-mail and
    /// the address, which velocity windows count by, and goods that are scarce.
    pub(crate) fn touches(&self) -> BTreeSet<String> {
        let body = &self.body;
        let address = serde_json::to_string(&body.address).expect("prints");
        let scarce = self.lines().iter().map(|it| it.product_id.as_str());
        let scarce = scarce.filter(|id| FOUGHT_FOR.iter().any(|it| it.0 == *id) || *id == SCARCE.0);
        let mut touches: BTreeSet<String> = scarce.map(|it| format!("goods {it}")).collect();
        touches.insert(format!("user {}", body.user_id));
        let email = body.email.expose().as_str().to_lowercase();
        touches.insert(format!("email {email}"));
        touches.insert(format!("address {}", address.to_lowercase()));
        touches
    }
}

/// The demo's orders and then others.
pub(crate) fn script(people: Vec<UpsertCustomer>, generated: Vec<Errand>) -> Script {
    let rare: BTreeMap<&str, u64> = FOUGHT_FOR.into_iter().chain([SCARCE]).collect();
    let catalog = Catalog::default_range();
    let shelves = catalog.iter().map(|it| {
        let units = rare.get(it.id.as_str()).copied().unwrap_or(STOCKED);
        (it.system, it.id.clone(), units)
    });
    let known = story::customers().into_iter();
    let known = known.map(|it| it.customer().expect("the story is told right"));
    Script {
        shelves: shelves.collect(),
        customers: known.chain(people).collect(),
        errands: demo().chain(generated).collect(),
    }
}

fn demo() -> impl Iterator<Item = Errand> {
    story::wishes().into_iter().map(|wish| {
        let comes_back = ReturnLine {
            line: 0,
            quantity: Units::ONE,
            refund: None,
        };
        Errand {
            key: wish.key().expect("the story is told right"),
            body: wish.body().expect("the story is told right"),
            cart: Vec::new(),
            rehearsed: false,
            again: (wish.fate == Fate::Repeated).then_some(Again::Same),
            approved: wish.fate == Fate::Approved,
            then: Then {
                cancelled: wish.fate == Fate::Cancelled,
                reports: match wish.fate {
                    Fate::Cancelled => Vec::new(),
                    _ => vec![ShipmentStatus::Shipped],
                },
                back: (wish.fate == Fate::Returned).then(|| Back {
                    lines: vec![comes_back],
                    restock: true,
                }),
            },
            due: Some(wish.fate),
        }
    })
}
