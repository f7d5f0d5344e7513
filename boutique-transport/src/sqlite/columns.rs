//! Columns that several tables have.

use std::sync::Arc;

use boutique_core::money::{Currency, Money};
use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};

use super::query::unreadable;

/// The unit variant in `column`, kept as the name that `as_str` gives and serde knows.
pub(super) fn name<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let name: StrDeserializer<'_, Error> = row.get_ref(column)?.as_str()?.into_deserializer();
    T::deserialize(name).map_err(|it| unreadable(column, it))
}

/// The currency in `column`, kept as its code.
pub(super) fn currency(row: &Row<'_>, column: usize) -> rusqlite::Result<Currency> {
    let code = row.get_ref(column)?.as_str()?;
    Currency::new(code).map_err(|it| unreadable(column, it))
}

/// The amount whose currency, units and billionths are in these columns.
pub(super) fn money(row: &Row<'_>, columns: [usize; 3]) -> rusqlite::Result<Money> {
    let [code, units, nanos] = columns;
    let currency =
        Currency::new(row.get_ref(code)?.as_str()?).map_err(|it| unreadable(code, it))?;
    Money::new(currency, row.get(units)?, row.get(nanos)?).map_err(|it| unreadable(units, it))
}

/// What `read` makes of `column`, or nothing if it is null.
pub(super) fn maybe<T>(
    row: &Row<'_>,
    column: usize,
    read: impl FnOnce(&Row<'_>, usize) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        _ => read(row, column).map(Some),
    }
}

/// The text of the id a list goes on after: every id is greater than the empty text.
pub(super) fn cursor<T: Into<Arc<str>> + Clone>(after: Option<&T>) -> Arc<str> {
    after.map_or_else(|| "".into(), |it| it.clone().into())
}
