//! Asking a connection, with statements that are prepared once.

use std::fmt;

use boutique_core::clock::Timestamp;
use boutique_core::fault::Fault;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Params, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::fault;

/// What the stores ask of a connection. Every statement text is a constant, so each connection
/// prepares it once.
pub(super) trait Query {
    /// Carries out a statement; says how many rows it changed.
    fn run(&self, sql: &'static str, params: impl Params) -> Result<usize, Fault>;

    /// The first row, if there is one.
    fn one<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, Fault>;

    /// Hands every row to `each`.
    fn each(
        &self,
        sql: &'static str,
        params: impl Params,
        each: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), Fault>;

    /// All rows.
    fn all<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Fault> {
        let mut rows = Vec::new();
        self.each(sql, params, |row| {
            rows.push(read(row)?);
            Ok(())
        })?;
        Ok(rows)
    }
}

impl Query for Connection {
    fn run(&self, sql: &'static str, params: impl Params) -> Result<usize, Fault> {
        self.prepare_cached(sql)
            .and_then(|mut it| it.execute(params))
            .map_err(|it| fault(&it))
    }

    fn one<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, Fault> {
        self.prepare_cached(sql)
            .and_then(|mut it| it.query_row(params, read).optional())
            .map_err(|it| fault(&it))
    }

    fn each(
        &self,
        sql: &'static str,
        params: impl Params,
        mut each: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), Fault> {
        let visit = || {
            let mut statement = self.prepare_cached(sql)?;
            let mut rows = statement.query(params)?;
            while let Some(row) = rows.next()? {
                each(row)?;
            }
            Ok(())
        };
        visit().map_err(|it: rusqlite::Error| fault(&it))
    }
}

/// A value as the JSON text that is stored of it.
pub(super) fn to_json(value: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(value)
        .map_err(|_| Fault::permanent("a value to be stored has no JSON form"))
}

/// What a JSON text that was read earlier stands for.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|it| fault(&unreadable(0, it)))
}

/// What the JSON text in `column` stands for.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|it| unreadable(column, it))
}

/// The id in `column`, made by its constructor.
pub(super) fn id<T, E>(
    row: &Row<'_>,
    column: usize,
    make: impl FnOnce(std::sync::Arc<str>) -> Result<T, E>,
) -> rusqlite::Result<T>
where
    E: std::error::Error + Send + Sync + 'static,
{
    make(row.get_ref(column)?.as_str()?.into()).map_err(|it| unreadable(column, it))
}

/// Says that `column` does not hold what was once put there.
pub(super) fn unreadable(
    column: usize,
    cause: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(cause))
}

/// Says that `column` has a text that stands for nothing.
pub(super) fn unknown(column: usize) -> rusqlite::Error {
    unreadable(column, fmt::Error)
}

/// The number of rows SQLite may answer with; it counts in `i64`.
pub(super) fn row_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A count as SQLite stores it.
pub(super) fn int(count: u64) -> Result<i64, Fault> {
    i64::try_from(count).map_err(|_| Fault::permanent("a count is too large to be stored"))
}

/// The count in `column`.
pub(super) fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let stored: i64 = row.get(column)?;
    u64::try_from(stored).map_err(|it| unreadable(column, it))
}

/// The moment in `column`.
pub(super) fn moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_micros)
}
