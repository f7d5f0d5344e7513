//! Driving an order that is dropped at every await, and what the next one makes of it.

use std::task::{Context, Waker};

use super::fixture::{World, at, order_id, placed, usd};
use super::{Fact, OrderStore, ReturnProgress, ReturnedLine};
use crate::flow::Step;
use crate::ids::ReturnId;
use crate::limits::Units;
use crate::stock::StockSystem::{self, Furniture};
use crate::warehouse::ShipmentStatus;

#[derive(Clone, Copy)]
enum Story {
    Fresh,
    Cancelled,
    HalfCancelled,
    Returned,
}

/// A world in which that has happened and nobody has done what follows from it.
async fn world(story: Story) -> World {
    let world = World::new().await;
    let accepted = world.orders.accept(placed(), at(2)).await;
    accepted.expect("new");
    let record = |fact| world.orders.record(&KEY, vec![fact], None, at(3));
    let shipped = |system| Fact::Reported {
        system,
        status: ShipmentStatus::Shipped,
        at: at(7),
    };
    let cancel = Fact::CancelAsked { at: at(8) };
    match story {
        Story::Fresh => {}
        Story::Cancelled => {
            record(cancel).await.expect("taken");
        }
        Story::HalfCancelled => {
            world.driver().run(order_id()).await.expect("driven");
            // The carrier has it, but nobody has told order management.
            world.carrier_says(Furniture, ShipmentStatus::Shipped).await;
            record(cancel).await.expect("taken");
        }
        Story::Returned => {
            world.driver().run(order_id()).await.expect("driven");
            for system in StockSystem::ALL {
                world.carrier_says(system, ShipmentStatus::Shipped).await;
                record(shipped(system)).await.expect("taken");
            }
            let line = |line, cents| ReturnedLine {
                line,
                quantity: Units::ONE,
                refund: usd(cents),
                tax: usd(0),
            };
            let asked = Fact::ReturnAsked(ReturnProgress {
                id: ReturnId::new("r1").expect("valid"),
                at: at(9),
                lines: vec![line(0, 900), line(2, 10_000)],
                restock: true,
                restocked: Vec::new(),
                credited: false,
            });
            record(asked).await.expect("taken");
        }
    }
    world
}

static KEY: std::sync::LazyLock<crate::ids::OrderId> = std::sync::LazyLock::new(order_id);

async fn check(story: Story, expected: &[&str]) {
    let undisturbed = world(story).await;
    let drove = undisturbed.driver().run(order_id()).await.expect("driven");
    assert!(drove.remaining.is_empty() && drove.fault.is_none());
    assert_eq!(undisturbed.print().await, expected);

    for polls in 0.. {
        assert!(polls < 100, "it never ends");
        let world = world(story).await;
        let driver = world.driver();
        let mut drive = Box::pin(driver.run(order_id()));
        let mut context = Context::from_waker(Waker::noop());
        let ended = (0..polls).any(|_| drive.as_mut().poll(&mut context).is_ready());
        drop(drive);
        let drove = driver.run(order_id()).await.expect("driven");
        assert!(drove.remaining.is_empty() && drove.fault.is_none());
        assert_eq!(world.print().await, expected, "dropped after {polls} polls");
        if ended {
            assert!(polls > 4, "it waited {polls} times only");
            return;
        }
    }
}

#[tokio::test]
async fn a_fresh_order_is_booked_and_scheduled_once() {
    let expected = [
        "entry o1.sale 148.50",
        "furniture sofa: 10 1",
        "hold o1.furniture.1 confirmed",
        "hold o1.inventory.1 confirmed",
        "inventory mug: 10 1",
        "inventory tea: 10 3",
        "order furniture scheduled",
        "order inventory scheduled",
        "order is fulfilling",
        "order received",
        "order sale booked",
        "shipment o1.furniture pending",
        "shipment o1.inventory pending",
    ];
    check(Story::Fresh, &expected).await;
}

#[tokio::test]
async fn an_order_cancelled_before_anything_was_done_leaves_no_hold_and_nothing_owed() {
    let expected = [
        "entry o1.cancellation 148.50",
        "entry o1.sale 148.50",
        "furniture sofa: 10 0",
        "hold o1.furniture.1 released",
        "hold o1.inventory.1 released",
        "inventory mug: 10 0",
        "inventory tea: 10 0",
        "order cancel asked",
        "order cancel credited",
        "order furniture called off",
        "order furniture scheduled",
        "order inventory called off",
        "order inventory scheduled",
        "order is cancelled",
        "order received",
        "order sale booked",
        "shipment o1.furniture cancelled",
        "shipment o1.inventory cancelled",
    ];
    check(Story::Cancelled, &expected).await;
}

#[tokio::test]
async fn what_has_left_is_not_paid_back_with_what_was_called_off() {
    // Inventory: 35.00 of goods, and 3.50 of shipping in proportion.
    let expected = [
        "entry o1.cancellation 38.50",
        "entry o1.sale 148.50",
        "furniture sofa: 9 0",
        "hold o1.furniture.1 shipped",
        "hold o1.inventory.1 released",
        "inventory mug: 10 0",
        "inventory tea: 10 0",
        "order cancel asked",
        "order cancel credited",
        "order furniture scheduled",
        "order furniture too late",
        "order inventory called off",
        "order inventory scheduled",
        "order is fulfilling",
        "order received",
        "order sale booked",
        "shipment o1.furniture shipped",
        "shipment o1.inventory cancelled",
    ];
    check(Story::HalfCancelled, &expected).await;
}

#[tokio::test]
async fn what_left_is_recognised_and_what_came_back_is_restocked_and_credited_once() {
    // Recognised is net of tax: 38.50 less 3.50, and 110.00 less 10.00.
    let expected = [
        "entry o1.recognition.furniture 100.00",
        "entry o1.recognition.inventory 35.00",
        "entry o1.return.r1 109.00",
        "entry o1.sale 148.50",
        "furniture sofa: 10 0",
        "hold o1.furniture.1 shipped",
        "hold o1.inventory.1 shipped",
        "inventory mug: 9 0",
        "inventory tea: 8 0",
        "order furniture recognised",
        "order furniture scheduled",
        "order furniture shipped",
        "order inventory recognised",
        "order inventory scheduled",
        "order inventory shipped",
        "order is shipped",
        "order received",
        "order return r1 asked",
        "order return r1 credited",
        "order return r1 restocked in furniture",
        "order return r1 restocked in inventory",
        "order sale booked",
        "shipment o1.furniture shipped",
        "shipment o1.inventory shipped",
    ];
    check(Story::Returned, &expected).await;
}
