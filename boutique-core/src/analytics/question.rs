//! The questions that are asked of the data warehouse again and again.
//!
//! Every engine that keeps the [tables](super::Table) has a view for each of them, of this name
//! and with these columns, and they answer the same. Days are those of UTC as `YYYY-MM-DD`,
//! amounts are whole units and billionths as in [`Money`](crate::money::Money), times are
//! microseconds: whole numbers all, so that no engine rounds in its own way. Rows come in no
//! order.

use super::{ORDERS, REFUSALS, SHIPMENTS, Table};
use crate::schema::{Column, Kind, Mode};

/// A question, and what its answer looks like.
#[derive(Debug, PartialEq, Eq)]
pub struct Question {
    /// Its name, and that of its view.
    pub name: &'static str,
    /// What is asked.
    pub doc: &'static str,
    /// The tables whose `once` views it reads.
    pub tables: &'static [&'static Table],
    /// The columns of a row of the answer.
    pub columns: &'static [Column],
}

/// Revenue by day and currency.
const REVENUE: Question = Question {
    name: "revenue",
    doc: "What buyers pay, by the day the order was placed and by currency.",
    tables: &[&ORDERS],
    columns: &[
        text("day", "The day the orders were placed."),
        text("currency", "ISO 4217."),
        whole("orders", "How many."),
        whole(
            "units",
            "What they come to: whole units. Of an order that names no total in its currency, what \
             its items and shipping come to; one whose costs are no amounts is not counted.",
        ),
        whole("nanos", "Billionths of a unit, 0 to 999999999."),
    ],
};

/// Refusals by reason.
const REASONS: Question = Question {
    name: "refusals_by_reason",
    doc: "How many orders were refused, by day and by reason.",
    tables: &[&REFUSALS],
    columns: &[
        text("day", "The day they were refused."),
        text("reason", "Why."),
        whole("orders", "How many."),
    ],
};

/// Fraud rate by band.
const FRAUD: Question = Question {
    name: "fraud",
    doc: "How many of the orders that the fraud engine assessed were refused as fraud, by itself \
          or by the person who looked at them, by band.",
    tables: &[&ORDERS, &REFUSALS],
    columns: &[
        text("band", "How risky the fraud engine found them."),
        whole(
            "assessed",
            "How many, confirmed or refused for whatever reason.",
        ),
        whole("refused", "How many of them were refused as fraud."),
        whole(
            "refused_ppm",
            "The same for every million assessed, rounded down.",
        ),
    ],
};

/// Time from order to shipment.
const FULFILMENT: Question = Question {
    name: "fulfilment",
    doc: "How long it takes from the order until its goods have left, by the day the order was \
          placed and by stock system.",
    tables: &[&ORDERS, &SHIPMENTS],
    columns: &[
        text("day", "The day the orders were placed."),
        text("system", "The stock system the goods leave from."),
        whole("shipments", "How many have left."),
        whole("fastest_us", "The shortest time."),
        whole(
            "median_us",
            "The time within which half of them have left, by nearest rank.",
        ),
        whole(
            "p95_us",
            "The time within which 95 of 100 have left, by nearest rank.",
        ),
        whole("slowest_us", "The longest time."),
    ],
};

impl Question {
    /// Every question.
    pub const ALL: [&'static Self; 4] = [&REVENUE, &REASONS, &FRAUD, &FULFILMENT];

    /// The question called `name`.
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::ALL.into_iter().find(|it| it.name == name)
    }
}

const fn text(name: &'static str, doc: &'static str) -> Column {
    column(name, Kind::String, doc)
}

const fn whole(name: &'static str, doc: &'static str) -> Column {
    column(name, Kind::Int64, doc)
}

const fn column(name: &'static str, kind: Kind, doc: &'static str) -> Column {
    Column {
        name,
        kind,
        mode: Mode::Required,
        doc,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_question_hides_a_table_or_another_question() {
        let tables = Table::ALL.into_iter().map(|it| it.name.to_owned());
        let views = Table::ALL.into_iter().map(Table::view);
        let questions = Question::ALL.into_iter().map(|it| it.name.to_owned());
        let names: Vec<String> = tables.chain(views).chain(questions).collect();
        let distinct: BTreeSet<&String> = names.iter().collect();
        assert_eq!(distinct.len(), names.len(), "{names:?}");
    }
}
