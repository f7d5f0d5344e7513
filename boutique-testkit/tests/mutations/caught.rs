//! Who catches what.

use boutique_core::planted::Mutation::{self, *};
use boutique_testkit::explore::Fate;
use boutique_testkit::explore::Scenario::{
    Approve, Follow, Park, RecoverUnsold, Sell, SellFromBoth,
};

use crate::catchers::Catcher::{self, Case, Explorer, Model, Suite};

/// One catcher of each mutation, the narrowest there is; `docs/proof.md` has the others.
pub(crate) const BY: &[(Mutation, Catcher)] = &[
    (VoidWithoutTombstone, Model),
    (ConfirmAfterExpiry, Model),
    (VoidOfASoldHold, Model),
    (PromisesHeldGoods, Model),
    (LastDecisionWins, Model),
    (AttemptNotChecked, Model),
    (
        ExpiryOnTheWrongClock,
        Suite("stock", "a_hold_promises_its_units"),
    ),
    (
        LateReserveAccepted,
        Suite("stock", "a_reserve_after_its_moment_is_refused"),
    ),
    (PinLapses, Suite("stock", "a_sweep_expires_for_good")),
    (LastNoteWins, Suite("stock", "the_first_note_stays")),
    (
        ReleaseOfAShippedHold,
        Suite("stock", "releasing_gives_back_what_has_not_left"),
    ),
    (
        ShipsTwice,
        Suite("stock", "the_same_shipment_again_takes_nothing"),
    ),
    (
        ReceivesTwice,
        Suite("stock", "the_same_receipt_again_adds_nothing"),
    ),
    (
        LedgerClockGoesBack,
        Suite("stock", "time_never_stands_still"),
    ),
    (
        CartEmptiedBlindly,
        Suite("checkout", "a_cart_that_changed_since_is_left_alone"),
    ),
    (
        LeasesAreShared,
        Suite("checkout", "leases_go_to_the_oldest"),
    ),
    (
        EffectBeforeInbox,
        Suite("orders", "an_event_in_the_inbox_has_no_effect_again"),
    ),
    (
        DeadLetterDropped,
        Suite("broker", "a_message_that_always_fails_is_dead_in_the_end"),
    ),
    (
        LeaseNeverLapses,
        Suite(
            "broker",
            "a_lease_that_ran_out_comes_back_after_its_back_off",
        ),
    ),
    (
        StaleAckCounts,
        Suite(
            "broker",
            "an_acknowledgement_of_an_older_delivery_is_ignored",
        ),
    ),
    (DedupeByDeliveryId, Suite("analytics", "")),
    (EntryBookedTwice, Suite("journal", "")),
    (HoldIdWithoutAttempt, Explorer(Sell)),
    (TimeoutIsFailure, Explorer(Sell)),
    (ConfirmBeforeIntent, Explorer(Sell)),
    (CompensationSkipped, Explorer(Sell)),
    (AnswerNotFromTheNote, Explorer(Sell)),
    (KeyReusedUnnoticed, Explorer(Sell)),
    (KeyNotScoped, Explorer(Sell)),
    (EffectAfterTheDeadline, Explorer(Sell)),
    (FraudOutageLetsThrough, Explorer(Sell)),
    (DependentNotPinned, Explorer(SellFromBoth)),
    (PinOutlivesItsIntent, Explorer(SellFromBoth)),
    (DependentNotConfirmed, Explorer(SellFromBoth)),
    (RecoveryTrustsATimeout, Explorer(RecoverUnsold)),
    (ParkedOrderNeverLapses, Explorer(Park)),
    (ParkedGoodsLapse, Explorer(Approve)),
    (
        RelayMarksFirst,
        Case(Follow, "checkout", "published", Fate::LostDone),
    ),
    (
        AckBeforeDurable,
        Case(Follow, "orders", "accept", Fate::Unavailable),
    ),
    (
        RowsAckedUnwritten,
        Case(Follow, "analytics", "append", Fate::Unavailable),
    ),
    (
        RefusedMessageDropped,
        Case(Follow, "orders", "accept", Fate::Late),
    ),
    (
        ReturnPaysTwice,
        Case(Follow, "orders", "accept", Fate::Late),
    ),
    (
        DutyStruckOffUndone,
        Case(Follow, "inventory", "ship", Fate::Unavailable),
    ),
    (CancelPaysForShippedGoods, Catcher::Simulator(10)),
    (RoundsUpTwice, Case(Follow, "orders", "accept", Fate::Late)),
];
