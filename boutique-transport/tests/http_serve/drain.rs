//! How a server comes to its end.

use std::time::Duration;

use boutique_transport::http::serve::{Drained, ServeOptions};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::support::{Running, one, rest, start, statuses};

const SLOW: &[u8] = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n";
const HELLO: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

async fn slow(server: &Running) -> TcpStream {
    let mut client = server.connect().await;
    client.write_all(SLOW).await.expect("open");
    server.came.acquire().await.expect("open").forget();
    client
}

async fn not_ready(server: &Running) {
    while server.state.is_ready() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_in_flight_is_finished_and_nothing_new_begins() {
    let server = start(ServeOptions::default());
    let mut idle = server.connect().await;
    idle.write_all(HELLO).await.expect("open");
    assert_eq!(statuses(&one(&mut idle).await), [200]);
    let mut silent = server.connect().await;
    let mut busy = slow(&server).await;
    assert!(server.state.is_ready());

    server.drain.send(()).expect("serves");
    assert_eq!(rest(&mut idle).await, "", "an idle connection is closed");
    assert_eq!(rest(&mut silent).await, "", "one that has said nothing too");
    assert!(!server.state.is_ready());
    let refused = TcpStream::connect(server.address).await;
    assert!(refused.is_err(), "nobody listens any more");

    server.may_go.notify_one();
    let answer = rest(&mut busy).await;
    assert_eq!(statuses(&answer), [200]);
    assert!(answer.contains("connection: close"), "{answer}");
    assert_eq!(server.ended.await.expect("ends"), Drained { cut: 0 });
}

#[tokio::test]
async fn it_goes_on_while_whoever_sends_work_hears_that_it_is_not_ready() {
    let options = ServeOptions {
        linger: Duration::from_secs(600),
        drain: Duration::from_secs(600),
        ..ServeOptions::default()
    };
    let server = start(options);
    drop(slow(&server).await);
    server.drain.send(()).expect("serves");
    let running = tokio::spawn(async move {
        let mut late = TcpStream::connect(server.address).await.expect("listens");
        late.write_all(HELLO).await.expect("open");
        assert_eq!(statuses(&one(&mut late).await), [200]);
        while server.state.is_ready() {
            tokio::task::yield_now().await;
        }
        let mut later = TcpStream::connect(server.address).await.expect("listens");
        later.write_all(HELLO).await.expect("open");
        assert_eq!(statuses(&one(&mut later).await), [200]);
    });
    running.await.expect("does not panic");
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_cut_off() {
    let options = ServeOptions {
        drain: Duration::from_millis(50),
        ..ServeOptions::default()
    };
    let server = start(options);
    let mut busy = slow(&server).await;
    server.drain.send(()).expect("serves");
    assert_eq!(rest(&mut busy).await, "");
    assert_eq!(server.ended.await.expect("ends"), Drained { cut: 1 });
}

/// A server whose task is ended finishes what is in flight all the same.
#[tokio::test]
async fn a_server_that_is_dropped_takes_nothing_new() {
    let server = start(ServeOptions::default());
    let mut busy = slow(&server).await;
    server.ended.abort();
    not_ready(&server).await;
    server.may_go.notify_one();
    let answer = rest(&mut busy).await;
    assert_eq!(statuses(&answer), [200]);
    assert!(answer.contains("connection: close"), "{answer}");
}
