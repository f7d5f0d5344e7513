//! Dead letters of an order management that runs: other servers keep the books, so the letter is
//! replayed there and not in a file.

mod nine;
mod support;

use std::sync::Arc;
use std::time::Duration;

use boutique_core::audit::AuditScope;
use boutique_core::broker::{AckId, Delivery, Message, Push};
use boutique_core::clock::Timestamp;
use boutique_core::event::ConfirmedOrder;
use boutique_core::flow::Step;
use boutique_core::orders::{DeadLetter, DeadLetterSource, OrderState};
use boutique_servers::config::Server;
use boutique_servers::data::{look_into, open};
use boutique_testkit::generate::confirmed_order;
use boutique_transport::http::Upstream;
use boutique_transport::http::exchange::{Reqwest, base};
use boutique_transport::http::oms::PushClient;
use boutique_transport::sources::SystemClock;
use boutique_transport::sqlite::SqliteOptions;
use nine::Nine;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::Value;
use support::run;
use tokio::time::{sleep, timeout};

const WITHIN: Duration = Duration::from_secs(30);

/// An order of another publisher, whose stock is its own affair.
fn foreign() -> ConfirmedOrder {
    let order = confirmed_order().new_tree(&mut TestRunner::deterministic());
    ConfirmedOrder {
        holds: Vec::new(),
        ..order.expect("an order").current()
    }
}

async fn push(to: &str, number: u64, message: Message) {
    let exchange = Reqwest::new(Duration::from_secs(2)).expect("a client");
    let client = PushClient {
        upstream: Upstream::new(base(to).expect("a URL"), exchange),
        credential: None,
    };
    let push = Push {
        subscription: "orders.oms".into(),
        delivery: Delivery {
            ack_id: AckId {
                message_id: number,
                attempt: 1,
            },
            message_id: number,
            published_at: Timestamp::from_millis(1),
            attempt: 1,
            message: message.into(),
        },
    };
    client.run(push).await.expect("taken, or parked");
}

fn letters(url: &str) -> Vec<(String, String)> {
    let listed = run(["dead-letters", "--json", "--url", url]).succeeds();
    let listed = listed.json();
    let text = |it: &Value| it.as_str().expect("text").to_owned();
    let listed = listed.as_array().expect("a list").iter();
    listed
        .map(|it| (text(&it["id"]), text(&it["source"])))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_is_replayed_by_the_server_that_has_it_and_booked_where_the_books_are() {
    let nine = Nine::start(&[("LOG_LEVEL", "error")]).await;
    let oms = nine.plan.iter().find(|it| it.server == Server::Oms);
    let url = oms.expect("planned").url();
    let order = foreign();
    let (id, event) = (&order.order.order_id, order.event_id.to_string());
    push(&url, 1, order.encode().dead(&"orders.oms".into(), 100)).await;
    let unreadable = Message {
        data: "no event".into(),
        attributes: Default::default(),
        ordering_key: None,
    };
    push(&url, 2, unreadable).await;
    let refused = "orders.oms.2".to_owned();
    let mut expected = vec![
        (event.clone(), "undelivered".to_owned()),
        (refused.clone(), "refused".to_owned()),
    ];
    expected.sort();
    assert_eq!(letters(&url), expected);

    let replay = |id: &str| run(["dead-letters", "replay", id, "--url", &url]);
    let told = replay(&event).succeeds();
    assert_eq!(told.stdout, format!("{event} was taken in\n"));
    replay(&event).fails(2, &["there is no dead letter"]);
    replay(&refused).fails(1, &["cannot be"]);
    assert_eq!(letters(&url), [(refused, "refused".to_owned())]);

    let ports = look_into(nine.data()).expect("the files are there");
    let all_done = async {
        loop {
            let order = ports.orders.order(id).await.expect("read");
            if order.is_some_and(|it| it.progress.state() == OrderState::Fulfilling) {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let all_done = timeout(WITHIN, all_done).await;
    assert!(all_done.is_ok(), "it is booked and its parcels are ordered");
    let booked = ports.journal.entries_of(id).await.expect("read");
    assert_eq!(booked.len(), 1);
    let report = nine.audit(AuditScope::Running).await;
    assert!(report.is_clean(), "{:?}", report.violations);
    assert_eq!(report.seen.foreign, 1);

    // Its file alone is no place to book into, though it could be opened.
    let file = nine.data().join("oms.db");
    let file = file.to_str().expect("text");
    run(["dead-letters", "replay", "x", "--data", file]).fails(2, &["--url"]);
    // Somebody else does not know what a letter is.
    let crm = nine.plan.iter().find(|it| it.server == Server::Crm);
    let crm = crm.expect("planned").url();
    run(["dead-letters", "replay", "x", "--url", &crm]).fails(2, &["no order management"]);
    nine.end().await;

    // Nobody answers any more: nothing is lost, and it may be tried again.
    run(["dead-letters", "--url", &url]).fails(4, &["upstream"]);
    run(["dead-letters", "--url", &url, "--data", "x.db"]).fails(2, &["--data"]);
    run(["dead-letters", "--url", "oms.example.com"]).fails(2, &["http"]);
}

#[tokio::test]
async fn a_letter_of_a_whole_boutique_is_replayed_in_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("shop.db");
    let name = file.to_str().expect("text");
    run(["demo", "--data", name]).succeeds();
    let order = foreign();
    let event = order.event_id.to_string();
    {
        let clock = Arc::new(SystemClock::default());
        let ports = open(&file, clock, SqliteOptions::default()).expect("opens");
        let letter = DeadLetter {
            id: event.clone(),
            source: DeadLetterSource::Undelivered,
            reason: "nobody took it".to_owned(),
            parked_at: Timestamp::from_millis(1),
            message: order.encode(),
        };
        ports.orders.park(letter).await.expect("parked");
    }
    run(["dead-letters", "replay", &event, "--data", name]).succeeds();
    let ports = look_into(&file).expect("it can be read");
    let booked = ports.journal.entries_of(&order.order.order_id).await;
    assert_eq!(booked.expect("read").len(), 1);
    run(["audit", "--data", name]).succeeds();
}
