//! Where Pub/Sub is, and who asks.

use std::fmt;
use std::sync::Arc;

use boutique_core::broker::{SubscriptionId, TopicId};
use google_cloud_auth::credentials::Credentials;
use google_cloud_auth::credentials::anonymous::Builder as Anonymous;
use google_cloud_gax::client_builder::Error as ClientError;

use crate::google;

/// The variable that says where an emulator is, as `host:port`; Google's own tools read it too.
pub const EMULATOR_HOST: &str = "PUBSUB_EMULATOR_HOST";

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
        let project = google::project_id(project).ok_or(ConnectError::Project)?;
        let credentials = google::credentials().await;
        let credentials = credentials.map_err(ConnectError::Credentials)?;
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
            project: google::project_id(project).ok_or(ConnectError::Project)?,
            endpoint: Some(format!("http://{host}").into()),
            credentials: Anonymous::new().build(),
        })
    }

    /// Whose it is.
    pub fn project(&self) -> &str {
        &self.project
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
