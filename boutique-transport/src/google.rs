//! What every service of Google Cloud wants to know: which project, and who asks.

use std::sync::Arc;
use std::time::Duration;

use google_cloud_auth::credentials::{Builder, Credentials};
use google_cloud_auth::errors::CredentialsError;
use tokio::time::timeout;

/// How long a first token may take. Where there is neither a key nor a metadata server the
/// client would go on looking for one.
const CREDENTIALS_TIME: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
#[error("no token within {} s", CREDENTIALS_TIME.as_secs())]
struct NoToken;

/// The credentials of this machine, which have given a token.
pub(crate) async fn credentials() -> Result<Credentials, Box<dyn std::error::Error + Send + Sync>> {
    let credentials = Builder::default().build()?;
    let token = credentials.headers(http::Extensions::new());
    match timeout(CREDENTIALS_TIME, token).await {
        Ok(Ok(_)) => Ok(credentials),
        Ok(Err(error)) => Err(Box::<CredentialsError>::new(error)),
        Err(_) => Err(NoToken.into()),
    }
}

/// `text`, if it can be the id of a project
/// (<https://cloud.google.com/resource-manager/docs/creating-managing-projects>).
pub(crate) fn project_id(text: &str) -> Option<Arc<str>> {
    let fine = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
    let first = text.as_bytes().first();
    let valid = (6..=30).contains(&text.len())
        && first.is_some_and(u8::is_ascii_lowercase)
        && text.bytes().all(fine);
    valid.then(|| text.into())
}
