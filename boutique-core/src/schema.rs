//! What a type is as the columns of a table, said by the type itself.
//!
//! The data warehouse refuses an event whose fields are not its table's columns, so the columns
//! are derived where the fields are declared: `record!` declares a struct and its columns at
//! once, and neither can change alone. The types of columns are those of BigQuery
//! (<https://cloud.google.com/bigquery/docs/schemas>), JSON values fit them as in its Pub/Sub
//! subscriptions (<https://cloud.google.com/pubsub/docs/bigquery>).

mod fit;

pub use fit::{Misfit, fit};

use crate::clock::Timestamp;
use crate::pii::Pii;

/// A column of a table, or a field of a record in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, the field's.
    pub name: &'static str,
    /// What is in it.
    pub kind: Kind,
    /// How many of them.
    pub mode: Mode,
    /// What it means: the field's documentation.
    pub doc: &'static str,
}

/// What is in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    String,
    /// A whole number of 64 bits.
    Int64,
    /// A moment, to the microsecond.
    Timestamp,
    /// Any JSON.
    Json,
    /// Fields.
    Record(&'static [Column]),
}

/// How many values a column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One.
    Required,
    /// One or none.
    Nullable,
    /// Any number, in order.
    Repeated,
}

/// A type that is one column.
pub trait Cell {
    /// What is in it.
    const KIND: Kind;
    /// How many of them.
    const MODE: Mode = Mode::Required;
}

/// A struct whose fields are columns.
pub trait Record {
    /// Its columns, in the order of its fields.
    const COLUMNS: &'static [Column];
}

impl<T: Cell> Cell for Pii<T> {
    const KIND: Kind = T::KIND;
    const MODE: Mode = T::MODE;
}

impl<T: Cell> Cell for Option<T> {
    const KIND: Kind = T::KIND;
    const MODE: Mode = Mode::Nullable;
}

impl<T: Cell> Cell for Vec<T> {
    const KIND: Kind = T::KIND;
    const MODE: Mode = Mode::Repeated;
}

impl Cell for String {
    const KIND: Kind = Kind::String;
}

impl Cell for u16 {
    const KIND: Kind = Kind::Int64;
}

impl Cell for i32 {
    const KIND: Kind = Kind::Int64;
}

impl Cell for i64 {
    const KIND: Kind = Kind::Int64;
}

impl Cell for Timestamp {
    const KIND: Kind = Kind::Timestamp;
}

/// Types that are written as text.
macro_rules! text_cells {
    ($($name:ty),+ $(,)?) => {
        $(impl $crate::schema::Cell for $name {
            const KIND: $crate::schema::Kind = $crate::schema::Kind::String;
        })+
    };
}
pub(crate) use text_cells;

/// Declares a struct of documented fields, and their columns. Attributes of a field stand behind
/// its documentation.
macro_rules! record {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $(
                $(#[doc = $doc:literal])+
                $(#[serde($($serde:tt)*)])?
                $field_vis:vis $field:ident: $ty:ty,
            )+
        }
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $(
                $(#[doc = $doc])+
                $(#[serde($($serde)*)])?
                $field_vis $field: $ty,
            )+
        }

        impl $crate::schema::Record for $name {
            const COLUMNS: &'static [$crate::schema::Column] = &[$(
                $crate::schema::Column {
                    name: stringify!($field),
                    kind: <$ty as $crate::schema::Cell>::KIND,
                    mode: <$ty as $crate::schema::Cell>::MODE,
                    doc: concat!($($doc),+).trim_ascii(),
                },
            )+];
        }

        impl $crate::schema::Cell for $name {
            const KIND: $crate::schema::Kind =
                $crate::schema::Kind::Record(<$name as $crate::schema::Record>::COLUMNS);
        }
    };
}
pub(crate) use record;
