//! Each order against its holds, entries, shipments and its record in order management.

use std::collections::BTreeMap;

use super::{Auditor, Invariant, PAGE, onward};
use crate::accounting::{Account, Entry, EntryKind};
use crate::checkout::{Intent, Saga, SagaState, Verdicts};
use crate::event::ConfirmedOrder;
use crate::fault::Fault;
use crate::ids::OrderId;
use crate::money::Money;
use crate::orders::Order;
use crate::stock::{Hold, HoldState};
use crate::warehouse::{Shipment, ShipmentStatus};

impl Auditor<'_> {
    pub(super) async fn orders(&mut self) -> Result<(), Fault> {
        let mut after = None;
        loop {
            let page = self.ports.checkout.sagas(after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = onward(after, last.intent.order_id.clone())?;
            for saga in &page {
                self.report.seen.orders += 1;
                match &saga.state {
                    SagaState::Confirmed { verdicts } => {
                        self.report.seen.confirmed += 1;
                        self.confirmed(&saga.intent, verdicts).await?;
                    }
                    SagaState::Refused { .. } | SagaState::Failed { .. } => {
                        self.unsold(saga).await?;
                    }
                    SagaState::Started | SagaState::Approved { .. } if self.at_rest() => {
                        let detail = format!("still {}", saga.state);
                        self.say(Invariant::NothingIsStuck, &saga.intent.order_id, detail);
                    }
                    _ => {}
                }
            }
        }
    }

    async fn confirmed(&mut self, intent: &Intent, verdicts: &Verdicts) -> Result<(), Fault> {
        let order_id = &intent.order_id;
        let total = verdicts.totals.total;
        self.receipt(total);
        let mut holds = Vec::with_capacity(intent.holds.len());
        let mut lines = intent.lines.iter();
        for (at, intended) in intent.holds.iter().enumerate() {
            let ledger = self.ports.ledger(intended.system);
            let hold = ledger.hold(&intended.hold_id).await?;
            let state = hold.as_ref().map(|it| it.state);
            if !state.is_some_and(HoldState::is_sold) {
                let is = state.map_or("unknown", HoldState::as_str);
                let detail = format!("hold {} is {is}", intended.hold_id);
                self.say(Invariant::ConfirmedIsComplete, order_id, detail);
            }
            let mut sold = BTreeMap::new();
            for line in lines.by_ref().take(intended.lines) {
                *sold.entry(&line.product_id).or_insert(0) += u64::from(line.quantity.get());
            }
            if let Some(hold) = &hold {
                let held = hold.lines.iter().map(|it| (&it.product_id, it.quantity));
                if !held.eq(sold) {
                    let detail = format!("hold {} is of other goods", intended.hold_id);
                    self.say(Invariant::ConfirmedIsComplete, order_id, detail);
                }
            }
            if at == 0 {
                let note = hold
                    .as_ref()
                    .and_then(|it| it.note.as_deref())
                    .unwrap_or_default();
                let kept = serde_json::from_str::<Verdicts>(note);
                if kept.ok().as_ref() != Some(verdicts) {
                    let detail = "the deciding hold keeps other verdicts than the record";
                    self.say(Invariant::AnswersAreKept, order_id, detail);
                }
            }
            holds.push(hold);
        }
        let order = self.ports.orders.order(order_id).await?;
        match &order {
            Some(order) if *order.placed != ConfirmedOrder::of(intent, verdicts) => {
                let detail = "order management has another order under this id";
                self.say(Invariant::EventsTakeEffectOnce, order_id, detail);
            }
            None if self.at_rest() => {
                let detail = "order management has never seen it";
                self.say(Invariant::EventsTakeEffectOnce, order_id, detail);
            }
            _ => {}
        }
        if let Some(order) = &order {
            self.steps_of(order);
        }
        self.sale_of(order_id, total).await?;
        self.shipments_of(intent, &holds).await
    }

    pub(super) fn steps_of(&mut self, order: &Order) {
        let open = order.progress.actions(&order.placed).len();
        if self.at_rest() && open > 0 {
            let detail = format!("{open} steps are left to do");
            self.say(
                Invariant::NothingIsStuck,
                &order.placed.order.order_id,
                detail,
            );
        }
    }

    pub(super) async fn sale_of(&mut self, order_id: &OrderId, total: Money) -> Result<(), Fault> {
        let entries = self.ports.journal.entries_of(order_id).await?;
        let taken_back = |it: &Entry| {
            entries
                .iter()
                .any(|by| by.reverses.as_ref() == Some(&it.id))
        };
        let sales: Vec<_> = entries
            .iter()
            .filter(|it| it.kind == EntryKind::Sale && !taken_back(it))
            .collect();
        if sales.len() > 1 || (self.at_rest() && sales.is_empty()) {
            let detail = format!("{} sale entries", sales.len());
            self.say(Invariant::ConfirmedIsComplete, order_id, detail);
        }
        for sale in sales {
            if sale.amount() != Some(total) {
                let booked = sale.amount().map_or_else(String::new, |it| it.to_string());
                let detail = format!("booked {booked}, but the receipt says {total}");
                self.say(Invariant::BooksBalance, &sale.id, detail);
            }
        }
        let credits = entries.iter().filter(|it| {
            matches!(it.kind, EntryKind::Cancellation | EntryKind::Return) && !taken_back(it)
        });
        let paid_back = Money::sum(total.currency(), credits.filter_map(Entry::amount));
        if paid_back.is_ok_and(|it| it.nanos() <= total.nanos()) {
            return Ok(());
        }
        let detail = format!("more is paid back than the {total} that were paid");
        self.say(Invariant::BooksBalance, order_id, detail);
        Ok(())
    }

    async fn shipments_of(&mut self, intent: &Intent, holds: &[Option<Hold>]) -> Result<(), Fault> {
        let order_id = &intent.order_id;
        let shipments = self.ports.shipments.of_order(order_id).await?;
        for (intended, hold) in intent.holds.iter().zip(holds) {
            let of_system: Vec<&Shipment> = shipments
                .iter()
                .filter(|it| it.system == intended.system)
                .collect();
            if of_system.len() > 1 || (self.at_rest() && of_system.is_empty()) {
                let detail = format!("{} shipments from {}", of_system.len(), intended.system);
                self.say(Invariant::ConfirmedIsComplete, order_id, detail);
            }
            let (Some(shipment), Some(hold)) = (of_system.first(), hold) else {
                continue;
            };
            if self.at_rest() && !goods_agree(shipment.status, hold.state) {
                let detail = format!("{}, but its hold is {}", shipment.status, hold.state);
                self.say(Invariant::StockAddsUp, &shipment.id, detail);
            }
        }
        if self.at_rest() && shipments.iter().all(|it| has_ended(it.status)) {
            self.earned(order_id).await?;
        }
        if let Some(odd) = shipments
            .iter()
            .find(|it| intent.holds.iter().all(|hold| hold.system != it.system))
        {
            let detail = format!("{order_id} has no goods in {}", odd.system);
            self.say(Invariant::ConfirmedIsComplete, &odd.id, detail);
        }
        Ok(())
    }

    /// What has left is revenue, what was called off is paid back: nothing stays deferred.
    async fn earned(&mut self, order_id: &OrderId) -> Result<(), Fault> {
        let entries = self.ports.journal.entries_of(order_id).await?;
        // A reversal is a person's correction, which may defer again.
        if entries.iter().any(|it| it.kind == EntryKind::Reversal) {
            return Ok(());
        }
        let mut deferred = entries
            .iter()
            .flat_map(|it| &it.lines)
            .filter(|it| it.account == Account::DeferredRevenue)
            .map(|it| it.amount)
            .peekable();
        let Some(currency) = deferred.peek().map(|it| it.currency()) else {
            return Ok(());
        };
        if !Money::sum(currency, deferred).is_ok_and(|it| it.is_zero()) {
            self.say(
                Invariant::BooksBalance,
                order_id,
                "all of it has left or was called off, but revenue is still deferred",
            );
        }
        Ok(())
    }

    /// Nothing but refusals and tombstones may be left of an order that was not sold.
    async fn unsold(&mut self, saga: &Saga) -> Result<(), Fault> {
        let intent = &saga.intent;
        let order_id = &intent.order_id;
        let entries = self.ports.journal.entries_of(order_id).await?.len();
        let shipments = self.ports.shipments.of_order(order_id).await?.len();
        let order = self.ports.orders.order(order_id).await?.is_some();
        if entries + shipments > 0 || order {
            // A failed attempt may have been tried again since it was read.
            let now = self.ports.checkout.saga(order_id).await?;
            if now.is_some_and(|it| it.state == saga.state) {
                let detail = format!(
                    "{}, but has {entries} entries, {shipments} shipments, {} order",
                    saga.state,
                    u8::from(order),
                );
                self.say(Invariant::UnsoldLeavesNothing, order_id, detail);
            }
        }
        Ok(())
    }
}

/// Whether nothing of a shipment is still to leave.
const fn has_ended(shipment: ShipmentStatus) -> bool {
    !matches!(shipment, ShipmentStatus::Pending | ShipmentStatus::Packed)
}

/// Whether a shipment that owes nothing and its hold tell the same story.
const fn goods_agree(shipment: ShipmentStatus, hold: HoldState) -> bool {
    match shipment {
        ShipmentStatus::Pending | ShipmentStatus::Packed => matches!(hold, HoldState::Confirmed),
        ShipmentStatus::Shipped | ShipmentStatus::Delivered | ShipmentStatus::Returned => {
            matches!(hold, HoldState::Shipped)
        }
        ShipmentStatus::Cancelled => matches!(hold, HoldState::Released),
    }
}
