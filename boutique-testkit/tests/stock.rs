//! The memory ledger, plain and behind decorators, is a stock ledger.

mod memory {
    use std::sync::Arc;

    use boutique_core::stock::MemoryLedger;

    boutique_testkit::ledger_conformance!(async |clock| Arc::new(MemoryLedger::new(clock)));
}

mod yielding {
    use std::sync::Arc;

    use boutique_core::stock::{MemoryLedger, StockLedger};
    use boutique_testkit::faulty::YieldingLedger;

    boutique_testkit::ledger_conformance!(async |clock| {
        let inner: Arc<dyn StockLedger> = Arc::new(MemoryLedger::new(clock));
        Arc::new(YieldingLedger::yielding(inner))
    });
}
