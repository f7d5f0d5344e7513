//! One connection, from its first byte to its end.

use std::net::SocketAddr;
use std::pin::pin;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::caps::Seat;
use super::drain::Phase;
use super::entrance::Entrance;
use super::options::ServeOptions;
use super::pace::Pace;
use super::socket::Socket;

/// What a connection needs of its server.
#[derive(Clone, Debug)]
pub(super) struct Serving {
    router: Router,
    options: ServeOptions,
    phase: watch::Receiver<Phase>,
}

impl Serving {
    pub(super) const fn new(
        router: Router,
        options: ServeOptions,
        phase: watch::Receiver<Phase>,
    ) -> Self {
        Self {
            router,
            options,
            phase,
        }
    }

    /// Serves the connection until either side closes it, it falls silent, or the server drains.
    pub(super) async fn serve<S>(self, stream: S, peer: SocketAddr, seat: Seat)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self {
            router,
            options,
            mut phase,
        } = self;
        let pace = Pace::new(&options);
        let socket = Socket::new(stream, pace.clone(), options.write);
        let connection = http1::Builder::new()
            .timer(pace)
            .header_read_timeout(options.head)
            .max_buf_size(options.head_bytes.max(8 << 10))
            .serve_connection(TokioIo::new(socket), Entrance::new(router, &options, peer));
        let mut connection = pin!(connection);
        // What goes wrong with a connection is between it and its client.
        tokio::select! {
            biased;
            _ = connection.as_mut() => return drop(seat),
            _ = phase.wait_for(|it| *it >= Phase::Draining) => {}
        }
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            biased;
            _ = connection.as_mut() => {}
            _ = phase.wait_for(|it| *it >= Phase::Over) => {}
        }
        drop(seat);
    }
}
