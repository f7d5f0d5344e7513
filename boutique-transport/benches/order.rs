//! A whole order of three lines through all four phases, in memory: checkout, event, order
//! management, accounting, warehouse, shipment, recognition, analytics. In CPU time.

mod support;

use std::sync::Arc;
use std::time::Duration;

use boutique_core::assembly::{Ports, VolatileIds};
use boutique_core::audit::AuditScope;
use boutique_core::clock::Clock;
use boutique_transport::sources::SystemClock;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use support::{CpuTime, cpu, order, sell, settings, ship, shop};

/// Orders one boutique sells before the next one opens: a memory store keeps everything, and
/// what is measured is the flow, not the kernel handing out ever new pages. With 5,000 an order
/// costs a fifth more.
const A_DAY: u64 = 1_000;

/// CPU time of selling, shipping and counting `orders` orders.
async fn sell_for_a_day(orders: u64) -> Duration {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let ports = Ports::memory(clock, Arc::new(VolatileIds::default()));
    let boutique = shop(ports, settings()).await;
    let requests: Vec<_> = (0..orders).map(|n| order("o", n)).collect();
    let mut requests = requests.into_iter();
    let mut sold = Vec::with_capacity(256);
    let begun = cpu();
    while requests.len() > 0 {
        for request in requests.by_ref().take(256) {
            sold.push(sell(&boutique, request).await);
        }
        boutique.settle().await.expect("settles");
        for order_id in sold.drain(..) {
            ship(&boutique, &order_id).await;
        }
        boutique.settle().await.expect("settles");
    }
    let took = cpu() - begun;
    let audit = boutique.audit(AuditScope::AtRest).await.expect("audits");
    assert!(audit.is_clean(), "{:?}", audit.violations);
    assert_eq!(audit.seen.confirmed, orders);
    took
}

fn orders(c: &mut Criterion<CpuTime>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let mut group = c.benchmark_group("order in memory");
    group.throughput(Throughput::Elements(1));
    group.sample_size(20);
    group.bench_function("three lines, all four phases", |b| {
        b.iter_custom(|orders| {
            let mut took = Duration::ZERO;
            let mut left = orders;
            while left > 0 {
                let day = left.min(A_DAY);
                left -= day;
                took += runtime.block_on(sell_for_a_day(day));
            }
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
