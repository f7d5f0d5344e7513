//! Which purchases a cancellation takes back: such files do not say.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use boutique_core::ids::ProductId;
use boutique_core::limits::Units;
use boutique_core::money::{Money, MoneyError};

use super::invoices::{CancelLine, Cancellation, Sale};
use super::lines::{CURRENCY, Skipped};

/// What customers have bought and not given back, and what they were refused.
///
/// A cancellation is matched to its customer's earlier purchases of the article: those at the
/// same price first, then the oldest; those that were refused last, because what was never sold
/// cannot come back.
#[derive(Debug, Default)]
pub struct Purchases {
    of: BTreeMap<(Arc<str>, ProductId), Vec<Purchase>>,
}

#[derive(Debug)]
struct Purchase {
    sale: Arc<Sale>,
    line: usize,
    left: u32,
    refused: Option<Arc<str>>,
}

/// What is to be done for a cancellation.
#[derive(Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Goods that come back, by the order they were bought in, oldest invoice first.
    pub returns: Vec<Return>,
    /// What is owed beyond what was paid for those goods, or for goods nobody knows to have
    /// been bought.
    pub credit: Money,
    /// The lines the credit is for.
    pub credited_lines: Vec<u64>,
    /// What the cancellation pays back, returns and credit together.
    pub total: Money,
    /// What of it cannot be replayed.
    pub skipped: Vec<Skipped>,
    /// Whether any unit of it was replayed.
    pub replayed: bool,
}

/// Goods of one order that come back.
#[derive(Debug, PartialEq, Eq)]
pub struct Return {
    /// The invoice they were bought with.
    pub sale: Arc<Sale>,
    /// What comes back, by line of the order.
    pub lines: BTreeMap<usize, Piece>,
}

/// Units of one line of an order that come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// How many of the line came back before.
    pub from: u32,
    /// How many come back.
    pub units: Units,
    /// What is paid back for them.
    pub refund: Money,
}

impl Purchases {
    /// Counts a purchase, or one that was refused.
    pub fn add(&mut self, sale: &Arc<Sale>, refused: Option<&Arc<str>>) {
        let Some(customer) = &sale.customer else {
            return; // Nobody can say who a guest was.
        };
        for (line, it) in sale.lines.iter().enumerate() {
            let key = (Arc::clone(customer), it.article.clone());
            self.of.entry(key).or_default().push(Purchase {
                sale: Arc::clone(sale),
                line,
                left: it.units.get(),
                refused: refused.cloned(),
            });
        }
    }

    /// Takes the units of `cancellation` out of the purchases.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`] if it comes to more than an amount can be.
    pub fn take(&mut self, cancellation: &Cancellation) -> Result<Settlement, MoneyError> {
        let zero = Money::zero(CURRENCY);
        let mut it = Settlement {
            returns: Vec::new(),
            credit: zero,
            credited_lines: Vec::new(),
            total: zero,
            skipped: Vec::new(),
            replayed: false,
        };
        for line in &cancellation.lines {
            self.take_line(line, cancellation.customer.as_ref(), &mut it)?;
        }
        it.returns
            .sort_by_key(|it| (it.sale.at, it.sale.lines[0].number));
        Ok(it)
    }

    fn take_line(
        &mut self,
        line: &CancelLine,
        customer: Option<&Arc<str>>,
        into: &mut Settlement,
    ) -> Result<(), MoneyError> {
        // Pieces of one line are rounded so that they sum to what the line comes to.
        let mut counted = Counted::new(line.price);
        let key = customer.map(|it| (Arc::clone(it), line.article.clone()));
        let mut purchases: Vec<&mut Purchase> = key
            .and_then(|key| self.of.get_mut(&key))
            .into_iter()
            .flatten()
            .filter(|it| it.left > 0)
            .collect();
        // They were counted oldest first, and the sort is stable.
        purchases.sort_by_key(|it| (it.refused.is_some(), it.price() != line.price));
        let mut left = line.units;
        let mut credit = Money::zero(CURRENCY);
        for purchase in purchases {
            let piece = u64::from(purchase.left).min(left);
            let Ok(units) = Units::new(i64::try_from(piece).unwrap_or(i64::MAX)) else {
                break; // Nothing left.
            };
            let from = purchase.sale.lines[purchase.line].units.get() - purchase.left;
            purchase.left -= units.get();
            left -= piece;
            if let Some(reason) = &purchase.refused {
                into.skipped.push(Skipped {
                    line: line.number,
                    reason: format!(
                        "{piece} of {} units were bought with invoice {}, which was not sold: \
                         {reason}",
                        line.units, purchase.sale.invoice
                    ),
                });
                continue;
            }
            let owed = counted.next(piece)?;
            let paid = purchase.price().times(units.get())?.rounded();
            let refund = if owed.nanos() > paid.nanos() {
                paid
            } else {
                owed
            };
            credit = credit.plus(owed.minus(refund)?)?;
            let piece = Piece {
                from,
                units,
                refund,
            };
            into.give_back(purchase, piece)?;
        }
        if left > 0 {
            let owed = counted.next(left)?;
            credit = credit.plus(owed)?;
            into.replayed |= !owed.is_zero();
            if owed.is_zero() {
                into.skipped.push(Skipped {
                    line: line.number,
                    reason: format!(
                        "no purchase of {left} of {} units was found, and they come to nothing: \
                         there is nothing to take back or to credit",
                        line.units
                    ),
                });
            }
        }
        if !credit.is_zero() {
            into.credited_lines.push(line.number);
        }
        into.credit = into.credit.plus(credit)?;
        into.total = into.total.plus(counted.sum)?;
        Ok(())
    }
}

impl Purchase {
    fn price(&self) -> Money {
        self.sale.lines[self.line].price
    }
}

impl Settlement {
    fn give_back(&mut self, purchase: &Purchase, piece: Piece) -> Result<(), MoneyError> {
        self.replayed = true;
        let known = |it: &Return| it.sale.invoice == purchase.sale.invoice;
        let at = self.returns.iter().position(known).unwrap_or_else(|| {
            self.returns.push(Return {
                sale: Arc::clone(&purchase.sale),
                lines: BTreeMap::new(),
            });
            self.returns.len() - 1
        });
        match self.returns[at].lines.entry(purchase.line) {
            Entry::Vacant(none) => {
                none.insert(piece);
            }
            // Two lines of the cancellation took from one line of the order.
            Entry::Occupied(mut some) => {
                let before = some.get_mut();
                let sum = i64::from(before.units.get()) + i64::from(piece.units.get());
                before.units = Units::new(sum).unwrap_or(before.units);
                before.refund = before.refund.plus(piece.refund)?;
            }
        }
        Ok(())
    }
}

/// Amounts of units of one price, piece by piece, each rounded so that their sum is the rounded
/// amount of all units so far.
struct Counted {
    price: Money,
    exact: Money,
    sum: Money,
}

impl Counted {
    const fn new(price: Money) -> Self {
        let zero = Money::zero(CURRENCY);
        Self {
            price,
            exact: zero,
            sum: zero,
        }
    }

    fn next(&mut self, units: u64) -> Result<Money, MoneyError> {
        let units = u32::try_from(units).map_err(|_| MoneyError::Overflow)?;
        self.exact = self.exact.plus(self.price.times(units)?)?;
        let before = self.sum;
        self.sum = self.exact.rounded();
        self.sum.minus(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::invoices::{Document, Documents};
    use crate::replay::lines::read;

    /// Settles the cancellations of a file; invoices that begin with 9 were refused.
    fn settle(rows: &[&str]) -> Vec<Settlement> {
        let text = format!(
            "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n{}\n",
            rows.join("\n")
        );
        let mut purchases = Purchases::default();
        let mut settled = Vec::new();
        for document in Documents::of(read(&text, None).expect("read").lines).documents {
            match document {
                Document::Sale(sale) => {
                    let refused = sale.invoice.starts_with('9').then(|| "short".into());
                    purchases.add(&sale, refused.as_ref());
                }
                Document::Cancellation(it) => settled.push(purchases.take(&it).expect("settles")),
            }
        }
        settled
    }

    fn returned(it: &Settlement) -> Vec<(String, usize, u32, String)> {
        let mut rows = Vec::new();
        for one in &it.returns {
            for (line, piece) in &one.lines {
                rows.push((
                    one.sale.invoice.to_string(),
                    *line,
                    piece.units.get(),
                    piece.refund.decimal(),
                ));
            }
        }
        rows
    }

    #[test]
    fn the_same_price_comes_back_first_then_the_oldest() {
        let it = &settle(&[
            "1,A,x,2,2010-12-01,1.00,7,UK",
            "2,A,x,2,2010-12-02,3.00,7,UK",
            "3,A,x,5,2010-12-02,3.00,8,UK",
            "C4,A,x,-3,2010-12-03,3.00,7,UK",
        ])[0];
        let rows = [
            ("1".to_owned(), 0, 1, "1.00".to_owned()),
            ("2".to_owned(), 0, 2, "6.00".to_owned()),
        ];
        assert_eq!(returned(it), rows);
        assert_eq!(it.credit.decimal(), "2.00", "paid 1.00, gets 3.00");
        assert_eq!(it.total.decimal(), "9.00");
    }

    #[test]
    fn what_was_never_bought_is_a_credit_and_later_purchases_do_not_count() {
        let it = &settle(&[
            "C1,A,x,-3,2010-12-01,2.00,7,UK",
            "2,A,x,9,2010-12-02,2.00,7,UK",
        ])[0];
        assert_eq!(it.returns, []);
        assert_eq!(
            (it.credit.decimal(), &it.credited_lines[..]),
            ("6.00".to_owned(), &[2][..])
        );
    }

    #[test]
    fn free_goods_that_nobody_bought_are_listed() {
        let it = &settle(&["C1,A,x,-3,2010-12-01,0,7,UK"])[0];
        assert_eq!((it.replayed, &it.credited_lines[..]), (false, &[][..]));
        assert_eq!(it.skipped.len(), 1);
        assert!(it.skipped[0].reason.contains("no purchase of 3 of 3 units"));
    }

    #[test]
    fn a_unit_comes_back_once() {
        let all = settle(&[
            "1,A,x,2,2010-12-01,1.00,7,UK",
            "C2,A,x,-2,2010-12-02,1.00,7,UK",
            "C3,A,x,-2,2010-12-03,1.00,7,UK",
        ]);
        assert_eq!(all[0].credit.decimal(), "0.00");
        assert_eq!(all[1].credit.decimal(), "2.00");
    }

    #[test]
    fn units_of_a_refused_purchase_are_skipped_with_its_reason() {
        let it = &settle(&[
            "91,A,x,2,2010-12-01,1.00,7,UK",
            "2,A,x,1,2010-12-01,1.00,7,UK",
            "C3,A,x,-3,2010-12-03,1.00,7,UK",
        ])[0];
        assert_eq!(it.total.decimal(), "1.00");
        assert_eq!(it.skipped.len(), 1);
        assert!(it.skipped[0].reason.contains("short"));
        assert!(it.skipped[0].reason.contains("invoice 91"));
    }

    #[test]
    fn fractions_of_a_penny_are_not_lost_between_pieces() {
        let it = &settle(&[
            "1,A,x,1,2010-12-01,0.015,7,UK",
            "2,A,x,1,2010-12-01,0.015,7,UK",
            "3,A,x,1,2010-12-01,0.015,7,UK",
            "C4,A,x,-3,2010-12-03,0.015,7,UK",
        ])[0];
        assert_eq!(
            it.total.decimal(),
            "0.04",
            "0.045 rounded to the even penny"
        );
        let back: i128 = returned(it)
            .iter()
            .map(|(.., refund)| refund.replace('.', "").parse::<i128>().expect("a number"))
            .sum();
        assert_eq!(back, 4);
    }
}
