//! Any bytes as a file of orders: every line is read or listed, none twice; what is read can be
//! written again and is read the same; no reason repeats the file.
#![no_main]

use std::fmt::Write as _;

use boutique_fuzz::assert_silent;
use boutique_servers::replay::{
    DateOrder, Document, Documents, FileLines, Line, Purchases, decode, read,
};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

/// The lines as a spreadsheet would write them, the dates with the year first.
fn written(lines: &[Line]) -> String {
    let mut text =
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
            .to_owned();
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    for it in lines {
        let at = Timestamp::from_microsecond(it.at.as_micros()).expect("a date");
        let (sign, nanos) = (
            if it.price.is_negative() { "-" } else { "" },
            it.price.nanos().abs(),
        );
        let (units, fraction) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
        let (invoice, article) = (quoted(&it.invoice), quoted(it.article.as_str()));
        let (customer, country) = (
            quoted(it.customer.as_deref().unwrap_or("")),
            quoted(&it.country),
        );
        let date = at.strftime("%Y-%m-%d %H:%M:%S");
        let quantity = it.quantity;
        writeln!(text, "{invoice},{article},x,{quantity},{date},{sign}{units}.{fraction:09},{customer},{country}")
            .expect("written");
    }
    text
}

fn assert_whole(file: &FileLines, text: &str) {
    let ends = text
        .bytes()
        .filter(|it| matches!(it, b'\n' | b'\r'))
        .count() as u64;
    let mut numbers: Vec<u64> = file.lines.iter().map(|it| it.number).collect();
    numbers.extend(file.skipped.iter().map(|it| it.line));
    numbers.sort_unstable();
    assert!(
        numbers.windows(2).all(|it| it[0] < it[1]),
        "a line is there twice"
    );
    assert!(
        numbers.first().is_none_or(|it| *it >= 2),
        "the first line has the names"
    );
    assert!(
        numbers.last().is_none_or(|it| *it <= ends + 1),
        "a line that is not there"
    );
    file.skipped.iter().for_each(|it| assert_silent(&it.reason));
}

fuzz_target!(|input: &[u8]| {
    let text = decode(input);
    // One of them, for a reader costs more to make than such a file to read.
    let orders = [None, Some(DateOrder::Dmy), Some(DateOrder::Mdy)];
    let file = match read(&text, orders[input.len() % orders.len()]) {
        Ok(file) => file,
        Err(error) => return assert_silent(&error),
    };
    assert_whole(&file, &text);
    if file.lines.is_empty() {
        return;
    }
    let again = read(&written(&file.lines), None).expect("what we write, we read");
    assert_eq!(again.skipped, []);
    let unnumbered = |it: &Line| Line {
        number: 0,
        ..it.clone()
    };
    let lines = |it: &FileLines| it.lines.iter().map(unnumbered).collect::<Vec<_>>();
    assert_eq!(lines(&again), lines(&file));

    // Put together, every line is in one document or listed, and no sale comes to less.
    let count = file.lines.len();
    let Documents { documents, skipped } = Documents::of(file.lines);
    skipped.iter().for_each(|it| assert_silent(&it.reason));
    let mut numbers: Vec<u64> = skipped.iter().map(|it| it.line).collect();
    let mut purchases = Purchases::default();
    for document in &documents {
        match document {
            Document::Sale(sale) => {
                let mut of_sale: Vec<u64> = sale.lines.iter().map(|it| it.number).collect();
                of_sale.dedup();
                numbers.extend(of_sale);
                if sale.withheld.is_none() {
                    assert!(!sale.total.is_negative() && !sale.lines.is_empty());
                    purchases.add(sale, None);
                }
            }
            Document::Cancellation(it) => {
                numbers.extend(it.lines.iter().map(|it| it.number));
                let Ok(settled) = purchases.take(it) else {
                    continue;
                };
                // What is paid back is paid for returns or as credit, to the penny.
                let refunds = settled.returns.iter().flat_map(|it| it.lines.values());
                let refunds = refunds.map(|it| it.refund.nanos()).sum::<i128>();
                assert_eq!(refunds + settled.credit.nanos(), settled.total.nanos());
                assert!(!settled.total.is_negative());
                settled
                    .skipped
                    .iter()
                    .for_each(|it| assert_silent(&it.reason));
            }
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), count, "a line is lost");
});
