//! What a server puts up with.

use std::time::Duration;

/// What a server allows its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeOptions {
    /// How long a new connection may say nothing.
    pub first_byte: Duration,
    /// How long the rest of a head may take after its first byte.
    pub head: Duration,
    /// How long a body may stall.
    pub body: Duration,
    /// How long a client may take no byte of an answer.
    pub write: Duration,
    /// How long a connection may be idle between requests; more than clients keep theirs, or
    /// they send into a connection that is being closed.
    pub idle: Duration,
    /// The largest head, in bytes; at least 8192.
    pub head_bytes: usize,
    /// The most header fields.
    pub headers: usize,
    /// The longest target, in bytes.
    pub target_bytes: usize,
    /// The most connections.
    pub connections: usize,
    /// The most connections from one address; for IPv6, from one /64.
    pub connections_per_address: usize,
    /// How many connections may wait to be accepted.
    pub backlog: u32,
    /// Whether a handler can ask for
    /// [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo).
    pub peer: bool,
    /// For how long it still takes connections after it has said that it is not ready.
    pub linger: Duration,
    /// How long draining may take in all.
    pub drain: Duration,
}

impl Default for ServeOptions {
    /// Two seconds for everything a client has to do but read, ten for that, 75 idle; heads of
    /// 16 KiB and 64 fields, targets of 8 KiB; 8192 connections, 1024 from one address; no
    /// linger, and drained within 9 s, one less than Cloud Run gives.
    fn default() -> Self {
        let two = Duration::from_secs(2);
        Self {
            first_byte: two,
            head: two,
            body: two,
            write: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            head_bytes: 16 << 10,
            headers: 64,
            target_bytes: 8 << 10,
            connections: 8192,
            connections_per_address: 1024,
            backlog: 1024,
            peer: false,
            linger: Duration::ZERO,
            drain: Duration::from_secs(9),
        }
    }
}
