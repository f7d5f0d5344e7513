//! What the desk and the receivers do for people, over the whole shop in memory.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::fixture::{At, Driver, World, at, order_id, placed, usd};
use super::{Action, CancelOrder, DeadLetterSource, Desk, MemoryOrders, OrderState, OrderStore};
use super::{ReceiveDeadLetters, ReceiveOrders, ReceiveReports, ReturnGoods, ReturnLine};
use crate::accounting::{Account, Journal};
use crate::broker::{AckId, Delivery, Message, Push, PushPump};
use crate::flow::{Step, StepService};
use crate::ids::ReturnId;
use crate::limits::Units;
use crate::money::Currency;
use crate::stock::StockSystem::{Furniture, Inventory};
use crate::warehouse::{REPORT_TYPE, ShipmentStatus};

fn push(message: Message) -> Push {
    Push {
        subscription: "oms".into(),
        delivery: Delivery {
            ack_id: AckId {
                message_id: 9,
                attempt: 1,
            },
            message_id: 9,
            published_at: at(2),
            attempt: 1,
            message: Arc::new(message),
        },
    }
}

fn receive_orders(world: &World) -> ReceiveOrders<StepService<Driver>> {
    ReceiveOrders {
        orders: Arc::<MemoryOrders>::clone(&world.orders),
        drive: world.driver().into_service(),
        clock: Arc::<At>::clone(&world.clock),
    }
}

fn receive_reports(world: &World) -> ReceiveReports<StepService<Driver>> {
    ReceiveReports {
        orders: Arc::<MemoryOrders>::clone(&world.orders),
        drive: world.driver().into_service(),
        clock: Arc::<At>::clone(&world.clock),
    }
}

fn desk(world: &World) -> Desk<StepService<Driver>> {
    Desk {
        orders: Arc::<MemoryOrders>::clone(&world.orders),
        drive: world.driver().into_service(),
        clock: Arc::<At>::clone(&world.clock),
    }
}

fn goods(return_id: &str, lines: &[(usize, i64, Option<i64>)]) -> ReturnGoods {
    ReturnGoods {
        order_id: order_id(),
        return_id: ReturnId::new(return_id).expect("valid"),
        lines: lines
            .iter()
            .map(|&(line, quantity, cents)| ReturnLine {
                line,
                quantity: Units::new(quantity).expect("in range"),
                refund: cents.map(usd),
            })
            .collect(),
        restock: false,
        at: None,
    }
}

/// The carrier takes both parts, and the reports reach order management.
async fn ship(world: &World) {
    for system in [Inventory, Furniture] {
        world.carrier_says(system, ShipmentStatus::Shipped).await;
    }
    assert_eq!(world.warehouse.discharge_all(10).await.expect("done"), 2);
    let pump = PushPump {
        broker: Arc::clone(world.warehouse.broker.own().expect("its own")),
        subscription: "oms".into(),
        service: receive_reports(world).into_service(),
        in_flight: 4,
    };
    // Two messages of one order share a key and come one after the other.
    for _ in 0..2 {
        assert_eq!(pump.pump(10).await.expect("pumps").acknowledged, 1);
    }
}

#[tokio::test]
async fn an_order_is_acknowledged_while_accounting_is_down_and_only_what_failed_is_done_again() {
    let world = World::new().await;
    world.far_books.cut_off.store(true, Ordering::SeqCst);
    let receive = receive_orders(&world);
    let pushed = receive.run(push(placed().encode())).await;
    pushed.expect("acknowledged");
    let stuck = desk(&world).stuck(Duration::ZERO, None, 10).await;
    let stuck = stuck.expect("found");
    assert_eq!(stuck[0].remaining, [Action::BookSale]);
    assert_eq!(stuck[0].state, OrderState::Received);
    let asked = world.far_warehouse.arrived.load(Ordering::SeqCst);

    world.far_books.cut_off.store(false, Ordering::SeqCst);
    let drove = world.driver().run(order_id()).await.expect("driven");
    assert!(drove.remaining.is_empty());
    assert_eq!(world.far_warehouse.arrived.load(Ordering::SeqCst), asked);
    let order = world.orders.order(&order_id()).await.expect("kept");
    let order = order.expect("known");
    assert_eq!(order.progress.state(), OrderState::Fulfilling);

    let again = receive.run(push(placed().encode())).await;
    again.expect("acknowledged");
    let entries = world.journal.entries_of(&order_id()).await.expect("kept");
    assert_eq!(entries.len(), 1);
}

#[tokio::test]
async fn a_message_that_cannot_be_taken_in_is_parked_until_it_can() {
    let world = World::new().await;
    let receive = receive_orders(&world);
    let mut broken = placed().encode();
    broken.data = "{".into();
    let mut two_holds = placed();
    two_holds.holds[1].system = Inventory;
    two_holds.event_id = order_id().shipment("x").report("y");
    for message in [broken, two_holds.encode()] {
        let pushed = receive.run(push(message)).await;
        pushed.expect("acknowledged");
    }
    let mut lost = placed().encode();
    Arc::make_mut(&mut lost.attributes).remove("ce-id");
    let undelivered = ReceiveDeadLetters {
        orders: Arc::<MemoryOrders>::clone(&world.orders),
        clock: Arc::<At>::clone(&world.clock),
    };
    let dead = lost.dead(&"orders".into(), 5);
    undelivered.run(push(dead)).await.expect("acknowledged");

    let letters = world.orders.dead_letters(None, 10).await.expect("kept");
    let letters: Vec<_> = letters
        .iter()
        .map(|it| (it.id.as_str(), it.source, it.reason.as_str()))
        .collect();
    assert_eq!(letters.len(), 3);
    assert_eq!(letters[0].0, "o1.confirmed");
    assert_eq!(letters[1].2, "holds: there is more than one for inventory");
    let reason = "subscription orders: not acknowledged after 5 deliveries";
    assert_eq!(letters[2], ("oms.9", DeadLetterSource::Undelivered, reason));

    let desk = desk(&world);
    let still = desk.replay("o1.x.y").await.expect_err("refused");
    assert!(
        still.to_string().ends_with("more than one for inventory"),
        "{still}"
    );
    desk.replay("oms.9").await.expect("taken in");
    let gone = desk.replay("oms.9").await.expect_err("gone");
    assert_eq!(gone.to_string(), "there is no dead letter oms.9");
    assert!(
        world
            .orders
            .order(&order_id())
            .await
            .expect("kept")
            .is_some()
    );
}

#[tokio::test]
async fn a_report_waits_for_its_order() {
    let world = World::new().await;
    let message = Message {
        data: r#"{"event_id":"e1","order_id":"o1","shipment_id":"o1.inventory","system":"inventory","status":"delivered","at":9000,"shipped_at":7000}"#.into(),
        attributes: Arc::new([("ce-type".to_owned(), REPORT_TYPE.to_owned())].into()),
        ordering_key: None,
    };
    let receive = receive_reports(&world);
    let early = receive.run(push(message.clone())).await.expect_err("early");
    assert!(early.kind().is_transient());
    let pushed = receive_orders(&world).run(push(placed().encode())).await;
    pushed.expect("acknowledged");
    for _ in 0..2 {
        let pushed = receive.run(push(message.clone())).await;
        pushed.expect("acknowledged");
    }
    let order = world.orders.order(&order_id()).await.expect("kept");
    let progress = order.expect("known").progress;
    let part = &progress.parts[&Inventory];
    assert_eq!(part.status, Some(ShipmentStatus::Delivered));
    // Recognised for the day it left, not for the day it arrived.
    assert_eq!(part.shipped_at, Some(at(7)));
    assert!(part.recognised);
}

#[tokio::test]
async fn everything_that_was_bought_can_come_back_in_pieces_and_the_books_close() {
    let world = World::new().await;
    let pushed = receive_orders(&world).run(push(placed().encode())).await;
    pushed.expect("acknowledged");
    let desk = desk(&world);
    let early = desk.run(goods("r0", &[(0, 1, None)])).await;
    let early = early.expect_err("not shipped");
    assert_eq!(early.to_string(), "lines[0].line: its goods have not left");
    ship(&world).await;

    let first = goods("r1", &[(0, 2, None), (2, 1, None)]);
    desk.run(first.clone()).await.expect("taken back");
    let table = [
        (
            goods("r2", &[(0, 2, None)]),
            "lines[0].quantity: 1 are left to return",
        ),
        (
            goods("r2", &[(0, 4, None)]),
            "lines[0].quantity: 3 were bought",
        ),
        (
            goods("r2", &[(1, 1, None), (3, 1, None)]),
            "lines[1].line: the order has 3 lines, counted from zero",
        ),
        (
            goods("r2", &[(1, 1, Some(501))]),
            "lines[0].refund: must be 0 to USD 5.00",
        ),
        (
            goods("r1", &[(0, 1, None)]),
            "return r1 exists with other content",
        ),
        (goods("r2", &[]), "lines: a return needs at least one line"),
    ];
    for (request, expected) in table {
        let refused = desk.run(request).await.expect_err("refused");
        assert_eq!(refused.to_string(), expected);
    }
    desk.run(first).await.expect("the same again");
    let rest = goods("r2", &[(0, 1, None), (1, 1, None)]);
    let order = desk.run(rest).await.expect("taken back");
    assert!(order.progress.actions(&order.placed).is_empty());

    let cancel = CancelOrder {
        order_id: order_id(),
        at: None,
    };
    let late = desk.run(cancel).await.expect_err("too late");
    let text = "all of it has left: it can be returned, not cancelled";
    assert_eq!(late.to_string(), text);

    // Only shipping is kept, and its tax: 13.50, of which 10 of 110 parts are tax.
    let trial = world.journal.trial_balance().await.expect("kept");
    assert!(trial.is_balanced());
    let balance = |account| trial.balance(Currency::USD, account).decimal();
    assert_eq!(balance(Account::Receivables), "13.50");
    assert_eq!(balance(Account::DeferredRevenue), "0.00");
    assert_eq!(trial.entries, 5);
}
