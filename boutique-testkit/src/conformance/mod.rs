//! One suite per port. A suite owns its list of cases: a new case reaches every implementation
//! without touching it.
//!
//! Each macro takes an async closure that gets an [`Arc<ManualClock>`](crate::ManualClock) and returns
//! a fresh, empty store: an `Arc` of it, or a pair of that and whatever has to stay alive with
//! it, such as a temporary directory. It expands to one test per case. Every case gets a store
//! of its own, on a runtime of its own with several threads.
//!
//! [`CASES`](stock::CASES) of a suite are its cases as values, for whoever wants to run them
//! elsewhere, or to see that a suite catches a bug planted in a decorator.

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

/// A store under test and whatever has to live as long as it does.
pub struct Fixture<P: ?Sized> {
    // Dropped in this order: the store before the directory it is in.
    port: Arc<P>,
    _keep: Option<Box<dyn Any>>,
}

impl<P: ?Sized> Fixture<P> {
    /// A store that needs nothing else.
    pub const fn new(port: Arc<P>) -> Self {
        Self { port, _keep: None }
    }

    /// Keeps `it` alive as long as the store.
    #[must_use]
    pub fn keeping(self, it: impl Any) -> Self {
        Self {
            port: self.port,
            _keep: Some(Box::new((self._keep, it))),
        }
    }
}

impl<P: ?Sized> Deref for Fixture<P> {
    type Target = Arc<P>;
    fn deref(&self) -> &Arc<P> {
        &self.port
    }
}

impl<P: ?Sized> fmt::Debug for Fixture<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture").finish_non_exhaustive()
    }
}

macro_rules! fixture_of {
    ($($port:path),* $(,)?) => {$(
        impl<T: $port> From<Arc<T>> for Fixture<dyn $port> {
            fn from(port: Arc<T>) -> Self {
                Self::new(port)
            }
        }

        impl From<Arc<dyn $port>> for Fixture<dyn $port> {
            fn from(port: Arc<dyn $port>) -> Self {
                Self::new(port)
            }
        }

        impl<T: $port, K: Any> From<(Arc<T>, K)> for Fixture<dyn $port> {
            fn from((port, keep): (Arc<T>, K)) -> Self {
                Self::new(port as Arc<dyn $port>).keeping(keep)
            }
        }
    )*};
}

fixture_of!(
    boutique_core::stock::StockLedger,
    boutique_core::carts::Carts,
    boutique_core::customer::CustomerDirectory,
    boutique_core::fraud::SignalStore,
    boutique_core::orders::OrderStore,
    boutique_core::accounting::Journal,
    boutique_core::warehouse::ShipmentStore,
    boutique_core::broker::Broker,
    boutique_core::analytics::AnalyticsStore,
);

/// Runs `future` on a runtime of two worker threads that it does not share.
pub fn on_a_runtime<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts")
        .block_on(future)
}

/// Runs `check` with values of `strategy`, the same ones every time, and shows the smallest
/// one that fails.
///
/// # Panics
///
/// If a value fails.
pub fn replay<S: Strategy>(
    cases: u32,
    strategy: S,
    check: impl AsyncFn(S::Value) -> Result<(), TestCaseError>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    match TestRunner::new_with_rng(config, rng)
        .run(&strategy, |value| runtime.block_on(check(value)))
    {
        Ok(()) => {}
        Err(TestError::Fail(why, value)) => panic!("{why}\nsmallest failing input: {value:#?}"),
        Err(TestError::Abort(why)) => panic!("given up: {why}"),
    }
}

/// Defines a suite from one list of cases: its `CASES`, and the macro that makes tests of them.
/// The first token is a dollar sign, which a macro that writes a macro has no other way to name.
macro_rules! suite {
    (
        $dollar:tt $(#[$doc:meta])* $macro:ident in $module:ident over $fixture:ty;
        cases { $($case:ident),* $(,)? }
        models { $($model:ident),* $(,)? }
    ) => {
        /// A case: gets a fresh store and the clock the store was made with.
        pub type Case = fn(&Store, std::sync::Arc<crate::ManualClock>) -> crate::conformance::Running<'_>;

        /// A store under test, with what keeps it alive.
        pub type Store = $fixture;

        /// Every case that needs one store, by name.
        pub const CASES: &[(&str, Case)] = &[
            $((stringify!($case), |store, clock| Box::pin($case(store, clock))),)*
        ];

        /// Runs one case on a fresh store that `make` makes.
        pub fn run<M, F>(make: M, name: &str)
        where
            M: AsyncFn(std::sync::Arc<crate::ManualClock>) -> F,
            F: Into<Store>,
        {
            let case = CASES.iter().find(|it| it.0 == name).map(|it| it.1).expect("a case of the suite");
            crate::conformance::on_a_runtime(async {
                let clock = std::sync::Arc::<crate::ManualClock>::default();
                let store = make(std::sync::Arc::clone(&clock)).await.into();
                case(&store, clock).await;
            });
        }

        $(#[$doc])*
        #[macro_export]
        macro_rules! $macro {
            ($dollar make:expr) => {
                $(#[test]
                fn $case() {
                    $dollar crate::conformance::$module::run($dollar make, stringify!($case));
                })*
                $(#[test]
                fn $model() {
                    $dollar crate::conformance::$module::$model($dollar make);
                })*
            };
        }
    };
}

/// A case on its way.
pub type Running<'a> = std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;

mod given;

pub mod analytics;
pub mod broker;
pub mod carts;
pub mod checkout;
pub mod customers;
pub mod journal;
pub mod orders;
pub mod shipments;
pub mod signals;
pub mod stock;
