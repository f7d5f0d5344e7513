//! `boutique dead-letters`.

use std::path::Path;
use std::sync::Arc;

use boutique_core::assembly::{Boutique, Ports, Settings};
use boutique_core::catalog::Catalog;
use boutique_core::fault::PortError;
use boutique_core::orders::DeskRejection;
use boutique_transport::sources::SystemClock;
use boutique_transport::sqlite::SqliteOptions;
use serde_json::json;

use super::PAGE;
use crate::data;
use crate::exit::Failure;
use crate::output::{Output, Rows, moment};

/// Prints the messages that could not be taken in.
///
/// # Errors
///
/// [`Failure`]; the data file is unchanged.
pub async fn dead_letters(ports: &Ports, out: &mut Output<'_>) -> Result<(), Failure> {
    let mut rows = Rows::new(["letter", "source", "parked", "reason"]);
    let mut list = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = ports.orders.dead_letters(after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        for letter in &page {
            list.push(json!({
                "id": letter.id,
                "source": letter.source,
                "parked_at": letter.parked_at.to_string(),
                "reason": letter.reason,
            }));
            rows.push([
                letter.id.clone(),
                format!("{:?}", letter.source).to_lowercase(),
                moment(letter.parked_at),
                letter.reason.clone(),
            ]);
        }
    }
    if out.json {
        out.json(&list)
    } else {
        out.table("dead letters", &rows)
    }
}

/// Delivers a letter of the data file at `path` again. Once it is taken in it is gone, and what
/// follows from it is done.
///
/// # Errors
///
/// [`Failure::Input`] if there is no such letter, [`Failure::Refused`] if it still cannot be
/// taken in: then it stays.
pub async fn replay_letter(path: &Path, id: &str, out: &mut Output<'_>) -> Result<(), Failure> {
    // A data file that does not exist has no letters, and is not to be made.
    drop(data::look_into(path)?);
    let ports = data::open(
        path,
        Arc::new(SystemClock::default()),
        SqliteOptions::default(),
    )?;
    let boutique = Boutique::new(ports, Settings::standard(Arc::new(Catalog::default())));
    match boutique.desk().replay(id).await {
        Ok(()) => {}
        Err(PortError::Fault(fault)) => return Err(fault.into()),
        Err(PortError::Rejected(DeskRejection::UnknownLetter(_))) => {
            return Err(Failure::Input(format!(
                "there is no dead letter {id:?}: `boutique dead-letters` lists them all"
            )));
        }
        Err(PortError::Rejected(rejection)) => return Err(Failure::Refused(rejection.to_string())),
    }
    boutique.start().await?;
    boutique.settle().await?;
    if out.json {
        out.json(&json!({ "replayed": id }))
    } else {
        out.line(&format!("{id} was taken in"))
    }
}
