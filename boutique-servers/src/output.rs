//! What commands print: tables for people, JSON for programs.

use std::io::Write;

use boutique_core::clock::Timestamp;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::exit::Failure;

/// Where a command prints, and for whom.
pub struct Output<'a> {
    /// Where to.
    pub to: &'a mut dyn Write,
    /// One JSON text instead of tables.
    pub json: bool,
}

impl Output<'_> {
    /// Prints a line.
    ///
    /// # Errors
    ///
    /// [`Failure::Output`].
    pub fn line(&mut self, text: &str) -> Result<(), Failure> {
        Ok(writeln!(self.to, "{text}")?)
    }

    /// Prints a headed table, or its heading and `none` if there are no rows.
    ///
    /// # Errors
    ///
    /// [`Failure::Output`].
    pub fn table(&mut self, heading: &str, rows: &Rows) -> Result<(), Failure> {
        if rows.cells.is_empty() {
            return self.line(&format!("{heading}: none"));
        }
        self.line(heading)?;
        self.line(&rows.to_string())
    }

    /// Prints a JSON text.
    ///
    /// # Errors
    ///
    /// [`Failure::Output`].
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(std::io::Error::from)?;
        self.line(&text)
    }
}

/// Rows of a table. A column whose name begins with `#` is aligned to the right, as numbers are.
pub struct Rows {
    header: Vec<&'static str>,
    cells: Vec<Vec<String>>,
}

impl Rows {
    /// No rows yet.
    pub fn new(header: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            header: header.into_iter().collect(),
            cells: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn push(&mut self, row: impl IntoIterator<Item = String>) {
        self.cells.push(row.into_iter().collect());
    }
}

impl std::fmt::Display for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header(self.header.iter().map(|it| it.trim_start_matches('#')));
        for row in &self.cells {
            table.add_row(row);
        }
        for (at, name) in self.header.iter().enumerate() {
            if let (true, Some(column)) = (name.starts_with('#'), table.column_mut(at)) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        write!(f, "{table}")
    }
}

/// A moment to the second, for people.
pub fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    match text.get(..19) {
        Some(head) => head.replace('T', " "),
        None => text,
    }
}
