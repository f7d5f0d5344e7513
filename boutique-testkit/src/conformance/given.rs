//! Short ways to say what a case is about.

use std::sync::Arc;

use boutique_core::clock::Timestamp;
use boutique_core::customer::{Address, Email};
use boutique_core::ids::{
    CustomerId, EntryId, EventId, HoldId, OrderId, ProductId, ReceiptId, ShipmentId, UserId,
};
use boutique_core::limits::Units;
use boutique_core::money::{Currency, Money};
use boutique_core::pii::Pii;
use boutique_core::stock::StockLine;

macro_rules! named {
    ($($name:ident -> $id:ident),* $(,)?) => {$(
        pub(crate) fn $name(text: impl Into<Arc<str>>) -> $id {
            $id::new(text).expect("the case names it rightly")
        }
    )*};
}

named!(
    product -> ProductId,
    hold_id -> HoldId,
    receipt_id -> ReceiptId,
    shipment_id -> ShipmentId,
    order_id -> OrderId,
    user -> UserId,
    customer_id -> CustomerId,
    entry_id -> EntryId,
    event_id -> EventId,
);

pub(crate) fn units(count: i64) -> Units {
    Units::new(count).expect("within one line's ceiling")
}

pub(crate) fn usd(cents: i64) -> Money {
    Money::from_minor(Currency::USD, cents).expect("within the ceiling")
}

pub(crate) fn lines(lines: &[(&str, i64)]) -> Vec<StockLine> {
    lines
        .iter()
        .map(|&(name, count)| StockLine {
            product_id: product(name),
            quantity: units(count),
        })
        .collect()
}

pub(crate) fn email(text: &str) -> Pii<Email> {
    Email::new(text).expect("an e-mail").into()
}

pub(crate) fn address() -> Pii<Address> {
    Address {
        street_address: "1 Harbour Street".to_owned(),
        city: "Port".to_owned(),
        state: String::new(),
        country: "Country".to_owned(),
        zip_code: "01234".to_owned(),
    }
    .checked()
    .expect("an address")
    .into()
}

/// So many seconds after 2026-01-01, where a [`ManualClock`](crate::ManualClock) begins.
pub(crate) const fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000 + second * 1_000)
}

/// Does `action` in `tasks` tasks that begin together, and answers with what they answered.
pub(crate) async fn together<T, F>(tasks: usize, action: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(tokio::sync::Barrier::new(tasks));
    let tasks: Vec<_> = (0..tasks)
        .map(|task| {
            let (start, action) = (Arc::clone(&start), action(task));
            tokio::spawn(async move {
                start.wait().await;
                action.await
            })
        })
        .collect();
    let mut answers = Vec::with_capacity(tasks.len());
    for task in tasks {
        answers.push(task.await.expect("a task of the case panicked"));
    }
    answers
}

/// The rejection of an answer that has to be one.
#[track_caller]
pub(crate) fn refused<T, R>(answer: Result<T, boutique_core::fault::PortError<R>>) -> R
where
    T: std::fmt::Debug,
    R: std::error::Error,
{
    match answer {
        Err(boutique_core::fault::PortError::Rejected(rejection)) => rejection,
        Err(boutique_core::fault::PortError::Fault(fault)) => {
            panic!("should have been refused, but failed: {fault:?}")
        }
        Ok(answer) => panic!("should have been refused, but was answered: {answer:?}"),
    }
}

/// Takes `Ok`, or shows the fault.
#[track_caller]
pub(crate) fn fine<T, E: std::fmt::Debug>(answer: Result<T, E>) -> T {
    match answer {
        Ok(answer) => answer,
        Err(error) => panic!("should have been answered: {error:?}"),
    }
}
