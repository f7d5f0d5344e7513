//! The letters of an order management that runs.

use std::time::Duration;

use boutique_core::fault::PortError;
use boutique_core::orders::DeskRejection;
use boutique_transport::http::Upstream;
use boutique_transport::http::call::Call;
use boutique_transport::http::exchange::{Reqwest, Target};
use boutique_transport::http::page::Page;
use http::{Method, StatusCode};
use url::Url;

use super::{Letter, show, taken_in, unknown};
use crate::exit::Failure;
use crate::inspect::PAGE;
use crate::output::Output;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a server may take to answer.
const ANSWER: Duration = Duration::from_secs(30);

fn upstream(url: Url) -> Result<Upstream<Reqwest>, Failure> {
    Ok(Upstream::new(url, Reqwest::new(CONNECT)?))
}

/// Prints the messages that the order management at `url` could not take in.
///
/// # Errors
///
/// [`Failure`].
pub async fn served_letters(url: Url, out: &mut Output<'_>) -> Result<(), Failure> {
    let upstream = upstream(url)?;
    let mut all: Vec<Letter> = Vec::new();
    loop {
        let last = all.last().map(|it| it.id.as_str());
        let target = Page::target(Target::path(["dead-letters"]), last, PAGE);
        let asked = upstream.bare(Method::GET, target);
        let reply = Call::at_most(ANSWER).scope(asked).await?;
        if reply.status != StatusCode::OK {
            return Err(nobody(reply.status));
        }
        let page: Vec<Letter> = reply.json()?;
        let is_last = page.len() < PAGE;
        all.extend(page);
        if is_last {
            return show(all, out);
        }
    }
}

/// Has the order management at `url` deliver a letter again. Once it is taken in it is gone, and
/// what follows from it is done by the servers that it works with.
///
/// # Errors
///
/// [`Failure::Input`] if there is no such letter or no order management, [`Failure::Refused`] if
/// it still cannot be taken in: then it stays.
pub async fn replay_served(url: Url, id: &str, out: &mut Output<'_>) -> Result<(), Failure> {
    let path = Target::path(["dead-letters", id, "replay"]);
    let upstream = upstream(url)?;
    let asked = upstream.bare(Method::POST, path);
    let reply = Call::at_most(ANSWER).scope(asked).await?;
    if reply.status == StatusCode::OK {
        return taken_in(id, out);
    }
    Err(match reply.refused::<DeskRejection>() {
        PortError::Rejected(DeskRejection::UnknownLetter(_)) => unknown(id),
        PortError::Rejected(rejection) => Failure::Refused(rejection.to_string()),
        PortError::Fault(_) => nobody(reply.status),
    })
}

fn nobody(status: StatusCode) -> Failure {
    Failure::Input(format!(
        "--url: whoever answers there ({status}) is no order management, or lets us not in: it is \
         at port 8086, that of `boutique up` at http://127.0.0.1:9080/services/oms"
    ))
}
