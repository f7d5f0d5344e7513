//! The letters of a data file.

use std::path::Path;
use std::sync::Arc;

use boutique_core::assembly::{Boutique, Ports, Settings, Topology};
use boutique_core::catalog::Catalog;
use boutique_core::fault::PortError;
use boutique_core::orders::{DeadLetter, DeskRejection};
use boutique_transport::http::moment::Moment;
use boutique_transport::sources::SystemClock;
use boutique_transport::sqlite::SqliteOptions;

use super::{Letter, show, taken_in, unknown};
use crate::data;
use crate::exit::Failure;
use crate::inspect::PAGE;
use crate::output::Output;

impl From<DeadLetter> for Letter {
    fn from(it: DeadLetter) -> Self {
        Self {
            id: it.id,
            source: it.source,
            parked_at: Moment(it.parked_at),
            reason: it.reason,
        }
    }
}

/// Prints the messages that could not be taken in.
///
/// # Errors
///
/// [`Failure`]; the data file is unchanged.
pub async fn dead_letters(ports: &Ports, out: &mut Output<'_>) -> Result<(), Failure> {
    let mut all: Vec<Letter> = Vec::new();
    loop {
        let after = all.last().map(|it| it.id.as_str());
        let page = ports.orders.dead_letters(after, PAGE).await?;
        if page.is_empty() {
            return show(all, out);
        }
        all.extend(page.into_iter().map(Letter::from));
    }
}

/// Delivers a letter of the data file at `path` again. Once it is taken in it is gone, and what
/// follows from it and from all else that waits is done, in this file: where other servers keep
/// the books, ask the order management that they work with
/// ([`replay_served`](super::replay_served)).
///
/// # Errors
///
/// [`Failure::Input`] if there is no such letter or the file is not that of a whole boutique,
/// [`Failure::Refused`] if it still cannot be taken in: then it stays.
pub async fn replay_letter(path: &Path, id: &str, out: &mut Output<'_>) -> Result<(), Failure> {
    // A data file that does not exist has no letters, and is not to be made.
    if !is_whole(&data::look_into(path)?).await? {
        let file = path.display();
        return Err(Failure::Input(format!(
            "{file} is not of a whole boutique, and what is booked in it would be missing in the \
             books of the others: start the servers and replay with --url"
        )));
    }
    let ports = data::open(
        path,
        Arc::new(SystemClock::default()),
        SqliteOptions::default(),
    )?;
    let boutique = Boutique::new(ports, Settings::standard(Arc::new(Catalog::default())));
    match boutique.desk().replay(id).await {
        Ok(()) => {}
        Err(PortError::Fault(fault)) => return Err(fault.into()),
        Err(PortError::Rejected(DeskRejection::UnknownLetter(_))) => return Err(unknown(id)),
        Err(PortError::Rejected(rejection)) => return Err(Failure::Refused(rejection.to_string())),
    }
    boutique.start().await?;
    boutique.settle().await?;
    taken_in(id, out)
}

/// Whether everything is in this file: a server that works with others takes in what they push,
/// and has no subscription of its own.
async fn is_whole(ports: &Ports) -> Result<bool, Failure> {
    let orders = Topology::default().orders_to_oms;
    match ports.broker.backlog(&orders).await {
        Ok(_) => Ok(true),
        Err(PortError::Rejected(_)) => Ok(false),
        Err(PortError::Fault(fault)) => Err(fault.into()),
    }
}
