//! Pub/Sub: connected to, looked at, and at an emulator furnished.

use std::sync::Arc;
use std::time::Duration;

use boutique_core::assembly::PushService;
use boutique_core::broker::{BrokerError, Publish, SubscriptionConfig, SubscriptionId, TopicId};
use boutique_core::clock::Clock;
use boutique_core::fault::Fault;
use boutique_transport::pubsub::{
    ConnectError, Lookout, PubSub, PubSubPublisher, Publishing, PushTo, SubscriptionPlan,
};
use url::Url;

use super::pull::pull;
use crate::admin::Dependency;
use crate::config::{Background, PubSubConfig, Server, Setting, table};
use crate::exit::{Failure, chain};
use crate::parts::Duty;

pub(super) async fn publisher(
    config: &PubSubConfig,
    server: Server,
    oms: &Url,
) -> Result<(Arc<dyn Publish>, Dependency), Failure> {
    let pubsub = connect(config).await?;
    if config.create {
        create(&pubsub, config, server, Some(oms)).await?;
    }
    let (lookout, needs) = at_start(&pubsub, config, server).await?;
    let publisher = PubSubPublisher::new(&pubsub, Publishing::default()).await;
    let publisher = publisher.map_err(|it| unusable(&it))?;
    Ok((Arc::new(publisher), watched("pubsub", lookout, needs)))
}

pub(super) async fn pulls(
    config: &PubSubConfig,
    service: PushService,
    background: &Background,
    clock: Arc<dyn Clock>,
) -> Result<(Vec<Duty>, Vec<Dependency>), Failure> {
    let pubsub = connect(config).await?;
    if config.create {
        create(&pubsub, config, Server::Oms, None).await?;
    }
    let (lookout, needs) = at_start(&pubsub, config, Server::Oms).await?;
    let mut duties = Vec::new();
    for (name, subscription) in [
        ("pull orders", &config.topology.orders_to_oms),
        ("pull dead orders", &config.topology.dead_to_oms),
        ("pull shipments", &config.topology.shipments_to_oms),
    ] {
        let (service, clock) = (service.clone(), Arc::clone(&clock));
        let how = (config.streams, background);
        let duty = pull(name, &pubsub, subscription, service, how, clock).await;
        duties.push(duty.map_err(|it| unusable(&it))?);
    }
    Ok((duties, vec![watched("pubsub", lookout, needs)]))
}

pub(super) async fn look(config: &PubSubConfig, server: Server) -> Result<String, Failure> {
    let pubsub = connect(config).await?;
    let lookout = Lookout::new(&pubsub).await.map_err(|it| unusable(&it))?;
    let needs = needs(config, server);
    let found = missing(&lookout, &needs).await;
    let missing = found.map_err(|fault| Failure::Refused(format!("Pub/Sub: {fault}")))?;
    let project = &config.project;
    match (missing.is_empty(), config.create) {
        (true, _) => Ok(format!("Pub/Sub of project {project}: can be used")),
        (false, true) => Ok(format!(
            "Pub/Sub of project {project}: what is missing is created at the start"
        )),
        (false, false) => Err(absent(config, &missing)),
    }
}

async fn connect(config: &PubSubConfig) -> Result<PubSub, Failure> {
    let connected = PubSub::connect(&config.project, config.emulator.as_deref()).await;
    connected.map_err(|it| unusable(&it))
}

fn unusable(error: &ConnectError) -> Failure {
    let setting = match error {
        ConnectError::Project => table::GCP_PROJECT_ID.name,
        _ => "BROKER=pubsub",
    };
    Failure::Input(format!("{setting}: {}", chain(error)))
}

/// What a server cannot do its work without.
enum Need {
    Topic(&'static Setting, TopicId),
    Subscription(&'static Setting, SubscriptionId),
}

fn needs(config: &PubSubConfig, server: Server) -> Vec<Need> {
    let it = &config.topology;
    let subscription = |setting, id: &SubscriptionId| Need::Subscription(setting, id.clone());
    match server {
        Server::Checkout => vec![
            Need::Topic(&table::PUBSUB_TOPIC, it.orders.clone()),
            Need::Topic(&table::PUBSUB_REFUSALS_TOPIC, it.refusals.clone()),
        ],
        Server::Warehouse => {
            let shipments = it.shipments.clone();
            vec![Need::Topic(&table::PUBSUB_SHIPMENTS_TOPIC, shipments)]
        }
        Server::Oms => vec![
            subscription(&table::PUBSUB_SUBSCRIPTION, &it.orders_to_oms),
            subscription(&table::PUBSUB_DEAD_SUBSCRIPTION, &it.dead_to_oms),
            subscription(&table::PUBSUB_SHIPMENTS_SUBSCRIPTION, &it.shipments_to_oms),
        ],
        _ => Vec::new(),
    }
}

/// Which of them are not there, in words.
async fn missing(lookout: &Lookout, needs: &[Need]) -> Result<Vec<String>, Fault> {
    let mut missing = Vec::new();
    for need in needs {
        let (there, what) = match need {
            Need::Topic(setting, topic) => {
                let what = format!("{}: there is no topic {topic}", setting.name);
                (lookout.has_topic(topic).await?, what)
            }
            Need::Subscription(setting, id) => {
                let what = format!("{}: there is no subscription {id}", setting.name);
                (lookout.has_subscription(id).await?, what)
            }
        };
        if !there {
            missing.push(what);
        }
    }
    Ok(missing)
}

fn absent(config: &PubSubConfig, missing: &[String]) -> Failure {
    let (missing, project) = (missing.join("; "), &config.project);
    let or = match config.emulator {
        Some(_) => ", or set PUBSUB_CREATE=true at an emulator",
        None => "",
    };
    Failure::Input(format!(
        "{missing} in project {project}: create it with `boutique provision gcp` and its --pull or \
         --push-to{or}"
    ))
}

async fn at_start(
    pubsub: &PubSub,
    config: &PubSubConfig,
    server: Server,
) -> Result<(Lookout, Vec<Need>), Failure> {
    let lookout = Lookout::new(pubsub).await.map_err(|it| unusable(&it))?;
    let needs = needs(config, server);
    match missing(&lookout, &needs).await {
        Ok(missing) if missing.is_empty() => {}
        Ok(missing) => return Err(absent(config, &missing)),
        // The server does what it can without, and `/readyz` tells.
        Err(fault) => tracing::warn!(%fault, "Pub/Sub cannot be looked at yet"),
    }
    Ok((lookout, needs))
}

/// Whether Pub/Sub answers and has what is needed. What is published waits, and so does what is
/// pulled: the server is ready without.
fn watched(name: &'static str, lookout: Lookout, needs: Vec<Need>) -> Dependency {
    let needs = Arc::new(needs);
    Dependency::new(name, false, move || {
        let (lookout, needs) = (lookout.clone(), Arc::clone(&needs));
        async move {
            match missing(&lookout, &needs).await?.is_empty() {
                true => Ok(()),
                false => Err(Fault::permanent("a topic or subscription is not there")),
            }
        }
    })
}

/// Creates at the emulator what `server` has to do with. Whoever starts first creates it: all
/// have the same in mind.
async fn create(
    pubsub: &PubSub,
    config: &PubSubConfig,
    server: Server,
    oms: Option<&Url>,
) -> Result<(), Failure> {
    let it = &config.topology;
    let [orders, _, dead] = it.orders_subscriptions();
    let (mut topics, mut subscriptions) = (Vec::new(), Vec::new());
    if server != Server::Warehouse {
        topics.extend([&it.orders, &it.orders_dead, &it.refusals]);
        subscriptions.extend([orders, dead]);
    }
    if server != Server::Checkout {
        topics.push(&it.shipments);
        subscriptions.push(it.shipments_subscription());
    }
    let uncreated = |error: BrokerError| {
        let fault = error.into_fault("PUBSUB_CREATE: what is there is configured otherwise");
        Failure::from(fault)
    };
    for topic in topics {
        pubsub.create_topic(topic).await.map_err(uncreated)?;
    }
    for (id, subscription) in subscriptions {
        let plan = planned(subscription, oms.filter(|_| !config.pull));
        let created = pubsub.create_subscription(&id, &plan).await;
        created.map_err(uncreated)?;
    }
    Ok(())
}

fn planned(config: SubscriptionConfig, push_to: Option<&Url>) -> SubscriptionPlan {
    // The emulator cannot let a message die that is delivered in order, and goes on keeping keys
    // for a reader that was killed. Order management does not need the order: an order is confirmed
    // once, and of what a carrier says the furthest counts.
    let ordered = config.ordered && config.dead_letter.is_none() && push_to.is_some();
    // Where there is a back-off, one acknowledgement that comes too late ends redelivery there.
    let (backoff_min, backoff_max) = (Duration::ZERO, Duration::ZERO);
    SubscriptionPlan {
        config: SubscriptionConfig {
            ordered,
            backoff_min,
            backoff_max,
            ..config
        },
        push: push_to.map(|url| PushTo {
            endpoint: url.to_string(),
            service_account: None,
            audience: None,
        }),
        exactly_once: false,
    }
}
