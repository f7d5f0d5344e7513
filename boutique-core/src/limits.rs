//! Every quantity has a ceiling.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::schema::{Cell, Kind};

/// The most units one line of an order may ask for.
pub const UNITS_PER_LINE_MAX: u32 = 10_000;

/// The most lines one order may ever have, whatever an embedder configures.
pub const LINES_PER_ORDER_MAX: usize = 1_000;

/// The most units a ledger keeps of one product.
pub const UNITS_ON_HAND_MAX: u64 = 1 << 52;

const _: () = assert!(
    (UNITS_PER_LINE_MAX as u64) * (LINES_PER_ORDER_MAX as u64) < UNITS_ON_HAND_MAX,
    "the demand of one order must fit a level"
);

/// Units of one line: 1 to [`UNITS_PER_LINE_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Units(u32);

impl Units {
    /// One unit.
    pub const ONE: Self = Self(1);

    /// Checks `count` and makes it units.
    ///
    /// # Errors
    ///
    /// [`UnitsOutOfRange`] if it is below 1 or above [`UNITS_PER_LINE_MAX`].
    pub fn new(count: i64) -> Result<Self, UnitsOutOfRange> {
        match u32::try_from(count) {
            Ok(units @ 1..=UNITS_PER_LINE_MAX) => Ok(Self(units)),
            _ => Err(UnitsOutOfRange(count)),
        }
    }

    /// The count.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Cell for Units {
    const KIND: Kind = Kind::Int64;
}

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<i64> for Units {
    type Error = UnitsOutOfRange;
    fn try_from(count: i64) -> Result<Self, UnitsOutOfRange> {
        Self::new(count)
    }
}

impl From<Units> for i64 {
    fn from(units: Units) -> Self {
        units.0.into()
    }
}

/// A quantity that no line may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("quantity must be 1 to {UNITS_PER_LINE_MAX}, not {0}")]
pub struct UnitsOutOfRange(pub i64);

/// What one order may be, within the ceilings above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most lines an order may have.
    pub lines_per_order: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lines_per_order: 100,
        }
    }
}
