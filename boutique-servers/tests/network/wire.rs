//! The product's client and accept loop on the simulated network.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use boutique_core::flow::BoxFuture;
use boutique_transport::http::serve::Listen;
use hyper::rt::ReadBufCursor;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tower::Service;
use turmoil::net::{TcpListener, TcpStream};

/// Where every host listens.
pub(crate) const PORT: u16 = 80;

/// A port of the simulated network.
pub(crate) struct Port(TcpListener);

impl Port {
    pub(crate) async fn bind() -> io::Result<Self> {
        let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT));
        Ok(Self(TcpListener::bind(everywhere).await?))
    }

    pub(crate) fn local(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Listen for Port {
    type Stream = TcpStream;

    fn accept(&mut self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send {
        self.0.accept()
    }

    fn turn_away(stream: TcpStream, answer: &[u8]) {
        let _ = stream.try_write(answer);
    }
}

/// A connection of the client.
pub(crate) struct Wire(TokioIo<TcpStream>);

impl hyper::rt::Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl hyper::rt::Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// Connects to a host by its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connector;

impl Service<http::Uri> for Connector {
    type Response = Wire;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Wire>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: http::Uri) -> Self::Future {
        Box::pin(async move {
            let host = uri.host().unwrap_or_default().to_owned();
            let stream = TcpStream::connect((host, PORT)).await?;
            Ok(Wire(TokioIo::new(stream)))
        })
    }
}
