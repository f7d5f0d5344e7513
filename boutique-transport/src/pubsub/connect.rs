//! Where Pub/Sub is, and who asks.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use boutique_core::broker::{SubscriptionId, TopicId};
use google_cloud_auth::credentials::anonymous::Builder as Anonymous;
use google_cloud_auth::credentials::{Builder, Credentials};
use google_cloud_auth::errors::CredentialsError;
use google_cloud_gax::client_builder::Error as ClientError;
use tokio::time::timeout;

/// The variable that says where an emulator is, as `host:port`; Google's own tools read it too.
pub const EMULATOR_HOST: &str = "PUBSUB_EMULATOR_HOST";

/// How long a first token may take. Where there is neither a key nor a metadata server the
/// client would go on looking for one.
const CREDENTIALS_TIME: Duration = Duration::from_secs(5);

/// Pub/Sub of one project. Clones share its credentials.
#[derive(Clone)]
pub struct PubSub {
    project: Arc<str>,
    /// Google's, if none.
    pub(super) endpoint: Option<Arc<str>>,
    pub(super) credentials: Credentials,
}

impl fmt::Debug for PubSub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PubSub")
            .field("project", &self.project)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// Why there is no Pub/Sub to talk to.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Not the id of a project.
    #[error("not a project id: 6 to 30 lower-case letters, digits and hyphens, a letter first")]
    Project,
    /// Not `host:port`.
    #[error("{EMULATOR_HOST}: not host:port")]
    Emulator,
    /// There are no credentials, or they give no token.
    #[error(
        "there are no credentials for Google Cloud: run on a machine with a service account, \
         set GOOGLE_APPLICATION_CREDENTIALS to a key, or set {EMULATOR_HOST}"
    )]
    Credentials(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A client could not be made.
    #[error("the client of Pub/Sub could not be made")]
    Client(#[source] ClientError),
}

#[derive(Debug, thiserror::Error)]
#[error("no token within {} s", CREDENTIALS_TIME.as_secs())]
struct NoToken;

impl PubSub {
    /// Google's, or the emulator that `emulator` names, which is the value of [`EMULATOR_HOST`].
    ///
    /// # Errors
    ///
    /// [`ConnectError`].
    pub async fn connect(project: &str, emulator: Option<&str>) -> Result<Self, ConnectError> {
        match emulator.filter(|it| !it.is_empty()) {
            Some(host) => Self::emulator(project, host),
            None => Self::google(project).await,
        }
    }

    /// Google's, with the credentials of this machine
    /// (<https://cloud.google.com/docs/authentication/application-default-credentials>). They
    /// have given a token when this returns.
    ///
    /// # Errors
    ///
    /// [`ConnectError`]; what has no credentials hears of it here, within seconds.
    pub async fn google(project: &str) -> Result<Self, ConnectError> {
        let project = project_id(project)?;
        let none =
            |error: Box<dyn std::error::Error + Send + Sync>| ConnectError::Credentials(error);
        let credentials = Builder::default().build().map_err(|it| none(it.into()))?;
        let token = credentials.headers(http::Extensions::new());
        match timeout(CREDENTIALS_TIME, token).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(none(Box::<CredentialsError>::new(error))),
            Err(_) => return Err(none(NoToken.into())),
        }
        Ok(Self {
            project,
            endpoint: None,
            credentials,
        })
    }

    /// An emulator at `host`, `host:port`. It asks for no credentials and is told none.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Project`], [`ConnectError::Emulator`].
    pub fn emulator(project: &str, host: &str) -> Result<Self, ConnectError> {
        let (name, port) = host.rsplit_once(':').ok_or(ConnectError::Emulator)?;
        if name.is_empty() || name.contains('/') || port.parse::<u16>().is_err() {
            return Err(ConnectError::Emulator);
        }
        Ok(Self {
            project: project_id(project)?,
            endpoint: Some(format!("http://{host}").into()),
            credentials: Anonymous::new().build(),
        })
    }

    /// The whole name of a topic.
    pub fn topic(&self, topic: &TopicId) -> String {
        format!("projects/{}/topics/{topic}", self.project)
    }

    /// The whole name of a subscription.
    pub fn subscription(&self, subscription: &SubscriptionId) -> String {
        format!("projects/{}/subscriptions/{subscription}", self.project)
    }
}

/// <https://cloud.google.com/resource-manager/docs/creating-managing-projects>
fn project_id(text: &str) -> Result<Arc<str>, ConnectError> {
    let fine = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
    let first = text.as_bytes().first();
    let valid = (6..=30).contains(&text.len())
        && first.is_some_and(u8::is_ascii_lowercase)
        && text.bytes().all(fine);
    valid.then(|| text.into()).ok_or(ConnectError::Project)
}
