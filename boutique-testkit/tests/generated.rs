//! What the strategies make is valid: it survives its own checks and its own wire form.

use std::sync::Arc;

use boutique_core::analytics::{ORDERS, REFUSALS, SHIPMENTS, Source, Table};
use boutique_core::catalog::PricedLine;
use boutique_core::checkout::{Decide, Refusal, Saga, SagaState};
use boutique_core::clock::Timestamp;
use boutique_core::event::{ConfirmedOrder, OrderRefusedEvent};
use boutique_core::orders::check_fit;
use boutique_core::schema::Mode;
use boutique_core::warehouse::ShipmentReport;
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
    fn what_is_published_fits_its_table_and_no_other(
        order in generate::confirmed_order(),
        shipment in generate::shipment(),
        (intent, verdicts) in generate::attempt(),
    ) {
        let now = intent.deadline;
        let mut saga = Saga::begin(None, Arc::new(intent)).expect("new");
        saga.state = SagaState::Review { verdicts, until: now };
        let refused = OrderRefusedEvent::of(&saga, &Decide::Refuse(Refusal::ReviewLapsed), now);
        let published = [
            (&ORDERS, order.encode()),
            (&REFUSALS, refused.expect("refused").encode()),
            (&SHIPMENTS, ShipmentReport::of(&shipment).encode().expect("encodes")),
        ];
        let subscription = "warehouse".into();
        let source = Source { subscription: &subscription, message_id: "1", published_at: now };
        for (table, message) in &published {
            for other in Table::ALL {
                let row = other.row(&source, message);
                prop_assert_eq!(row.is_ok(), other == *table, "{} in {}: {:?}", table.name, other.name, row);
            }
            let row = table.row(&source, message).expect("fits");
            prop_assert_eq!(row.published_at(), now);
            for column in table.columns().filter(|it| it.mode == Mode::Required) {
                prop_assert!(row.columns().contains_key(column.name), "{}", column.name);
            }
        }
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
