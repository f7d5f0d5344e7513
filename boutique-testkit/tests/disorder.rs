//! A damaged store may answer its records in no order: an audit of it ends all the same.

use std::sync::Arc;

use boutique_core::assembly::Ports;
use boutique_core::audit::{AuditScope, Auditor};
use boutique_core::fault::FaultKind;
use boutique_testkit::generate;
use boutique_testkit::mocks::MockShipmentStore;
use boutique_testkit::sources::{CountingIds, ManualClock};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

#[tokio::test]
async fn an_audit_of_records_that_never_end_is_given_up() {
    let mut runner = TestRunner::deterministic();
    let shipment = generate::shipment().new_tree(&mut runner);
    let shipment = shipment.expect("a shipment").current();
    let mut shipments = MockShipmentStore::new();
    // Whatever comes after it, it is this one: twice is often enough to see that.
    shipments
        .expect_shipments()
        .times(2)
        .returning(move |_, _| Ok(vec![shipment.clone()]));
    let mut ports = Ports::memory(
        Arc::new(ManualClock::default()),
        Arc::new(CountingIds::default()),
    );
    ports.shipments = Arc::new(shipments);
    let audit = Auditor::new(&ports, &[], AuditScope::Running).run().await;
    let fault = audit.expect_err("nothing is known of such a store");
    assert_eq!(fault.kind(), FaultKind::Permanent);
}
