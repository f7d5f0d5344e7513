//! The lines of a file of orders.

use std::sync::Arc;

use boutique_core::clock::Timestamp;
use boutique_core::ids::ProductId;
use boutique_core::money::{Currency, Money};

use super::dates::{DateOrder, Evidence, Undecided, Written, decide};

/// The currency of every price in such files.
pub const CURRENCY: Currency = Currency::GBP;

/// One line of an invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number in the file; the header is line 1.
    pub number: u64,
    /// The invoice.
    pub invoice: Arc<str>,
    /// The article.
    pub article: ProductId,
    /// Units; below zero for what came back.
    pub quantity: i64,
    /// When it was invoiced.
    pub at: Timestamp,
    /// The price of one, tax included.
    pub price: Money,
    /// The customer, where the file has one.
    pub customer: Option<Arc<str>>,
    /// The customer's country.
    pub country: Arc<str>,
}

/// A line, or a part of one, that was not replayed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Skipped {
    /// Its number in the file; the header is line 1.
    pub line: u64,
    /// Why, and what to do where something can be done.
    pub reason: String,
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLines {
    /// The lines that can be read.
    pub lines: Vec<Line>,
    /// Those that cannot.
    pub skipped: Vec<Skipped>,
    /// How its dates were read.
    pub order: DateOrder,
    /// Why they were read like that.
    pub evidence: Evidence,
}

/// Why a file cannot be replayed at all.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// A column is missing.
    #[error(
        "the first line names no column {0}: the file must begin with the column names \
         InvoiceNo (or Invoice), StockCode, Quantity, InvoiceDate, UnitPrice (or Price), \
         CustomerID (or Customer ID) and Country, separated by commas"
    )]
    Column(&'static str),
    /// The dates cannot be read.
    #[error(transparent)]
    Dates(#[from] Undecided),
    /// Nothing in it.
    #[error("the file has no lines below its column names: there is nothing to replay")]
    Empty,
}

struct Columns {
    invoice: usize,
    article: usize,
    quantity: usize,
    date: usize,
    price: usize,
    customer: usize,
    country: usize,
}

impl Columns {
    fn of(header: &csv::StringRecord) -> Result<Self, FileError> {
        // Both releases of the data set, whatever their spelling: letters alone are compared.
        let names: Vec<String> = header
            .iter()
            .map(|it| {
                it.chars()
                    .filter(char::is_ascii_alphabetic)
                    .map(|it| it.to_ascii_lowercase())
                    .collect()
            })
            .collect();
        let find = |shown, known: &[&str]| {
            names
                .iter()
                .position(|it| known.contains(&it.as_str()))
                .ok_or(FileError::Column(shown))
        };
        Ok(Self {
            invoice: find("InvoiceNo", &["invoiceno", "invoice"])?,
            article: find("StockCode", &["stockcode"])?,
            quantity: find("Quantity", &["quantity"])?,
            date: find("InvoiceDate", &["invoicedate"])?,
            price: find("UnitPrice", &["unitprice", "price"])?,
            customer: find("CustomerID", &["customerid"])?,
            country: find("Country", &["country"])?,
        })
    }
}

/// Reads a file. Lines that cannot be read are listed, not dropped.
///
/// # Errors
///
/// [`FileError`] if no line can be read for what it is.
pub fn read(text: &str, asked: Option<DateOrder>) -> Result<FileLines, FileError> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let columns = match reader.headers() {
        Ok(header) => Columns::of(header)?,
        Err(_) => return Err(FileError::Empty),
    };
    let width = reader.headers().map_or(0, csv::StringRecord::len);
    let (mut rows, mut skipped) = (Vec::new(), Vec::new());
    let mut record = csv::StringRecord::new();
    let mut counter = LineCounter {
        text,
        at: 0,
        line: 1,
    };
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {
                let line = counter.line_of(record.position());
                match row(&record, line, width, &columns) {
                    Ok(row) => rows.push(row),
                    Err(mut reason) => {
                        let quoted: usize = record.iter().map(|it| it.matches('\n').count()).sum();
                        if quoted > 0 {
                            reason = format!("{reason}; a quote in it goes on for {quoted} lines");
                        }
                        skipped.push(Skipped { line, reason });
                    }
                }
            }
            Err(error) => skipped.push(Skipped {
                line: counter.line_of(error.position()),
                reason: "malformed: the line cannot be read".to_owned(),
            }),
        }
    }
    if rows.is_empty() && skipped.is_empty() {
        return Err(FileError::Empty);
    }
    let dates: Vec<_> = rows.iter().map(|(it, date)| (it.number, *date)).collect();
    let (order, evidence) = match asked {
        Some(order) => (order, Evidence::Asked),
        None => decide(&dates)?,
    };
    let mut lines = Vec::with_capacity(rows.len());
    for (mut line, date) in rows {
        match date.read(order) {
            Some(at) => {
                line.at = at;
                lines.push(line);
            }
            None => skipped.push(Skipped {
                line: line.number,
                reason: format!(
                    "malformed: InvoiceDate is no date in the order {}",
                    order.as_str()
                ),
            }),
        }
    }
    skipped.sort_by_key(|it| it.line);
    Ok(FileLines {
        lines,
        skipped,
        order,
        evidence,
    })
}

/// Counts lines up to a record: the reader's own count is of where it stopped before it.
struct LineCounter<'a> {
    text: &'a str,
    at: usize,
    line: u64,
}

impl LineCounter<'_> {
    fn line_of(&mut self, position: Option<&csv::Position>) -> u64 {
        let bytes = self.text.as_bytes();
        let mut start = position.map_or(self.at, |it| {
            usize::try_from(it.byte()).map_or(bytes.len(), |it| it.min(bytes.len()))
        });
        while matches!(bytes.get(start), Some(b'\r' | b'\n')) {
            start += 1;
        }
        let passed = &bytes[self.at.min(start)..start];
        // A line ends with LF, CR LF or, in files of old, CR.
        let ends = passed.iter().enumerate().filter(|(at, it)| match **it {
            b'\n' => true,
            b'\r' => passed.get(at + 1) != Some(&b'\n'),
            _ => false,
        });
        self.line += ends.count() as u64;
        self.at = start;
        self.line
    }
}

/// One line without the meaning of its date, or why it is none. The file's text is not repeated
/// in reasons: it may be personal.
fn row(
    record: &csv::StringRecord,
    number: u64,
    width: usize,
    columns: &Columns,
) -> Result<(Line, Written), String> {
    if record.len() != width {
        return Err(format!(
            "malformed: {} fields where the first line has {width}",
            record.len()
        ));
    }
    let field = |at: usize| record.get(at).unwrap_or_default().trim();
    let name = |at: usize, what: &str| {
        let text = whole(field(at));
        let fits = text.len() <= 64 && text.bytes().all(|it| it.is_ascii_graphic());
        if fits {
            Ok(text)
        } else {
            Err(format!(
                "malformed: {what} is not a number of at most 64 characters"
            ))
        }
    };
    let invoice = name(columns.invoice, "InvoiceNo")?;
    if invoice.is_empty() {
        return Err("malformed: InvoiceNo is empty".to_owned());
    }
    let customer = name(columns.customer, "CustomerID")?;
    let article = ProductId::new(field(columns.article))
        .map_err(|error| format!("malformed: StockCode: {error}"))?;
    let quantity = whole(field(columns.quantity))
        .parse()
        .map_err(|_| "malformed: Quantity is not a whole number".to_owned())?;
    let price = parse_price(field(columns.price))?;
    let date = Written::parse(field(columns.date))
        .ok_or_else(|| "malformed: InvoiceDate is not a date".to_owned())?;
    let country = match field(columns.country) {
        "" => "Unspecified",
        country if country.len() > 200 || country.chars().any(char::is_control) => {
            return Err(
                "malformed: Country is not text of at most 200 bytes without control characters"
                    .to_owned(),
            );
        }
        country => country,
    };
    let line = Line {
        number,
        invoice: invoice.into(),
        article,
        quantity,
        at: Timestamp::EPOCH,
        price,
        customer: (!customer.is_empty()).then(|| customer.into()),
        country: country.into(),
    };
    Ok((line, date))
}

/// Spreadsheets write numbers of which some are missing as `12923.0`.
fn whole(text: &str) -> &str {
    match text.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|it| it == b'0') => whole,
        _ => text,
    }
}

fn parse_price(text: &str) -> Result<Money, String> {
    const BAD: &str = "malformed: UnitPrice is not a decimal number";
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (units, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
    if (units.is_empty() && fraction.is_empty()) || !all_digits(units) || !all_digits(fraction) {
        return Err(BAD.to_owned());
    }
    // Beyond a billionth there is no price, only a spreadsheet's rounding error.
    let fraction = &fraction[..fraction.len().min(9)];
    let overflow = || "malformed: UnitPrice is beyond what an amount can be".to_owned();
    let nanos: i128 = format!("{units}{fraction:0<9}")
        .parse()
        .map_err(|_| overflow())?;
    let nanos = if negative { -nanos } else { nanos };
    Money::from_nanos(CURRENCY, nanos).map_err(|_| overflow())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_releases_columns_and_spreadsheet_numbers_are_read() {
        let first = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\r\n\
             536365,85123A,\"HEART, WHITE \",6,13/12/2010,2.55,17850.0,United Kingdom\r\n";
        let second = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n\
             536365,85123A,HEART,6,2010-12-13 00:00:00,2.55,17850,United Kingdom \n";
        let first = read(first, None).expect("read");
        let second = read(second, None).expect("read");
        assert_eq!(first.skipped, []);
        assert_eq!(first.lines, second.lines);
        assert_eq!(first.lines[0].price.decimal(), "2.55");
        assert_eq!(first.lines[0].customer.as_deref(), Some("17850"));
        assert_eq!(first.lines[0].number, 2);
    }

    #[test]
    fn what_cannot_be_read_is_listed_with_its_line_and_the_field() {
        let text = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n\
             \n1,A,\"two\nrows\",1,2010-12-13,1,,X\n\
             2,A,x,one,2010-12-13,1,,X\n\
             3,A,x,1,2010-13-13,1,,X\n\
             4,A,x,1,2010-12-13,1e3,,X\n\
             5,A,x,1,2010-12-13,99999999999999999999,,X\n\
             6,,x,1,2010-12-13,1,,X\n\
             ,A,x,1,2010-12-13,1,,X\n\
             8,A,x,1\n";
        let file = read(text, None).expect("read");
        assert_eq!(file.lines.len(), 1);
        let found: Vec<(u64, &str)> = file
            .skipped
            .iter()
            .map(|it| (it.line, it.reason.as_str()))
            .collect();
        for ((line, reason), (at, word)) in found.iter().zip([
            (5, "Quantity"),
            (6, "InvoiceDate"),
            (7, "UnitPrice"),
            (8, "UnitPrice"),
            (9, "StockCode"),
            (10, "InvoiceNo"),
            (11, "4 fields"),
        ]) {
            assert!(*line == at && reason.contains(word), "{found:?}");
        }
        assert_eq!(found.len(), 7);
    }

    #[test]
    fn a_line_has_the_number_an_editor_shows_whatever_ends_lines() {
        for end in ["\n", "\r\n", "\r"] {
            let text = [
                "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country",
                "1,A,x,1,2010-12-13,1,,X",
                "2,A,x,one,2010-12-13,1,,X",
                "",
                "3,A,x,1,2010-12-13,1,,X",
            ]
            .join(end);
            let file = read(&text, None).expect("read");
            let numbers: Vec<u64> = file.lines.iter().map(|it| it.number).collect();
            assert_eq!((numbers, file.skipped[0].line), (vec![2, 5], 3), "{end:?}");
        }
    }

    #[test]
    fn a_file_of_something_else_is_refused_with_the_remedy() {
        let error = read("a,b\n1,2\n", None).expect_err("refused").to_string();
        assert!(error.contains("InvoiceNo") && error.contains("separated by commas"));
        let header =
            "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n";
        assert_eq!(read(header, None), Err(FileError::Empty));
        assert_eq!(read("", None), Err(FileError::Column("InvoiceNo")));
    }
}
