//! Nine servers as processes, with wires between them that can be cut, and clients that know
//! what they were told.
#![allow(dead_code, unreachable_pub, reason = "each test file uses some of it")]

pub mod proxy;
pub mod shop;

use std::path::{Path, PathBuf};
use std::time::Duration;

use boutique_core::assembly::Topology;
use boutique_core::audit::{AuditReport, AuditScope, Auditor};
use boutique_core::clock::Clock;
use boutique_core::gateway::{CHECKOUT, CHECKOUT_ANY, ORDERS_ANY, ORDERS_READ};
use boutique_core::ids::UserId;
use boutique_servers::config::Server;
use boutique_servers::data::look_into;
use boutique_servers::up::{Planned, Processes, free_ports, plan, ready};
use boutique_transport::jwt::{DevIssuer, Mint};
use boutique_transport::sources::SystemClock;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use proxy::Proxy;

/// The program that every server is a process of.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_boutique");

/// Nine servers that reach one another by wires of ours.
pub struct Nine {
    pub plan: Vec<Planned>,
    pub processes: Processes,
    proxies: Vec<(Server, Proxy)>,
    folder: TempDir,
}

impl Nine {
    /// Starts them with `env` for every server, and waits until all are ready.
    pub async fn start(env: &[(&'static str, &str)]) -> Self {
        let mut nine = Self::planned(env);
        nine.processes = Processes::start(Path::new(PROGRAM), &nine.plan);
        ready(&nine.plan).await.expect("all servers are ready");
        nine
    }

    /// The same, but that nobody has started them.
    pub fn planned(env: &[(&'static str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut plan = plan(free_ports().expect("free ports"), folder.path());
        let proxies: Vec<_> = plan
            .iter()
            .map(|it| (it.server, Proxy::to(it.port)))
            .collect();
        let wires: Vec<_> = plan
            .iter()
            .zip(&proxies)
            .map(|(it, (_, proxy))| (it.url(), format!("http://127.0.0.1:{}", proxy.port)))
            .collect();
        for planned in &mut plan {
            for (_, value) in &mut planned.env {
                if let Some((_, wire)) = wires.iter().find(|(url, _)| url == value) {
                    value.clone_from(wire);
                }
            }
            let key = Self::key_in(folder.path()).display().to_string();
            planned.env.push(("BOUTIQUE_DEV_ISSUER", "true".to_owned()));
            planned.env.push(("BOUTIQUE_DEV_KEY", key));
            let more = env.iter().map(|(name, value)| (*name, (*value).to_owned()));
            planned.env.extend(more);
        }
        Self {
            plan,
            processes: Processes::start(Path::new(PROGRAM), &[]),
            proxies,
            folder,
        }
    }

    fn key_in(folder: &Path) -> PathBuf {
        folder.join("dev.key")
    }

    /// Where clients find the gateway: behind its wire.
    pub fn gateway(&self) -> String {
        format!("http://127.0.0.1:{}", self.wire(Server::Gateway).port)
    }

    pub fn wire(&self, server: Server) -> &Proxy {
        let found = self.proxies.iter().find(|(it, _)| *it == server);
        &found.expect("planned").1
    }

    /// The admin port of a server.
    pub fn admin(&self, server: Server) -> String {
        let found = self.plan.iter().find(|it| it.server == server);
        found.expect("planned").admin_url()
    }

    pub fn signal(&self, server: Server, signal: Signal) {
        send(self.processes.id(server).expect("it runs"), signal);
    }

    /// A token of somebody who may buy for anybody.
    pub fn token(&self) -> String {
        token(&Self::key_in(self.folder.path()))
    }

    /// What the nine files say together.
    pub async fn audit(&self, scope: AuditScope) -> AuditReport {
        let ports = look_into(self.folder.path()).expect("the files are there");
        let subscriptions = Topology::default().subscriptions();
        let auditor = Auditor::new(&ports, &subscriptions, scope);
        auditor.run().await.expect("the files can be read")
    }

    /// The audit once nothing is left to do, or as it is when `within` is over.
    pub async fn at_rest(&self, within: Duration) -> AuditReport {
        let began = Instant::now();
        loop {
            let report = self.audit(AuditScope::AtRest).await;
            if report.is_clean() || began.elapsed() > within {
                return report;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    pub async fn end(self) {
        self.processes.end().await;
    }
}

/// Sends a signal to a process that is ours.
pub fn send(id: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(id).expect("an id")).expect("not 0");
    kill_process(pid, signal).expect("ours");
}

/// A token of the issuer whose key is in this file.
pub fn token(key: &Path) -> String {
    let issuer = DevIssuer::open(key).expect("the key's file");
    let user = UserId::new("tester").expect("an id");
    let mint = Mint {
        user: &user,
        scopes: &[CHECKOUT, CHECKOUT_ANY, ORDERS_ANY, ORDERS_READ],
        now: SystemClock::default().now(),
        valid_for: Duration::from_secs(3_600),
    };
    issuer.token(&mint).expect("a token")
}
