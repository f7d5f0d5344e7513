//! The memory implementations of journal, shipments, signals, orders and customers.

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
