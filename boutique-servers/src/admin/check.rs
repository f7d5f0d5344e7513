//! `--check`: is the configuration right, and is what the server depends on there.

use std::time::Duration;

use boutique_transport::http::Upstream;
use boutique_transport::http::exchange::Reqwest;

use super::{Admin, Checked, Dependency, Health};
use crate::broker;
use crate::config::Program;
use crate::exit::Failure;
use crate::output::{Output, Rows};
use crate::store;

/// The dependencies of a server that are other servers, asked past the edge stack.
///
/// # Errors
///
/// A permanent fault if TLS cannot be set up.
pub fn upstreams(config: &impl Program) -> Result<Vec<Dependency>, Failure> {
    let asks = config.asks();
    if asks.is_empty() {
        return Ok(Vec::new());
    }
    let exchange = Reqwest::new(Duration::from_secs(1))?;
    let dependency = asks.into_iter().map(|it| {
        let upstream = Upstream::new(it.url, exchange.clone());
        Dependency::upstream(it.name, it.needed, upstream)
    });
    Ok(dependency.collect())
}

/// Looks at the store, which is neither made nor changed, at the broker, and at every server that
/// is asked, and prints what was found. What is `planned` to be started with it is not looked for.
///
/// # Errors
///
/// [`Failure::Data`] if the store cannot be used, [`Failure::Input`] if the broker cannot,
/// [`Failure::Refused`] if it or a server that is asked does not answer. What was found of servers
/// has been printed.
pub async fn check(
    config: &impl Program,
    planned: bool,
    out: &mut Output<'_>,
) -> Result<(), Failure> {
    let server = config.common().server;
    let serving = &config.common().serving;
    let store = config.store().map(|it| store::look(it, planned));
    let store = store.transpose()?;
    let broker = match config.broker() {
        Some(broker) => Some(broker::look(broker, server).await?),
        None => None,
    };
    let asked = match planned {
        true => Vec::new(),
        false => upstreams(config)?,
    };
    let found = Admin::new(server, asked, Vec::new()).check().await;
    let down = found.iter().filter(|it| it.state != Health::Up);
    let down: Vec<&str> = down.map(|it| it.name).collect();
    if out.json {
        out.json(&serde_json::json!({
            "server": server.name(),
            "api": serving.api(),
            "admin": serving.admin(),
            "store": store,
            "broker": broker,
            "dependencies": found,
        }))?;
    } else {
        let (name, api, admin) = (server.name(), serving.api(), serving.admin());
        out.line(&format!("{name}: the configuration is right"))?;
        out.line(&format!("API on {api}, admin port on {admin}"))?;
        out.line(&format!("store: {}", store.as_deref().unwrap_or("none")))?;
        if let Some(broker) = &broker {
            out.line(&format!("broker: {broker}"))?;
        }
        if !planned {
            out.table("Servers it asks", &rows(config, &found))?;
        }
    }
    match &*down {
        [] => Ok(()),
        down => Err(Failure::Refused(format!(
            "no answer from {}: start it, or correct where it is",
            down.join(", ")
        ))),
    }
}

fn rows(config: &impl Program, found: &[Checked]) -> Rows {
    let mut rows = Rows::new(["server", "where", "state", "needed"]);
    for (asked, found) in config.asks().iter().zip(found) {
        let state = match found.state {
            Health::Up => "up".to_owned(),
            _ => format!("down: {}", found.detail.as_deref().unwrap_or("not checked")),
        };
        let needed = if asked.needed { "yes" } else { "no" };
        rows.push([
            asked.name.to_owned(),
            asked.url.to_string(),
            state,
            needed.to_owned(),
        ]);
    }
    rows
}
