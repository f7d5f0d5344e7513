//! Holds: reserve and confirm, each answered after its sync.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use boutique_core::clock::Clock;
use boutique_core::ids::HoldId;
use boutique_core::stock::{StockLedger, StockSystem};
use boutique_transport::sources::SystemClock;
use boutique_transport::sqlite::{SqliteLedger, SqliteOptions, SqliteStore};
use tokio::runtime::Runtime;

use crate::shelf::{fill, product, request};
use crate::support::cpu;

/// What became of the holds that are there before.
#[derive(Clone, Copy)]
pub(crate) enum Before {
    Open,
    Sold,
}

impl fmt::Display for Before {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Sold => "sold",
        })
    }
}

/// A ledger of some articles.
pub(crate) struct Shelf {
    ledger: SqliteLedger,
    articles: u64,
}

impl Shelf {
    /// A new data file with `articles`, and `holds` on them.
    pub(crate) fn fill(
        runtime: &Runtime,
        path: &Path,
        articles: u64,
        holds: u64,
        before: Before,
    ) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let store = SqliteStore::open(path, clock, SqliteOptions::default()).expect("a data file");
        let ledger = store.stock(StockSystem::Inventory);
        runtime.block_on(fill(&ledger, articles));
        let shelf = Self { ledger, articles };
        let sells = matches!(before, Before::Sold);
        shelf.drive(runtime, "before", holds, 1_024, sells);
        shelf
    }

    /// Sells `pairs` holds with `in_flight` clients; how many a second, and the CPU time of all.
    pub(crate) fn run(
        &self,
        runtime: &Runtime,
        run: &str,
        pairs: u64,
        in_flight: u64,
    ) -> (f64, Duration) {
        let (begun, begun_cpu) = (Instant::now(), cpu());
        self.drive(runtime, run, pairs, in_flight, true);
        let took = begun.elapsed().as_secs_f64();
        (pairs as f64 / took, cpu() - begun_cpu)
    }

    fn drive(&self, runtime: &Runtime, run: &str, holds: u64, in_flight: u64, confirms: bool) {
        runtime.block_on(async {
            let clients: Vec<_> = (0..in_flight)
                .map(|first| {
                    let (ledger, articles, run) =
                        (self.ledger.clone(), self.articles, run.to_owned());
                    tokio::spawn(async move {
                        for n in (first..holds).step_by(in_flight as usize) {
                            // Ids come in no order, as those of orders do.
                            let scattered = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                            let id = format!("{scattered:016x}-{n:010}-{run}.inventory.1");
                            let hold_id = HoldId::new(id).expect("an id");
                            let asked = request(hold_id.clone(), product(n % articles));
                            ledger.reserve(asked).await.expect("held");
                            if confirms {
                                ledger.confirm(&hold_id, None).await.expect("confirmed");
                            }
                        }
                    })
                })
                .collect();
            for client in clients {
                client.await.expect("sold");
            }
        });
    }
}
