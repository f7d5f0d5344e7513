//! Accounting behind a wire.

use axum::http::{Method, StatusCode};
use boutique_core::accounting::{Book, BookError, Booked, Entry};
use boutique_core::fault::{Fault, PortError};
use boutique_core::flow::Step;

use super::super::exchange::{BoxExchange, Exchange, Reply, Target, Upstream};
use super::journal::Posting;
use super::wire::{BookedIn, SaleOut};

/// Accounting behind a wire: the same service as
/// [`KeepBooks`](boutique_core::accounting::KeepBooks).
#[derive(Clone, Debug)]
pub struct AccountingClient<S = BoxExchange> {
    /// Where it is.
    pub upstream: Upstream<S>,
}

impl<S: Exchange> Step<Book> for AccountingClient<S> {
    type Response = Booked;
    type Error = BookError;

    async fn run(&self, request: Book) -> Result<Booked, BookError> {
        let posting = match request {
            Book::Sale(sale) => {
                let target = Target::path(["transactions"]);
                let sale = SaleOut::from(&sale);
                let reply = self.upstream.json(Method::POST, target, &sale).await?;
                let booked: BookedIn = reply.port()?;
                let entry = booked.entries.into_iter().next().ok_or_else(|| {
                    let what = "accounting answered without an entry";
                    PortError::Fault(Fault::permanent(what))
                })?;
                return Ok(booked_by(&reply, entry));
            }
            Book::Recognition(recognition) => Posting::Recognition(recognition.into()),
            Book::Credit(credit) => Posting::Credit(credit.into()),
            Book::Reversal(reverse) => Posting::Reversal(reverse.into()),
        };
        let target = Target::path(["journal"]);
        let reply = self.upstream.json(Method::POST, target, &posting).await?;
        let entry = reply.port()?;
        Ok(booked_by(&reply, entry))
    }
}

/// 201 is for what is new, 200 for what had been booked.
fn booked_by(reply: &Reply, entry: Entry) -> Booked {
    Booked {
        entry,
        repeated: reply.status != StatusCode::CREATED,
    }
}
