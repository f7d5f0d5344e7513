//! Accounting.

use std::sync::Arc;
use std::time::Duration;

use boutique_core::accounting::Journal;
use boutique_core::assembly::BookService;
use boutique_transport::http::accounting::{AccountingApi, CountService, routes};

use super::{Making, Part};
use crate::config::Server;

/// How long counting customers may take before the list of sales does without.
const CRM_WITHIN: Duration = Duration::from_millis(500);

/// Accounting over its journal; `crm` counts customers for the list of sales.
pub fn accounting(
    book: BookService,
    journal: Arc<dyn Journal>,
    crm: CountService,
    making: &Making,
) -> Part {
    let api = AccountingApi {
        book,
        journal,
        clock: Arc::clone(&making.clock),
        crm,
        crm_within: CRM_WITHIN,
    };
    making.part(Server::Accounting, routes(), api, Vec::new())
}
