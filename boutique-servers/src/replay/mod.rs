//! `boutique replay`: sells the orders of a file again.

mod books;
mod dates;
mod invoices;
mod lines;
mod matching;
mod prices;
mod progress;
mod report;
mod returns;
mod run;
mod shop;
mod text;

pub use dates::{DateOrder, Evidence, Undecided};
pub use invoices::{CancelLine, Cancellation, Document, Documents, Sale, SaleLine};
pub use lines::{CURRENCY, FileError, FileLines, Line, Skipped, read};
pub use matching::{Piece, Purchases, Return, Settlement};
pub use prices::PricesOfFile;
pub use run::replay;
pub use text::decode;
