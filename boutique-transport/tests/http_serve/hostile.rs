//! The table of hostile inputs: what each is answered, and that its connection ends.

use std::fmt::Write as _;

use tokio::io::AsyncWriteExt;

use super::support::{one, quick, rest, start, statuses};

const HELLO: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// A body of chunks, its head, and a second request behind it.
fn chunked(field: &str, body: &str) -> String {
    format!(
        "POST /read HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{field}\r\n\r\n{body}"
    )
}

fn posted(body: &str) -> String {
    let length = body.len();
    format!(
        "POST /read HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// Everything here ends by the server closing; where it answers, with this and nothing else.
#[tokio::test]
async fn what_is_malformed_is_refused_and_its_connection_closed() {
    const TE: &str = "Transfer-Encoding: chunked";
    let server = start(quick());
    let get = |fields: &str| format!("GET / HTTP/1.1\r\n{fields}\r\n\r\n");
    let many: String = (0..65).fold(String::new(), |mut many, at| {
        let _ = write!(many, "x-{at}: y\r\n");
        many
    });
    let long = |bytes: usize| "a".repeat(bytes);
    let table = [
        (
            "a head that is never finished",
            "GET / HTTP/1.1\r\nHost: x\r\n".into(),
            vec![],
        ),
        ("nothing", String::new(), vec![]),
        (
            "half a preface of HTTP/2",
            "PRI * HTTP/2.0\r\n\r\nSM".into(),
            vec![400],
        ),
        (
            "a body that stalls",
            chunked("Content-Length: 20", "{\"units\":"),
            vec![408],
        ),
        ("a chunk that stalls", chunked(TE, "9\r\n{\"un"), vec![408]),
        (
            "a head of 100 KB",
            get(&format!("Host: x\r\ny: {}", long(100 << 10))),
            vec![431],
        ),
        (
            "65 fields",
            get(&format!("Host: x\r\n{}", many.trim_end())),
            vec![431],
        ),
        (
            "a target of 9 KB",
            format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", long(9 << 10)),
            vec![414],
        ),
        ("no Host", get("y: z"), vec![400]),
        ("two Hosts", get("Host: x\r\nHost: x"), vec![400]),
        (
            "no Host in HTTP/1.0",
            "GET / HTTP/1.0\r\n\r\n".into(),
            vec![400],
        ),
        (
            "two lengths",
            chunked("Content-Length: 2\r\nContent-Length: 3", "{}{"),
            vec![400],
        ),
        (
            "a length with a sign",
            chunked("Content-Length: +5", "12345"),
            vec![400],
        ),
        (
            "a list of lengths",
            chunked("Content-Length: 5, 5", "12345"),
            vec![400],
        ),
        (
            "another coding",
            chunked("Transfer-Encoding: xchunked", "0\r\n\r\n"),
            vec![400],
        ),
        (
            "a coding after chunked",
            chunked("Transfer-Encoding: chunked, identity", "0\r\n\r\n"),
            vec![400],
        ),
        (
            "a vertical tab before the coding",
            chunked("Transfer-Encoding: \x0bchunked", "0\r\n\r\n"),
            vec![400],
        ),
        ("a space before the colon", get("Host : x"), vec![400]),
        (
            "a folded field",
            get("Host: x\r\ny: z\r\n folded"),
            vec![400],
        ),
        ("a bare CR", get("Host: x\r\ny: z\rw: v"), vec![400]),
        (
            "a chunk larger than can be",
            chunked(TE, "fffffffffffffffff\r\nx\r\n0\r\n\r\n"),
            vec![400],
        ),
        (
            "a chunk with 20 KB of extensions",
            chunked(TE, &format!("1;{}\r\nx\r\n0\r\n\r\n", long(20 << 10))),
            vec![400],
        ),
        (
            "a chunk whose line ends in LF",
            chunked(TE, "2\n{}\n0\n\n"),
            vec![400],
        ),
        (
            "chunks in HTTP/1.0",
            "POST /read HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(),
            vec![400],
        ),
        ("3 MB", posted(&long(3 << 20)), vec![413]),
        (
            "10,000 arrays in each other",
            posted(&format!("{{\"units\":1,\"more\":{}", "[".repeat(10_000))),
            vec![400],
        ),
        (
            "the same key twice",
            posted("{\"units\":1,\"units\":2}"),
            vec![400],
        ),
    ];
    let mut wrong = Vec::new();
    for (what, bytes, expected) in table {
        let answer = server.answers(bytes.as_bytes()).await;
        let answered = statuses(&answer);
        if answered != expected {
            wrong.push(format!("{what}: {answered:?} instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // The server has not suffered.
    let mut client = server.connect().await;
    client.write_all(HELLO.as_bytes()).await.expect("open");
    assert_eq!(statuses(&one(&mut client).await), [200]);
}

#[tokio::test]
async fn a_request_that_is_smuggled_in_a_body_is_never_answered() {
    let server = start(quick());
    let smuggled = "GET /?smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    for body in [
        format!("0\r\n\r\n{smuggled}"),
        format!("d\r\n{{\"units\": 17}}\r\n0\r\n\r\n{smuggled}"),
    ] {
        let before = server.handled();
        let both = format!(
            "Content-Length: {}\r\nTransfer-Encoding: chunked",
            body.len()
        );
        let answer = server.answers(chunked(&both, &body).as_bytes()).await;
        assert_eq!(statuses(&answer).len(), 1, "{answer}");
        assert_eq!(server.handled() - before, 1);
    }
}

/// A lone LF ends a line: RFC 9112, 2.2 lets a recipient take it so. It is one request either way.
#[tokio::test]
async fn lines_may_end_in_lf_and_are_one_request() {
    let server = start(quick());
    let mut client = server.connect().await;
    let lines = b"GET / HTTP/1.1\nHost: x\nConnection: close\n\n";
    client.write_all(lines).await.expect("open");
    assert_eq!(statuses(&rest(&mut client).await), [200]);
    assert_eq!(server.handled(), 1);
}

/// The timeout of a head begins with its first byte, not with the wait for it.
#[tokio::test]
async fn a_connection_may_be_idle_for_longer_than_a_head_may_take() {
    let mut options = quick();
    options.idle = std::time::Duration::from_secs(600);
    let server = start(options);
    let mut idle = server.connect().await;
    idle.write_all(HELLO.as_bytes()).await.expect("open");
    assert_eq!(statuses(&one(&mut idle).await), [200]);
    // By the time this one is given up, the idle one would have been too.
    assert_eq!(server.answers(b"GET / HT").await, "");
    assert_eq!(server.answers(b"GET / HT").await, "");
    idle.write_all(b"GET / HTTP/1.1\r\n").await.expect("open");
    // Now it has begun, and does not go on.
    assert_eq!(rest(&mut idle).await, "");
    assert_eq!(server.handled(), 1);
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_the_end() {
    let mut options = quick();
    options.idle = options.head;
    let server = start(options);
    let mut idle = server.connect().await;
    for _ in 0..3 {
        idle.write_all(HELLO.as_bytes()).await.expect("open");
        assert_eq!(statuses(&one(&mut idle).await), [200]);
    }
    assert_eq!(rest(&mut idle).await, "");
}
