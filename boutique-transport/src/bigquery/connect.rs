//! Where BigQuery is, and who asks.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use google_cloud_auth::credentials::Credentials;
use google_cloud_auth::credentials::anonymous::Builder as Anonymous;

use crate::google;

/// The variable that says where an emulator is, as `http://host:port`; Google's Python client
/// reads it too.
pub const EMULATOR_HOST: &str = "BIGQUERY_EMULATOR_HOST";

const GOOGLE: &str = "https://bigquery.googleapis.com";

/// How long one request may take: a statement that makes a view is among them. So may the token
/// before it.
pub(super) const REQUEST_TIME: Duration = Duration::from_secs(30);

/// One dataset of BigQuery. Clones share its connections and credentials.
#[derive(Clone)]
pub struct BigQuery {
    pub(super) project: Arc<str>,
    pub(super) dataset: Arc<str>,
    pub(super) endpoint: Arc<str>,
    pub(super) credentials: Credentials,
    pub(super) client: reqwest::Client,
}

impl fmt::Debug for BigQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BigQuery")
            .field("dataset", &self.name())
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// Why there is no BigQuery to talk to.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Not the id of a project.
    #[error("not a project id: 6 to 30 lower-case letters, digits and hyphens, a letter first")]
    Project,
    /// Not the id of a dataset.
    #[error("not a dataset id: 1 to 1024 letters, digits and underscores")]
    Dataset,
    /// Not an address.
    #[error("{EMULATOR_HOST}: not http://host:port")]
    Emulator,
    /// There are no credentials, or they give no token.
    #[error(
        "there are no credentials for Google Cloud: run on a machine with a service account, \
         set GOOGLE_APPLICATION_CREDENTIALS to a key, or set {EMULATOR_HOST}"
    )]
    Credentials(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A client could not be made.
    #[error("the client of BigQuery could not be made")]
    Client(#[source] reqwest::Error),
}

impl BigQuery {
    /// Google's, or the emulator that `emulator` names, which is the value of [`EMULATOR_HOST`].
    /// The dataset need not exist.
    ///
    /// # Errors
    ///
    /// [`ConnectError`].
    pub async fn connect(
        project: &str,
        dataset: &str,
        emulator: Option<&str>,
    ) -> Result<Self, ConnectError> {
        match emulator.filter(|it| !it.is_empty()) {
            Some(host) => Self::emulator(project, dataset, host),
            None => Self::google(project, dataset).await,
        }
    }

    /// Google's, with the credentials of this machine
    /// (<https://cloud.google.com/docs/authentication/application-default-credentials>). They
    /// have given a token when this returns.
    ///
    /// # Errors
    ///
    /// [`ConnectError`]; what has no credentials hears of it here, within seconds.
    pub async fn google(project: &str, dataset: &str) -> Result<Self, ConnectError> {
        let this = Self::new(project, dataset, GOOGLE, Anonymous::new().build())?;
        let credentials = google::credentials().await;
        Ok(Self {
            credentials: credentials.map_err(ConnectError::Credentials)?,
            ..this
        })
    }

    /// An emulator at `host`, `http://host:port` or `host:port`. It is told no credentials.
    ///
    /// # Errors
    ///
    /// [`ConnectError`], without `Credentials`.
    pub fn emulator(project: &str, dataset: &str, host: &str) -> Result<Self, ConnectError> {
        let bare = host.strip_prefix("http://").unwrap_or(host);
        let bare = bare.strip_suffix('/').unwrap_or(bare);
        let (name, port) = bare.rsplit_once(':').ok_or(ConnectError::Emulator)?;
        if name.is_empty() || name.contains('/') || port.parse::<u16>().is_err() {
            return Err(ConnectError::Emulator);
        }
        let endpoint = format!("http://{bare}");
        Self::new(project, dataset, &endpoint, Anonymous::new().build())
    }

    fn new(
        project: &str,
        dataset: &str,
        endpoint: &str,
        credentials: Credentials,
    ) -> Result<Self, ConnectError> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(REQUEST_TIME)
            .build();
        Ok(Self {
            project: google::project_id(project).ok_or(ConnectError::Project)?,
            dataset: dataset_id(dataset).ok_or(ConnectError::Dataset)?,
            endpoint: endpoint.into(),
            credentials,
            client: client.map_err(ConnectError::Client)?,
        })
    }

    /// Another dataset of the same BigQuery, for the same credentials.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Project`], [`ConnectError::Dataset`].
    pub fn at(&self, project: &str, dataset: &str) -> Result<Self, ConnectError> {
        Ok(Self {
            project: google::project_id(project).ok_or(ConnectError::Project)?,
            dataset: dataset_id(dataset).ok_or(ConnectError::Dataset)?,
            ..self.clone()
        })
    }

    /// `project.dataset`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.project, self.dataset)
    }
}

/// <https://cloud.google.com/bigquery/docs/datasets#dataset-naming>
fn dataset_id(text: &str) -> Option<Arc<str>> {
    let fine = |it: u8| it.is_ascii_alphanumeric() || it == b'_';
    let valid = (1..=1024).contains(&text.len()) && text.bytes().all(fine);
    valid.then(|| text.into())
}
