//! A server that is told to end does so well: it says that it is not ready, finishes what it has
//! begun, ends in time with exit code 0, and leaves nothing behind that the next start waits for.

mod nine;

use std::process::Stdio;
use std::time::Duration;

use boutique_servers::config::Server;
use boutique_servers::data::look_into;
use boutique_servers::up::{Planned, ready};
use futures_util::future::join_all;
use nine::shop::{Attempt, Shop, order};
use nine::{Nine, PROGRAM, send};
use rustix::process::Signal;
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const DRAIN_LIMIT: Duration = Duration::from_secs(9);
/// Longer than any server takes, shorter than any lease.
const AT_ONCE: Duration = Duration::from_secs(8);

const SETTINGS: [(&str, &str); 7] = [
    ("OPENING_STOCK", "1000"),
    ("DRAIN_WAIT", "500ms"),
    ("DRAIN_LIMIT", "9s"),
    ("STUCK_AFTER", "1s"),
    ("PRINCIPAL_RATE", "100000"),
    ("ADDRESS_RATE", "100000"),
    ("LOG_LEVEL", "error"),
];

/// Nine servers that we have started ourselves, and so hear how they end.
struct ByHand {
    nine: Nine,
    children: Vec<Child>,
}

impl ByHand {
    async fn start() -> Self {
        let nine = Nine::planned(&SETTINGS);
        let children = nine.plan.iter().map(start).collect();
        ready(&nine.plan).await.expect("all are ready");
        Self { nine, children }
    }

    fn at(&self, server: Server) -> usize {
        let at = self.nine.plan.iter().position(|it| it.server == server);
        at.expect("planned")
    }

    fn signal(&self, server: Server, signal: Signal) {
        let id = self.children[self.at(server)].id();
        send(id.expect("it runs"), signal);
    }

    /// Waits until the server says that it drains.
    async fn drains(&self, server: Server) {
        let url = format!("{}/readyz", self.nine.admin(server));
        loop {
            let answer = reqwest::get(&url).await.expect("the admin port answers");
            let status = answer.status();
            let body = answer.bytes().await.expect("a body");
            let body: Value = serde_json::from_slice(&body).expect("JSON");
            if body["status"] == "draining" {
                assert_eq!(status, 503);
                return;
            }
        }
    }

    /// Waits until the server has ended, well and in time, and starts it again.
    async fn ends_and_starts_again(&mut self, server: Server) {
        let at = self.at(server);
        let ended = timeout(DRAIN_LIMIT, self.children[at].wait()).await;
        let status = ended
            .unwrap_or_else(|_| panic!("{} does not end in time", server.name()))
            .expect("ours");
        assert_eq!(status.code(), Some(0), "{}", server.name());
        let planned = &self.nine.plan[at];
        self.children[at] = start(planned);
        ready(std::slice::from_ref(planned))
            .await
            .expect("it is ready again");
    }
}

fn start(planned: &Planned) -> Child {
    Command::new(PROGRAM)
        .args(["serve", planned.server.name()])
        .envs(planned.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_told_to_end_finishes_what_it_began_and_leaves_nothing_behind() {
    let mut all = ByHand::start().await;
    let sold = what_is_in_flight_is_finished(&mut all).await;
    let more = every_server_ends_well_under_load(&mut all).await;
    let report = all.nine.at_rest(AT_ONCE).await;
    assert!(report.is_clean(), "{:?}", report.violations);
    assert_eq!(report.seen.confirmed, sold + more);
}

/// The checkout is told to end while orders wait for the CRM and events for order management.
async fn what_is_in_flight_is_finished(all: &mut ByHand) -> u64 {
    const ORDERS: usize = 4;
    let patient = Duration::from_secs(9);
    let shop = Shop::new(all.nine.gateway(), all.nine.token(), patient);
    // An event is on its way to somebody who does not answer when the server is told to end.
    all.signal(Server::Oms, Signal::STOP);
    let first = shop.place("first", &order("first", 0)).await;
    assert!(matches!(first, Attempt::Answer(201, _)), "{first:?}");
    all.signal(Server::Crm, Signal::STOP);
    let placing = join_all((0..ORDERS).map(|at| {
        let shop = shop.clone();
        async move {
            let name = format!("in-flight-{at}");
            shop.place(&name, &order(&name, 0)).await
        }
    }));
    let placing = tokio::spawn(placing);
    let begun = async {
        let ports = look_into(all.nine.data()).expect("the files");
        while ports.checkout.sagas(None, 100).await.expect("read").len() <= ORDERS {
            tokio::task::yield_now().await;
        }
    };
    timeout(patient, begun).await.expect("all are begun");

    all.signal(Server::Checkout, Signal::TERM);
    all.drains(Server::Checkout).await;
    all.signal(Server::Crm, Signal::CONT);
    for told in placing.await.expect("no panic") {
        assert!(matches!(told, Attempt::Answer(201, _)), "{told:?}");
    }
    all.ends_and_starts_again(Server::Checkout).await;
    all.signal(Server::Oms, Signal::CONT);
    let report = all.nine.at_rest(AT_ONCE).await;
    assert!(report.is_clean(), "{:?}", report.violations);
    1 + ORDERS as u64
}

async fn every_server_ends_well_under_load(all: &mut ByHand) -> u64 {
    let mut sold = 0;
    let shop = Shop::new(all.nine.gateway(), all.nine.token(), nine::shop::HURRY);
    for server in Server::NINE {
        let enough = CancellationToken::new();
        let shoppers = (0..4).map(|shopper| {
            let (shop, enough) = (shop.clone(), enough.clone());
            async move {
                let mut told = Vec::new();
                while told.is_empty() || !enough.is_cancelled() {
                    let name = format!("{}-{shopper}-{}", server.name(), told.len());
                    let order = order(&name, shopper + told.len());
                    told.push(shop.buy(name, order).await);
                    sleep(Duration::from_millis(20)).await;
                }
                told
            }
        });
        let shopping = tokio::spawn(join_all(shoppers));
        all.signal(server, Signal::TERM);
        all.drains(server).await;
        all.ends_and_starts_again(server).await;
        enough.cancel();
        let told = shopping.await.expect("everybody is answered");
        for told in told.into_iter().flatten() {
            sold += u64::from(told.status == 201);
            for attempt in &told.attempts {
                // Whoever drains lets go of connections: only the gateway's are the shoppers'.
                let fair = attempt.is_fair()
                    || server == Server::Gateway && matches!(attempt, Attempt::Broken);
                assert!(fair, "{}: {attempt:?}", server.name());
            }
        }
    }
    sold
}
