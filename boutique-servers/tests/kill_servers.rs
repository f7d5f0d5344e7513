//! Nine processes under load: each in turn is killed, frozen, and made unreachable. Afterwards
//! the books agree, every answer that a client got is still true, and no request had hung.

mod nine;

use std::fmt;
use std::time::Duration;

use boutique_core::ids::OrderId;
use boutique_servers::config::Server;
use boutique_servers::data::look_into;
use futures_util::future::join_all;
use nine::Nine;
use nine::proxy::Wire;
use nine::shop::{Attempt, HURRY, Shop, Told, order};
use rustix::process::Signal;
use tokio::time::{Instant, sleep};

/// How long a fault lasts: longer than a request may take at any server behind the gateway.
const FAULT: Duration = Duration::from_millis(900);
/// How long after a fault everything has to be well again.
const WELL_WITHIN: Duration = Duration::from_secs(10);
/// Shoppers at a time.
const SHOPPERS: usize = 6;

/// Short, so that what a fault left behind is taken up soon after it.
const SETTINGS: [(&str, &str); 11] = [
    ("OPENING_STOCK", "1000"),
    ("REQUEST_TIMEOUT", "700ms"),
    ("ATTEMPT_TIME", "1s"),
    ("HOLD_TIME", "4s"),
    ("STUCK_AFTER", "500ms"),
    ("TIDY_EVERY", "200ms"),
    ("BREAKER_OPEN", "100ms"),
    ("CONNECT_TIMEOUT", "300ms"),
    ("PRINCIPAL_RATE", "100000"),
    ("ADDRESS_RATE", "100000"),
    ("LOG_LEVEL", "error"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disaster {
    Killed,
    Frozen,
    Refusing,
    Swallowing,
}

impl Disaster {
    const ALL: [Self; 4] = [Self::Killed, Self::Frozen, Self::Refusing, Self::Swallowing];

    fn begin(self, nine: &Nine, server: Server) {
        match self {
            Self::Killed => nine.signal(server, Signal::KILL),
            Self::Frozen => nine.signal(server, Signal::STOP),
            Self::Refusing => nine.wire(server).set(Wire::Refuses),
            Self::Swallowing => nine.wire(server).set(Wire::Swallows),
        }
    }

    fn end(self, nine: &Nine, server: Server) {
        match self {
            // Whoever supervises it has started it again.
            Self::Killed => {}
            Self::Frozen => nine.signal(server, Signal::CONT),
            Self::Refusing | Self::Swallowing => nine.wire(server).set(Wire::Carries),
        }
    }
}

/// One server's misfortune, as it is told when something goes wrong.
struct Case(Server, Disaster);

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.0.name(), self.1)
    }
}

/// Shoppers who buy one order after the other until `until`, and what they were told.
async fn shopping(shop: &Shop, case: &Case, until: Instant) -> Vec<Told> {
    let shoppers = (0..SHOPPERS).map(|shopper| async move {
        let mut told = Vec::new();
        while told.is_empty() || Instant::now() < until {
            let name = format!("{}-{:?}-{shopper}-{}", case.0.name(), case.1, told.len());
            let order = order(&name, shopper + told.len());
            told.push(shop.buy(name, order).await);
            // Buyers look around: what is to be seen is what becomes of each, not how many.
            sleep(Duration::from_millis(60)).await;
        }
        told
    });
    join_all(shoppers).await.into_iter().flatten().collect()
}

async fn survives(nine: &Nine, shop: &Shop, case: &Case) -> Vec<Told> {
    let Case(server, disaster) = *case;
    let began = Instant::now();
    let fault = async {
        sleep(Duration::from_millis(100)).await;
        disaster.begin(nine, server);
        sleep(FAULT).await;
        disaster.end(nine, server);
        Instant::now()
    };
    let until = began + Duration::from_millis(100) + FAULT;
    let (told, over) = tokio::join!(shopping(shop, case, until), fault);

    // Without the gateway connections break; any other server is missed by the gateway, which
    // says so. Nobody is left without an answer until their own patience ends.
    for attempt in told.iter().flat_map(|it| &it.attempts) {
        let fair =
            attempt.is_fair() || (server == Server::Gateway && matches!(attempt, Attempt::Broken));
        assert!(fair, "{case}: {attempt:?}");
    }
    let left = WELL_WITHIN.saturating_sub(over.elapsed());
    let report = nine.at_rest(left).await;
    assert!(report.is_clean(), "{case}: {:?}", report.violations);
    told
}

/// Whoever asks again with the same key is told the same.
async fn is_told_the_same(shop: &Shop, told: &Told) {
    match shop.place(&told.key, &told.order).await {
        Attempt::Answer(status, body) => {
            assert_eq!(
                (status, &body),
                (told.status, &told.body),
                "{} is told something else",
                told.key
            );
        }
        other => panic!("{}: {other:?}", told.key),
    }
}

/// Whoever was told that it is sold finds it in all books, once.
async fn is_in_the_books(nine: &Nine, all: &[Told]) {
    let ports = look_into(nine.data()).expect("the files");
    for told in all.iter().filter(|it| it.status == 201) {
        let id = told.body["order"]["order_id"].as_str().expect("an order");
        let id: OrderId = id.parse().expect("an id");
        let order = ports.orders.order(&id).await.expect("read");
        let entries = ports.journal.entries_of(&id).await.expect("read");
        let shipments = ports.shipments.of_order(&id).await.expect("read");
        assert!(order.is_some(), "{} is not with order management", told.key);
        assert_eq!(entries.len(), 1, "{} is booked once", told.key);
        assert!(!shipments.is_empty(), "{} is not shipped", told.key);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nine_processes_survive_each_being_killed_frozen_and_cut_off() {
    let nine = Nine::start(&SETTINGS).await;
    let shop = Shop::new(nine.gateway(), nine.token(), HURRY);
    let mut all = Vec::new();
    for server in Server::NINE {
        for disaster in Disaster::ALL {
            let case = Case(server, disaster);
            let began = Instant::now();
            let told = survives(&nine, &shop, &case).await;
            let again: usize = told.iter().map(|it| it.attempts.len() - 1).sum();
            eprintln!(
                "{case}: {} orders, {again} asked again, well after {:?}",
                told.len(),
                began.elapsed()
            );
            for told in &told {
                is_told_the_same(&shop, told).await;
            }
            all.extend(told);
        }
    }
    let sold = all.iter().filter(|it| it.status == 201).count();
    let refused = all.iter().filter(|it| it.status == 409).count();
    assert!(sold > 0 && refused > 0, "{sold} sold, {refused} refused");
    is_in_the_books(&nine, &all).await;

    // Asking for all of it again has changed nothing.
    let report = nine.at_rest(WELL_WITHIN).await;
    assert!(report.is_clean(), "{:?}", report.violations);
    assert_eq!(report.seen.confirmed, sold as u64);
    nine.end().await;
}
