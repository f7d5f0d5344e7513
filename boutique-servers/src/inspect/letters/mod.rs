//! `boutique dead-letters`: of a data file, or of an order management that runs.

mod file;
mod server;

use boutique_core::orders::DeadLetterSource;
use boutique_transport::http::moment::Moment;
use serde::Deserialize;
use serde_json::json;

pub use file::{dead_letters, replay_letter};
pub use server::{replay_served, served_letters};

use crate::exit::Failure;
use crate::output::{Output, Rows, moment};

/// What is shown of a letter.
#[derive(Deserialize)]
struct Letter {
    id: String,
    source: DeadLetterSource,
    parked_at: Moment,
    reason: String,
}

fn show(letters: Vec<Letter>, out: &mut Output<'_>) -> Result<(), Failure> {
    if out.json {
        let letter = |it: &Letter| {
            json!({
                "id": it.id,
                "source": it.source,
                "parked_at": it.parked_at.0.to_string(),
                "reason": it.reason,
            })
        };
        return out.json(&letters.iter().map(letter).collect::<Vec<_>>());
    }
    let mut rows = Rows::new(["letter", "source", "parked", "reason"]);
    for it in letters {
        let source = format!("{:?}", it.source).to_lowercase();
        rows.push([it.id, source, moment(it.parked_at.0), it.reason]);
    }
    out.table("dead letters", &rows)
}

fn taken_in(id: &str, out: &mut Output<'_>) -> Result<(), Failure> {
    if out.json {
        out.json(&json!({ "replayed": id }))
    } else {
        out.line(&format!("{id} was taken in"))
    }
}

fn unknown(id: &str) -> Failure {
    Failure::Input(format!(
        "there is no dead letter {id:?}: `boutique dead-letters` lists them all"
    ))
}
