//! What every [`CheckoutStore`] does, with the [`Carts`] it empties.

mod outbox;
mod record;
mod together;

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use boutique_core::carts::Carts;
use boutique_core::checkout::{Begun, CheckoutStore, Decide, Intent, Refusal, Saga, SagaState};

use super::Fixture;
use super::given::{at, fine, intent, message, order_id, verdicts};

use outbox::*;
pub use record::random_decisions_match_the_rules;
use record::*;
use together::*;

/// A checkout store, the carts it empties, and whatever has to live as long as they do.
///
/// Made from an `Arc` of an object that is both, or with [`CheckoutFixture::new`].
pub struct CheckoutFixture {
    store: Fixture<dyn CheckoutStore>,
    carts: Arc<dyn Carts>,
}

impl CheckoutFixture {
    /// A store and its carts.
    pub const fn new(store: Arc<dyn CheckoutStore>, carts: Arc<dyn Carts>) -> Self {
        Self {
            store: Fixture::new(store),
            carts,
        }
    }

    /// Keeps `it` alive as long as the store.
    #[must_use]
    pub fn keeping(self, it: impl Any) -> Self {
        Self {
            store: self.store.keeping(it),
            carts: self.carts,
        }
    }
}

impl fmt::Debug for CheckoutFixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckoutFixture").finish_non_exhaustive()
    }
}

impl Deref for CheckoutFixture {
    type Target = Arc<dyn CheckoutStore>;
    fn deref(&self) -> &Arc<dyn CheckoutStore> {
        &self.store
    }
}

impl<T: CheckoutStore + Carts> From<Arc<T>> for CheckoutFixture {
    fn from(both: Arc<T>) -> Self {
        Self::new(Arc::clone(&both) as Arc<dyn CheckoutStore>, both)
    }
}

impl<T: CheckoutStore + Carts, K: Any> From<(Arc<T>, K)> for CheckoutFixture {
    fn from((both, keep): (Arc<T>, K)) -> Self {
        Self::from(both).keeping(keep)
    }
}

suite! {
    $ /// Proves a [`CheckoutStore`](boutique_core::checkout::CheckoutStore) and the carts that it
    /// empties; see [`conformance`](crate::conformance). The closure returns an `Arc` of an
    /// object that is both, or a
    /// [`CheckoutFixture`](crate::conformance::checkout::CheckoutFixture).
    checkout_conformance in checkout over CheckoutFixture;
    cases {
        a_new_order_begins,
        a_record_keeps_all_of_the_intent,
        a_key_in_use_answers_with_its_record,
        only_a_failed_attempt_may_be_followed,
        the_next_attempt_has_the_same_body_and_the_next_number,
        a_decision_about_an_older_attempt_is_refused,
        a_decision_about_an_unknown_order_is_refused,
        the_first_decision_wins,
        the_same_decision_again_changes_nothing,
        the_timeline_tells_earlier_states,
        recovery_sees_what_is_due,
        recovery_reads_in_pages,
        records_are_listed_by_id,
        a_confirm_puts_the_event_into_the_outbox_once,
        what_is_not_decided_writes_no_event,
        a_refusal_says_why_to_the_data_warehouse_once,
        a_confirm_empties_the_cart_it_was_made_of,
        a_cart_that_changed_since_is_left_alone,
        nothing_but_a_confirm_empties_the_cart,
        leases_go_to_the_oldest,
        what_is_told_of_refusals_keeps_no_confirmed_order_back,
        a_lease_that_ran_out_is_given_again,
        a_lease_can_be_given_back,
        what_was_published_is_gone,
        one_key_begins_once_for_many,
        one_failed_attempt_is_followed_once_for_many,
        racing_decisions_agree,
        leases_are_exclusive,
    }
    models { random_decisions_match_the_rules }
}

/// Begins the first attempt at second 0.
async fn begun(store: &Store, order: &str) -> Intent {
    let intent = intent(order, 1, 0);
    let begun = fine(store.begin(Arc::new(intent.clone())).await);
    assert_eq!(begun, Begun::New);
    intent
}

async fn saga(store: &Store, order: &str) -> Saga {
    fine(store.saga(&order_id(order)).await).expect("the order has a record")
}

fn confirm(order: &str) -> Decide {
    Decide::Confirm {
        verdicts: verdicts("sold"),
        event: Box::new(message(order)),
    }
}

/// One decision of each kind, by the name of the state it leads to.
fn decision(to: &str) -> Decide {
    match to {
        "confirmed" => confirm("event"),
        "refused" => Decide::Refuse(Refusal::ReviewDenied {
            remark: "caf\u{e9}".to_owned(),
        }),
        "failed" => Decide::Fail("the fraud engine is away".to_owned()),
        "review" => Decide::Park {
            verdicts: verdicts("parked"),
            until: at(3_600),
        },
        "approved" => Decide::Approve {
            verdicts: verdicts("approved"),
            deadline: at(7_200),
        },
        other => panic!("no decision leads to {other}"),
    }
}

/// Makes a decision about the first attempt at second `second`.
async fn decided(store: &Store, order: &str, to: &str, second: i64) -> SagaState {
    fine(
        store
            .decide(&order_id(order), 1, decision(to), at(second))
            .await,
    )
    .state
}
