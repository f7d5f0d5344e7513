//! What the strategies make is valid: it survives its own checks and its own wire form.

use boutique_core::catalog::PricedLine;
use boutique_core::clock::Timestamp;
use boutique_core::event::ConfirmedOrder;
use boutique_core::orders::check_fit;
use boutique_testkit::generate;
use proptest::prelude::*;

proptest! {
    #[test]
    fn entries_balance(entry in generate::entry()) {
        prop_assert_eq!(entry.check(), Ok(()));
        prop_assert!(entry.amount().is_some());
    }

    #[test]
    fn the_holds_of_an_attempt_cover_its_lines((intent, verdicts) in generate::attempt()) {
        let covered: usize = intent.holds.iter().map(|it| it.lines).sum();
        prop_assert_eq!(covered, intent.lines.len());
        prop_assert!(intent.lines.is_sorted_by_key(|it: &PricedLine| it.system));
        prop_assert!(verdicts.totals.discount.nanos() <= verdicts.totals.goods.nanos());
    }

    #[test]
    fn an_event_survives_its_message(order in generate::confirmed_order()) {
        prop_assert_eq!(check_fit(&order), Ok(()));
        let message = order.encode();
        let mut read = ConfirmedOrder::decode(&message, Timestamp::EPOCH).expect("and can be read back");
        // The wire has milliseconds.
        prop_assert!(order.occurred_at.since(read.occurred_at).as_micros() < 1_000);
        read.occurred_at = order.occurred_at;
        prop_assert_eq!(read, order);
    }

    #[test]
    fn every_article_of_a_catalog_has_a_price(catalog in generate::catalog()) {
        for product in catalog.iter() {
            prop_assert!(!product.prices.is_empty());
            prop_assert_eq!(catalog.get(&product.id), Some(product));
        }
    }

    #[test]
    fn configurations_are_accepted(config in generate::subscription_config("orders".into())) {
        prop_assert_eq!(config.check(), Ok(()));
    }
}
