//! `boutique replay`: sells the orders of a file again.

mod dates;
mod invoices;
mod lines;
mod matching;
mod text;

pub use dates::{DateOrder, Evidence, Undecided};
pub use invoices::{CancelLine, Cancellation, Document, Documents, Sale, SaleLine};
pub use lines::{CURRENCY, FileError, FileLines, Line, Skipped, read};
pub use matching::{Purchases, Return, Settlement};
pub use text::decode;
