//! Every outcome of every call, one after the other, instead of some of them by luck.
//!
//! A scenario is run once to find out which calls its process makes: of ports, of edges, of
//! anything it stands on. Then it is run again for each of them and each [`Fate`] the call can
//! have, and, for [`Depth::Compensations`], for each call that was only made because of that, so
//! that every compensation fails once, too. A step that is added to the checkout is another
//! call, and appears by itself.
//!
//! Whatever happened: the auditor finds nothing, before and after recovery; recovery does
//! nothing when it is run again; the client's key is answered the same for ever once it was
//! answered for good, and is answered for good as soon as nothing fails; nobody who was told
//! that nothing is sold finds it sold; no sale begins after the client's deadline; another
//! tenant's same key is an order of its own.
//!
//! ```
//! use std::sync::Arc;
//!
//! use boutique_core::assembly::Ports;
//! use boutique_testkit::CountingIds;
//! use boutique_testkit::explore::{Depth, Scenario, explore};
//!
//! # boutique_testkit::conformance::on_a_runtime(async {
//! let matrix = explore(Scenario::Sell, Depth::One, async |clock| {
//!     Ports::memory(clock, Arc::new(CountingIds::default()))
//! })
//! .await;
//! matrix.expect_clean();
//! assert!(matrix.cases() > 50);
//! # });
//! ```

mod bench;
mod case;
mod fate;
mod follow;
mod matrix;
mod probe;
mod scenario;

pub use case::{Ending, Told, run};
pub use fate::Fate;
pub use matrix::{Depth, Matrix, explore};
pub use probe::{Call, Plan};
pub use scenario::Scenario;

/// Explores every [`Scenario`] over stores of your own: a test per scenario.
///
/// Takes an async closure that gets an [`Arc<ManualClock>`](crate::ManualClock) and returns
/// fresh, empty [`Ports`](boutique_core::assembly::Ports) that are told the time by it.
///
/// ```
/// use std::sync::Arc;
///
/// use boutique_core::assembly::Ports;
/// use boutique_testkit::CountingIds;
///
/// boutique_testkit::explore!(async |clock| {
///     Ports::memory(clock, Arc::new(CountingIds::default()))
/// });
/// ```
#[macro_export]
macro_rules! explore {
    ($make:expr) => {
        $crate::explore!(@ $make;
            an_order_from_one_stock_system_is_sold: Sell,
            an_order_from_both_stock_systems_is_sold: SellFromBoth,
            an_order_is_refused: Refuse,
            an_order_is_parked: Park,
            a_parked_order_is_approved: Approve,
            an_unsold_attempt_is_recovered: RecoverUnsold,
            a_sold_attempt_is_recovered: RecoverSold,
            a_sold_order_is_followed: Follow,
        );
    };
    (@ $make:expr; $($test:ident: $scenario:ident,)*) => {$(
        #[test]
        fn $test() {
            $crate::explore::every_case($crate::explore::Scenario::$scenario, $make);
        }
    )*};
}

/// Explores one scenario on a runtime of its own, compensations included, and fails with what
/// did not hold. What [`explore!`](crate::explore!) makes tests of.
///
/// # Panics
///
/// See [`Matrix::expect_clean`].
pub fn every_case(
    scenario: Scenario,
    make: impl AsyncFn(std::sync::Arc<crate::ManualClock>) -> boutique_core::assembly::Ports,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let matrix =
        runtime
            .expect("a runtime starts")
            .block_on(explore(scenario, Depth::Compensations, make));
    matrix.expect_clean();
}
