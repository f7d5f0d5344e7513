//! A whole order of three lines through all four phases, in memory: checkout, event, order
//! management, accounting, warehouse, shipment, recognition, analytics. In CPU time.

mod support;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use std::sync::Arc;

use boutique_core::assembly::{Ports, VolatileIds};
use boutique_core::audit::AuditScope;
use boutique_core::clock::Clock;
use boutique_transport::sources::SystemClock;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use support::{CpuTime, cpu, order, sell, settings, ship, shop};

fn orders(c: &mut Criterion<CpuTime>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let mut group = c.benchmark_group("order in memory");
    group.throughput(Throughput::Elements(1));
    group.sample_size(20);
    group.bench_function("three lines, all four phases", |b| {
        b.iter_custom(|orders| {
            let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
            let ports = Ports::memory(clock, Arc::new(VolatileIds::default()));
            let boutique = runtime.block_on(shop(ports, settings()));
            let requests: Vec<_> = (0..orders).map(|n| order("o", n)).collect();
            let begun = cpu();
            runtime.block_on(async {
                for batch in requests.chunks(256) {
                    for request in batch {
                        sell(&boutique, request.clone()).await;
                    }
                    boutique.settle().await.expect("settles");
                    for request in batch {
                        ship(&boutique, request).await;
                    }
                    boutique.settle().await.expect("settles");
                }
            });
            let took = cpu() - begun;
            let audit = runtime
                .block_on(boutique.audit(AuditScope::AtRest))
                .expect("audits");
            assert!(audit.is_clean(), "{:?}", audit.violations);
            took
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = orders
}
criterion_main!(benches);
