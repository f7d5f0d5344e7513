//! Which servers there are when each is a process: where they listen, what they keep, whom they
//! ask.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use crate::config::{ADMIN_ABOVE, Server, Setting, table};
use crate::exit::Failure;

/// Whom a server asks: the setting that says where, and the server there.
const fn asks(server: Server) -> &'static [(&'static Setting, Server)] {
    match server {
        Server::Gateway => &[
            (&table::CHECKOUT_URL, Server::Checkout),
            (&table::OMS_URL, Server::Oms),
        ],
        Server::Checkout => &[
            (&table::CRM_URL, Server::Crm),
            (&table::INVENTORY_URL, Server::Inventory),
            (&table::FURNITURE_URL, Server::Furniture),
            (&table::FRAUD_URL, Server::Fraud),
            (&table::OMS_URL, Server::Oms),
        ],
        Server::Oms => &[
            (&table::ACCOUNTING_URL, Server::Accounting),
            (&table::WAREHOUSE_URL, Server::Warehouse),
        ],
        Server::Accounting => &[(&table::CRM_URL, Server::Crm)],
        Server::Warehouse => &[
            (&table::INVENTORY_URL, Server::Inventory),
            (&table::FURNITURE_URL, Server::Furniture),
            (&table::OMS_URL, Server::Oms),
        ],
        Server::Crm | Server::Inventory | Server::Furniture | Server::Fraud | Server::Boutique => {
            &[]
        }
    }
}

/// One server as a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Which server.
    pub server: Server,
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
    let moved = first.wrapping_sub(Server::Gateway.default_port());
    let port = |server: Server| server.default_port().wrapping_add(moved);
    let planned = |server: Server| {
        let (own, admin) = (port(server), port(server) + ADMIN_ABOVE);
        let file = data.join(format!("{}.db", server.name()));
        let mut env = vec![
            (table::HOST.name, Ipv4Addr::LOCALHOST.to_string()),
            (table::PORT.name, own.to_string()),
            (table::ADMIN_PORT.name, admin.to_string()),
            (table::STORE.name, format!("sqlite:{}", file.display())),
        ];
        // Nine processes share the cores already. With a thread each, what a request waits for
        // wakes the thread that asked and no other.
        if std::env::var_os(table::WORKERS.name).is_none() {
            env.push((table::WORKERS.name, 1.to_string()));
        }
        if server == Server::Gateway {
            env.push((table::AUDIT_DATA.name, data.display().to_string()));
        }
        for (setting, asked) in asks(server) {
            env.push((setting.name, format!("http://127.0.0.1:{}", port(*asked))));
        }
        Planned {
            server,
            port: own,
            admin,
            env,
        }
    };
    Server::NINE.map(planned).to_vec()
}

/// A first port from which all ports of a plan are free, away from the range from which the
/// system gives ports to connections that are made.
///
/// # Errors
///
/// [`Failure::Input`] if there is none.
pub fn free_ports() -> Result<u16, Failure> {
    let servers = u16::try_from(Server::NINE.len()).unwrap_or(u16::MAX);
    // Processes that look at the same time begin at different places.
    let start = std::process::id() % 1_000;
    let candidates = (0..1_000_u32).map(|at| 10_000 + (start + at * 7) % 1_000 * 10);
    for first in candidates.filter_map(|it| u16::try_from(it).ok()) {
        let ports = first..first + servers;
        let mut all = ports.clone().chain(ports.map(|it| it + ADMIN_ABOVE));
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
        let plan = plan(8080, Path::new("/data"));
        let mut ports: Vec<u16> = plan.iter().flat_map(|it| [it.port, it.admin]).collect();
        assert_eq!(
            (plan[0].port, plan[8].port, plan[8].admin),
            (8080, 8088, 9088)
        );
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 2 * Server::NINE.len());
        for server in &plan {
            for (name, value) in &server.env {
                if name.ends_with("_URL") {
                    let known = plan.iter().any(|it| it.url() == *value);
                    assert!(known, "{}: {name}={value}", server.server.name());
                }
            }
        }
    }
}
