//! The CRM.

use std::sync::Arc;

use boutique_core::customer::CustomerDirectory;
use boutique_core::ids::IdSource;
use boutique_core::money::Currency;
use boutique_transport::http::crm::{CrmApi, routes};

use super::{Making, Part};
use crate::config::Server;

/// The CRM over its customers; `ids` names those that come without a name.
pub fn crm(directory: Arc<dyn CustomerDirectory>, ids: Arc<dyn IdSource>, making: &Making) -> Part {
    let api = Arc::new(CrmApi {
        directory,
        clock: Arc::clone(&making.clock),
        ids,
        currency: Currency::USD,
    });
    making.part(Server::Crm, routes(), api, Vec::new())
}
