//! A server under systemd: it says when it is ready, when it ends, and that it lives for as long
//! as it does.

mod nine;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use boutique_core::assembly::Ports;
use boutique_core::clock::Timestamp;
use boutique_core::fault::Fault;
use boutique_core::fraud::{Features, Observation, SignalStore};
use boutique_servers::admin::{Admin, Dependency};
use boutique_servers::config::Server;
use boutique_servers::parts::{Duty, Pace};
use boutique_servers::systemd::{Stuck, Vital};
use boutique_transport::sources::{NamedIds, SystemClock};
use nine::{Nine, PROGRAM, send};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixDatagram};
use tokio::process::Command;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(30);

async fn said(socket: &UnixDatagram) -> String {
    let mut text = [0; 512];
    let received = timeout(PATIENCE, socket.recv(&mut text)).await;
    let length = received.expect("systemd is told").expect("a datagram");
    String::from_utf8_lossy(&text[..length]).trim().to_owned()
}

/// We are systemd.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn systemd_hears_when_a_server_is_ready_that_it_lives_and_when_it_ends() {
    let nine = Nine::planned(&[("WORK_EVERY", "10ms")]);
    for server in [Server::Warehouse, Server::Crm] {
        let planned = nine.plan.iter().find(|it| it.server == server);
        let planned = planned.expect("planned");
        let socket = nine.data().join(format!("{}.sock", server.name()));
        let socket_path = socket.clone();
        let socket = UnixDatagram::bind(&socket).expect("bound");
        let mut child = Command::new(PROGRAM)
            .args(["serve", server.name()])
            .envs(planned.env.iter().map(|(name, value)| (name, value)))
            .env("NOTIFY_SOCKET", socket_path)
            .env("WATCHDOG_USEC", "1000000")
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let first = said(&socket).await;
        // The watchdog may be fed before the last line of the start.
        if first != "READY=1" {
            assert_eq!(first, "WATCHDOG=1");
            assert_eq!(said(&socket).await, "READY=1");
        }
        let health = format!("{}/health", planned.url());
        let answer = reqwest::get(health).await;
        assert_eq!(answer.expect("whoever is ready listens").status(), 200);
        for _ in 0..3 {
            assert_eq!(said(&socket).await, "WATCHDOG=1");
        }
        send(child.id().expect("it runs"), Signal::TERM);
        let mut last = said(&socket).await;
        while last == "WATCHDOG=1" {
            last = said(&socket).await;
        }
        assert_eq!(last, "STOPPING=1");
        let ended = timeout(PATIENCE, child.wait()).await.expect("in time");
        assert_eq!(ended.expect("ours").code(), Some(0));
    }
}

const PACE: Pace = Pace {
    busy: Duration::from_millis(1),
    idle: Duration::from_millis(1),
    failed: Duration::from_millis(1),
};
const WITHIN: Duration = Duration::from_secs(20);

/// A port that answers.
async fn port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let at = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 1_024]).await;
                stream.write_all(b"HTTP/1.1 503 busy\r\n\r\n").await
            });
        }
    });
    at
}

async fn vital(duties: &[&Duty]) -> Vital {
    Vital {
        api: port().await,
        admin: port().await,
        health: Admin::new(Server::Warehouse, Vec::new(), Vec::new()),
        duties: duties.iter().map(|it| it.pulse()).collect(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_duty_that_hangs_or_is_gone_is_found_out_and_one_that_fails_is_not() {
    let stop = CancellationToken::new();
    let fails = Duty::new("fails", PACE, || async { Err(Fault::unavailable("away")) });
    let hangs = Duty::new("hangs", PACE, std::future::pending::<Result<bool, Fault>>);
    let gone = Duty::new("gone", PACE, || async { panic!("a mistake of ours") });
    let all = vital(&[&fails, &hangs]).await;
    let with_gone = vital(&[&gone]).await;
    tokio::spawn(fails.run(stop.clone()));
    tokio::spawn(hangs.run(stop.clone()));
    // Paused time goes on when nothing else does: the first round has begun, and others wait.
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(all.look(WITHIN).await, Ok(()));
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(all.look(WITHIN).await, Err(Stuck::Duty("hangs")));
    let told = tokio::spawn(gone.run(stop)).await;
    assert!(told.is_err(), "it panicked");
    assert_eq!(with_gone.look(WITHIN).await, Err(Stuck::Duty("gone")));
}

#[tokio::test]
async fn a_port_that_takes_connections_and_never_answers_is_found_out() {
    let mute = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let mute_at = mute.local_addr().expect("bound");
    let vital = Vital {
        api: mute_at,
        ..vital(&[]).await
    };
    let looked = vital.look(Duration::from_millis(200)).await;
    assert_eq!(looked, Err(Stuck::Port(mute_at)));
    // Turned away is answered: it has too much to do, and that is no reason to end it.
    let turning = tokio::spawn(async move {
        while let Ok((stream, _)) = mute.accept().await {
            drop(stream);
        }
    });
    assert_eq!(vital.look(WITHIN).await, Ok(()));
    // Nobody listens: that is no answer.
    turning.abort();
    assert!(turning.await.is_err(), "it was told to end");
    assert_eq!(vital.look(WITHIN).await, Err(Stuck::Port(mute_at)));
    // What drains no longer listens, and is not to be ended for it.
    vital.health.drain();
    assert_eq!(vital.look(WITHIN).await, Ok(()));
    let vital = Vital {
        admin: mute_at,
        ..vital
    };
    assert_eq!(vital.look(WITHIN).await, Err(Stuck::Port(mute_at)));
}

/// A store whose writer is stuck, on a disk that does not answer.
struct StuckWriter;

#[async_trait]
impl SignalStore for StuckWriter {
    async fn observe(&self, _: Observation) -> Result<Features, Fault> {
        std::future::pending().await
    }
    async fn peek(&self, _: Observation) -> Result<Features, Fault> {
        std::future::pending().await
    }
    async fn forget(&self, _: Timestamp) -> Result<u64, Fault> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_found_out_and_a_peer_that_does_not_is_not() {
    let clock = Arc::new(SystemClock::default());
    let mut ports = Ports::memory(clock, Arc::new(NamedIds));
    let within = Duration::from_millis(200);
    let store = |ports: &Ports| {
        let peer = Dependency::new("crm", true, std::future::pending::<Result<(), Fault>>);
        vec![Dependency::store(ports), peer]
    };
    let of = |dependencies| Admin::new(Server::Warehouse, dependencies, Vec::new());
    let mut vital = vital(&[]).await;
    vital.health = of(store(&ports));
    assert_eq!(vital.look(within).await, Ok(()));
    ports.signals = Arc::new(StuckWriter);
    vital.health = of(store(&ports));
    assert_eq!(vital.look(within).await, Err(Stuck::Own("store")));
}
