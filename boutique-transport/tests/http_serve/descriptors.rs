//! A server that has no descriptors left.
//!
//! The limit is a process's own, so the server is a process of its own: this very program, told
//! to run the one test that is the server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use axum::Router;
use axum::routing::get;
use boutique_transport::http::serve::{ServeOptions, Server};

const CHILD: &str = "BOUTIQUE_TEST_DESCRIPTORS";

#[test]
fn a_server_without_descriptors_waits_and_goes_on_when_there_are_some() {
    let program = std::env::current_exe().expect("this program");
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -n 32 && exec \"$0\" \"$@\""])
        .arg(program)
        .args([
            "--exact",
            "descriptors::the_server",
            "--ignored",
            "--nocapture",
        ])
        .env(CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut said = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut hear = |what: &str| -> String {
        let heard = said.by_ref().map(|it| it.expect("text"));
        let told = heard.filter_map(|it| Some(it.split_once(what)?.1.trim().to_owned()));
        told.into_iter().next().expect("it goes on")
    };
    let address: SocketAddr = hear("listens at").parse().expect("an address");
    let connect = || TcpStream::connect(address).expect("the system accepts");
    let many: Vec<_> = (0..64).map(|_| connect()).collect();
    hear("cannot accept");
    drop(many);
    let mut client = connect();
    let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    client.write_all(request).expect("open");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(child.stdin.take());
    assert!(child.wait().expect("it ends").success());
}

/// Not a test by itself.
#[tokio::test]
#[ignore = "is the server of the test above"]
async fn the_server() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let router = Router::new().route("/", get(async || "hello"));
    let server = Server::bind(([127, 0, 0, 1], 0).into(), ServeOptions::default());
    let server = server.expect("a free port");
    let state = server.state();
    let say = |text: String| {
        let mut out = std::io::stdout();
        writeln!(out, "{text}")
            .and_then(|()| out.flush())
            .expect("heard");
    };
    say(format!("listens at {}", server.local_addr()));
    let watching = tokio::spawn(async move {
        // One failure may be chance, and is over at once.
        while state.read().failures < 3 {
            tokio::task::yield_now().await;
        }
        say("cannot accept".to_owned());
    });
    let (end, ended) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // Until the other side is gone, whatever becomes of it.
        let _ = std::io::stdin().read(&mut [0]);
        let _ = end.send(());
    });
    let drained = server
        .run(router, async {
            let _ = ended.await;
        })
        .await;
    assert_eq!(drained.cut, 0);
    watching.await.expect("it was watched");
}
