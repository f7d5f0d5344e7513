//! The letters of an order management that runs.

use std::time::Duration;

use boutique_transport::http::Upstream;
use boutique_transport::http::call::Call;
use boutique_transport::http::exchange::{Reqwest, Target};
use boutique_transport::http::page;
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
    let (upstream, path) = (upstream(url)?, Target::path(["dead-letters"]));
    let all = page::collect(&upstream, path, None, usize::MAX, PAGE, |it: &Letter| {
        &it.id
    });
    let letters = Call::at_most(ANSWER).scope(all).await?;
    show(letters, out)
}

/// Has the order management at `url` deliver a letter again. Once it is taken in it is gone, and
/// what follows from it is done by the servers that it works with.
///
/// # Errors
///
/// [`Failure::Input`] if there is no such letter, [`Failure::Refused`] if it still cannot be
/// taken in: then it stays.
pub async fn replay_served(url: Url, id: &str, out: &mut Output<'_>) -> Result<(), Failure> {
    let path = Target::path(["dead-letters", id, "replay"]);
    let upstream = upstream(url)?;
    let asked = upstream.bare(Method::POST, path);
    let reply = Call::at_most(ANSWER).scope(asked).await?;
    match reply.status {
        StatusCode::OK => taken_in(id, out),
        StatusCode::NOT_FOUND => Err(unknown(id)),
        StatusCode::CONFLICT => {
            let problem = reply.problem();
            let said = problem.as_ref().map_or("it was refused", |it| it.detail());
            Err(Failure::Refused(said.to_owned()))
        }
        _ => Err(reply.unexpected().into()),
    }
}
