//! A wire that can be cut: everything that is asked of a server goes through one of these.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

/// What a wire does with what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Carries it.
    Carries,
    /// Nobody listens: connections are refused, those that were open are closed.
    Refuses,
    /// Takes everything and gives nothing back.
    Swallows,
}

/// One wire.
pub struct Proxy {
    pub port: u16,
    mode: watch::Sender<Wire>,
    // Keeps the port ours while nobody listens on it.
    _held: TcpSocket,
}

impl Proxy {
    /// A wire to the server on port `to` of this machine.
    pub fn to(to: u16) -> Self {
        let held = socket(0);
        let port = held.local_addr().expect("bound").port();
        let (mode, seen) = watch::channel(Wire::Carries);
        let first = listen(port);
        tokio::spawn(serve(port, to, first, seen));
        Self {
            port,
            mode,
            _held: held,
        }
    }

    pub fn set(&self, mode: Wire) {
        self.mode.send_replace(mode);
    }
}

fn socket(port: u16) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("allowed");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    socket.bind(address).expect("a port");
    socket
}

fn listen(port: u16) -> TcpListener {
    socket(port).listen(1_024).expect("listens")
}

async fn serve(port: u16, to: u16, first: TcpListener, mut mode: watch::Receiver<Wire>) {
    let mut listener = Some(first);
    loop {
        let now = *mode.borrow_and_update();
        match (now, &listener) {
            (Wire::Refuses, _) => listener = None,
            (_, None) => listener = Some(listen(port)),
            _ => {}
        }
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            changed = mode.changed() => if changed.is_err() { return },
            Ok((client, _)) = accepted => {
                tokio::spawn(carry(client, to, mode.clone()));
            }
        }
    }
}

/// A connection's life: it does not outlive the first change but for being swallowed.
async fn carry(mut client: TcpStream, to: u16, mut mode: watch::Receiver<Wire>) {
    if *mode.borrow_and_update() == Wire::Carries {
        let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await else {
            return;
        };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        tokio::select! {
            biased;
            changed = mode.changed() => if changed.is_err() { return },
            _ = copy_bidirectional(&mut client, &mut server) => return,
        }
        if *mode.borrow() == Wire::Swallows {
            // The server is not told either that nobody hears it.
            let _ = mode.changed().await;
        }
        return;
    }
    let _ = mode.changed().await;
}
