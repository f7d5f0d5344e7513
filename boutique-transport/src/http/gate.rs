//! How many may be in at once, how many may wait, and a share that clients cannot take.
//!
//! One mechanism for both sides of an edge: [`admission`](super::admission) lets requests into a
//! server by it, [`edge`](super::edge) requests out to an upstream.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use boutique_core::flow::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::call::Lane;

/// How many a [`Gate`] lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateSize {
    /// How many may be in at once, at least 1. By Little's law: the rate to be sustained times
    /// the time one takes.
    pub concurrency: usize,
    /// How many of each lane may wait for a place; never more than `concurrency`.
    pub queue: usize,
    /// How many of the places clients cannot take; less than `concurrency`.
    pub reserved: usize,
}

impl Default for GateSize {
    /// 128 places, 16 of them reserved, and as many waiting.
    fn default() -> Self {
        Self {
            concurrency: 128,
            queue: 128,
            reserved: 16,
        }
    }
}

/// A bounded number of places, a bounded queue before them, and a reserved share for
/// [`Lane::Background`]. Clones share the places.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Places>);

#[derive(Debug)]
struct Places {
    size: GateSize,
    /// Everybody needs one of these.
    all: Arc<Semaphore>,
    /// A client needs one of these as well, and there are fewer of them.
    clients: Arc<Semaphore>,
    /// Who waits, by lane: clients never fill the background's queue.
    clients_waiting: AtomicUsize,
    background_waiting: AtomicUsize,
    shed: AtomicU64,
}

/// What a gate says to somebody who wants in.
pub(crate) enum Entry {
    /// There is a place.
    In(Place),
    /// There will be one; to drop the future is to leave the queue.
    Wait(BoxFuture<'static, Place>),
    /// Too many wait already.
    Full,
}

/// One place, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _client: Option<OwnedSemaphorePermit>,
    _any: OwnedSemaphorePermit,
}

/// One who waits, until dropped.
struct Waiting {
    places: Arc<Places>,
    lane: Lane,
}

impl Places {
    const fn waiting(&self, lane: Lane) -> &AtomicUsize {
        match lane {
            Lane::Client => &self.clients_waiting,
            Lane::Background => &self.background_waiting,
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let waiting = self.places.waiting(self.lane);
        waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate {
    /// A gate of this size; what contradicts [`GateSize`] is cut down to what agrees with it.
    pub fn new(size: GateSize) -> Self {
        let concurrency = size.concurrency.clamp(1, Semaphore::MAX_PERMITS);
        let size = GateSize {
            concurrency,
            queue: size.queue.min(concurrency),
            reserved: size.reserved.min(concurrency - 1),
        };
        Self(Arc::new(Places {
            size,
            all: Arc::new(Semaphore::new(concurrency)),
            clients: Arc::new(Semaphore::new(concurrency - size.reserved)),
            clients_waiting: AtomicUsize::new(0),
            background_waiting: AtomicUsize::new(0),
            shed: AtomicU64::new(0),
        }))
    }

    /// Its size.
    pub fn size(&self) -> GateSize {
        self.0.size
    }

    /// How many are in.
    pub fn in_flight(&self) -> usize {
        let free = self.0.all.available_permits();
        self.0.size.concurrency.saturating_sub(free)
    }

    /// How many wait.
    pub fn queued(&self) -> usize {
        let lanes = [Lane::Client, Lane::Background];
        let waiting = lanes.map(|it| self.0.waiting(it).load(Ordering::Relaxed));
        waiting.iter().sum()
    }

    /// How many were turned away since the start.
    pub fn shed(&self) -> u64 {
        self.0.shed.load(Ordering::Relaxed)
    }

    /// Asks for a place.
    pub(crate) fn enter(&self, lane: Lane) -> Entry {
        let places = &self.0;
        let client = match lane {
            Lane::Background => None,
            Lane::Client => match Arc::clone(&places.clients).try_acquire_owned() {
                Ok(permit) => Some(permit),
                Err(_) => return self.queue(lane, None),
            },
        };
        match Arc::clone(&places.all).try_acquire_owned() {
            Ok(any) => Entry::In(Place {
                _client: client,
                _any: any,
            }),
            Err(_) => self.queue(lane, client),
        }
    }

    fn queue(&self, lane: Lane, client: Option<OwnedSemaphorePermit>) -> Entry {
        let waiting = self.0.waiting(lane);
        let queue = self.0.size.queue;
        let one_more = |it: usize| (it < queue).then_some(it + 1);
        if waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .is_err()
        {
            self.0.shed.fetch_add(1, Ordering::Relaxed);
            return Entry::Full;
        }
        let places = Arc::clone(&self.0);
        let waiting = Waiting { places, lane };
        Entry::Wait(Box::pin(async move {
            const OPEN: &str = "nobody closes a gate's semaphores";
            let places = &waiting.places;
            let client = match (lane, client) {
                (Lane::Client, None) => {
                    let clients = Arc::clone(&places.clients);
                    Some(clients.acquire_owned().await.expect(OPEN))
                }
                (_, client) => client,
            };
            let any = Arc::clone(&places.all).acquire_owned().await.expect(OPEN);
            Place {
                _client: client,
                _any: any,
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(concurrency: usize, queue: usize, reserved: usize) -> Gate {
        Gate::new(GateSize {
            concurrency,
            queue,
            reserved,
        })
    }

    fn place(entry: Entry) -> Place {
        match entry {
            Entry::In(place) => place,
            Entry::Wait(_) => panic!("has to wait"),
            Entry::Full => panic!("is turned away"),
        }
    }

    #[tokio::test]
    async fn clients_cannot_take_what_is_reserved_nor_the_backgrounds_queue() {
        let gate = gate(3, 1, 1);
        let first = place(gate.enter(Lane::Client));
        let _second = place(gate.enter(Lane::Client));
        let Entry::Wait(third) = gate.enter(Lane::Client) else {
            panic!("the last place is not for clients");
        };
        assert!(matches!(gate.enter(Lane::Client), Entry::Full));
        assert_eq!((gate.in_flight(), gate.queued(), gate.shed()), (2, 1, 1));

        let background = place(gate.enter(Lane::Background));
        let Entry::Wait(waiting) = gate.enter(Lane::Background) else {
            panic!("the background has a queue of its own");
        };
        drop(first);
        let third = third.await;
        drop(background);
        let waited = waiting.await;
        drop((third, waited));
        assert_eq!((gate.in_flight(), gate.queued()), (1, 0));
    }

    #[tokio::test]
    async fn who_stops_waiting_makes_room_in_the_queue_and_leaks_no_place() {
        let gate = gate(1, 1, 0);
        let held = place(gate.enter(Lane::Client));
        let waiting = gate.enter(Lane::Client);
        assert!(matches!(gate.enter(Lane::Client), Entry::Full));
        drop(waiting);
        assert_eq!(gate.queued(), 0);
        let Entry::Wait(waiting) = gate.enter(Lane::Client) else {
            panic!("there is room again");
        };
        drop(held);
        drop(waiting.await);
        assert_eq!((gate.in_flight(), gate.queued(), gate.shed()), (0, 0, 1));
    }

    #[test]
    fn a_size_that_contradicts_itself_still_lets_somebody_in() {
        let gate = gate(0, 9, 9);
        let size = GateSize {
            concurrency: 1,
            queue: 1,
            reserved: 0,
        };
        assert_eq!(gate.size(), size);
        drop(place(gate.enter(Lane::Client)));
    }
}
