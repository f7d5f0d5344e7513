//! The network between two processes: a Tower service that loses, delays, repeats and garbles.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use boutique_core::fault::Fault;
use boutique_core::flow::{Ask, BoxFuture};
use boutique_core::ids::OrderId;
use tokio::sync::oneshot;
use tokio::time::sleep;
use tower::Service;
use tower::util::BoxCloneSyncService;

use super::fault::FaultKind;
use super::node::Node;
use super::request::{Failure, Request};
use super::site::{SITES, Site};
use super::world::about;

/// A service as somebody serves it.
pub(super) type Served<Q, A, E> = BoxCloneSyncService<Q, A, E>;

/// Where a process puts what it serves in its present life.
pub(super) struct Slot<S> {
    node: Arc<Node>,
    served: Mutex<Option<(u64, S)>>,
}

impl<S: Clone> Slot<S> {
    pub(super) const fn new(node: Arc<Node>) -> Self {
        Self {
            node,
            served: Mutex::new(None),
        }
    }

    /// Serves `service` until the process dies.
    pub(super) fn serve(&self, service: S) {
        if let Some(life) = self.node.life() {
            let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
            *served = Some((life, service));
        }
    }

    fn service(&self) -> Option<S> {
        let life = self.node.life()?;
        let served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, service) = served.as_ref()?;
        (*of == life).then(|| service.clone())
    }

    /// Ends what is served: services of several processes hold each other.
    pub(super) fn clear(&self) {
        *self.served.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The way from one process to what another serves.
pub(super) struct Wire<Q, A, E> {
    pub(super) from: Arc<Node>,
    pub(super) slot: Arc<Slot<Served<Q, A, E>>>,
}

impl<Q, A, E> Clone for Wire<Q, A, E> {
    fn clone(&self) -> Self {
        Self {
            from: Arc::clone(&self.from),
            slot: Arc::clone(&self.slot),
        }
    }
}

impl<Q, A, E> Service<Q> for Wire<Q, A, E>
where
    Q: Request,
    A: Send + 'static,
    E: Failure,
{
    type Response = A;
    type Error = E;
    type Future = BoxFuture<'static, Result<A, E>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Q) -> Self::Future {
        let wire = self.clone();
        Box::pin(async move { wire.carry(request).await })
    }
}

/// Waits, if there is anything to wait for.
async fn pass(millis: u64) {
    if millis > 0 {
        sleep(Duration::from_millis(millis)).await;
    }
}

impl<Q, A, E> Wire<Q, A, E>
where
    Q: Request,
    A: Send + 'static,
    E: Failure,
{
    /// How long a message is under way when nothing is wrong: mostly no time that counts.
    fn latency(&self) -> u64 {
        self.from.world.dice(|it| it.below(5).saturating_sub(2))
    }

    async fn carry(self, request: Q) -> Result<A, E> {
        let (world, to) = (&self.from.world, Arc::clone(&self.slot.node));
        let (here, there) = (self.from.site, to.site);
        let order = request.order().or_else(about);
        let named = order.as_ref().map_or("", OrderId::as_str);
        world.count(|it| it.calls += 1);
        world.note(here, request.verb(), named, there.as_str());

        let fault = world.strike(here, &FaultKind::OF_A_CALL, order.as_ref());
        let mut under_way = self.latency();
        match fault {
            Some(FaultKind::Partition) => self.part(),
            Some(FaultKind::RequestLost | FaultKind::Hung) => std::future::pending().await,
            Some(FaultKind::Refused) => {
                pass(under_way).await;
                return Err(self.refusal(request, order).await);
            }
            Some(FaultKind::Delayed) => {
                under_way += world.dice(|it| match it.below(8) {
                    // Later than anybody waits.
                    0 => it.between(4_000, 14_000),
                    _ => it.between(20, 4_000),
                });
            }
            Some(FaultKind::Reordered) => under_way += world.dice(|it| it.between(2, 40)),
            _ => {}
        }
        if world.is_cut(here, there) {
            std::future::pending::<()>().await;
        }
        if fault == Some(FaultKind::Duplicated) {
            let (again, order, request) = (self.clone(), order.clone(), request.clone());
            let later = world.dice(|it| match it.below(3) {
                0 => it.below(10),
                1 => it.below(400),
                _ => it.below(9_000),
            });
            tokio::spawn(async move {
                pass(later).await;
                let (echo, _) = oneshot::channel();
                again.deliver(request, order, echo, false);
            });
        }
        let (answer, answered) = oneshot::channel();
        // Somebody who no longer waits may take the server's work down with the connection.
        let hangs_up = world.dice(|it| it.below(2)) == 0;
        if under_way == 0 {
            self.deliver(request, order.clone(), answer, hangs_up);
        } else {
            // A message that has been sent arrives, whatever becomes of its sender.
            let (sent, order) = (self.clone(), order.clone());
            tokio::spawn(async move {
                pass(under_way).await;
                sent.deliver(request, order, answer, hangs_up);
            });
        }
        let Ok(outcome) = answered.await else {
            return Err(Fault::ambiguous("the connection was reset").into());
        };
        let Some(outcome) = outcome else {
            return Err(Fault::unavailable("the connection was refused").into());
        };
        if fault == Some(FaultKind::AnswerLost) || world.is_cut(there, here) {
            std::future::pending::<()>().await;
        }
        pass(self.latency()).await;
        if fault == Some(FaultKind::Garbage) {
            return Err(Fault::permanent("the answer is none of ours").into());
        }
        outcome
    }

    /// Hands the request to whoever serves there now; `None` goes back if nobody does.
    fn deliver(
        &self,
        request: Q,
        order: Option<OrderId>,
        mut answer: oneshot::Sender<Option<Result<A, E>>>,
        hangs_up: bool,
    ) {
        let Some(service) = self.slot.service() else {
            let _ = answer.send(None);
            return;
        };
        self.slot.node.spawn(order, async move {
            let outcome = {
                let mut work = pin!(service.ask(request));
                poll_fn(|context| {
                    if hangs_up && answer.poll_closed(context).is_ready() {
                        return Poll::Ready(None);
                    }
                    work.as_mut().poll(context).map(Some)
                })
                .await
            };
            if outcome.is_some() {
                let _ = answer.send(outcome);
            }
        });
    }

    /// A 5xx: nothing was done, or something was and nobody can tell, as the gateway before a
    /// server that gave up on it says.
    async fn refusal(&self, request: Q, order: Option<OrderId>) -> E {
        if self.from.world.dice(|it| it.percent(60)) {
            return Fault::unavailable("503").into();
        }
        let (answer, answered) = oneshot::channel();
        self.deliver(request, order, answer, false);
        drop(answered.await);
        Fault::ambiguous("504").into()
    }

    /// Two clouds stop hearing each other, or one process and the rest, for a while.
    fn part(&self) {
        let world = &self.from.world;
        let (clouds, one, ways, lasts) = world.dice(|it| {
            let one = Site::ALL[it.between(1, SITES as u64 - 1) as usize];
            (it.percent(50), one, it.below(3), it.between(100, 6_000))
        });
        let lasts = Duration::from_millis(lasts);
        for near in Site::ALL {
            for far in Site::ALL {
                let parted = match clouds {
                    true => !near.is_in_azure() && far.is_in_azure(),
                    false => near != one && far == one,
                };
                if parted && ways != 1 {
                    world.cut(near, far, lasts);
                }
                if parted && ways != 2 {
                    world.cut(far, near, lasts);
                }
            }
        }
    }
}
