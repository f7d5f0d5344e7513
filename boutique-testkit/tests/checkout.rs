//! The memory implementations of carts and checkout store.

mod carts {
    use std::sync::Arc;

    use boutique_core::carts::MemoryCarts;

    boutique_testkit::carts_conformance!(async |_| Arc::new(MemoryCarts::default()));
}

mod carts_of_the_checkout_store {
    use std::sync::Arc;

    use boutique_core::checkout::MemoryCheckout;

    boutique_testkit::carts_conformance!(async |_| Arc::new(MemoryCheckout::default()));
}

mod checkout {
    use std::sync::Arc;

    use boutique_core::checkout::MemoryCheckout;

    boutique_testkit::checkout_conformance!(async |_| Arc::new(MemoryCheckout::default()));
}
