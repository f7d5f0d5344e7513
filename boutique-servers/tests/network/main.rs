//! Eight servers on a simulated network: their own routers, duties, edge stacks, client and
//! accept loop, over TCP that loses what it is told to lose, between processes that die.
//!
//! A seed is one weather. The edge stack draws its own jitter, so that a seed names a kind of
//! history, not one history to the byte; the simulator of the testkit is for those.

mod shop;
mod weather;
mod wire;

use std::time::Duration;

use boutique_core::audit::AuditScope;
use shop::{HOSTS, Shop};
use weather::Weather;

/// How long the weather lasts.
const STORM: Duration = Duration::from_secs(40);

/// How long everything may then take to come to rest: some back-offs, breakers and leases.
const CALM: Duration = Duration::from_secs(240);

/// What one seed did.
#[derive(Debug, Default)]
struct Seen {
    confirmed: usize,
    short: usize,
    faults: usize,
    weather: weather::Seen,
}

/// Sells under the weather of `seed`, waits for rest, audits.
fn sell(seed: u64) -> Seen {
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .enable_random_order()
        .tick_duration(Duration::from_millis(2))
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(30))
        .simulation_duration(STORM + CALM + CALM)
        .build();
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().expect("a runtime");
    let shop = runtime.block_on(Shop::open());
    for host in HOSTS {
        let shop = shop.clone();
        sim.host(host, move || shop.clone().serve(host));
    }
    let shopping = shop.clone();
    sim.client("buyers", async move { shopping.buy(seed, STORM).await });

    let mut weather = Weather::new(seed);
    while sim.elapsed() < STORM {
        weather.blow(&mut sim);
        sim.step().expect("no host fails");
    }
    weather.clear(&mut sim);
    let deadline = sim.elapsed() + CALM;
    let mut looked = Duration::ZERO;
    loop {
        let bought = sim.step().expect("no host fails");
        let late = sim.elapsed() >= deadline;
        // Looking is not for nothing.
        if !late && (!bought || sim.elapsed() < looked) {
            continue;
        }
        looked = sim.elapsed() + Duration::from_millis(200);
        let left = runtime.block_on(shop.left());
        if bought && left.is_empty() {
            break;
        }
        assert!(
            !late,
            "seed {seed}: it does not come to rest: {left:?}, {:?}",
            shop.told()
        );
    }
    let report = runtime.block_on(shop.audit(AuditScope::AtRest));
    assert!(report.is_clean(), "seed {seed}: {:#?}", report.violations);
    let told = shop.told();
    // What buyers were told is what the books have: no order more, none less.
    assert_eq!(report.seen.confirmed, told.confirmed as u64, "seed {seed}");
    Seen {
        confirmed: told.confirmed,
        short: told.short,
        faults: told.faults,
        weather: weather.seen(),
    }
}

#[test]
fn nothing_is_lost_doubled_or_oversold_over_a_network_that_fails() {
    let mut all = Seen::default();
    for seed in 1..=seeds() {
        let seen = sell(seed);
        all.confirmed += seen.confirmed;
        all.short += seen.short;
        all.faults += seen.faults;
        all.weather += seen.weather;
    }
    eprintln!("{all:?}");
    // A run in which nothing went wrong would prove nothing.
    assert!(
        all.confirmed > 0 && all.short > 0 && all.faults > 0,
        "{all:?}"
    );
    let weather::Seen {
        cuts,
        holds,
        crashes,
    } = all.weather;
    assert!(cuts > 0 && holds > 0 && crashes > 0, "{all:?}");
}

/// A few, or as many as somebody asks for.
fn seeds() -> u64 {
    let asked = std::env::var("BOUTIQUE_TEST_NETWORK_SEEDS");
    asked.map_or(3, |it| it.parse().expect("a number of seeds"))
}
