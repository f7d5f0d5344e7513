//! Carries the script out in a shop, and keeps what it answers.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use boutique_core::catalog::Catalog;
use boutique_core::checkout::{Outcome, PlaceOrder, ReviewDecision};
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::fault::PortError;
use boutique_core::ids::{CarrierEventId, OrderId, ReceiptId, ReturnId, TenantId};
use boutique_core::limits::Units;
use boutique_core::orders::{CancelOrder, Order, ReturnGoods};
use boutique_core::stock::{Receive, StockSystem};
use boutique_core::warehouse::CarrierEvent;
use boutique_servers::data::TENANT;
use boutique_transport::sources::SystemClock;
use futures_util::future::join_all;
use futures_util::stream::{StreamExt, iter};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::records::Records;
use super::script::{Again, Errand, Script};
use super::shop::Shop;

/// Requests at a time, where their order does not matter.
const IN_FLIGHT: usize = 16;

/// Where the script is carried out.
struct Stage<'a> {
    shop: &'a dyn Shop,
    /// What was answered, by what was asked.
    answers: Mutex<Records>,
    /// The order of each errand that was sold.
    sold: Mutex<BTreeMap<usize, OrderId>>,
    /// The moment of everything whose moment can be said.
    at: Timestamp,
}

/// Does all of it; `at` is when the CRM learnt of people and the carrier of parcels.
pub(crate) async fn perform(script: &Script, shop: &dyn Shop, at: Timestamp) -> Records {
    let stage = Stage {
        shop,
        answers: Mutex::default(),
        sold: Mutex::default(),
        at,
    };
    stage.open(script).await;
    stage.sell(script).await;
    shop.settle().await;
    // What was sold changes no more.
    let sold = stage.sold.lock().expect("nobody panicked").clone();
    let then = |it: &(usize, OrderId)| &script.errands[it.0];
    let sold: Vec<_> = sold.into_iter().collect();
    stage
        .each(&sold, async |it| stage.call_off(then(it), &it.1).await)
        .await;
    shop.settle().await;
    // A report that follows another at once may be all that is heard of the two.
    let rounds = script.errands.iter().map(|it| it.then.reports.len()).max();
    for round in 0..rounds.unwrap_or_default() {
        stage
            .each(&sold, async |it| stage.carry(then(it), &it.1, round).await)
            .await;
        shop.settle().await;
    }
    stage
        .each(&sold, async |it| stage.send_back(then(it), &it.1).await)
        .await;
    shop.settle().await;
    stage.answers.into_inner().expect("nobody panicked")
}

impl Stage<'_> {
    fn note(&self, what: &str, answer: Value) {
        let mut answers = self.answers.lock().expect("nobody panicked");
        answers.insert(format!("answer to {what}"), answer);
    }

    async fn each<T>(&self, all: &[T], act: impl AsyncFn(&T)) {
        let act = &act;
        let acts = iter(all).map(|it| act(it));
        acts.buffer_unordered(IN_FLIGHT)
            .for_each(async |()| {})
            .await;
    }

    /// Fills the shelves and tells the CRM who buys.
    async fn open(&self, script: &Script) {
        self.each(&script.shelves, async |(system, product_id, units)| {
            let goods = Receive {
                receipt_id: ReceiptId::new(format!("opening.{product_id}")).expect("an id"),
                product_id: product_id.clone(),
                quantity: *units,
            };
            let answer = self.shop.receive(*system, goods).await;
            self.note(&format!("goods {product_id}"), said(answer));
        })
        .await;
        self.each(&script.customers, async |customer| {
            let id = customer.id.clone();
            let answer = self.shop.customer(customer.clone(), self.at).await;
            self.note(&format!("customer {id}"), said(answer));
        })
        .await;
    }

    /// Places every order, each after those before it that it has something in common with.
    async fn sell(&self, script: &Script) {
        let permits = Semaphore::new(IN_FLIGHT);
        let mut latest: BTreeMap<String, CancellationToken> = BTreeMap::new();
        let turn = async |number, errand: &Errand, before: Vec<CancellationToken>, done| {
            for it in before {
                it.cancelled().await;
            }
            let permit = permits.acquire().await.expect("never closed");
            self.errand(number, errand).await;
            drop((permit, done));
        };
        let mut turns = Vec::new();
        for (number, errand) in script.errands.iter().enumerate() {
            let (touches, done) = (errand.touches(), CancellationToken::new());
            let before = touches.iter().filter_map(|it| latest.get(it).cloned());
            turns.push(turn(
                number,
                errand,
                before.collect(),
                done.clone().drop_guard(),
            ));
            latest.extend(touches.into_iter().map(|it| (it, done.clone())));
        }
        join_all(turns).await;
    }

    async fn errand(&self, number: usize, errand: &Errand) {
        let key = &errand.key;
        for (at, line) in errand.cart.iter().enumerate() {
            let cart = self.shop.add(&errand.body.user_id, line.clone()).await;
            self.note(
                &format!("line {at} into the cart of order {key}"),
                said(cart),
            );
        }
        if errand.rehearsed {
            let mut request = self.request(errand);
            request.dry_run = true;
            let answer = self.shop.place(request).await;
            self.note(&format!("dry run of order {key}"), outcome(answer));
        }
        let first = self.shop.place(self.request(errand)).await;
        let parked = match &first {
            Ok(Outcome::Parked { order_id, .. }) => Some(order_id.clone()),
            _ => None,
        };
        let mut ended = first;
        if let Some(order_id) = parked {
            self.note(&format!("first ask for order {key}"), outcome(ended));
            let decision = ReviewDecision {
                order_id,
                approve: errand.approved,
                remark: "called the customer".to_owned(),
            };
            ended = self.shop.review(decision).await;
        }
        if let Ok(Outcome::Confirmed(receipt)) = &ended {
            let order_id = receipt.order.order_id.clone();
            let mut sold = self.sold.lock().expect("nobody panicked");
            sold.insert(number, order_id);
        }
        if let Some(fate) = errand.due {
            let name = match &ended {
                Ok(Outcome::Confirmed(_)) => "confirmed",
                Ok(Outcome::Refused { refusal, .. }) => refusal.name(),
                _ => "neither sold nor refused",
            };
            assert_eq!(name, fate.outcome(), "{key}: {ended:?}");
        }
        let ended = outcome(ended);
        self.note(&format!("order {key}"), ended.clone());
        if let Some(again) = errand.again {
            let mut request = self.request(errand);
            if again == Again::OtherBody {
                let lines = errand.lines().iter().cloned().map(|mut it| {
                    it.quantity = match it.quantity {
                        Units::ONE => Units::new(2).expect("in range"),
                        _ => Units::ONE,
                    };
                    it
                });
                request.body.lines = Some(lines.collect());
            }
            let answer = outcome(self.shop.place(request).await);
            if again == Again::Same {
                assert_eq!(answer, ended, "{key} is answered the same for ever");
            }
            self.note(&format!("order {key} again"), answer);
        }
    }

    fn request(&self, errand: &Errand) -> PlaceOrder {
        PlaceOrder {
            tenant: TenantId::new(TENANT).expect("an id"),
            key: errand.key.clone(),
            body: errand.body.clone(),
            dry_run: false,
            deadline: SystemClock::default().now().after(Duration::from_secs(60)),
            traceparent: Some(trace(errand)),
        }
    }

    async fn call_off(&self, errand: &Errand, order_id: &OrderId) {
        if !errand.then.cancelled {
            return;
        }
        let buyer = Some(&errand.body.user_id);
        let order_id = order_id.clone();
        let cancel = CancelOrder { order_id, at: None };
        let answer = self.shop.cancel(buyer, cancel).await;
        self.note(&format!("cancelling order {}", errand.key), order(answer));
    }

    /// The carrier reports twice, and about shipments that were called off as well.
    async fn carry(&self, errand: &Errand, order_id: &OrderId, round: usize) {
        let Some(status) = errand.then.reports.get(round) else {
            return;
        };
        for system in systems(errand) {
            let shipment_id = order_id.shipment(system.as_str());
            let name = format!("{status} of {system} of order {}", errand.key);
            let event = CarrierEvent {
                id: CarrierEventId::new(format!("{shipment_id}.{status}")).expect("an id"),
                shipment_id,
                status: *status,
                at: self.at,
            };
            let first = self.shop.report(event.clone()).await;
            let again = self.shop.report(event).await;
            self.note(&name, shipment(first));
            self.note(&format!("{name} again"), shipment(again));
        }
    }

    async fn send_back(&self, errand: &Errand, order_id: &OrderId) {
        let Some(back) = &errand.then.back else {
            return;
        };
        // Only the shop has seen the goods that go back onto the shelf.
        let buyer = (!back.restock).then_some(&errand.body.user_id);
        let goods = ReturnGoods {
            order_id: order_id.clone(),
            return_id: ReturnId::new(format!("{order_id}-back")).expect("an id"),
            lines: back.lines.clone(),
            restock: back.restock,
            at: None,
        };
        let answer = self.shop.take_back(buyer, goods).await;
        self.note(&format!("return of order {}", errand.key), order(answer));
    }
}

/// The stock systems an order touches.
fn systems(errand: &Errand) -> Vec<StockSystem> {
    let range = Catalog::default_range();
    let of = |system| {
        let mut products = errand
            .lines()
            .iter()
            .filter_map(|it| range.get(&it.product_id));
        products.any(|it| it.system == system)
    };
    StockSystem::ALL.into_iter().filter(|it| of(*it)).collect()
}

/// A trace that is named after the order, so that it is the same everywhere.
fn trace(errand: &Errand) -> String {
    // FNV-1a (Fowler, Noll and Vo).
    let name = errand
        .key
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |it, byte| {
            (it ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("00-{name:032x}-{name:016x}-00")
}

fn said<T: Serialize, R: Serialize + std::error::Error>(answer: Result<T, PortError<R>>) -> Value {
    match answer {
        Ok(it) => json!({"yes": it}),
        Err(PortError::Rejected(rejection)) => json!({"no": rejection}),
        // Nothing fails here but by mistake: it differs from any answer.
        Err(PortError::Fault(fault)) => json!({"fault": fault.to_string()}),
    }
}

fn outcome<R: Serialize + std::error::Error>(answer: Result<Outcome, PortError<R>>) -> Value {
    said(answer.map(|it| match it {
        Outcome::Confirmed(receipt) => json!({"confirmed": receipt}),
        Outcome::Parked { order_id, until } => json!({"parked": order_id, "until": until}),
        Outcome::Refused { order_id, refusal } => json!({"refused": order_id, "why": refusal}),
    }))
}

/// How far it has come since is another matter: see the records.
fn order<R: Serialize + std::error::Error>(answer: Result<Order, PortError<R>>) -> Value {
    said(answer.map(|it| it.placed))
}

fn shipment<R: std::error::Error>(
    answer: Result<boutique_core::warehouse::Shipment, PortError<R>>,
) -> Value {
    match answer {
        Ok(it) => json!({"yes": {"id": it.id, "status": it.status}}),
        Err(PortError::Rejected(rejection)) => json!({"no": rejection.to_string()}),
        Err(PortError::Fault(fault)) => json!({"fault": fault.to_string()}),
    }
}
