//! Who pushes, and who believes it.

use std::path::Path;
use std::sync::Arc;

use boutique_core::clock::Clock;
use boutique_core::gateway::InvalidPolicy;
use boutique_transport::http::exchange::{BoxExchange, Reqwest};
use boutique_transport::http::oms::PushCredential;
use boutique_transport::jwt::{DevIssuer, PushTokens, PushVerifier};

use crate::config::{EdgeConfig, Push, PushSigning};
use crate::exit::Failure;

fn open(key: &Path) -> Result<DevIssuer, Failure> {
    DevIssuer::open(key)
        .map_err(|error| Failure::Input(format!("PUSH_KEY: {}: {error}", key.display())))
}

/// What a server shows for itself when it pushes.
///
/// # Errors
///
/// [`Failure::Input`] if the key cannot be used.
pub fn push_credential(
    signing: Option<&PushSigning>,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Arc<dyn PushCredential>>, Failure> {
    let Some(PushSigning {
        audience,
        account,
        key,
    }) = signing
    else {
        return Ok(None);
    };
    let tokens = PushTokens::new(open(key)?, audience, account, Arc::clone(clock));
    Ok(Some(Arc::new(tokens)))
}

/// Whose pushes order management believes.
///
/// # Errors
///
/// [`Failure::Input`] naming the setting that is wrong.
pub fn push_verifier(
    push: &Push,
    edge: &EdgeConfig,
    clock: Arc<dyn Clock>,
) -> Result<PushVerifier, Failure> {
    let wrong = |error: InvalidPolicy| Failure::Input(format!("PUSH_AUDIENCE: {error}"));
    let Push {
        audience,
        account,
        key,
    } = push;
    match key {
        Some(key) => PushVerifier::own(audience, account, &open(key)?, clock).map_err(wrong),
        None => {
            let keys = BoxExchange::new(Reqwest::new(edge.connect_timeout)?);
            PushVerifier::new(audience, account, &keys, clock).map_err(wrong)
        }
    }
}
