//! Seeds, one after the other.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use super::answers::Answers;
use super::cluster::Cluster;
use super::counts::Counts;
use super::coverage::Coverage;
use super::fault::{FaultKind, Faults};
use super::people::{Buyer, RUSH};
use super::report::{Failure, Report};
use super::rest::come_to_rest;
use super::shop::{Shop, open, range};
use super::site::Site;
use super::world::{Breach, World};

/// Faults stop so long after a seed began; then everything has to come to an end.
const CALM_AFTER: Duration = Duration::from_millis(RUSH * 2);

/// Which orders and which faults of a seed take part: all, or what is left of a failing seed
/// that was made smaller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Only these orders, counted from zero.
    pub orders: Option<BTreeSet<u32>>,
    /// Only these faults, by the number they have in the trace.
    pub faults: Option<BTreeSet<u32>>,
    /// None of these kinds.
    pub without: BTreeSet<FaultKind>,
}

impl Plan {
    pub(super) fn allows(&self, kind: FaultKind, number: u32) -> bool {
        let chosen = self.faults.as_ref().is_none_or(|it| it.contains(&number));
        chosen && !self.without.contains(&kind)
    }
}

/// What is simulated. Start from [`Run::default`] and change fields.
#[derive(Clone)]
pub struct Run {
    /// Orders of a seed.
    pub orders: u32,
    /// What goes wrong, and how often.
    pub faults: Faults,
    /// What the shop is made of.
    pub shop: Shop,
    /// What of it takes part.
    pub plan: Plan,
    /// Stop after so many seeds that failed.
    pub stop_after: usize,
}

impl Default for Run {
    /// 60 orders of the standard shop under the standard faults, until the first failure.
    fn default() -> Self {
        Self {
            orders: 60,
            faults: Faults::standard(),
            shop: Shop::memory(),
            plan: Plan::default(),
            stop_after: 1,
        }
    }
}

/// What one seed came to.
#[derive(Clone, Debug)]
pub struct Seed {
    /// The seed.
    pub seed: u64,
    /// A hash of everything that happened: equal in every process, for ever.
    pub hash: u64,
    /// What did not hold.
    pub breaches: Vec<Breach>,
    /// What happened, counted.
    pub counts: Counts,
    /// Which fault met an order in which state.
    pub coverage: Coverage,
    /// How many faults were drawn.
    pub faults: u32,
    /// Everything that happened, a line each, if it was asked for.
    pub trace: Vec<String>,
}

impl Run {
    /// Runs `seeds`, one after the other, on this thread.
    pub fn seeds(&self, seeds: Range<u64>) -> Report {
        self.seeds_with(seeds, |_| {})
    }

    /// The same; `each` hears of every seed when it is over.
    pub fn seeds_with(&self, seeds: Range<u64>, mut each: impl FnMut(&Seed)) -> Report {
        let mut report = Report::new(self.asked());
        for seed in seeds {
            let ended = self.seed(seed);
            each(&ended);
            report.add(&ended);
            if report.failures.len() >= self.stop_after {
                break;
            }
        }
        report
    }

    /// Runs one seed.
    pub fn seed(&self, seed: u64) -> Seed {
        self.one(seed, false)
    }

    /// Runs one seed and keeps everything that happened, a line each.
    pub fn replay(&self, seed: u64) -> Seed {
        self.one(seed, true)
    }

    /// The faults that can strike: a process that stood still while a store's own thread is asked
    /// would wait for a time that does not pass.
    fn asked(&self) -> Faults {
        match self.shop.at_once {
            true => self.faults.clone(),
            false => self.faults.clone().dial(FaultKind::Pause, 0),
        }
    }

    fn one(&self, seed: u64, record: bool) -> Seed {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime without I/O needs nothing that could fail");
        runtime.block_on(self.simulate(seed, record))
    }

    async fn simulate(&self, seed: u64, record: bool) -> Seed {
        let (faults, plan) = (self.asked(), self.plan.clone());
        let world = Arc::new(World::new(seed, faults, plan, record));
        let (died, mut dead) = mpsc::unbounded_channel();
        let cluster = Arc::new(Cluster::new(&world, self.shop.clone(), &died));
        if let Err(fault) = open(&cluster.stores).await {
            world.breach("a shop can be opened", "the shop", fault.to_string());
        }
        for site in Site::servers() {
            cluster.boot(site);
        }
        let (reviving, restless) = (Arc::clone(&cluster), Arc::clone(&world));
        let supervisor = tokio::spawn(async move {
            while let Some(site) = dead.recv().await {
                let down = restless.dice(|it| it.between(5, 2_500));
                let cluster = Arc::clone(&reviving);
                tokio::spawn(async move {
                    sleep(Duration::from_millis(down)).await;
                    cluster.boot(site);
                });
            }
        });

        let answers = Arc::new(Answers::new(&cluster));
        let range = range().into();
        let (here, mut gone) = mpsc::channel::<()>(1);
        for number in 0..self.orders {
            if !self
                .plan
                .orders
                .as_ref()
                .is_none_or(|it| it.contains(&number))
            {
                continue;
            }
            world.count(|it| it.orders += 1);
            let buyer = Buyer::new(&cluster, &answers, &range, seed, number);
            let (order, here) = (buyer.order_id.clone(), here.clone());
            cluster.node(Site::Clients).spawn(Some(order), async move {
                buyer.live().await;
                drop(here);
            });
        }
        drop(here);
        sleep_until(Instant::now() + CALM_AFTER).await;
        world.calm_down();
        for site in Site::servers() {
            cluster.node(site).soothe();
        }
        gone.recv().await;
        if let Err(fault) = come_to_rest(&cluster, &answers).await {
            world.breach("a shop can be audited", "the shop", fault.to_string());
        }
        supervisor.abort();
        cluster.end();
        let remains = world.remains();
        Seed {
            seed,
            hash: remains.hash,
            breaches: remains.breaches,
            counts: remains.counts,
            coverage: remains.coverage,
            faults: remains.faults,
            trace: remains.lines,
        }
    }
}

impl From<&Seed> for Failure {
    fn from(seed: &Seed) -> Self {
        Self {
            seed: seed.seed,
            breaches: seed.breaches.clone(),
        }
    }
}
