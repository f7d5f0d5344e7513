//! Names of things. Every id that makes a repeat harmless is chosen by the caller.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Why a text is not an id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{what} must be 1 to {max} {allowed}; {found}")]
pub struct InvalidId {
    what: Cow<'static, str>,
    max: usize,
    allowed: Cow<'static, str>,
    found: String,
}

impl InvalidId {
    /// The name of the id that was refused.
    pub fn what(&self) -> &str {
        &self.what
    }
}

fn check(
    what: &'static str,
    text: &str,
    max: usize,
    allowed: &'static str,
    fits: impl Fn(char) -> bool,
) -> Result<(), InvalidId> {
    let refuse = |found| {
        Err(InvalidId {
            what: what.into(),
            max,
            allowed: allowed.into(),
            found,
        })
    };
    if text.is_empty() {
        return refuse("it is empty".to_owned());
    }
    if text.len() > max {
        return refuse(format!("it has {} bytes", text.len()));
    }
    match text.chars().position(|it| !fits(it)) {
        Some(at) => refuse(format!("character {} is not one", at + 1)),
        None => Ok(()),
    }
}

const VISIBLE: &str = "visible ASCII characters";
const fn visible(it: char) -> bool {
    it.is_ascii_graphic()
}

const PRINTED: &str = "bytes of text without control characters";
fn printed(it: char) -> bool {
    !it.is_control()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal, $allowed:ident, $fits:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "Arc<str>", into = "Arc<str>")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` and makes it an id.
            ///
            /// # Errors
            ///
            /// [`InvalidId`] says which rule the text breaks; the text itself is not repeated.
            pub fn new(text: impl Into<Arc<str>>) -> Result<Self, InvalidId> {
                let text = text.into();
                check($what, &text, $max, $allowed, $fits)?;
                Ok(Self(text))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<Arc<str>> for $name {
            type Error = InvalidId;
            fn try_from(text: Arc<str>) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for Arc<str> {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        crate::schema::text_cells!($name);
    };
}

id!(
    /// Whose shop it is; scopes idempotency keys.
    TenantId, "tenant", 64, VISIBLE, visible
);
id!(
    /// A client's name for one attempt to buy (`Idempotency-Key`).
    IdempotencyKey, "idempotency key", 255, VISIBLE, visible
);
id!(
    /// An article; doubles as the stock keeping unit.
    ProductId, "product id", 64, PRINTED, printed
);
id!(
    /// A buyer, as the gateway's verified token names them.
    UserId, "user id", 128, PRINTED, printed
);
id!(
    /// A customer record of the CRM.
    CustomerId, "customer id", 128, VISIBLE, visible
);
id!(
    /// An order; a function of tenant and idempotency key.
    OrderId, "order id", 128, VISIBLE, visible
);
id!(
    /// A hold in a stock ledger.
    HoldId, "hold id", 192, VISIBLE, visible
);
id!(
    /// Goods that arrived, or came back, or a count that was corrected.
    ReceiptId, "receipt id", 512, VISIBLE, visible
);
id!(
    /// A parcel or freight of one stock system for one order.
    ShipmentId, "shipment id", 192, VISIBLE, visible
);
id!(
    /// What the carrier is asked with.
    TrackingId, "tracking id", 192, VISIBLE, visible
);
id!(
    /// A journal entry.
    EntryId, "entry id", 320, VISIBLE, visible
);
id!(
    /// A domain event; the same for every delivery of it.
    EventId, "event id", 208, VISIBLE, visible
);
id!(
    /// A return of goods, chosen by whoever asks for it.
    ReturnId, "return id", 128, VISIBLE, visible
);
id!(
    /// A report from a carrier, chosen by the carrier.
    CarrierEventId, "carrier event id", 200, VISIBLE, visible
);
id!(
    /// A one-way name for something personal: an e-mail, an address.
    Pseudonym, "pseudonym", 64, VISIBLE, visible
);

/// Joins texts that came out of ids of this module into another id.
///
/// The lengths above leave room for every suffix the order flow adds.
macro_rules! derived {
    ($id:ident, $($part:expr),+ $(,)?) => {
        $id(format!($($part),+).into())
    };
}

impl OrderId {
    /// The hold that `attempt` of this order has in the stock system called `system`.
    pub fn hold(&self, system: &str, attempt: u32) -> HoldId {
        let attempt = if planted!(HoldIdWithoutAttempt) {
            1
        } else {
            attempt
        };
        derived!(HoldId, "{}.{system}.{attempt}", self.0)
    }

    /// The shipment of this order from the stock system called `system`.
    pub fn shipment(&self, system: &str) -> ShipmentId {
        derived!(ShipmentId, "{}.{system}", self.0)
    }

    /// The event that says this order is confirmed.
    pub fn confirmed_event(&self) -> EventId {
        derived!(EventId, "{}.confirmed", self.0)
    }

    /// The event that says this order is refused.
    pub fn refused_event(&self) -> EventId {
        derived!(EventId, "{}.refused", self.0)
    }

    /// What the shipments of this order are tracked with.
    pub fn tracking(&self) -> TrackingId {
        derived!(TrackingId, "BT-{}", self.0)
    }

    /// The journal entry of this order called `kind`.
    pub fn entry(&self, kind: &str) -> EntryId {
        derived!(EntryId, "{}.{kind}", self.0)
    }

    /// The stock receipt by which `what` of this order comes back.
    pub fn receipt(&self, what: &str) -> ReceiptId {
        derived!(ReceiptId, "{}.{what}", self.0)
    }
}

impl ShipmentId {
    /// The event that says this shipment has become `status`.
    pub fn report(&self, status: &str) -> EventId {
        derived!(EventId, "{}.{status}", self.0)
    }

    /// The report by which the warehouse itself calls this shipment off.
    pub fn cancel(&self) -> CarrierEventId {
        derived!(CarrierEventId, "{}.cancel", self.0)
    }
}

/// Derives and draws names.
///
/// The derived ones are functions of their arguments, the same in every process that shares
/// data: a retry has to name the same things.
pub trait IdSource: Send + Sync + 'static {
    /// The order that `key` of `tenant` stands for.
    fn order(&self, tenant: &TenantId, key: &IdempotencyKey) -> OrderId;

    /// A one-way name for `value`, of the kind `what`.
    fn pseudonym(&self, what: &str, value: &str) -> Pseudonym;

    /// A text that was never drawn before, of at most 64 visible ASCII characters.
    fn fresh(&self) -> String;
}
