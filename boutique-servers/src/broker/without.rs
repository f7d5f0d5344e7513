//! A program that was built without Pub/Sub.

use std::sync::Arc;

use boutique_core::assembly::PushService;
use boutique_core::broker::Publish;
use boutique_core::clock::Clock;
use url::Url;

use crate::admin::Dependency;
use crate::config::{Background, PubSubConfig, Server};
use crate::exit::Failure;
use crate::parts::Duty;

fn without<T>() -> Result<T, Failure> {
    let text = "BROKER=pubsub: this program was built without Pub/Sub: build it with \
                `--features pubsub`, or unset BROKER";
    Err(Failure::Input(text.to_owned()))
}

pub(super) async fn publisher(
    _: &PubSubConfig,
    _: Server,
    _: &Url,
) -> Result<(Arc<dyn Publish>, Dependency), Failure> {
    without()
}

pub(super) async fn pulls(
    _: &PubSubConfig,
    _: PushService,
    _: &Background,
    _: Arc<dyn Clock>,
) -> Result<(Vec<Duty>, Vec<Dependency>), Failure> {
    without()
}

pub(super) async fn look(_: &PubSubConfig, _: Server) -> Result<String, Failure> {
    without()
}
