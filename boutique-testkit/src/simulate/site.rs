//! Where things run: one process each, in two clouds.

use std::fmt;

/// A process of the simulated shop, or, for [`Site::Clients`], everybody outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Site {
    /// Buyers, carriers, reviewers. They are not part of the shop: they neither crash nor pause.
    Clients,
    /// Sells; keeps the broker of confirmed orders.
    Checkout,
    /// Knows customers.
    Crm,
    /// Scores fraud, in the other cloud.
    Fraud,
    /// The ledger of parcels.
    Inventory,
    /// The ledger of bulky goods.
    Furniture,
    /// Order management.
    Oms,
    /// Keeps the books.
    Accounting,
    /// Sends goods; keeps the broker of shipments.
    Warehouse,
    /// The table of the data warehouse.
    Analytics,
}

/// How many sites there are.
pub(super) const SITES: usize = Site::ALL.len();

impl Site {
    /// Every site.
    pub const ALL: [Self; 10] = [
        Self::Clients,
        Self::Checkout,
        Self::Crm,
        Self::Fraud,
        Self::Inventory,
        Self::Furniture,
        Self::Oms,
        Self::Accounting,
        Self::Warehouse,
        Self::Analytics,
    ];

    /// The processes of the shop.
    pub(super) fn servers() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|it| *it != Self::Clients)
    }

    /// Its name, in traces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clients => "clients",
            Self::Checkout => "checkout",
            Self::Crm => "crm",
            Self::Fraud => "fraud",
            Self::Inventory => "inventory",
            Self::Furniture => "furniture",
            Self::Oms => "oms",
            Self::Accounting => "accounting",
            Self::Warehouse => "warehouse",
            Self::Analytics => "analytics",
        }
    }

    /// Whether it is in the cloud of the fraud engine.
    pub(super) const fn is_in_azure(self) -> bool {
        matches!(self, Self::Fraud)
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
