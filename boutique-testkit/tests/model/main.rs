//! The protocol of a sale, in every state it can get into.

mod protocol;

use std::collections::{BTreeMap, BTreeSet};

use protocol::Shape;
use protocol::record::Decision;
use protocol::shelf::Verb;
use protocol::task::Flaw;
use protocol::world::Protocol;
use stateright::{Checker, Model};

/// Every state there is, each looked at once.
fn every_state(shape: Shape) -> impl Checker<Protocol> {
    Protocol::new(shape).checker().threads(2).spawn_bfs().join()
}

fn holds_of(shape: Shape) -> usize {
    let checker = every_state(shape);
    checker.assert_properties();
    let states = checker.unique_state_count();
    eprintln!("{states} states of {shape:?}");
    states
}

const ONE: Shape = Shape {
    touches: [1, 0],
    attempts: 1,
    units: 1,
    review: false,
    warehouse: false,
    flaw: None,
};

#[test]
fn a_key_that_failed_is_tried_again() {
    assert!(holds_of(Shape { attempts: 2, ..ONE }) > 1_000);
}

#[test]
fn a_parked_order_and_what_becomes_of_its_goods() {
    let all = Shape {
        review: true,
        warehouse: true,
        ..ONE
    };
    assert!(holds_of(all) > 300);
    let touches = [2, 0];
    assert!(holds_of(Shape { touches, ..all }) > 3_000);
}

#[test]
fn one_order_over_two_systems_with_two_attempts() {
    let shape = Shape {
        touches: [2, 0],
        attempts: 2,
        ..ONE
    };
    assert!(holds_of(shape) > 30_000);
}

#[test]
fn two_orders_for_one_unit() {
    let shape = Shape {
        touches: [1, 1],
        warehouse: true,
        ..ONE
    };
    assert!(holds_of(shape) > 40_000);
}

#[test]
#[ignore = "for release builds: `cargo xtask test` runs it last"]
fn two_orders_for_one_unit_one_of_them_over_two_systems() {
    let touches = [2, 1];
    assert!(holds_of(Shape { touches, ..ONE }) > 300_000);
}

#[test]
#[ignore = "for release builds: `cargo xtask test` runs it last"]
fn two_orders_for_one_unit_in_each_of_two_systems() {
    let touches = [2, 2];
    assert!(holds_of(Shape { touches, ..ONE }) > 4_000_000);
}

/// A property that no mistake breaks would say nothing.
#[test]
fn every_mistake_of_a_coordinator_breaks_a_property() {
    for (flaw, property) in [
        (Flaw::TimeoutIsFailure, "a record says what the ledgers say"),
        (
            Flaw::SellsBeforeIntent,
            "nothing is sold without a durable intent",
        ),
        (Flaw::NeverPins, "the holds of an order agree"),
        (Flaw::ForgetsDependent, "a record says what the ledgers say"),
        (
            Flaw::AnswersBeforeVoid,
            "a record says what the ledgers say",
        ),
    ] {
        let shape = Shape {
            touches: [2, 0],
            flaw: Some(flaw),
            ..ONE
        };
        let checker = every_state(shape);
        let path = checker.discovery(property);
        assert!(path.is_some(), "{flaw:?} is not found by {property:?}");
    }
}

/// The ways of a hold and of a record that the model has been through, and what the product's
/// own rules said to each. `-` has never been asked there.
#[test]
fn the_model_goes_through_the_tables_of_the_product() {
    let mut moves = BTreeMap::new();
    let mut decisions = BTreeMap::new();
    for touches in [[2, 0], [1, 1]] {
        let checker = every_state(Shape {
            touches,
            review: touches[1] == 0,
            warehouse: true,
            ..ONE
        });
        let rules = &checker.model().rules;
        for (from, replies) in rules.moves_made() {
            moves
                .entry(from)
                .or_insert_with(BTreeSet::new)
                .extend(replies);
        }
        decisions.extend(rules.decisions_made());
    }
    let mut text = String::new();
    let mut row = |name: &str, cells: &mut dyn Iterator<Item = String>| {
        let cells: Vec<_> = cells.map(|it| format!(" {it:<10}")).collect();
        text.push_str(format!("{name:<15} |{}", cells.concat()).trim_end());
        text.push('\n');
    };
    row("hold", &mut Verb::ALL.iter().map(|it| format!("{it:?}")));
    let rows: BTreeSet<_> = moves.keys().map(|it| it.0.clone()).collect();
    for from in rows {
        let cell = |verb: &Verb| match moves.get(&(from.clone(), *verb)) {
            None => "-".to_owned(),
            Some(replies) => {
                let replies: Vec<_> = replies.iter().map(ToString::to_string).collect();
                replies.join("/")
            }
        };
        row(&from, &mut Verb::ALL.iter().map(cell));
    }
    row(
        "record",
        &mut Decision::ALL.iter().map(|it| format!("{it:?}")),
    );
    let phases: BTreeSet<_> = decisions.keys().map(|it| it.0).collect();
    for phase in phases {
        let cell = |it: &Decision| match decisions.get(&(phase, *it)) {
            None => "-".to_owned(),
            Some(effect) => format!("{effect:?}").to_lowercase(),
        };
        let name = format!("{phase:?}").to_lowercase();
        row(&name, &mut Decision::ALL.iter().map(cell));
    }
    assert_eq!(text, TABLES, "\n{text}");
}

const TABLES: &str = "\
hold            | Reserve    Extend     Pin        Confirm    Void       Ship       Release
confirmed       | confirmed  confirmed  confirmed  confirmed  confirmed  shipped    released
expired         | expired    expired    expired    expired    expired    -          -
held            | held       held       pinned     confirmed  voided     -          -
held, lapsed    | expired    expired    expired    expired    expired    -          -
none            | held/short -          -          -          voided     -          -
pinned          | pinned     pinned     pinned     confirmed  voided     -          -
pinned, lapsed  | pinned     pinned     pinned     confirmed  voided     -          -
released        | released   released   released   released   released   -          released
shipped         | shipped    shipped    shipped    shipped    shipped    shipped    -
tombstone       | voided     -          -          -          voided     -          -
voided          | voided     voided     voided     voided     voided     -          -
record          | Confirm    Refuse     Fail       Park       Approve
started         | moved      moved      moved      moved      -
review          | -          moved      moved      -          moved
approved        | moved      moved      moved      -          -
confirmed       | already    -          -          -          -
refused         | -          already    superseded -          superseded
failed          | -          superseded already    superseded superseded
";
