//! Holds: reserve and confirm, in memory.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use boutique_core::clock::{Clock, Timestamp};
use boutique_core::ids::{HoldId, ProductId, ReceiptId};
use boutique_core::limits::Units;
use boutique_core::stock::{MemoryLedger, Receive, Reserve, StockLedger, StockLine};
use boutique_transport::sources::SystemClock;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn product(n: u64) -> ProductId {
    ProductId::new(format!("P{n:03}")).expect("an id")
}

fn request(hold_id: HoldId, product_id: ProductId) -> Reserve {
    Reserve {
        hold_id,
        lines: vec![StockLine {
            product_id,
            quantity: Units::ONE,
        }],
        ttl: Duration::from_secs(900),
        valid_until: Timestamp::MAX,
    }
}

async fn stocked(articles: u64, open: u64) -> Arc<dyn StockLedger> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let ledger = MemoryLedger::new(clock);
    for n in 0..articles {
        let receipt = Receive {
            receipt_id: ReceiptId::new(format!("r{n}")).expect("an id"),
            product_id: product(n),
            quantity: 1 << 40,
        };
        ledger.receive(receipt).await.expect("received");
    }
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
