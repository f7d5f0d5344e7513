//! Holds: reserve and confirm, in memory.

#[path = "support/shelf.rs"]
mod shelf;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use boutique_core::clock::Clock;
use boutique_core::ids::HoldId;
use boutique_core::stock::{MemoryLedger, Reserve, StockLedger};
use boutique_transport::sources::SystemClock;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use shelf::{fill, product, request};

async fn stocked(articles: u64, open: u64) -> Arc<dyn StockLedger> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let ledger = MemoryLedger::new(clock);
    fill(&ledger, articles).await;
    for n in 0..open {
        let hold_id = HoldId::new(format!("open-{n}")).expect("an id");
        ledger
            .reserve(request(hold_id, product(n % articles)))
            .await
            .expect("held");
    }
    Arc::new(ledger)
}

fn holds(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let mut group = c.benchmark_group("holds in memory");
    for (name, articles, open) in [
        ("one article", 1, 0),
        ("800 articles", 800, 0),
        ("one article, 100,000 open holds", 1, 100_000),
    ] {
        group.throughput(Throughput::Elements(1));
        group.bench_function(name, |b| {
            b.iter_custom(|pairs| {
                let ledger = runtime.block_on(stocked(articles, open));
                let requests: Vec<Reserve> = (0..pairs)
                    .map(|n| {
                        let hold_id = HoldId::new(format!("{n:036}.inventory.1")).expect("an id");
                        request(hold_id, product(n % articles))
                    })
                    .collect();
                let begun = Instant::now();
                runtime.block_on(async {
                    for request in requests {
                        let hold_id = request.hold_id.clone();
                        black_box(ledger.reserve(request).await.expect("held"));
                        black_box(ledger.confirm(&hold_id, None).await.expect("confirmed"));
                    }
                });
                begun.elapsed()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, holds);
criterion_main!(benches);
