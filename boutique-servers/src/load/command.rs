//! The command `boutique load`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use boutique_core::clock::Clock;
use boutique_core::fault::Fault;
use boutique_core::gateway::{CHECKOUT, CHECKOUT_ANY, ORDERS_ANY, ORDERS_READ};
use boutique_core::ids::UserId;
use boutique_transport::http::call::Call;
use boutique_transport::http::exchange::{Reqwest, Target, Upstream, base};
use boutique_transport::jwt::{DevIssuer, Mint};
use boutique_transport::sources::SystemClock;
use clap::Args;
use http::{HeaderValue, Method, header};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};
use url::Url;

use super::cost::{Cost, Counted};
use super::echo::{Echo, echo};
use super::own::Own;
use super::{Report, Shopper, drive, print_report, progress};
use crate::config::{ADMIN_ABOVE, Server, table};
use crate::exit::Failure;
use crate::output::{Output, Rows};

/// What `boutique load` is asked to do.
#[derive(Clone, Debug, Args)]
pub struct LoadArgs {
    /// Orders to place.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub orders: u64,
    /// Orders that are placed at a time.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = at_least_one)]
    pub in_flight: usize,
    /// Lines of an order.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    pub lines: u64,
    /// The gateway; without it a boutique is started for the occasion.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// The gateway's admin port [default: 1000 above the gateway's].
    #[arg(long, value_name = "URL", requires = "url")]
    pub admin_url: Option<String>,
    /// The key of the development issuer whose tokens the gateway accepts [default: that of
    /// BOUTIQUE_DEV_KEY, or boutique-dev.key].
    #[arg(long, value_name = "FILE", requires = "url")]
    pub dev_key: Option<PathBuf>,
    /// Start each server of that boutique as a process of its own.
    #[arg(long, conflicts_with = "url")]
    pub processes: bool,
    /// Ask a server that only echoes instead, as often: what HTTP itself costs on this machine.
    #[arg(long, conflicts_with_all = ["url", "processes"])]
    pub echo: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|it| *it > 0);
    number.ok_or_else(|| "must be a number from 1".to_owned())
}

/// Where the load goes, and what is asked afterwards.
struct Aim {
    gateway: Url,
    /// The gateway's admin port, which audits.
    admin: Url,
    /// The admin ports of all processes that work, as far as they are known.
    processes: Vec<Url>,
    key: PathBuf,
}

impl LoadArgs {
    /// Places the orders and tells what they came to.
    ///
    /// # Errors
    ///
    /// [`Failure::Refused`], after everything is printed, if the audit finds something or an
    /// order was not answered; [`Failure`] if nothing could be placed.
    pub async fn run(self, out: &mut Output<'_>) -> Result<(), Failure> {
        if self.echo {
            return self.echo(out).await;
        }
        let Some(url) = &self.url else {
            let own = Own::start(&self).await?;
            let outcome = match aim_at(&own) {
                Ok(aim) => self.load(&aim, out).await,
                Err(failure) => Err(failure),
            };
            own.end().await?;
            return outcome;
        };
        let gateway = address(url, "--url")?;
        let admin = match &self.admin_url {
            Some(url) => address(url, "--admin-url")?,
            None => above(&gateway)?,
        };
        let key = match &self.dev_key {
            Some(key) => key.clone(),
            None => std::env::var_os(table::DEV_KEY.name)
                .filter(|it| !it.is_empty())
                .map_or_else(
                    || table::DEV_KEY.default.unwrap_or_default().into(),
                    PathBuf::from,
                ),
        };
        if !key.exists() {
            let key = key.display();
            return Err(Failure::Input(format!(
                "--dev-key: there is no file {key}: it is made by `boutique up --dev-issuer`"
            )));
        }
        let aim = Aim {
            gateway,
            processes: vec![admin.clone()],
            admin,
            key,
        };
        self.load(&aim, out).await
    }

    async fn echo(&self, out: &mut Output<'_>) -> Result<(), Failure> {
        let (requests, in_flight) = (self.orders, self.in_flight);
        let asked = spawn_blocking(move || echo(requests, in_flight)).await;
        let echo = asked.map_err(std::io::Error::from)??;
        if out.json {
            return out.json(&json!({"echo": echo, "requests": requests, "in_flight": in_flight}));
        }
        let Echo {
            server_micros,
            client_micros,
        } = echo;
        out.line(&format!(
            "a request to an echo costs {server_micros:.1} µs of CPU there and {client_micros:.1} µs here"
        ))
    }

    async fn load(&self, aim: &Aim, out: &mut Output<'_>) -> Result<(), Failure> {
        let exchange = Reqwest::new(Duration::from_secs(2))?;
        let gateway = Upstream::new(aim.gateway.clone(), exchange.clone());
        let authorizations = tokens(&aim.key)?;
        let articles = articles(&gateway, authorizations.first()).await?;
        let shopper = Shopper {
            gateway,
            authorizations,
            articles,
            lines: usize::try_from(self.lines).unwrap_or(3),
            run: format!("{:x}", SystemClock::default().now().as_micros()),
            patience: Duration::from_secs(30),
        };
        let before = counted(&aim.processes, &exchange).await;
        let bar = progress(self.orders);
        let report = drive(shopper, self.orders, self.in_flight, |_| bar.inc(1)).await;
        bar.finish_and_clear();
        // The gateway has nothing more to do for them; what it does from here on is the audit.
        let passed_on = counted(&aim.processes[..1], &exchange).await;
        let admin = Upstream::new(aim.admin.clone(), exchange.clone());
        let audit = at_rest(&admin).await?;
        let after = counted(&aim.processes, &exchange).await;
        let costs = before.zip(after).map(|(before, mut after)| {
            if let (Some(passed_on), true) = (passed_on, after.len() > 1) {
                after[..1].copy_from_slice(&passed_on);
            }
            let names = match after.len() {
                1 => vec!["all in one"],
                _ => Server::NINE.map(|it| it.name()).to_vec(),
            };
            let servers = before.into_iter().zip(after).zip(names);
            let cost = |((before, after), name): ((Counted, Counted), _)| {
                after.since(before, name, report.orders)
            };
            servers.map(cost).collect::<Vec<_>>()
        });
        self.print(&report, &audit, costs.as_deref(), out)
    }

    fn print(
        &self,
        report: &Report,
        audit: &Value,
        costs: Option<&[Cost]>,
        out: &mut Output<'_>,
    ) -> Result<(), Failure> {
        let micros = costs.map(|it| it.iter().map(|it| it.cpu_micros).sum::<f64>());
        if out.json {
            out.json(&json!({
                "load": report,
                "cpu_micros_per_order": micros,
                "servers": costs,
                "processes": costs.map_or(0, <[Cost]>::len),
                "audit": audit,
            }))?;
        } else {
            print_report(report, out)?;
            if let (Some(micros), Some(costs)) = (micros, costs) {
                if costs.len() > 1 {
                    let mut rows = Rows::new(["server", "#CPU µs an order", "#requests an order"]);
                    for Cost {
                        server,
                        cpu_micros,
                        requests,
                    } in costs
                    {
                        let figures = [format!("{cpu_micros:.0}"), format!("{requests:.2}")];
                        let [cpu, requests] = figures;
                        rows.push([(*server).to_owned(), cpu, requests]);
                    }
                    out.table("cost", &rows)?;
                }
                let processes = costs.len();
                out.line(&format!(
                    "{micros:.0} µs of CPU an order, over {processes} processes, until all is done{}",
                    if processes == 1 { ", the audit included" } else { "" }
                ))?;
            }
            let seen = &audit["seen"];
            out.line(&format!(
                "audit of {} orders ({} confirmed): {} violations",
                seen["orders"], seen["confirmed"], audit["violations"]
            ))?;
            for found in audit["found"].as_array().into_iter().flatten() {
                out.line(&found.to_string())?;
            }
        }
        let unanswered = report.unanswered;
        match (audit["violations"].as_u64(), unanswered) {
            (Some(0), 0) => Ok(()),
            (violations, unanswered) => Err(Failure::Refused(format!(
                "{unanswered} orders were not answered, and the audit found {} violations",
                violations.unwrap_or_default()
            ))),
        }
    }
}

fn aim_at(own: &Own) -> Result<Aim, Failure> {
    let urls = own
        .servers
        .iter()
        .map(|it| address(&it.admin_url(), "admin"));
    let processes = urls.collect::<Result<Vec<_>, _>>()?;
    let first = own.servers.first().zip(processes.first());
    let (server, admin) = first.ok_or_else(|| Fault::permanent("no server was planned"))?;
    Ok(Aim {
        gateway: address(&server.url(), "gateway")?,
        admin: admin.clone(),
        processes,
        key: own.key(),
    })
}

fn address(text: &str, name: &str) -> Result<Url, Failure> {
    base(text).map_err(|error| Failure::Input(format!("{name}: {error}")))
}

fn above(gateway: &Url) -> Result<Url, Failure> {
    let mut admin = gateway.clone();
    let port = gateway
        .port_or_known_default()
        .and_then(|it| it.checked_add(ADMIN_ABOVE));
    let set = admin.set_port(port);
    set.map_err(|()| Failure::Input("--url: it has no port: give --admin-url".to_owned()))?;
    Ok(admin)
}

/// Clients of the gateway that buy for others: each is allowed so much a minute.
const CLIENTS: usize = 64;

/// Tokens of clients that may buy for anybody.
fn tokens(key: &Path) -> Result<Vec<HeaderValue>, Failure> {
    let unusable = |error: &dyn std::fmt::Display| Failure::Input(format!("--dev-key: {error}"));
    let issuer = DevIssuer::open(key).map_err(|error| unusable(&error))?;
    let client = |at: usize| {
        let user = UserId::new(format!("load-{at}")).map_err(|error| unusable(&error))?;
        let mint = Mint {
            user: &user,
            scopes: &[CHECKOUT, CHECKOUT_ANY, ORDERS_ANY, ORDERS_READ],
            now: SystemClock::default().now(),
            valid_for: Duration::from_secs(24 * 3_600),
        };
        let token = issuer.token(&mint).map_err(|error| unusable(&error))?;
        let mut value =
            HeaderValue::from_str(&format!("Bearer {token}")).map_err(|error| unusable(&error))?;
        value.set_sensitive(true);
        Ok(value)
    };
    (0..CLIENTS).map(client).collect()
}

/// What is sold, by id.
async fn articles(
    gateway: &Upstream<Reqwest>,
    authorization: Option<&HeaderValue>,
) -> Result<Vec<String>, Failure> {
    let target = Target::path(["v1", "catalog"]);
    let mut request = gateway.request(Method::GET, &target, bytes::Bytes::new())?;
    if let Some(authorization) = authorization {
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, authorization.clone());
    }
    let answer = Call::at_most(ANSWER).scope(gateway.send(request)).await?;
    let products: Vec<Value> = answer.json()?;
    let ids = products.iter().filter_map(|it| it["id"].as_str());
    let ids: Vec<String> = ids.map(str::to_owned).collect();
    match ids.is_empty() {
        true => Err(Failure::Refused("the catalog is empty".to_owned())),
        false => Ok(ids),
    }
}

/// How long an answer may take that is not about an order.
const ANSWER: Duration = Duration::from_secs(10);
/// How long an audit may take: it reads everything that was ever sold.
const AUDIT: Duration = Duration::from_secs(600);
/// How long what was ordered may take to be done.
const REST_WITHIN: Duration = Duration::from_secs(60);
/// How often it is looked whether it is.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// The audit once nothing is left to do, or as it is when there is no more patience.
async fn at_rest(admin: &Upstream<Reqwest>) -> Result<Value, Failure> {
    let began = Instant::now();
    loop {
        let target = Target::path(["audit"]).query("at_rest", true);
        let call = Call::at_most(AUDIT);
        let report: Value = call.scope(admin.bare(Method::GET, target)).await?.json()?;
        if report["violations"] == 0 || began.elapsed() > REST_WITHIN {
            return Ok(report);
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// What all processes have counted so far; `None` if one does not tell.
async fn counted(admins: &[Url], exchange: &Reqwest) -> Option<Vec<Counted>> {
    let mut all = Vec::with_capacity(admins.len());
    for admin in admins {
        let call = Call::at_most(ANSWER);
        all.push(call.scope(Counted::ask(admin, exchange)).await?);
    }
    Some(all)
}
