//! What HTTP itself costs on this machine: a server of the same framework that only echoes.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use boutique_core::fault::Fault;
use boutique_transport::http::exchange::{Reqwest, Target, Upstream, base};
use bytes::Bytes;
use futures_util::stream::iter;
use futures_util::{StreamExt, TryStreamExt};
use http::Method;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::exit::Failure;
use crate::runtime::runtime;

/// About what a request between the servers holds.
const BODY: usize = 1 << 10;

/// What a request to a server that only echoes costs, in microseconds of processor time.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Echo {
    /// The server: plain axum, one thread.
    pub server_micros: f64,
    /// Whoever asks: the client that the servers ask each other with, one thread.
    pub client_micros: f64,
}

/// Asks an echo `requests` times, `in_flight` at a time, over connections of this machine.
///
/// # Errors
///
/// [`Failure`] if there is no port or no thread, or an answer is missing.
pub(super) fn echo(requests: u64, in_flight: usize) -> Result<Echo, Failure> {
    let (bound, port) = std::sync::mpsc::channel();
    let (stop, stopped) = oneshot::channel();
    let serving = thread::Builder::new().name("echo".to_owned());
    let serving = serving.spawn(move || serve(&bound, stopped))?;
    let address = port.recv().map_err(io::Error::other)?;
    let asked = runtime(1)?.block_on(ask(address, requests, in_flight));
    drop(stop);
    let served = serving.join();
    served.map_err(|_| io::Error::other("the echo panicked"))??;
    asked
}

fn serve(
    bound: &std::sync::mpsc::Sender<SocketAddr>,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    runtime(1)?.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let _ = bound.send(listener.local_addr()?);
        let router = Router::new()
            .route("/", post(async |body: Bytes| body))
            .route("/cpu", get(async || cpu_micros().to_string()));
        let stopped = async {
            let _ = stopped.await;
        };
        axum::serve(listener, router)
            .with_graceful_shutdown(stopped)
            .await
    })
}

async fn ask(address: SocketAddr, requests: u64, in_flight: usize) -> Result<Echo, Failure> {
    let url = base(&format!("http://{address}"));
    let url = url.map_err(|error| Fault::permanent("the echo has no address").because(error))?;
    let echo = Upstream::new(url, Reqwest::new(Duration::from_secs(1))?);
    let body: Bytes = vec![b'x'; BODY].into();
    let place = async |_| {
        let target = Target::path([""]);
        echo.send(echo.request(Method::POST, &target, body.clone())?)
            .await
    };
    let all = |count| {
        let asked = iter(0..count).map(place).buffer_unordered(in_flight.max(1));
        asked.try_for_each(async |_| Ok::<(), Fault>(()))
    };
    let server = async || {
        let reply = echo.bare(Method::GET, Target::path(["cpu"])).await?;
        reply.json::<f64>()
    };
    // Connections are made before it counts.
    all(requests / 10).await?;
    let (served, asked) = (server().await?, cpu_micros());
    all(requests).await?;
    let (asked, served) = (cpu_micros() - asked, server().await? - served);
    let each = |micros: f64| micros / requests.max(1) as f64;
    Ok(Echo {
        server_micros: each(served),
        client_micros: each(asked),
    })
}

/// Processor time of this thread.
fn cpu_micros() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}
