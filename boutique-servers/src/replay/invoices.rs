//! Lines put together to invoices and cancellations, in the order they happened.

use std::collections::BTreeMap;
use std::sync::Arc;

use boutique_core::clock::Timestamp;
use boutique_core::ids::ProductId;
use boutique_core::limits::{LINES_PER_ORDER_MAX, UNITS_PER_LINE_MAX, Units};
use boutique_core::money::{Money, MoneyError};

use super::lines::{CURRENCY, Line, Skipped};

/// An invoice that is to become an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sale {
    /// Its number, which is the order's idempotency key.
    pub invoice: Arc<str>,
    /// When.
    pub at: Timestamp,
    /// Who bought, if the file knows.
    pub customer: Option<Arc<str>>,
    /// Where to.
    pub country: Arc<str>,
    /// What. A line of more units than one line of an order may have is several here.
    pub lines: Arc<[SaleLine]>,
    /// What the lines come to, rounded to the penny.
    pub total: Money,
    /// Why it can never be an order, if it cannot.
    pub withheld: Option<String>,
}

/// One line of an invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaleLine {
    /// Its number in the file.
    pub number: u64,
    /// The article.
    pub article: ProductId,
    /// Units.
    pub units: Units,
    /// The price of one.
    pub price: Money,
}

/// An invoice that takes goods back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancellation {
    /// Its number.
    pub invoice: Arc<str>,
    /// When.
    pub at: Timestamp,
    /// Who gives back, if the file knows.
    pub customer: Option<Arc<str>>,
    /// Where from.
    pub country: Arc<str>,
    /// What.
    pub lines: Vec<CancelLine>,
}

impl Cancellation {
    /// Whether what it pays back can be an amount.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`] if not.
    pub fn check(&self) -> Result<(), MoneyError> {
        let mut sum = Money::zero(CURRENCY);
        for line in &self.lines {
            let units = u32::try_from(line.units).map_err(|_| MoneyError::Overflow)?;
            sum = sum.plus(line.price.times(units)?)?;
        }
        Ok(())
    }
}

/// One line of a cancellation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelLine {
    /// Its number in the file.
    pub number: u64,
    /// The article.
    pub article: ProductId,
    /// Units that come back, above zero.
    pub units: u64,
    /// What is paid back for one.
    pub price: Money,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// Goods were sold.
    Sale(Arc<Sale>),
    /// Goods came back.
    Cancellation(Cancellation),
}

/// What a file says, oldest first, and which of its lines say nothing that can be replayed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documents {
    /// Oldest first; of one moment, in the order of the file.
    pub documents: Vec<Document>,
    /// Lines that are neither a sale nor a cancellation.
    pub skipped: Vec<Skipped>,
}

impl Documents {
    /// Puts `lines` together.
    pub fn of(lines: Vec<Line>) -> Self {
        let mut it = Self::default();
        let mut invoices: BTreeMap<Arc<str>, Vec<Line>> = BTreeMap::new();
        for line in lines {
            match refusal(&line) {
                Some(reason) => it.skipped.push(Skipped {
                    line: line.number,
                    reason: reason.to_owned(),
                }),
                None => invoices
                    .entry(Arc::clone(&line.invoice))
                    .or_default()
                    .push(line),
            }
        }
        let mut invoices: Vec<Vec<Line>> = invoices.into_values().collect();
        for lines in &mut invoices {
            it.skipped.extend(of_others(lines));
        }
        invoices.sort_by_key(|lines| (lines[0].at, lines[0].number));
        it.documents = invoices.into_iter().map(document).collect();
        it
    }
}

/// Takes out the lines of an invoice that name another customer than its first one: an order
/// has one buyer, and goods must not be booked to somebody else.
fn of_others(lines: &mut Vec<Line>) -> Vec<Skipped> {
    let Some((first, buyer)) = lines
        .iter()
        .find_map(|it| Some((it.number, it.customer.clone()?)))
    else {
        return Vec::new();
    };
    let mut skipped = Vec::new();
    lines.retain(|it| {
        let ours = it.customer.as_ref().is_none_or(|it| *it == buyer);
        if !ours {
            skipped.push(Skipped {
                line: it.number,
                reason: format!(
                    "it names another customer than line {first} of the same invoice: an order \
                     has one customer"
                ),
            });
        }
        ours
    });
    skipped
}

fn is_cancellation(invoice: &str) -> bool {
    invoice.starts_with(['C', 'c'])
}

/// Why a line is neither part of a sale nor of a cancellation.
fn refusal(line: &Line) -> Option<&'static str> {
    match (is_cancellation(&line.invoice), line.quantity) {
        (_, 0) => Some("a quantity of 0 is nothing that was sold"),
        _ if line.price.is_negative() => {
            Some("a price below zero is a correction of the books, not a sale")
        }
        (false, ..0) => Some(
            "a quantity below zero in an invoice that is no cancellation is a stock adjustment, \
             not an order",
        ),
        (true, 1..) => Some("a quantity above zero in a cancellation gives nothing back"),
        _ => None,
    }
}

/// Makes a document of an invoice's lines, of which there is at least one.
fn document(lines: Vec<Line>) -> Document {
    let first = &lines[0];
    let (invoice, at) = (Arc::clone(&first.invoice), first.at);
    let country = Arc::clone(&first.country);
    let customer = lines.iter().find_map(|it| it.customer.clone());
    if is_cancellation(&invoice) {
        let lines = lines
            .into_iter()
            .map(|it| CancelLine {
                number: it.number,
                article: it.article,
                units: it.quantity.unsigned_abs(),
                price: it.price,
            })
            .collect();
        return Document::Cancellation(Cancellation {
            invoice,
            at,
            customer,
            country,
            lines,
        });
    }
    let mut sale = Sale {
        invoice,
        at,
        customer,
        country,
        lines: Arc::from([]),
        total: Money::zero(CURRENCY),
        withheld: None,
    };
    let mut sold = Vec::with_capacity(lines.len());
    for line in lines {
        split_line(&line, &mut sold);
        if sold.len() > LINES_PER_ORDER_MAX {
            sale.withheld = Some(format!(
                "the invoice has more than {LINES_PER_ORDER_MAX} lines, which no order may have: \
                 split it"
            ));
            // Its lines stay known, one for one, so that each is listed and its returns are too.
        }
    }
    match total(&sold) {
        Ok(total) => sale.total = total,
        Err(error) => sale.withheld = Some(format!("the invoice's amount: {error}")),
    }
    sale.lines = sold.into();
    Document::Sale(Arc::new(sale))
}

/// A line of an order has a ceiling; a line of an invoice has none.
fn split_line(line: &Line, into: &mut Vec<SaleLine>) {
    let mut left = line.quantity;
    while left > 0 {
        // A quantity that would fill more than an order is cut there: the order is withheld.
        let Ok(units) = Units::new(left.min(UNITS_PER_LINE_MAX.into())) else {
            return;
        };
        into.push(SaleLine {
            number: line.number,
            article: line.article.clone(),
            units,
            price: line.price,
        });
        left -= i64::from(units.get());
        if into.len() > LINES_PER_ORDER_MAX {
            return;
        }
    }
}

/// What lines come to, rounded half-even to the penny once, as an order is.
fn total(lines: &[SaleLine]) -> Result<Money, MoneyError> {
    let mut sum = Money::zero(CURRENCY);
    for line in lines {
        sum = sum.plus(line.price.times(line.units.get())?)?;
    }
    Ok(sum.rounded())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::lines::read;

    fn sales(it: &Documents) -> Vec<&Sale> {
        it.documents
            .iter()
            .filter_map(|it| match it {
                Document::Sale(sale) => Some(&**sale),
                Document::Cancellation(_) => None,
            })
            .collect()
    }

    fn documents(rows: &str) -> Documents {
        let text = format!(
            "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n{rows}"
        );
        Documents::of(read(&text, None).expect("read").lines)
    }

    #[test]
    fn invoices_come_in_time_order_whatever_the_order_of_their_lines() {
        let it = documents(
            "2,A,x,1,2010-12-02,1,7,UK\n1,A,x,1,2010-12-01,1,7,UK\n\
             C3,A,x,-1,2010-12-02,1,7,UK\n2,B,x,2,2010-12-02,0.5,7,UK\n",
        );
        let order: Vec<&str> = it
            .documents
            .iter()
            .map(|it| match it {
                Document::Sale(it) => &*it.invoice,
                Document::Cancellation(it) => &*it.invoice,
            })
            .collect();
        assert_eq!(order, ["1", "2", "C3"]);
        let totals: Vec<String> = sales(&it).iter().map(|it| it.total.decimal()).collect();
        assert_eq!(totals, ["1.00", "2.00"]);
    }

    #[test]
    fn what_is_neither_sale_nor_cancellation_is_listed() {
        let it = documents(
            "1,A,x,-1,2010-12-01,0,,UK\n2,A,x,0,2010-12-01,1,,UK\nC3,A,x,1,2010-12-01,1,,UK\n\
             4,B,x,1,2010-12-01,-11062.06,,UK\n",
        );
        assert_eq!(it.documents, []);
        let lines: Vec<u64> = it.skipped.iter().map(|it| it.line).collect();
        assert_eq!(lines, [2, 3, 4, 5]);
        assert!(it.skipped[0].reason.contains("stock adjustment"));
    }

    #[test]
    fn goods_of_another_customer_are_not_booked_to_the_first_one() {
        let it = documents(
            "1,A,x,1,2010-12-01,1,,UK\n1,B,x,1,2010-12-01,1,7,UK\n2,A,x,1,2010-12-02,1,,UK\n\
             1,C,x,1,2010-12-01,1,8,UK\n",
        );
        let customers: Vec<_> = sales(&it).iter().map(|it| it.customer.as_deref()).collect();
        assert_eq!(customers, [Some("7"), None]);
        assert_eq!(sales(&it)[0].lines.len(), 2);
        assert_eq!(it.skipped.len(), 1);
        assert_eq!(it.skipped[0].line, 5);
        assert!(
            it.skipped[0]
                .reason
                .contains("another customer than line 3")
        );
    }

    #[test]
    fn a_line_beyond_the_ceiling_of_orders_becomes_several_of_the_same_amount() {
        let it = documents("1,A,x,80995,2010-12-01,2.08,7,UK\n");
        let sale = sales(&it)[0];
        assert_eq!(sale.lines.len(), 9);
        assert_eq!(sale.total.decimal(), "168469.60");
        assert_eq!(sale.withheld, None);
        let it = documents("1,A,x,9223372036854775807,2010-12-01,1,7,UK\n");
        assert!(sales(&it)[0].withheld.is_some());
    }
}
