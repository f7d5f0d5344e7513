//! Where connections come from.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// A listening port: the system's, or one of a simulated network.
pub trait Listen: Send + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection, and who is at its other end. Dropping the future loses none.
    ///
    /// # Errors
    ///
    /// Of the connection or of the port.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;

    /// Answers a connection that there is no room for, as well as can be done without waiting.
    fn turn_away(stream: Self::Stream, answer: &[u8]);
}

impl Listen for TcpListener {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = Self::accept(self).await?;
        // Without it answers wait for the client's acknowledgement of earlier ones; a socket
        // that refuses is about to fail anyway.
        let _ = stream.set_nodelay(true);
        Ok((stream, peer))
    }

    fn turn_away(stream: TcpStream, answer: &[u8]) {
        // Not by `stream`, which has not yet heard that it can be written to.
        let _ = socket2::SockRef::from(&stream).send(answer);
    }
}
