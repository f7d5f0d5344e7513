//! A checkout store that forgets when it is dropped, and keeps the carts as well.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::{
    Begun, CheckoutStore, Decide, Intent, OutboxRecord, OutboxStatus, Saga, StoreError,
    StoreRejection, Told,
};
use crate::broker::Message;
use crate::carts::{Cart, CartBook, CartError, CartLine, Carts};
use crate::clock::Timestamp;
use crate::event::OrderRefusedEvent;
use crate::fault::{Fault, PortError};
use crate::ids::{IdempotencyKey, OrderId, UserId};
use crate::shelf::Shelf;

/// Saga records, the outbox and the carts behind one lock: a confirm changes all three.
#[derive(Default)]
pub struct MemoryCheckout {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sagas: Shelf<OrderId, Saga>,
    /// Records that recovery may have to look at.
    open: BTreeSet<OrderId>,
    outbox: BTreeMap<u64, Waiting>,
    last_seq: u64,
    carts: CartBook,
}

struct Waiting {
    order_id: OrderId,
    told: Told,
    message: Message,
    written_at: Timestamp,
    leased_until: Timestamp,
}

impl MemoryCheckout {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn announce(&mut self, order_id: &OrderId, told: Told, message: Message, now: Timestamp) {
        self.last_seq += 1;
        let waiting = Waiting {
            order_id: order_id.clone(),
            told,
            message,
            written_at: now,
            leased_until: Timestamp::EPOCH,
        };
        self.outbox.insert(self.last_seq, waiting);
    }
}

fn after<T>(after: Option<&T>) -> (Bound<&T>, Bound<&T>) {
    (
        after.map_or(Bound::Unbounded, Bound::Excluded),
        Bound::Unbounded,
    )
}

#[async_trait]
impl CheckoutStore for MemoryCheckout {
    async fn saga(&self, order_id: &OrderId) -> Result<Option<Saga>, Fault> {
        Ok(self.lock().sagas.get(order_id).cloned())
    }

    async fn begin(&self, intent: Arc<Intent>) -> Result<Begun, Fault> {
        let mut state = self.lock();
        let before = state.sagas.get(&intent.order_id).cloned();
        match Saga::begin(before, Arc::clone(&intent)) {
            Ok(saga) => {
                state.open.insert(intent.order_id.clone());
                state.sagas.insert(intent.order_id.clone(), saga);
                Ok(Begun::New)
            }
            Err(taken) => Ok(taken),
        }
    }

    async fn decide(
        &self,
        order_id: &OrderId,
        attempt: u32,
        decision: Decide,
        now: Timestamp,
    ) -> Result<Saga, StoreError> {
        let mut state = self.lock();
        let Some(saga) = state.sagas.get_mut(order_id) else {
            return Err(PortError::Rejected(StoreRejection::UnknownOrder(
                order_id.clone(),
            )));
        };
        let refused = OrderRefusedEvent::of(saga, &decision, now);
        let moved = saga
            .decide(attempt, &decision, now)
            .map_err(PortError::Rejected)?;
        let saga = saga.clone();
        if moved {
            if saga.due().is_none() {
                state.open.remove(order_id);
            }
            if let Some(refused) = refused {
                state.announce(order_id, Told::Refused, refused.encode(), now);
            }
            if let Decide::Confirm { event, .. } = decision {
                state.announce(order_id, Told::Confirmed, *event, now);
                if let Some(cart) = &saga.intent.cart {
                    let version = (!planted!(CartEmptiedBlindly)).then_some(cart.version);
                    state.carts.empty(&cart.user_id, version);
                }
            }
        }
        Ok(saga)
    }

    async fn unfinished(
        &self,
        due: Timestamp,
        from: Option<&OrderId>,
        limit: usize,
    ) -> Result<Vec<Saga>, Fault> {
        let state = self.lock();
        let open = state.open.range::<OrderId, _>(after(from));
        let sagas = open.filter_map(|it| state.sagas.get(it));
        Ok(sagas
            .filter(|it| it.due().is_some_and(|at| at <= due))
            .take(limit)
            .cloned()
            .collect())
    }

    async fn sagas(&self, from: Option<&OrderId>, limit: usize) -> Result<Vec<Saga>, Fault> {
        let mut state = self.lock();
        let page = state.sagas.after(from).take(limit);
        Ok(page.map(|(_, saga)| saga.clone()).collect())
    }

    async fn lease_outbox(
        &self,
        what: Told,
        max: usize,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<OutboxRecord>, Fault> {
        let mut state = self.lock();
        let free = state
            .outbox
            .iter_mut()
            .filter(|(_, it)| it.told == what)
            .filter(|(_, it)| it.leased_until <= now || planted!(LeasesAreShared))
            .take(max);
        Ok(free
            .map(|(seq, it)| {
                it.leased_until = now.after(lease);
                OutboxRecord {
                    seq: *seq,
                    order_id: it.order_id.clone(),
                    message: it.message.clone(),
                }
            })
            .collect())
    }

    async fn published(&self, seqs: Vec<u64>) -> Result<(), Fault> {
        let mut state = self.lock();
        for seq in seqs {
            state.outbox.remove(&seq);
        }
        Ok(())
    }

    async fn return_leases(&self, seqs: Vec<u64>) -> Result<(), Fault> {
        let mut state = self.lock();
        for seq in seqs {
            if let Some(waiting) = state.outbox.get_mut(&seq) {
                waiting.leased_until = Timestamp::EPOCH;
            }
        }
        Ok(())
    }

    async fn outbox(&self) -> Result<OutboxStatus, Fault> {
        let state = self.lock();
        Ok(OutboxStatus {
            waiting: state.outbox.len() as u64,
            oldest: state.outbox.values().map(|it| it.written_at).min(),
        })
    }
}

#[async_trait]
impl Carts for MemoryCheckout {
    async fn add(
        &self,
        user_id: &UserId,
        line: CartLine,
        key: Option<IdempotencyKey>,
    ) -> Result<Cart, CartError> {
        self.lock()
            .carts
            .add(user_id, line, key)
            .map_err(PortError::Rejected)
    }

    async fn cart(&self, user_id: &UserId) -> Result<Cart, Fault> {
        Ok(self.lock().carts.cart(user_id))
    }

    async fn empty(&self, user_id: &UserId, version: Option<u64>) -> Result<Cart, Fault> {
        Ok(self.lock().carts.empty(user_id, version))
    }
}
