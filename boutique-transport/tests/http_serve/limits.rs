//! How many connections, and how long a client may take nothing.

use std::time::Duration;

use boutique_transport::http::serve::ServeOptions;
use tokio::io::AsyncWriteExt;

use super::support::{one, quick, rest, start, statuses};

const HELLO: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn a_connection_too_many_is_told_to_come_back_and_the_others_go_on() {
    for options in [
        ServeOptions {
            connections: 2,
            ..ServeOptions::default()
        },
        ServeOptions {
            connections_per_address: 2,
            ..ServeOptions::default()
        },
    ] {
        let server = start(options);
        let mut first = server.connect().await;
        let mut second = server.connect().await;
        for client in [&mut first, &mut second] {
            client.write_all(HELLO).await.expect("open");
            assert_eq!(statuses(&one(client).await), [200]);
        }
        let refused = one(&mut server.connect().await).await;
        assert_eq!(statuses(&refused), [503]);
        assert_eq!(server.state.read().refused, 1);
        assert_eq!(server.state.read().open, 2);

        drop(first);
        // The server hears of it when it next looks at that connection.
        while server.state.read().open == 2 {
            tokio::task::yield_now().await;
        }
        let mut third = server.connect().await;
        for client in [&mut second, &mut third] {
            client.write_all(HELLO).await.expect("open");
            assert_eq!(statuses(&one(client).await), [200]);
        }
    }
}

/// Whoever pools connections must not use one again on which the rest of a body is still due.
#[tokio::test]
async fn a_client_whose_body_was_refused_is_told_that_the_connection_ends() {
    let server = start(ServeOptions::default());
    let mut client = server.connect().await;
    let head = "POST /read HTTP/1.1\r\nHost: x\r\ncontent-type: application/json\r\n";
    // As much as shows that it is too large, of more that is said to come.
    let part = " ".repeat((2 << 20) + 1);
    let large = format!("{head}content-length: 3000000\r\n\r\n{part}");
    client.write_all(large.as_bytes()).await.expect("open");
    let refused = one(&mut client).await;
    assert_eq!(statuses(&refused), [413], "{refused}");
    assert!(refused.contains("\r\nconnection: close\r\n"), "{refused}");
    assert_eq!(rest(&mut client).await, "", "and so it does");
    // An answer that looks at no body is no different, if the body does not come or is asked for.
    for expect in ["", "expect: 100-continue\r\n"] {
        let mut client = server.connect().await;
        let nowhere = format!("{NOWHERE}{expect}content-length: 2\r\n\r\n");
        client.write_all(nowhere.as_bytes()).await.expect("open");
        let refused = one(&mut client).await;
        assert_eq!(statuses(&refused), [404], "{refused}");
        assert!(refused.contains("\r\nconnection: close\r\n"), "{refused}");
        assert_eq!(rest(&mut client).await, "", "and so it does");
    }
    // Of what was read whole the connection goes on.
    let mut client = server.connect().await;
    for status in [400, 200] {
        let body = if status == 200 {
            "{\"units\": 1}"
        } else {
            "{}"
        };
        let sent = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        client.write_all(sent.as_bytes()).await.expect("open");
        let answer = one(&mut client).await;
        assert_eq!(statuses(&answer), [status], "{answer}");
        assert!(!answer.contains("connection: close"), "{answer}");
    }
}

const NOWHERE: &str = "POST /nowhere HTTP/1.1\r\nHost: x\r\n";

/// What nobody looks at is read all the same where it is little: who is turned away when there is
/// much to do need not connect again.
#[tokio::test]
async fn a_little_body_that_nobody_wants_costs_no_connection() {
    let server = start(ServeOptions::default());
    let mut client = server.connect().await;
    for (one_by_one, body) in [(false, "{}"), (true, "{}"), (true, "0123456789")] {
        let head = format!("{NOWHERE}content-length: {}\r\n\r\n", body.len());
        client.write_all(head.as_bytes()).await.expect("open");
        if one_by_one {
            client.flush().await.expect("sent");
            tokio::task::yield_now().await;
        }
        client.write_all(body.as_bytes()).await.expect("open");
        let refused = one(&mut client).await;
        assert_eq!(statuses(&refused), [404], "{refused}");
        assert!(!refused.contains("connection: close"), "{refused}");
    }
    client.write_all(HELLO).await.expect("open");
    assert_eq!(statuses(&one(&mut client).await), [200]);
}

/// A client that asks and asks and never reads an answer.
#[tokio::test]
async fn a_client_that_takes_no_answers_is_given_up() {
    let options = ServeOptions {
        write: Duration::from_millis(100),
        ..quick()
    };
    let server = start(options);
    let mut client = server.connect().await;
    let many = HELLO.repeat(1_000);
    // Until the server, whose answers nobody takes, takes no more requests and then closes.
    while client.write_all(&many).await.is_ok() {}
    while server.state.read().open > 0 {
        tokio::task::yield_now().await;
    }
}
