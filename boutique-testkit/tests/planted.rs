//! A suite that cannot fail proves nothing. Here ledgers and stores have a bug planted in a
//! decorator, and the case that is about it has to fail.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use boutique_core::checkout::{
    Begun, CheckoutStore, Decide, Intent, MemoryCheckout, OutboxRecord, OutboxStatus, Saga,
    StoreError, Told,
};
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::fault::{Fault, PortError};
use boutique_core::ids::{HoldId, OrderId, ProductId, ReceiptId};
use boutique_core::stock::{
    Hold, HoldState, LedgerError, Level, MemoryLedger, Receive, Rejection, Reserve, SetOnHand,
    Settle, StockAudit, StockLedger,
};
use boutique_testkit::conformance::checkout::CheckoutFixture;
use boutique_testkit::conformance::{checkout, stock};
use boutique_testkit::{FaultPlan, Faulty, ManualClock};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bug {
    None,
    VoidLeavesNoTombstone,
    ConfirmAfterExpiry,
    ReceiveTwice,
    ReserveIgnoresOtherGoods,
    ExtendShortens,
    LastNoteWins,
    CursorIncluded,
    ShipTakesTwice,
    LateReserveAccepted,
    StockIsReadBeforeItIsTaken,
}

/// A memory ledger with a bug.
struct Bugged {
    ledger: MemoryLedger,
    clock: Arc<ManualClock>,
    bug: Bug,
    drawn: Mutex<u64>,
}

impl Bugged {
    fn fresh(&self) -> u64 {
        let mut drawn = self.drawn.lock().expect("no test panics with it");
        *drawn += 1;
        *drawn
    }

    async fn known(&self, hold_id: &HoldId) -> Option<Hold> {
        self.ledger.hold(hold_id).await.expect("memory")
    }
}

#[async_trait]
impl StockLedger for Bugged {
    async fn reserve(&self, mut request: Reserve) -> Result<Hold, LedgerError> {
        match self.bug {
            Bug::ReserveIgnoresOtherGoods => {
                if let Some(hold) = self.known(&request.hold_id).await {
                    return Ok(hold);
                }
            }
            Bug::LateReserveAccepted => request.valid_until = Timestamp::MAX,
            Bug::StockIsReadBeforeItIsTaken if self.known(&request.hold_id).await.is_none() => {
                let line = request.lines.first().cloned();
                let level = match &line {
                    Some(line) => self.ledger.level(&line.product_id).await?,
                    None => None,
                };
                tokio::task::yield_now().await;
                if let (Some(line), Some(level)) = (line, level)
                    && level.available() >= u64::from(line.quantity.get())
                {
                    // Another buyer may have been quicker: it oversells.
                    let more = Receive {
                        receipt_id: ReceiptId::new(format!("bug-{}", self.fresh())).expect("an id"),
                        product_id: line.product_id,
                        quantity: line.quantity.get().into(),
                    };
                    if matches!(
                        self.ledger.reserve(request.clone()).await,
                        Err(PortError::Rejected(Rejection::Short(_)))
                    ) {
                        self.ledger.receive(more).await?;
                    }
                }
            }
            _ => {}
        }
        self.ledger.reserve(request).await
    }

    async fn extend(&self, hold_id: &HoldId, ttl: Duration) -> Result<Hold, LedgerError> {
        let mut hold = self.ledger.extend(hold_id, ttl).await?;
        if self.bug == Bug::ExtendShortens {
            hold.expires_at = self.clock.now().after(ttl);
        }
        Ok(hold)
    }

    async fn pin(&self, hold_id: &HoldId) -> Result<Hold, LedgerError> {
        self.ledger.pin(hold_id).await
    }

    async fn confirm(&self, hold_id: &HoldId, note: Option<String>) -> Result<Hold, LedgerError> {
        let mut hold = self.ledger.confirm(hold_id, note.clone()).await?;
        match self.bug {
            Bug::ConfirmAfterExpiry if hold.state == HoldState::Expired => {
                hold.state = HoldState::Confirmed;
            }
            Bug::LastNoteWins => hold.note = note,
            _ => {}
        }
        Ok(hold)
    }

    async fn void(&self, hold_id: &HoldId) -> Result<Hold, LedgerError> {
        if self.bug == Bug::VoidLeavesNoTombstone && self.known(hold_id).await.is_none() {
            return Ok(Hold {
                id: hold_id.clone(),
                lines: Vec::new(),
                state: HoldState::Voided,
                expires_at: self.clock.now(),
                note: None,
                shipments: Default::default(),
            });
        }
        self.ledger.void(hold_id).await
    }

    async fn ship(&self, mut request: Settle) -> Result<Hold, LedgerError> {
        if self.bug == Bug::ShipTakesTwice
            && let Some(hold) = self.known(&request.hold_id).await
            && hold.state == HoldState::Confirmed
        {
            let id = format!("{}-{}", request.shipment_id, self.fresh());
            request.shipment_id = boutique_core::ids::ShipmentId::new(id).expect("an id");
        }
        self.ledger.ship(request).await
    }

    async fn release(&self, hold_id: &HoldId) -> Result<Hold, LedgerError> {
        self.ledger.release(hold_id).await
    }

    async fn receive(&self, mut request: Receive) -> Result<Level, LedgerError> {
        if self.bug == Bug::ReceiveTwice {
            let id = format!("{}-{}", request.receipt_id, self.fresh());
            request.receipt_id = ReceiptId::new(id).expect("an id");
        }
        self.ledger.receive(request).await
    }

    async fn set_on_hand(&self, request: SetOnHand) -> Result<Level, LedgerError> {
        self.ledger.set_on_hand(request).await
    }

    async fn level(&self, product_id: &ProductId) -> Result<Option<Level>, Fault> {
        self.ledger.level(product_id).await
    }

    async fn levels(
        &self,
        after: Option<&ProductId>,
        limit: usize,
    ) -> Result<Vec<(ProductId, Level)>, Fault> {
        if self.bug == Bug::CursorIncluded && after.is_some() {
            let all = self.ledger.levels(None, usize::MAX).await?;
            let from = all.into_iter().filter(|it| Some(&it.0) >= after);
            return Ok(from.take(limit).collect());
        }
        self.ledger.levels(after, limit).await
    }

    async fn hold(&self, hold_id: &HoldId) -> Result<Option<Hold>, Fault> {
        self.ledger.hold(hold_id).await
    }

    async fn holds(&self, after: Option<&HoldId>, limit: usize) -> Result<Vec<Hold>, Fault> {
        self.ledger.holds(after, limit).await
    }

    async fn sweep(&self, limit: usize) -> Result<usize, Fault> {
        self.ledger.sweep(limit).await
    }

    async fn audit(&self) -> Result<StockAudit, Fault> {
        self.ledger.audit().await
    }
}

/// Whether `run` panics, this time or one of the next: for a bug that is a race.
fn fails_in_time(run: impl Fn()) -> bool {
    (0..200).any(|_| catch_unwind(AssertUnwindSafe(&run)).is_err())
}

fn bugged(clock: Arc<ManualClock>, bug: Bug) -> Arc<Bugged> {
    Arc::new(Bugged {
        ledger: MemoryLedger::new(clock.clone()),
        clock,
        bug,
        drawn: Mutex::default(),
    })
}

/// The cases of the stock suite that a ledger with this bug fails.
fn failed(bug: Bug) -> Vec<&'static str> {
    let make = async |clock| bugged(clock, bug);
    let fails = |run: &dyn Fn()| catch_unwind(AssertUnwindSafe(run)).is_err();
    let mut failed: Vec<_> = stock::CASES
        .iter()
        .map(|case| case.0)
        .filter(|name| fails(&|| stock::run(make, name)))
        .collect();
    if fails(&|| stock::random_moves_match_the_rules(make)) {
        failed.push("random_moves_match_the_rules");
    }
    failed
}

#[test]
fn every_bug_of_a_ledger_is_caught_by_the_case_that_is_about_it() {
    assert_eq!(failed(Bug::None), [""; 0]);
    for (bug, case) in [
        (
            Bug::VoidLeavesNoTombstone,
            "a_void_of_an_unknown_hold_leaves_a_tombstone",
        ),
        (
            Bug::ConfirmAfterExpiry,
            "a_lapsed_hold_can_not_be_confirmed",
        ),
        (Bug::ReceiveTwice, "the_same_receipt_again_adds_nothing"),
        (
            Bug::ReserveIgnoresOtherGoods,
            "the_same_id_for_other_goods_is_refused",
        ),
        (Bug::ExtendShortens, "extending_never_shortens"),
        (Bug::LastNoteWins, "the_first_note_stays"),
        (Bug::CursorIncluded, "levels_are_listed_by_id"),
        (Bug::ShipTakesTwice, "the_same_shipment_again_takes_nothing"),
        (
            Bug::LateReserveAccepted,
            "a_reserve_after_its_moment_is_refused",
        ),
    ] {
        let failed = failed(bug);
        assert!(failed.contains(&case), "{bug:?} only fails {failed:?}");
    }
}

#[test]
fn a_race_for_the_last_unit_is_caught() {
    let make = async |clock| bugged(clock, Bug::StockIsReadBeforeItIsTaken);
    assert!(fails_in_time(|| stock::run(
        make,
        "the_last_unit_is_promised_once"
    )));
}

#[test]
fn random_moves_alone_find_the_bugs_of_single_moves() {
    for bug in [
        Bug::VoidLeavesNoTombstone,
        Bug::ConfirmAfterExpiry,
        Bug::ReceiveTwice,
        Bug::ReserveIgnoresOtherGoods,
        Bug::ExtendShortens,
        Bug::LastNoteWins,
        Bug::ShipTakesTwice,
        Bug::LateReserveAccepted,
    ] {
        let failed = failed(bug);
        assert!(
            failed.contains(&"random_moves_match_the_rules"),
            "{bug:?}: {failed:?}"
        );
    }
}

/// A checkout store that looks before it writes, takes a decision about any attempt, and gives
/// out leases that hold for no time.
struct Careless(Arc<MemoryCheckout>);

#[async_trait]
impl CheckoutStore for Careless {
    async fn saga(&self, order_id: &OrderId) -> Result<Option<Saga>, Fault> {
        self.0.saga(order_id).await
    }

    async fn begin(&self, intent: Arc<Intent>) -> Result<Begun, Fault> {
        // Looks, then writes: two clients may both be told that the attempt is theirs.
        let known = self.0.saga(&intent.order_id).await?;
        tokio::task::yield_now().await;
        let begun = self.0.begin(intent).await?;
        Ok(if known.is_none() { Begun::New } else { begun })
    }

    async fn decide(
        &self,
        order_id: &OrderId,
        _: u32,
        decision: Decide,
        now: Timestamp,
    ) -> Result<Saga, StoreError> {
        // Whatever attempt it is about.
        let attempt = self
            .0
            .saga(order_id)
            .await?
            .map_or(1, |it| it.intent.attempt);
        self.0.decide(order_id, attempt, decision, now).await
    }

    async fn unfinished(
        &self,
        due: Timestamp,
        after: Option<&OrderId>,
        limit: usize,
    ) -> Result<Vec<Saga>, Fault> {
        self.0.unfinished(due, after, limit).await
    }

    async fn sagas(&self, after: Option<&OrderId>, limit: usize) -> Result<Vec<Saga>, Fault> {
        self.0.sagas(after, limit).await
    }

    async fn lease_outbox(
        &self,
        what: Told,
        max: usize,
        now: Timestamp,
        _: Duration,
    ) -> Result<Vec<OutboxRecord>, Fault> {
        // Leases nobody can rely on.
        self.0.lease_outbox(what, max, now, Duration::ZERO).await
    }

    async fn published(&self, seqs: Vec<u64>) -> Result<(), Fault> {
        self.0.published(seqs).await
    }

    async fn return_leases(&self, seqs: Vec<u64>) -> Result<(), Fault> {
        self.0.return_leases(seqs).await
    }

    async fn outbox(&self) -> Result<OutboxStatus, Fault> {
        self.0.outbox().await
    }
}

#[test]
fn the_bugs_of_a_checkout_store_are_caught() {
    let make = async |_| {
        let memory = Arc::new(MemoryCheckout::default());
        CheckoutFixture::new(Arc::new(Careless(memory.clone())), memory)
    };
    for case in [
        "a_decision_about_an_older_attempt_is_refused",
        "leases_go_to_the_oldest",
        "leases_are_exclusive",
        "one_key_begins_once_for_many",
    ] {
        let run = || checkout::run(make, case);
        assert!(fails_in_time(run), "{case} should have failed");
    }
}

#[test]
fn a_planned_fault_comes_where_it_was_planned() {
    use boutique_core::fault::FaultKind;

    boutique_testkit::conformance::on_a_runtime(async {
        let plan = FaultPlan::default()
            .nth_of("receive", 1, FaultKind::Unavailable)
            .nth_of("receive", 2, FaultKind::Ambiguous);
        let memory: Arc<dyn StockLedger> =
            Arc::new(MemoryLedger::new(Arc::<ManualClock>::default()));
        let ledger = Faulty::new(memory, plan.clone());
        let tea = ProductId::new("tea").expect("an id");
        let arrival = Receive {
            receipt_id: ReceiptId::new("r").expect("an id"),
            product_id: tea.clone(),
            quantity: 5,
        };
        let kind = |answer: Result<Level, LedgerError>| {
            answer.expect_err("planned").fault().map(Fault::kind)
        };
        let first = ledger.receive(arrival.clone()).await;
        assert_eq!(kind(first), Some(FaultKind::Unavailable));
        assert_eq!(ledger.level(&tea).await.expect("no fault is left"), None);
        let second = ledger.receive(arrival.clone()).await;
        assert_eq!(kind(second), Some(FaultKind::Ambiguous));
        let level = ledger.level(&tea).await.expect("no fault is left");
        assert_eq!(level.map(|it| it.on_hand), Some(5), "it had happened");
        ledger.receive(arrival).await.expect("the plan is over");
        assert_eq!((plan.calls(), plan.calls_of("receive")), (5, 3));
    });
}
