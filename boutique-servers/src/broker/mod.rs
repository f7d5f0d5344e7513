//! What events travel by: a server's own broker, or Pub/Sub.
//!
//! With Pub/Sub the checkout and the warehouse only publish, and order management is pushed to or
//! pulls. Topics and subscriptions are somebody else's: `boutique provision gcp` makes them, a
//! server only looks whether they are there. At an emulator it makes them itself if it is told to.

#[cfg(feature = "pubsub")]
mod google;
#[cfg(feature = "pubsub")]
mod pull;
#[cfg(not(feature = "pubsub"))]
mod without;

#[cfg(not(feature = "pubsub"))]
use without as google;

use std::sync::Arc;

use boutique_core::assembly::PushService;
use boutique_core::broker::{self, Deliveries, Push};
use boutique_core::clock::Clock;
use boutique_core::fault::Fault;
use boutique_core::flow::Step;
use url::Url;

use crate::admin::Dependency;
use crate::config::{Background, Broker, Server};
use crate::exit::Failure;
use crate::parts::Duty;

/// What a server publishes on.
pub struct Publishing {
    /// Where messages are handed in, and who delivers them.
    pub deliveries: Deliveries,
    /// Whom the server delivers them to, if it does.
    pub orders: PushService,
    /// What it depends on for that.
    pub dependencies: Vec<Dependency>,
}

/// What `server` publishes on: `own`, out of which it pushes to what `push` makes, or Pub/Sub,
/// which may have to be told to push to `oms`.
///
/// # Errors
///
/// [`Failure::Input`] naming the setting: there are no credentials, or a topic is not there. A
/// Pub/Sub that does not answer is none: what is published waits in the server's own file.
pub async fn publishing(
    config: &Broker,
    server: Server,
    oms: &Url,
    own: &Arc<dyn broker::Broker>,
    push: impl FnOnce() -> Result<PushService, Failure>,
) -> Result<Publishing, Failure> {
    let Broker::PubSub(config) = config else {
        return Ok(Publishing {
            deliveries: Arc::clone(own).into(),
            orders: push()?,
            dependencies: Vec::new(),
        });
    };
    let (publisher, dependency) = google::publisher(config, server, oms).await?;
    Ok(Publishing {
        deliveries: Deliveries::Managed(publisher),
        orders: PushService::new(Elsewhere.into_service()),
        dependencies: vec![dependency],
    })
}

/// What order management does to be told: nothing where it is pushed to, else it pulls each of
/// its subscriptions into `service`.
///
/// # Errors
///
/// As for [`publishing`].
pub async fn taking_in(
    config: &Broker,
    service: PushService,
    background: &Background,
    clock: Arc<dyn Clock>,
) -> Result<(Vec<Duty>, Vec<Dependency>), Failure> {
    match config.pubsub().filter(|it| it.pull) {
        Some(config) => google::pulls(config, service, background, clock).await,
        None => Ok((Vec::new(), Vec::new())),
    }
}

/// Looks whether `server` could use its broker, changes nothing and says what was found.
///
/// # Errors
///
/// As for [`publishing`], and [`Failure::Refused`] if Pub/Sub does not answer.
pub async fn look(config: &Broker, server: Server) -> Result<String, Failure> {
    match config {
        Broker::Own if server == Server::Oms => Ok("pushed to".to_owned()),
        Broker::Own => Ok("its own".to_owned()),
        Broker::PubSub(config) if server == Server::Oms && !config.pull => {
            Ok("pushed to by Pub/Sub".to_owned())
        }
        Broker::PubSub(config) => google::look(config, server).await,
    }
}

/// Whom a server delivers to that has a managed broker: nobody.
struct Elsewhere;

impl Step<Push> for Elsewhere {
    type Response = ();
    type Error = Fault;

    async fn run(&self, _: Push) -> Result<(), Fault> {
        Err(Fault::permanent("the managed broker delivers by itself"))
    }
}
