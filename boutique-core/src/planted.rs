//! Bugs to be planted by whoever tests the tests. Only with the feature `planted`; without it
//! every site is the constant `false`, and nothing of this is in the program.
//!
//! One bug is in the whole process at a time, because what is tested runs on threads of its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

macro_rules! mutations {
    ($($(#[doc = $text:literal])* $name:ident,)*) => {
        /// A mistake that can be made in the protocol.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Mutation {
            $($(#[doc = $text])* $name,)*
        }

        impl Mutation {
            /// Every mutation.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// What is done wrong.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($text),*),)*
                }
            }
        }
    };
}

mutations! {
    /// A void of an unknown hold leaves no tombstone.
    VoidWithoutTombstone,
    /// A lapsed hold can be confirmed.
    ConfirmAfterExpiry,
    /// A hold's time is counted from the caller's deadline, not from the ledger's present.
    ExpiryOnTheWrongClock,
    /// A reserve is carried out after the moment it was good for.
    LateReserveAccepted,
    /// A pinned hold lapses all the same.
    PinLapses,
    /// A void takes a sold hold back.
    VoidOfASoldHold,
    /// The last confirm's note replaces the first one's.
    LastNoteWins,
    /// A hold that has left the shelf can be released.
    ReleaseOfAShippedHold,
    /// The same shipment takes goods off the shelf again.
    ShipsTwice,
    /// The same receipt adds goods again.
    ReceivesTwice,
    /// Goods that are held are promised to somebody else as well.
    PromisesHeldGoods,
    /// The ledger's clock may stand still or go back.
    LedgerClockGoesBack,
    /// A later decision about an order replaces the first one.
    LastDecisionWins,
    /// A decision counts whatever attempt it is about.
    AttemptNotChecked,
    /// Hold ids are the same for every attempt of a key.
    HoldIdWithoutAttempt,
    /// A confirm that is not answered is read as one that failed.
    TimeoutIsFailure,
    /// Goods are sold although the intent could not be made durable.
    ConfirmBeforeIntent,
    /// A refusal is recorded and answered without giving its goods up.
    CompensationSkipped,
    /// The deciding hold is confirmed while the dependent one can still lapse.
    DependentNotPinned,
    /// An order that was not sold leaves its dependent hold pinned.
    PinOutlivesItsIntent,
    /// An order that was found sold leaves its dependent hold unsold.
    DependentNotConfirmed,
    /// What is recorded of a sold order is not what the note of its hold says.
    AnswerNotFromTheNote,
    /// Recovery takes a ledger that does not answer for an order that was not sold.
    RecoveryTrustsATimeout,
    /// A parked order is never given up.
    ParkedOrderNeverLapses,
    /// The goods of a parked order are not held until a person decides.
    ParkedGoodsLapse,
    /// A key that is used again for something else is answered all the same.
    KeyReusedUnnoticed,
    /// Two tenants that use the same key name the same order.
    KeyNotScoped,
    /// An effect begins although nobody waits for it any more.
    EffectAfterTheDeadline,
    /// An outage of the fraud engine lets everybody through.
    FraudOutageLetsThrough,
    /// The confirm empties the cart even if the buyer has changed it since.
    CartEmptiedBlindly,
    /// The relay marks an event as published before the broker has it.
    RelayMarksFirst,
    /// Two relays are given the same record of the outbox.
    LeasesAreShared,
    /// A delivery is acknowledged although the order could not be made durable.
    AckBeforeDurable,
    /// Analytics acknowledges rows that could not be written.
    RowsAckedUnwritten,
    /// An event that was taken in is not remembered.
    EffectBeforeInbox,
    /// What order management refuses is dropped, not parked.
    RefusedMessageDropped,
    /// What was delivered too often is dropped instead of going to the dead letters.
    DeadLetterDropped,
    /// A lease that has run out keeps its message for ever.
    LeaseNeverLapses,
    /// The acknowledgement of an older delivery ends a newer one.
    StaleAckCounts,
    /// Analytics tells rows apart by delivery, not by event.
    DedupeByDeliveryId,
    /// An entry that is booked again is booked twice.
    EntryBookedTwice,
    /// Units that came back once can come back again, and are paid again.
    ReturnPaysTwice,
    /// A cancellation pays back the parts that have left, too.
    CancelPaysForShippedGoods,
    /// Every share of an amount is rounded up.
    RoundsUpTwice,
    /// The warehouse strikes off that goods have moved although the ledger did not answer.
    DutyStruckOffUndone,
}

/// 0 for none, else the place in [`Mutation::ALL`] counted from 1.
static PLANTED: AtomicUsize = AtomicUsize::new(0);
static TURN: Mutex<()> = Mutex::new(());

/// A bug is in the process as long as this lives; nobody else can plant one meanwhile.
#[derive(Debug)]
pub struct Planted {
    _turn: MutexGuard<'static, ()>,
}

/// Plants `mutation`, or makes sure that there is none. Waits for whoever has planted one.
pub fn plant(mutation: Option<Mutation>) -> Planted {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    PLANTED.store(mutation.map_or(0, |it| it as usize + 1), Ordering::SeqCst);
    Planted { _turn: turn }
}

impl Drop for Planted {
    fn drop(&mut self) {
        PLANTED.store(0, Ordering::SeqCst);
    }
}

/// Whether this is the bug that is planted now.
pub(crate) fn is(mutation: Mutation) -> bool {
    PLANTED.load(Ordering::SeqCst) == mutation as usize + 1
}
