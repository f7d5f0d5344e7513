//! What every service of Google Cloud wants to know: which project, and who asks.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use google_cloud_auth::build_errors;
use google_cloud_auth::credentials::{
    Builder, CacheableResource, Credentials, CredentialsProvider,
};
use google_cloud_auth::errors::CredentialsError;
use http::{Extensions, HeaderMap};
use tokio::time::timeout;

/// How long a first token may take. Where there is neither a key nor a metadata server the
/// client would go on looking for one.
const CREDENTIALS_TIME: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
#[error("no token within {} s", CREDENTIALS_TIME.as_secs())]
struct NoToken;

/// The credentials of this machine, which have given a token. They are made anew when Google
/// refuses one: see [`Renewed`].
pub(crate) async fn credentials() -> Result<Credentials, Box<dyn std::error::Error + Send + Sync>> {
    let make = || Builder::default().build();
    let credentials = make()?;
    let token = credentials.headers(Extensions::new());
    match timeout(CREDENTIALS_TIME, token).await {
        Ok(Ok(_)) => Ok(Renewed::new(make, credentials).into()),
        Ok(Err(error)) => Err(Box::<CredentialsError>::new(error)),
        Err(_) => Err(NoToken.into()),
    }
}

/// Credentials that outlive a refusal. Google's client asks for no further token after an answer
/// that it takes for final, and one of the metadata server may be a moment's: without new
/// credentials nothing but a restart would help.
struct Renewed<M> {
    make: M,
    now: Mutex<Arc<Credentials>>,
}

impl<M> Renewed<M>
where
    M: Fn() -> Result<Credentials, build_errors::Error>,
{
    fn new(make: M, first: Credentials) -> Self {
        Self {
            make,
            now: Mutex::new(Arc::new(first)),
        }
    }

    fn now(&self) -> Arc<Credentials> {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&now)
    }

    /// Puts new ones in the place of `ended`, unless somebody has.
    fn renew(&self, ended: &Arc<Credentials>) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&now, ended) {
            return;
        }
        // What cannot be made now is tried when it is asked for again.
        if let Ok(new) = (self.make)() {
            *now = Arc::new(new);
        }
    }
}

impl<M> fmt::Debug for Renewed<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewed").finish_non_exhaustive()
    }
}

impl<M> CredentialsProvider for Renewed<M>
where
    M: Fn() -> Result<Credentials, build_errors::Error> + Send + Sync,
{
    /// Every error may pass: whoever asks again asks new credentials.
    async fn headers(
        &self,
        extensions: Extensions,
    ) -> Result<CacheableResource<HeaderMap>, CredentialsError> {
        let now = self.now();
        match now.headers(extensions).await {
            Err(error) if !error.is_transient() => {
                self.renew(&now);
                Err(CredentialsError::new(true, "no token is given", error))
            }
            answer => answer,
        }
    }

    async fn universe_domain(&self) -> Option<String> {
        self.now().universe_domain().await
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use google_cloud_auth::credentials::anonymous::Builder as Anonymous;

    use super::*;

    /// Credentials whose client has given up.
    #[derive(Debug)]
    struct Ended;

    impl CredentialsProvider for Ended {
        async fn headers(
            &self,
            _: Extensions,
        ) -> Result<CacheableResource<HeaderMap>, CredentialsError> {
            Err(CredentialsError::from_msg(false, "404"))
        }

        async fn universe_domain(&self) -> Option<String> {
            None
        }
    }

    #[tokio::test]
    async fn one_refused_token_is_not_the_last() {
        let made = Arc::new(AtomicU32::new(0));
        let make = {
            let made = Arc::clone(&made);
            move || match made.fetch_add(1, Ordering::Relaxed) {
                0 => Ok(Credentials::from(Ended)),
                _ => Ok(Anonymous::new().build()),
            }
        };
        let credentials = Credentials::from(Renewed::new(make, Credentials::from(Ended)));
        let ask = || credentials.headers(Extensions::new());
        for _ in 0..2 {
            let error = ask().await.expect_err("none is given");
            assert!(error.is_transient(), "whoever asks again is answered");
        }
        assert!(ask().await.is_ok());
        assert!(ask().await.is_ok());
        assert_eq!(made.load(Ordering::Relaxed), 2, "only those that ended");
    }
}
