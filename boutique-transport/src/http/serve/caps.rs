//! How many connections there are, in all and by address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::options::ServeOptions;

/// The connections of a server.
#[derive(Debug)]
pub(super) struct Caps {
    most: usize,
    most_per_address: usize,
    open: Mutex<Open>,
    refused: AtomicU64,
    failures: AtomicU64,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_address: BTreeMap<IpAddr, usize>,
}

/// How many connections a server has at one moment; counts are since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeReading {
    /// Connections that are open.
    pub open: usize,
    /// Connections that were turned away, because there were too many.
    pub refused: u64,
    /// Times the system could not accept a connection, such as for want of descriptors.
    pub failures: u64,
}

/// One connection, until dropped.
#[derive(Debug)]
pub(super) struct Seat {
    caps: Arc<Caps>,
    address: IpAddr,
}

impl Caps {
    pub(super) fn new(options: &ServeOptions) -> Self {
        Self {
            most: options.connections,
            most_per_address: options.connections_per_address,
            open: Mutex::default(),
            refused: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat for a connection from `address`, if there is one.
    pub(super) fn seat(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let address = neighbourhood(address);
        let mut open = self.lock();
        let here = open.by_address.get(&address).copied().unwrap_or_default();
        if open.all >= self.most || here >= self.most_per_address {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        open.all += 1;
        open.by_address.insert(address, here + 1);
        let caps = Arc::clone(self);
        Some(Seat { caps, address })
    }

    pub(super) fn note_failure(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> ServeReading {
        ServeReading {
            open: self.lock().all,
            refused: self.refused.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.caps.lock();
        open.all -= 1;
        if let Some(here) = open.by_address.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

/// Who has one IPv6 address has the 2^64 of its network.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_one_of_the_address_and_one_of_all_until_it_is_left() {
        let options = ServeOptions {
            connections: 3,
            connections_per_address: 2,
            ..ServeOptions::default()
        };
        let caps = Arc::new(Caps::new(&options));
        let seat = |text: &str| caps.seat(text.parse().expect("an address"));
        let first = seat("10.0.0.1");
        // An IPv4 client of a socket of both families.
        let second = seat("::ffff:10.0.0.1");
        assert!(first.is_some() && second.is_some());
        assert!(seat("10.0.0.1").is_none(), "a third of one address");
        let third = seat("2001:db8::1");
        assert!(third.is_some());
        assert!(seat("10.0.0.2").is_none(), "a fourth of all");
        drop(first);
        let fourth = seat("2001:db8::2");
        assert!(fourth.is_some());
        drop(second);
        assert!(seat("2001:db8::3").is_none(), "a third of one network");
        drop((third, fourth));
        let reading = ServeReading {
            open: 0,
            refused: 3,
            failures: 0,
        };
        assert_eq!(caps.read(), reading);
        assert!(caps.lock().by_address.is_empty());
    }
}
