//! A server on a free port, and a client that writes bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::routing::{get, post};
use axum::{Json, Router};
use boutique_transport::http::Problem;
use boutique_transport::http::body::JsonBody;
use boutique_transport::http::serve::{Drained, ServeOptions, ServeState, Server};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::JoinHandle;

/// What a test can see and do.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) state: ServeState,
    /// How many requests reached a handler.
    pub(crate) handled: Arc<AtomicUsize>,
    /// A request to `/slow` tells that it has come, and is answered when it may be.
    pub(crate) came: Arc<Semaphore>,
    pub(crate) may_go: Arc<Notify>,
    pub(crate) drain: oneshot::Sender<()>,
    pub(crate) ended: JoinHandle<Drained>,
}

#[derive(Deserialize, Serialize)]
struct Body {
    units: u32,
    #[serde(default)]
    more: serde_json::Value,
}

async fn read(body: Result<JsonBody<Body>, Problem>) -> Result<Json<u32>, Problem> {
    body.map(|JsonBody(body)| Json(body.units))
}

/// A server whose timeouts are short.
pub(crate) fn quick() -> ServeOptions {
    let quick = Duration::from_millis(150);
    ServeOptions {
        first_byte: quick,
        head: quick,
        body: quick,
        ..ServeOptions::default()
    }
}

pub(crate) fn start(options: ServeOptions) -> Running {
    let handled = Arc::new(AtomicUsize::new(0));
    let (came, may_go) = (Arc::new(Semaphore::new(0)), Arc::new(Notify::new()));
    let count = Arc::clone(&handled);
    let slow = {
        let (came, may_go) = (Arc::clone(&came), Arc::clone(&may_go));
        async move || {
            came.add_permits(1);
            may_go.notified().await;
            "slow"
        }
    };
    let router = Router::new()
        .route("/", get(async || "hello"))
        .route("/read", post(read))
        .route("/slow", get(slow))
        .layer(axum::middleware::map_request(
            move |request: axum::extract::Request| {
                count.fetch_add(1, Ordering::Relaxed);
                async { request }
            },
        ));
    let server = Server::bind(([127, 0, 0, 1], 0).into(), options).expect("a free port");
    let (address, state) = (server.local_addr(), server.state());
    let (drain, drained) = oneshot::channel();
    let ended = tokio::spawn(server.run(router, async {
        let _ = drained.await;
    }));
    Running {
        address,
        state,
        handled,
        came,
        may_go,
        drain,
        ended,
    }
}

impl Running {
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("listens")
    }

    /// What the server sends after these bytes until it closes the connection; the client's
    /// side stays open.
    pub(crate) async fn answers(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        // A server that has seen enough closes before it has read everything.
        let _ = stream.write_all(bytes).await;
        rest(&mut stream).await
    }

    pub(crate) fn handled(&self) -> usize {
        self.handled.load(Ordering::Relaxed)
    }
}

/// Everything until the server closes, or resets.
pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&answer).into_owned(),
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
        }
    }
}

/// One answer with a `Content-Length`, or what there was of it when the server closed.
pub(crate) async fn one(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    let mut byte = [0; 1];
    while !complete(&answer) {
        match stream.read(&mut byte).await {
            Ok(1) => answer.push(char::from(byte[0])),
            _ => break,
        }
    }
    answer
}

fn complete(answer: &str) -> bool {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|it| it.strip_prefix("content-length: "));
    length.and_then(|it| it.parse().ok()) == Some(body.len())
}

/// The statuses of all answers in `text`.
pub(crate) fn statuses(text: &str) -> Vec<u16> {
    let answers = text.split("HTTP/1.").skip(1);
    answers
        .filter_map(|it| it.get(2..5)?.parse().ok())
        .collect()
}
