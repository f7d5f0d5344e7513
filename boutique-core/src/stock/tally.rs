//! The auditor's sums over one stock ledger.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Hold, HoldState, Level};
use crate::ids::ProductId;

/// What an audit of a stock ledger found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockAudit {
    /// Products looked at.
    pub products: u64,
    /// Holds looked at.
    pub holds: u64,
    /// What is wrong, by product.
    pub violations: Vec<StockViolation>,
}

/// A product or hold whose numbers do not add up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockViolation {
    /// The product or hold.
    pub subject: String,
    /// What does not add up.
    pub detail: String,
}

/// Folds the rows of one snapshot of a ledger: every level and every hold, once, in any order.
#[derive(Clone, Debug, Default)]
pub struct StockTally {
    audit: StockAudit,
    levels: BTreeMap<ProductId, Level>,
    promised: BTreeMap<ProductId, Promised>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Promised {
    held: u64,
    committed: u64,
    shipped: u64,
}

impl StockTally {
    /// Counts a level in.
    pub fn level(&mut self, product_id: ProductId, level: Level) {
        self.audit.products += 1;
        self.levels.insert(product_id, level);
    }

    /// Counts a hold in.
    pub fn hold(&mut self, hold: &Hold) {
        self.audit.holds += 1;
        for line in &hold.lines {
            let promised = self.promised.entry(line.product_id.clone()).or_default();
            // Whatever became of the rest, and holds are kept for good.
            promised.shipped = promised.shipped.saturating_add(line.shipped);
            match hold.state {
                HoldState::Held | HoldState::Pinned => promised.held += line.quantity,
                HoldState::Confirmed => {
                    promised.committed += line.quantity.saturating_sub(line.shipped)
                }
                HoldState::Shipped
                | HoldState::Voided
                | HoldState::Expired
                | HoldState::Released => {}
            }
            if line.shipped > line.quantity {
                self.say(
                    hold.id.as_str(),
                    format!("shipped {} of {}", line.shipped, line.quantity),
                );
            }
        }
    }

    /// Compares.
    pub fn finish(mut self) -> StockAudit {
        for (id, level) in std::mem::take(&mut self.levels) {
            let promised = self.promised.remove(&id).unwrap_or_default();
            let id = id.as_str();
            if level.held != promised.held {
                self.say(
                    id,
                    format!("held is {}, but holds have {}", level.held, promised.held),
                );
            }
            if level.committed != promised.committed {
                let (is, holds) = (level.committed, promised.committed);
                self.say(id, format!("committed is {is}, but holds have {holds}"));
            }
            if level.shipped != promised.shipped {
                let (is, holds) = (level.shipped, promised.shipped);
                self.say(id, format!("shipped is {is}, but holds have {holds}"));
            }
            if level.on_hand < level.held + level.committed {
                self.say(
                    id,
                    format!("{} on hand, but more is promised", level.on_hand),
                );
            }
            if level.on_hand + level.shipped != level.received {
                let Level {
                    on_hand,
                    shipped,
                    received,
                    ..
                } = level;
                self.say(
                    id,
                    format!("{on_hand} on hand and {shipped} shipped of {received} received"),
                );
            }
        }
        for (id, promised) in std::mem::take(&mut self.promised) {
            if promised.held + promised.committed > 0 {
                self.say(
                    id.as_str(),
                    "holds promise a product that is not listed".to_owned(),
                );
            } else if promised.shipped > 0 {
                self.say(
                    id.as_str(),
                    format!(
                        "holds have shipped {}, but it is not listed",
                        promised.shipped
                    ),
                );
            }
        }
        self.audit
    }

    fn say(&mut self, subject: &str, detail: String) {
        self.audit.violations.push(StockViolation {
            subject: subject.to_owned(),
            detail,
        });
    }
}
