//! Whether a server lives.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use boutique_transport::http::call::LANE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::admin::Admin;
use crate::parts::Pulse;

/// The longest a duty may be in one round. Every call of a round has a deadline, and a round a
/// batch of them, so this is far beyond what waiting for others explains.
const ROUND: Duration = Duration::from_secs(600);

/// What a server lives by.
#[derive(Debug)]
pub struct Vital {
    /// Where it listens.
    pub api: SocketAddr,
    /// Where its admin port is.
    pub admin: SocketAddr,
    /// Its store, and whether it drains.
    pub health: Admin,
    /// What it does behind its clients' backs.
    pub duties: Vec<Pulse>,
}

/// Why a server is no good any more, though its process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stuck {
    /// It does not answer on a port, or listens there no more. To be turned away is an answer.
    #[error("{0} does not answer")]
    Port(SocketAddr),
    /// Something in the process, such as its store, does not answer; an error is an answer.
    #[error("its {0} does not answer")]
    Own(&'static str),
    /// A duty has ended though nobody asked it to, or is in one round for minutes.
    #[error("its duty {0} does not go on")]
    Duty(&'static str),
}

impl Vital {
    /// Looks once. What has to answer has `within` for it, all at the same time. That others do
    /// not answer is no fault of the server, and its clients' load no sign of death.
    ///
    /// # Errors
    ///
    /// [`Stuck`] with the first thing found.
    pub async fn look(&self, within: Duration) -> Result<(), Stuck> {
        // What drains stops listening and ends its duties, and has a limit of its own.
        if self.health.is_draining() {
            return answers(self.admin, within).await;
        }
        let still = self.duties.iter().find(|it| !it.is_going(ROUND));
        let (api, admin, silent) = tokio::join!(
            answers(self.api, within),
            answers(self.admin, within),
            self.health.silent(within),
        );
        match (still, silent) {
            // It may have been told to end meanwhile.
            _ if self.health.is_draining() => admin,
            (Some(duty), _) => Err(Stuck::Duty(duty.name())),
            (None, Some(own)) => Err(Stuck::Own(own)),
            (None, None) => admin.and(api),
        }
    }
}

async fn answers(at: SocketAddr, within: Duration) -> Result<(), Stuck> {
    match timeout(within, ask(at)).await {
        Err(_) => Err(Stuck::Port(at)),
        // Nobody listens: whoever took connections has ended, and the process has not.
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Err(Stuck::Port(at)),
        // To be turned away, as there are too many connections, is an answer.
        Ok(_) => Ok(()),
    }
}

/// A connection of its own, as a new client would have; in the lane that has places kept for it.
async fn ask(at: SocketAddr) -> io::Result<()> {
    let ip = match at.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let mut stream = TcpStream::connect(SocketAddr::new(ip, at.port())).await?;
    let request = format!(
        "GET /health HTTP/1.1\r\nHost: {ip}\r\n{LANE}: background\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    stream.read(&mut [0; 1]).await.map(drop)
}
