//! Why a ledger says no.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::HoldState;
use crate::ids::ProductId;
use crate::limits::UNITS_ON_HAND_MAX;

/// A product of which there is not enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// The product.
    pub product_id: ProductId,
    /// Units asked for, summed over the lines.
    pub wanted: u64,
    /// Units that could be promised.
    pub left: u64,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} wanted, {} left",
            self.product_id, self.wanted, self.left
        )
    }
}

/// An answer of a stock ledger that is not yes. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", content = "of", rename_all = "snake_case")]
pub enum Rejection {
    /// Too few units of these products, in the order of their ids.
    #[error("not enough in stock: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Short(Vec<Shortage>),
    /// The product is not listed here.
    #[error("product {0} is not listed in this stock system")]
    UnknownProduct(ProductId),
    /// A reserve without lines.
    #[error("a hold needs at least one line")]
    Empty,
    /// The id is taken by a hold of other goods.
    #[error("the hold id is taken by a hold of other goods")]
    HoldMismatch,
    /// There is no such hold.
    #[error("there is no such hold")]
    UnknownHold,
    /// The request arrived after the moment it was good for.
    #[error("the request arrived too late to be carried out")]
    TooLate,
    /// Only a sold hold can do that.
    #[error("a hold that is {0} cannot do that")]
    NotSold(HoldState),
    /// More than is left of the hold, or a product it does not have.
    #[error("the hold has {left} of {product_id} left to ship, not {wanted}")]
    BeyondHold {
        /// The product.
        product_id: ProductId,
        /// Units asked for.
        wanted: u64,
        /// Units left.
        left: u64,
    },
    /// The shipment or receipt id was used for other goods.
    #[error("the id was used for other goods")]
    IdReused,
    /// A count below what is promised.
    #[error("{promised} units are promised: the count cannot be below that")]
    BelowPromised {
        /// Units held and committed.
        promised: u64,
    },
    /// The level has changed since it was read.
    #[error("the level is at version {current} by now: read it again")]
    VersionMismatch {
        /// The version it has.
        current: u64,
    },
    /// More than a ledger can keep.
    #[error("a product can have at most {UNITS_ON_HAND_MAX} units")]
    TooMany,
    /// A note beyond its ceiling.
    #[error("the note has {0} bytes, which is more than 65536")]
    NoteTooLong(usize),
}
