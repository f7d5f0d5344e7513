//! Requests that carry what nobody may read, and the look for it in what comes back.
#![allow(unreachable_pub, reason = "shared with the test")]

use std::collections::BTreeSet;
use std::sync::Mutex;

use boutique_servers::up::Planned;
use reqwest::{Client, Method};

pub const MAIL: &str = "canarymail@example.com";
pub const NAME: &str = "canaryname";
pub const STREET: &str = "canarystreet 1";
pub const KEY: &str = "canarykey";
/// A token that is none, and the marks of all the above in any spelling.
pub const BOGUS: &str = "canarytoken";
pub const CANARIES: [&str; 5] = [
    "canarymail",
    "canaryname",
    "canarystreet",
    "canarykey",
    "canarytoken",
];

/// Whoever sends, and what they were told.
pub struct Sender {
    pub client: Client,
    pub token: String,
    /// Statuses that were seen, by server.
    pub seen: Mutex<BTreeSet<(&'static str, u16)>>,
}

/// One request.
pub struct Ask<'a> {
    pub to: &'a Planned,
    pub method: Method,
    pub path: &'a str,
    pub headers: Vec<(&'a str, String)>,
    pub body: String,
}

impl<'a> Ask<'a> {
    pub fn new(to: &'a Planned, method: Method, path: &'a str) -> Self {
        Self {
            to,
            method,
            path,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "bodies are made where they are sent"
    )]
    pub fn post(to: &'a Planned, path: &'a str, body: impl ToString) -> Self {
        Self {
            body: body.to_string(),
            ..Self::new(to, Method::POST, path)
        }
        .with("content-type", "application/json")
    }

    pub fn get(to: &'a Planned, path: &'a str) -> Self {
        Self::new(to, Method::GET, path)
    }

    pub fn with(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.headers.retain(|(it, _)| *it != name);
        self.headers.push((name, value.into()));
        self
    }
}

impl Sender {
    /// Sends it; a refusal repeats nothing that nobody may read.
    pub async fn send(&self, ask: Ask<'_>) -> u16 {
        let (server, path) = (ask.to.server.name(), ask.path);
        let url = format!("{}{path}", ask.to.url());
        let signed = ask.headers.iter().any(|(name, _)| *name == "authorization");
        let request = || {
            let mut request = self.client.request(ask.method.clone(), &url);
            if !signed {
                request = request.header("authorization", format!("Bearer {}", self.token));
            }
            for (name, value) in &ask.headers {
                request = request.header(*name, value.as_bytes());
            }
            request.body(ask.body.clone()).send()
        };
        // A connection whose last request was refused half-way may be closed under the next one.
        let answer = match request().await {
            Ok(answer) => Ok(answer),
            Err(_) => request().await,
        };
        let Ok(answer) = answer else { return 0 };
        let status = answer.status().as_u16();
        self.seen.lock().expect("free").insert((server, status));
        let head = format!("{:?}", answer.headers());
        let body = answer.bytes().await.unwrap_or_default();
        let body = String::from_utf8_lossy(&body);
        if status >= 400 {
            let what = format!("{} {server} {path}: {status}", ask.method);
            silent(&what, &head, &self.token);
            silent(&what, &body, &self.token);
        }
        status
    }

    pub fn saw(&self, server: &str, status: u16) -> bool {
        let seen = self.seen.lock().expect("free");
        seen.iter().any(|it| *it == (server, status))
    }
}

/// Asserts that a text has none of what nobody may read.
#[track_caller]
pub fn silent(what: &str, text: &str, token: &str) {
    let lower = text.to_lowercase();
    let signature = token
        .rsplit('.')
        .next()
        .expect("three parts")
        .to_lowercase();
    for canary in CANARIES.into_iter().chain([&*signature]) {
        if let Some(at) = lower.find(canary) {
            let from = text[..at].rfind('\n').map_or(0, |it| it + 1);
            let line: String = text[from..].chars().take(600).collect();
            panic!("{canary} in {what}: {line}");
        }
    }
}
