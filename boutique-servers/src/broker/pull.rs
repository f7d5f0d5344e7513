//! Order management pulls.

use std::sync::Arc;
use std::time::Duration;

use boutique_core::assembly::PushService;
use boutique_core::broker::{Push, SubscriptionId};
use boutique_core::clock::Clock;
use boutique_core::fault::Fault;
use boutique_core::flow::{Ask, Step};
use boutique_transport::http::call::{Call, Trace};
use boutique_transport::pubsub::{ConnectError, PubSub, Pulling, StreamingPull};
use metrics::counter;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::Background;
use crate::parts::Duty;

/// How long messages stay with a process that was killed: the least there is. Those of one that
/// lives are extended.
const LEASE: Duration = Duration::from_secs(10);

/// Pulls `subscription` into `service` until it is told to stop; then what was begun is finished
/// and acknowledged.
pub(super) async fn pull(
    name: &'static str,
    pubsub: &PubSub,
    subscription: &SubscriptionId,
    service: PushService,
    (streams, background): (usize, &Background),
    clock: Arc<dyn Clock>,
) -> Result<Duty, ConnectError> {
    // What is worked on at a time is shared by the streams.
    let each = background.batch.div_ceil(streams.max(1));
    let how = Pulling {
        streams,
        in_flight: u16::try_from(each).unwrap_or(u16::MAX),
        lease: LEASE,
    };
    let counted = Counted {
        inner: service,
        subscription: subscription.to_string(),
    };
    let service = counted.into_service();
    let id = subscription.clone();
    let pull = StreamingPull::new(pubsub, id, service, clock, how).await?;
    let pull = Arc::new(pull);
    Ok(Duty::standing(name, background.tidying(), move |stop| {
        let pull = Arc::clone(&pull);
        async move {
            let (say, stopped) = watch::channel(false);
            let mut pulling = std::pin::pin!(pull.run(stopped));
            let pulled = tokio::select! {
                biased;
                pulled = &mut pulling => pulled,
                () = CancellationToken::cancelled(&stop) => {
                    say.send_replace(true);
                    pulling.await
                }
            };
            pulled.map(drop)
        }
    }))
}

/// Takes messages in, each as a call of its own, and counts them.
struct Counted {
    inner: PushService,
    subscription: String,
}

impl Step<Push> for Counted {
    type Response = ();
    type Error = Fault;

    async fn run(&self, push: Push) -> Result<(), Fault> {
        let attributes = &push.delivery.message.attributes;
        let trace = attributes.get("traceparent").map(String::as_str);
        let call = Call::background();
        let call = match trace.and_then(Trace::parse) {
            Some(trace) => Call {
                trace: trace.child(),
                ..call
            },
            None => call,
        };
        let taken = call.scope(self.inner.ask(push)).await;
        let result = if taken.is_ok() { "taken" } else { "returned" };
        let subscription = self.subscription.clone();
        counter!("boutique_pulled_total", "subscription" => subscription, "result" => result)
            .increment(1);
        taken
    }
}
