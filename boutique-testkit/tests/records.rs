//! The memory implementations of everything that keeps records.

mod journal {
    use std::sync::Arc;

    use boutique_core::accounting::MemoryJournal;

    boutique_testkit::journal_conformance!(async |_| Arc::new(MemoryJournal::default()));
}

mod shipments {
    use std::sync::Arc;

    use boutique_core::warehouse::MemoryShipments;

    boutique_testkit::shipments_conformance!(async |_| Arc::new(MemoryShipments::default()));
}

mod signals {
    use std::sync::Arc;

    use boutique_core::fraud::MemorySignals;

    boutique_testkit::signals_conformance!(async |_| Arc::new(MemorySignals::default()));
}

mod orders {
    use std::sync::Arc;

    use boutique_core::orders::MemoryOrders;

    boutique_testkit::orders_conformance!(async |_| Arc::new(MemoryOrders::default()));
}

mod customers {
    use std::sync::Arc;

    use boutique_core::customer::MemoryDirectory;

    boutique_testkit::customers_conformance!(async |_| Arc::new(MemoryDirectory::default()));
}

mod broker {
    use std::sync::Arc;

    use boutique_core::broker::MemoryBroker;

    boutique_testkit::broker_conformance!(async |clock| Arc::new(MemoryBroker::new(clock)));
}

mod analytics {
    use std::sync::Arc;

    use boutique_core::analytics::MemoryAnalytics;

    boutique_testkit::analytics_conformance!(async |_| Arc::new(MemoryAnalytics::default()));
}
