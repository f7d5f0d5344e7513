//! Streaming pull into a service.

use std::sync::Arc;
use std::time::Duration;

use boutique_core::broker::{Push, SubscriptionId};
use boutique_core::clock::Clock;
use boutique_core::fault::{Fault, FaultKind};
use boutique_core::flow::Ask;
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use google_cloud_pubsub::client::Subscriber;
use google_cloud_pubsub::subscriber::handler::Handler;
use google_cloud_pubsub::subscriber::{MessageStream, ShutdownBehavior};
use tokio::sync::watch;
use tokio::time::sleep;

use super::fault;
use super::message::incoming;
use super::{ConnectError, PubSub};

/// The longest rest before a message is given back that nobody had room for.
const REST_MAX: Duration = Duration::from_secs(4);
const REST_MIN: Duration = Duration::from_millis(100);

/// How a subscription is pulled.
#[derive(Clone, Copy, Debug)]
pub struct Pulling {
    /// Streams. Google's service needs one; the emulator rests 50 ms between the batches of a
    /// stream.
    pub streams: usize,
    /// The most messages of a stream that are in the service at a time.
    pub in_flight: u16,
    /// How long a message stays ours without a sign of life of this process, 10 s to 600 s. While
    /// the service works on it its lease is extended, however long that takes.
    pub lease: Duration,
}

impl Default for Pulling {
    /// One stream, 16 messages, 60 s.
    fn default() -> Self {
        Self {
            streams: 1,
            in_flight: 16,
            lease: Duration::from_secs(60),
        }
    }
}

/// What became of the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulled {
    /// Taken by the service, and acknowledged.
    pub acknowledged: u64,
    /// Given back: they come again, or are dead after the subscription's attempts.
    pub rejected: u64,
}

/// Pulls a subscription into a service until it is told to stop.
pub struct StreamingPull<S> {
    subscriber: Subscriber,
    /// The whole name, which pushes over HTTP carry, too.
    subscription: SubscriptionId,
    service: S,
    clock: Arc<dyn Clock>,
    how: Pulling,
}

impl<S> StreamingPull<S>
where
    S: Ask<Push, Response = (), Error = Fault>,
{
    /// Pulls `subscription`, which exists, into `service`; `clock` dates what Pub/Sub does not.
    /// A [`Push`] has its whole name, `projects/P/subscriptions/S`.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Client`].
    pub async fn new(
        pubsub: &PubSub,
        subscription: SubscriptionId,
        service: S,
        clock: Arc<dyn Clock>,
        how: Pulling,
    ) -> Result<Self, ConnectError> {
        let mut builder = Subscriber::builder().with_credentials(pubsub.credentials.clone());
        if let Some(endpoint) = &pubsub.endpoint {
            builder = builder.with_endpoint(endpoint.as_ref());
        }
        Ok(Self {
            subscriber: builder.build().await.map_err(ConnectError::Client)?,
            subscription: pubsub.subscription(&subscription).as_str().into(),
            service,
            clock,
            how,
        })
    }

    /// Pulls until `stop` says so or is gone. Then nothing more is taken, what the service works
    /// on is finished, and its acknowledgements have reached Pub/Sub.
    ///
    /// `Ok` of the service acknowledges a message, a fault gives it back; one that says that the
    /// service was away ([`FaultKind::Unavailable`]) after a rest that doubles up to 4 s, so that
    /// an outage does not use up the attempts of every message at once. Dropping it is harmless:
    /// leases run out.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if a stream ends for good, such as for a subscription that does not exist. It
    /// ends the others: what they have taken is finished first.
    pub async fn run(&self, stop: watch::Receiver<bool>) -> Result<Pulled, Fault> {
        let ended = watch::Sender::new(false);
        let streams = (0..self.how.streams.max(1)).map(|_| self.stream(stop.clone(), &ended));
        let mut all = Pulled::default();
        let mut failure = None;
        for (pulled, outcome) in join_all(streams).await {
            all.acknowledged += pulled.acknowledged;
            all.rejected += pulled.rejected;
            failure = failure.or_else(|| outcome.err());
        }
        failure.map_or(Ok(all), Err)
    }

    async fn stream(
        &self,
        mut stop: watch::Receiver<bool>,
        ended: &watch::Sender<bool>,
    ) -> (Pulled, Result<(), Fault>) {
        let mut other_ended = ended.subscribe();
        let room = usize::from(self.how.in_flight.max(1));
        let mut messages: MessageStream = self
            .subscriber
            .subscribe(self.subscription.0.as_ref())
            .set_max_outstanding_messages(i64::from(self.how.in_flight.max(1)))
            .set_max_lease_extension(self.how.lease)
            // The client's own limit is an hour: an outage that is longer would cost every message
            // that waits it out a delivery.
            .set_max_lease(Duration::MAX)
            // By then ours are finished: what is given back is what nobody has looked at.
            .set_shutdown_behavior(ShutdownBehavior::NackImmediately)
            .build();
        let token = messages.shutdown_token();
        let mut pulled = Pulled::default();
        let mut working = FuturesUnordered::new();
        let mut rest = Rest::default();
        let outcome = loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|it| *it) => break Ok(()),
                _ = other_ended.wait_for(|it| *it) => break Ok(()),
                Some(done) = working.next() => rest.learn(done, &mut pulled),
                next = messages.next(), if working.len() < room => match next {
                    Some(Ok((message, handler))) => {
                        let attempt = attempt(&handler);
                        let now = self.clock.now();
                        let push = incoming(&self.subscription, message, attempt, now);
                        working.push(self.take(push, handler, rest.before_giving_back()));
                    }
                    Some(Err(error)) => {
                        break Err(fault::fault("the subscription cannot be pulled", error));
                    }
                    // Nobody asked it to.
                    None => break Err(Fault::unavailable("the stream of messages has ended")),
                },
            }
        };
        if outcome.is_err() {
            ended.send_replace(true);
        }
        while let Some(done) = working.next().await {
            rest.learn(done, &mut pulled);
        }
        token.shutdown().await;
        drop(messages);
        (pulled, outcome)
    }

    async fn take(&self, push: Push, handler: Handler, rest: Duration) -> Outcome {
        match self.service.ask(push).await {
            Ok(()) => match acknowledge(handler).await {
                true => Outcome::Taken,
                false => Outcome::Refused,
            },
            Err(why) if why.kind() == FaultKind::Unavailable => {
                sleep(rest).await;
                handler.nack();
                Outcome::Away
            }
            Err(_) => {
                handler.nack();
                Outcome::Refused
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Taken,
    Refused,
    Away,
}

/// How long what finds the service away is kept before it is given back.
#[derive(Default)]
struct Rest {
    away: u32,
}

impl Rest {
    fn before_giving_back(&self) -> Duration {
        REST_MIN
            .saturating_mul(2_u32.saturating_pow(self.away))
            .min(REST_MAX)
    }

    fn learn(&mut self, outcome: Outcome, pulled: &mut Pulled) {
        match outcome {
            Outcome::Taken => {
                self.away = 0;
                pulled.acknowledged += 1;
            }
            Outcome::Refused => {
                self.away = 0;
                pulled.rejected += 1;
            }
            Outcome::Away => {
                self.away = self.away.saturating_add(1);
                pulled.rejected += 1;
            }
        }
    }
}

fn attempt(handler: &Handler) -> u32 {
    // Counted only where there is a dead-letter topic.
    let counted = handler.delivery_attempt().unwrap_or(1);
    u32::try_from(counted).unwrap_or(1).max(1)
}

/// Whether the acknowledgement counts. Without exactly-once delivery nobody says; a message
/// whose acknowledgement is lost comes again.
async fn acknowledge(handler: Handler) -> bool {
    match handler {
        Handler::ExactlyOnce(handler) => handler.confirmed_ack().await.is_ok(),
        handler => {
            handler.ack();
            true
        }
    }
}
