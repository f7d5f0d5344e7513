//! The warehouse at work over ledgers and a broker in memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{CancelShipment, CarrierEvent, Duty, Fulfil, Fulfilled, MemoryShipments, Schedule};
use super::{Moved, Shipment, ShipmentReport, ShipmentStatus, TakeBack, Warehouse};
use crate::broker::{Broker, Deliveries, MemoryBroker, SubscriptionConfig};
use crate::clock::{Clock, Timestamp};
use crate::customer::Address;
use crate::flow::Step;
use crate::ids::{CarrierEventId, HoldId, OrderId, ProductId, ReturnId};
use crate::limits::Units;
use crate::stock::StockSystem::Inventory;
use crate::stock::{Level, MemoryLedger, Receive, Reserve, StockLedger, StockLine};

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(43_200_000)
    }
}

fn tea() -> ProductId {
    ProductId::new("green tea").expect("valid")
}

fn order_id(name: &str) -> OrderId {
    OrderId::new(name).expect("valid")
}

fn hold_id(order: &str) -> HoldId {
    order_id(order).hold("inventory", 1)
}

/// A warehouse without ledger and topic, and a ledger with ten green tea of which each of `sold`
/// has bought one.
async fn warehouse(sold: &[&str]) -> (Warehouse, Arc<MemoryLedger>) {
    let clock: Arc<dyn Clock> = Arc::new(Noon);
    let ledger = Arc::new(MemoryLedger::new(Arc::clone(&clock)));
    let receive = Receive {
        receipt_id: order_id("first").receipt("delivery"),
        product_id: tea(),
        quantity: 10,
    };
    ledger.receive(receive).await.expect("received");
    for order in sold {
        let reserve = Reserve {
            hold_id: hold_id(order),
            lines: lines(),
            ttl: Duration::from_secs(1),
            valid_until: Timestamp::MAX,
        };
        ledger.reserve(reserve).await.expect("reserved");
        let confirmed = ledger.confirm(&hold_id(order), None).await;
        confirmed.expect("confirmed");
    }
    let warehouse = Warehouse {
        shipments: Arc::new(MemoryShipments::default()),
        ledgers: BTreeMap::new(),
        broker: Deliveries::Own(Arc::new(MemoryBroker::new(Arc::clone(&clock)))),
        topic: "shipments".into(),
        clock,
        moved: Moved::default(),
    };
    (warehouse, ledger)
}

fn lines() -> Vec<StockLine> {
    vec![StockLine {
        product_id: tea(),
        quantity: Units::ONE,
    }]
}

async fn schedule(warehouse: &Warehouse, order: &str) -> Shipment {
    let address = Address {
        street_address: "1 Quay".to_owned(),
        city: "Cork".to_owned(),
        state: String::new(),
        country: "Ireland".to_owned(),
        zip_code: String::new(),
    };
    let schedule = Schedule {
        order_id: order_id(order),
        system: Inventory,
        hold_id: Some(hold_id(order)),
        lines: lines(),
        tracking_id: order_id(order).tracking(),
        address: address.into(),
    };
    match warehouse.run(Fulfil::Schedule(schedule)).await {
        Ok(Fulfilled::Shipment { shipment, .. }) => shipment,
        other => panic!("{other:?}"),
    }
}

fn says(order: &str, status: ShipmentStatus) -> CarrierEvent {
    CarrierEvent {
        id: CarrierEventId::new(format!("{order}.{status}")).expect("valid"),
        shipment_id: order_id(order).shipment("inventory"),
        status,
        at: Timestamp::from_millis(7),
    }
}

async fn level(ledger: &MemoryLedger) -> Level {
    let level = ledger.level(&tea()).await.expect("in memory");
    level.expect("listed")
}

fn broker(warehouse: &Warehouse) -> &dyn Broker {
    &**warehouse.broker.own().expect("its own")
}

async fn announced(warehouse: &Warehouse) -> Vec<String> {
    let pulled = broker(warehouse).pull(&"oms".into(), 10).await;
    let deliveries = pulled.expect("known").into_iter();
    let reports = deliveries.map(|it| ShipmentReport::decode(&it.message).expect("a report"));
    reports.map(|it| it.event_id.to_string()).collect()
}

async fn open_topic(warehouse: &Warehouse) {
    let (broker, topic) = (broker(warehouse), &warehouse.topic);
    broker.create_topic(topic).await.expect("created");
    let config = SubscriptionConfig::new(topic.clone());
    let created = broker.create_subscription(&"oms".into(), config).await;
    created.expect("created");
}

#[tokio::test]
async fn a_report_is_kept_while_stock_and_broker_are_down_and_made_good_once_they_are_back() {
    let (mut warehouse, ledger) = warehouse(&["o1"]).await;
    schedule(&warehouse, "o1").await;
    let shipped = says("o1", ShipmentStatus::Shipped);
    let shipment = warehouse.run(shipped.clone()).await.expect("recorded");
    assert_eq!(shipment.status, ShipmentStatus::Shipped);
    assert_eq!(shipment.duties, [Duty::Settle, Duty::Announce].into());
    let fault = warehouse.discharge_all(10).await.expect_err("no ledger");
    let text = "the warehouse has no inventory ledger: configure one";
    assert_eq!(fault.to_string(), text);
    assert_eq!(level(&ledger).await.on_hand, 10);

    warehouse
        .ledgers
        .insert(Inventory, Arc::<MemoryLedger>::clone(&ledger) as _);
    warehouse.discharge_all(10).await.expect_err("no topic");
    assert_eq!(level(&ledger).await.on_hand, 9);
    open_topic(&warehouse).await;
    assert_eq!(warehouse.discharge_all(10).await.expect("done"), 1);
    assert_eq!(warehouse.discharge_all(10).await.expect("nothing left"), 0);
    assert_eq!(announced(&warehouse).await, ["o1.inventory.shipped"]);

    let again = warehouse.run(shipped).await.expect("the same report");
    assert!(again.duties.is_empty());
    assert_eq!(level(&ledger).await.on_hand, 9);
}

#[tokio::test]
async fn a_hold_that_refuses_does_not_hold_other_shipments_up() {
    let (mut warehouse, ledger) = warehouse(&["b", "c"]).await;
    warehouse
        .ledgers
        .insert(Inventory, Arc::<MemoryLedger>::clone(&ledger) as _);
    open_topic(&warehouse).await;
    // Nobody sold the goods of the first.
    for order in ["a", "b", "c"] {
        schedule(&warehouse, order).await;
        let shipped = says(order, ShipmentStatus::Shipped);
        warehouse.run(shipped).await.expect("recorded");
    }
    let fault = warehouse.discharge_all(2).await.expect_err("one refuses");
    let text = "the stock ledger refuses shipment a.inventory: look at its hold";
    assert_eq!(fault.to_string(), text);
    assert_eq!(level(&ledger).await.on_hand, 8);
    assert_eq!(announced(&warehouse).await.len(), 3);
    let unfinished = warehouse.shipments.unfinished(None, 10).await;
    let unfinished = unfinished.expect("in memory");
    assert_eq!(unfinished.len(), 1);
    assert_eq!(unfinished[0].duties, [Duty::Settle].into());
}

#[tokio::test]
async fn only_an_order_is_called_off_and_only_before_it_leaves() {
    let (mut warehouse, ledger) = warehouse(&["o1", "o2"]).await;
    warehouse
        .ledgers
        .insert(Inventory, Arc::<MemoryLedger>::clone(&ledger) as _);
    schedule(&warehouse, "o1").await;
    schedule(&warehouse, "o2").await;
    let cancel = |order| {
        Fulfil::Cancel(CancelShipment {
            order_id: order_id(order),
            system: Inventory,
        })
    };
    let by_carrier = warehouse.run(says("o1", ShipmentStatus::Cancelled)).await;
    let refused = by_carrier.expect_err("refused").to_string();
    assert_eq!(
        refused,
        "a shipment that is pending cannot become cancelled"
    );
    for expected in [false, true] {
        match warehouse.run(cancel("o1")).await.expect("called off") {
            Fulfilled::Shipment { repeated, .. } => assert_eq!(repeated, expected),
            Fulfilled::TakenBack => panic!("nothing came back"),
        }
    }
    assert_eq!(
        (level(&ledger).await.on_hand, level(&ledger).await.committed),
        (10, 1)
    );
    // A schedule that was still on its way finds it called off.
    let late = schedule(&warehouse, "o1").await;
    assert_eq!(late.status, ShipmentStatus::Cancelled);

    let shipped = says("o2", ShipmentStatus::Shipped);
    warehouse.run(shipped).await.expect("recorded");
    let refused = warehouse.run(cancel("o2")).await.expect_err("has left");
    let text = "a shipment that is shipped cannot become cancelled";
    assert_eq!(refused.to_string(), text);
    assert_eq!(
        (level(&ledger).await.on_hand, level(&ledger).await.committed),
        (9, 0)
    );
}

#[tokio::test]
async fn goods_come_back_once_per_return_and_product() {
    let (mut warehouse, ledger) = warehouse(&[]).await;
    warehouse
        .ledgers
        .insert(Inventory, Arc::<MemoryLedger>::clone(&ledger) as _);
    let take_back = |return_id: &str, product: &str| {
        Fulfil::TakeBack(TakeBack {
            order_id: order_id("o1"),
            return_id: ReturnId::new(return_id).expect("valid"),
            system: Inventory,
            lines: vec![(ProductId::new(product).expect("valid"), 2)],
        })
    };
    // Names that would run into each other if they were only joined.
    for (return_id, product) in [
        ("r1", "green tea"),
        ("r", "1.green tea"),
        ("r.1", "green tea"),
    ] {
        for _ in 0..2 {
            let taken = warehouse.run(take_back(return_id, product)).await;
            assert_eq!(taken.expect("taken back"), Fulfilled::TakenBack);
        }
    }
    assert_eq!(level(&ledger).await.on_hand, 14);
    let longest = take_back(&"r".repeat(128), &"é".repeat(32));
    warehouse.run(longest).await.expect("any id fits");
}
