//! `GET /audit` of the admin port: whether everything holds that must.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use boutique_core::assembly::{Ports, Topology};
use boutique_core::audit::{AuditScope, Auditor};
use boutique_core::fault::Fault;
use boutique_transport::http::problem::Problem;
use serde::Deserialize;

use crate::data;
use crate::exit::Failure;
use crate::inspect::audit_json;

/// The path, over these ports.
pub(super) fn auditing(ports: Ports) -> Router {
    auditing_what(move || Ok(ports.clone()))
}

/// The path, over the files in a folder, opened anew for each audit.
pub(crate) fn auditing_folder(folder: PathBuf) -> Router {
    auditing_what(move || data::look_into(&folder))
}

type Open = Arc<dyn Fn() -> Result<Ports, Failure> + Send + Sync>;

fn auditing_what(open: impl Fn() -> Result<Ports, Failure> + Send + Sync + 'static) -> Router {
    let open: Open = Arc::new(open);
    Router::new().route("/audit", get(audit)).with_state(open)
}

#[derive(Deserialize)]
struct Asked {
    /// Nothing is left to do: what is missing is missing.
    #[serde(default)]
    at_rest: bool,
}

async fn audit(State(open): State<Open>, Query(asked): Query<Asked>) -> Response {
    let scope = match asked.at_rest {
        true => AuditScope::AtRest,
        false => AuditScope::Running,
    };
    let ports = match open() {
        Ok(ports) => ports,
        Err(_) => {
            let fault = Fault::unavailable("the data files cannot be read: are they made yet?");
            return Problem::from(fault).into_response();
        }
    };
    let subscriptions = Topology::default().subscriptions();
    match Auditor::new(&ports, &subscriptions, scope).run().await {
        Ok(report) => Json(audit_json(&report)).into_response(),
        Err(fault) => Problem::from(fault).into_response(),
    }
}
