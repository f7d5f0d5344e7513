//! The accept loop of every server: HTTP/1.1 on a port, for clients that mean no good.
//!
//! What `hyper` and `axum::serve` leave open is closed here: a head that is never finished, a
//! connection that never says anything, a body that stalls, an answer that is never read, a head
//! that is too large, a request without exactly one `Host` (RFC 9112, 3.2), too many
//! connections. HTTP/2 is not spoken, so its preface is refused as the malformed request it is.
//! A lone LF ends a line, as RFC 9112, 2.2 allows.
//!
//! A connection is one task. Its timeouts cost a request no timer: see `pace.rs`.

mod caps;
mod connection;
mod drain;
mod entrance;
mod listen;
mod options;
mod pace;
mod rest;
mod socket;
mod stall;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_util::task::TaskTracker;

pub use caps::ServeReading;
pub use drain::Drained;
pub use listen::Listen;
pub use options::ServeOptions;
pub use stall::is_stalled;

use self::caps::Caps;
use self::connection::Serving;
use self::drain::Phase;

/// A listening port.
#[derive(Debug)]
pub struct Server<L = TcpListener> {
    listener: L,
    local: SocketAddr,
    options: ServeOptions,
    state: ServeState,
}

/// A handle on how a [`Server`] is doing. Clones look at the same.
#[derive(Clone, Debug)]
pub struct ServeState {
    caps: Arc<Caps>,
    phase: watch::Sender<Phase>,
}

impl ServeState {
    /// Whether new work should be sent here: from the moment it serves until it is told to
    /// drain.
    pub fn is_ready(&self) -> bool {
        *self.phase.borrow() == Phase::Serving
    }

    /// Connections now, and those refused since the start.
    pub fn read(&self) -> ServeReading {
        self.caps.read()
    }
}

impl Server {
    /// Listens on `address`; port 0 is any free one.
    ///
    /// # Errors
    ///
    /// Of the system: the port is taken, or not allowed.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O enabled.
    pub fn bind(address: SocketAddr, options: ServeOptions) -> io::Result<Self> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // A server that is started again does not wait for its predecessor's connections.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(options.backlog)?;
        let local = listener.local_addr()?;
        Ok(Self::over(listener, local, options))
    }
}

impl<L: Listen> Server<L> {
    /// Serves what comes to `listener`, which listens on `local`. Of `options` the backlog is
    /// the listener's own.
    pub fn over(listener: L, local: SocketAddr, options: ServeOptions) -> Self {
        let state = ServeState {
            caps: Arc::new(Caps::new(&options)),
            phase: watch::Sender::new(Phase::Bound),
        };
        Self {
            listener,
            local,
            options,
            state,
        }
    }

    /// Where it listens.
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// How it is doing, to be read at any time.
    pub fn state(&self) -> ServeState {
        self.state.clone()
    }

    /// Serves `router` until `drain` is over, then drains: says that it is not ready, goes on
    /// for [`ServeOptions::linger`] so that whoever sends work hears of it, stops listening,
    /// finishes what is in flight, and after [`ServeOptions::drain`] in all cuts off the rest.
    ///
    /// To drop the future is to stop listening; connections that are open finish what is in
    /// flight.
    pub async fn run(self, router: Router, drain: impl Future<Output = ()>) -> Drained {
        let Self {
            mut listener,
            options,
            state,
            ..
        } = self;
        let tasks = TaskTracker::new();
        let serving = Serving::new(router, options, state.phase.subscribe());
        let ended = EndOnDrop(&state.phase);
        state.phase.send_replace(Phase::Serving);
        let accept = async |listener: &mut L| {
            let mut failures = 0;
            loop {
                match listener.accept().await {
                    Ok((stream, peer)) => {
                        failures = 0;
                        if let Some(seat) = state.caps.seat(peer.ip()) {
                            tasks.spawn(serving.clone().serve(stream, peer, seat));
                        } else {
                            L::turn_away(stream, BUSY);
                        }
                    }
                    // That connection's problem, not the listener's.
                    Err(error) if is_of_connection(&error) => {}
                    Err(_) => {
                        failures = (failures + 1).min(6);
                        state.caps.note_failure();
                        sleep(Duration::from_millis(15 << failures)).await;
                    }
                }
            }
        };
        until(drain, accept(&mut listener)).await;
        state.phase.send_replace(Phase::Lingering);
        let begun = Instant::now();
        let end = begun + options.drain;
        let linger = sleep_until(end.min(begun + options.linger));
        until(linger, accept(&mut listener)).await;
        drop(listener);
        state.phase.send_replace(Phase::Draining);
        tasks.close();
        let cut = match timeout_at(end, tasks.wait()).await {
            Ok(()) => 0,
            Err(_) => {
                let cut = tasks.len();
                state.phase.send_replace(Phase::Over);
                tasks.wait().await;
                cut
            }
        };
        drop(ended);
        Drained { cut }
    }
}

/// Tells the connections of a server that is dropped to come to an end.
struct EndOnDrop<'a>(&'a watch::Sender<Phase>);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.send_if_modified(|phase| {
            let running = matches!(phase, Phase::Bound | Phase::Serving | Phase::Lingering);
            if running {
                *phase = Phase::Draining;
            }
            running
        });
    }
}

/// Does `work`, which has no end, until `end`.
async fn until(end: impl Future<Output = ()>, work: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = end => {}
        () = work => {}
    }
}

/// For a connection that there is no room for.
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n\
    connection: close\r\ncontent-length: 0\r\n\r\n";

fn is_of_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
