//! Which servers there are when each is a process: where they listen, what they keep, whom they
//! ask.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use crate::exit::Failure;

/// The servers, in the order of their default ports.
pub const SERVERS: [&str; 9] = [
    "gateway",
    "checkout",
    "crm",
    "inventory",
    "furniture",
    "fraud",
    "oms",
    "accounting",
    "warehouse",
];

/// The first server's default port; the others follow it.
pub const FIRST_PORT: u16 = 8080;
/// How far the admin port is from the port.
pub const ADMIN_OFFSET: u16 = 1_000;

/// Whom a server asks: the variable that says where, and the server there.
const fn asks(server: &str) -> &'static [(&'static str, &'static str)] {
    match server.as_bytes() {
        b"gateway" => &[
            ("CHECKOUT_SERVICE_URL", "checkout"),
            ("OMS_SERVICE_URL", "oms"),
        ],
        b"checkout" => &[
            ("GCP_CRM_URL", "crm"),
            ("GCP_INVENTORY_URL", "inventory"),
            ("GCP_FURNITURE_URL", "furniture"),
            ("AZURE_ANALYTICS_URL", "fraud"),
            ("OMS_SERVICE_URL", "oms"),
        ],
        b"oms" => &[
            ("ACCOUNTING_SERVICE_URL", "accounting"),
            ("WAREHOUSE_SERVICE_URL", "warehouse"),
        ],
        b"accounting" => &[("CRM_SERVICE_URL", "crm")],
        b"warehouse" => &[
            ("INVENTORY_SERVICE_URL", "inventory"),
            ("FURNITURE_SERVICE_URL", "furniture"),
            ("OMS_SERVICE_URL", "oms"),
        ],
        _ => &[],
    }
}

/// One server as a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Which server.
    pub name: &'static str,
    /// Where its API is.
    pub port: u16,
    /// Where its admin port is.
    pub admin: u16,
    /// Its environment.
    pub env: Vec<(&'static str, String)>,
}

impl Planned {
    /// Where its API is, as a URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where its admin port is, as a URL.
    pub fn admin_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.admin)
    }
}

/// Plans every server, the gateway on `first` and the others on the ports after it, each with
/// its file in `data`.
pub fn plan(first: u16, data: &Path) -> Vec<Planned> {
    let port = |name: &str| {
        let at = SERVERS.iter().position(|it| *it == name).unwrap_or(0);
        first + u16::try_from(at).unwrap_or(0)
    };
    let planned = |name: &'static str| {
        let (port_of, admin) = (port(name), port(name) + ADMIN_OFFSET);
        let mut env = vec![
            ("HOST", Ipv4Addr::LOCALHOST.to_string()),
            ("PORT", port_of.to_string()),
            ("ADMIN_PORT", admin.to_string()),
            (
                "BOUTIQUE_STORE",
                format!("sqlite:{}", data.join(format!("{name}.db")).display()),
            ),
        ];
        env.extend(
            asks(name)
                .iter()
                .map(|(variable, asked)| (*variable, format!("http://127.0.0.1:{}", port(asked)))),
        );
        Planned {
            name,
            port: port_of,
            admin,
            env,
        }
    };
    SERVERS.map(planned).to_vec()
}

/// A first port from which all ports of a plan are free, away from the range from which the
/// system gives ports to connections that are made.
///
/// # Errors
///
/// [`Failure::Input`] if there is none.
pub fn free_ports() -> Result<u16, Failure> {
    let servers = u16::try_from(SERVERS.len()).unwrap_or(u16::MAX);
    // Processes that look at the same time begin at different places.
    let start = std::process::id() % 1_000;
    let candidates = (0..1_000_u32).map(|at| 10_000 + (start + at * 7) % 1_000 * 10);
    for first in candidates.filter_map(|it| u16::try_from(it).ok()) {
        let ports = first..first + servers;
        let mut all = ports.clone().chain(ports.map(|it| it + ADMIN_OFFSET));
        // The admin ports of one block may be the ports of another: bound one by one to see.
        if all.all(|port| TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_ok())
        {
            return Ok(first);
        }
    }
    let text = "no ports from 10000 to 21000 are free: give --port";
    Err(Failure::Input(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_server_listens_elsewhere_and_asks_servers_that_are_planned() {
        let plan = plan(FIRST_PORT, Path::new("/data"));
        let mut ports: Vec<u16> = plan.iter().flat_map(|it| [it.port, it.admin]).collect();
        assert_eq!(
            (plan[0].port, plan[8].port, plan[8].admin),
            (8080, 8088, 9088)
        );
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 2 * SERVERS.len());
        for server in &plan {
            for (name, value) in &server.env {
                if name.ends_with("_URL") {
                    let known = plan.iter().any(|it| it.url() == *value);
                    assert!(known, "{}: {name}={value}", server.name);
                }
            }
        }
    }
}
