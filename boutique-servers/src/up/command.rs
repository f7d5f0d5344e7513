//! The command `boutique up`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use boutique_core::limits::UNITS_ON_HAND_MAX;
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::plan::{Planned, plan};
use super::processes::{Processes, check, ready};
use super::single;
use crate::config::{
    ADMIN_ABOVE, ConfigArgs, GatewayConfig, Server, Serving, Setting, UpConfig, read, table,
};
use crate::exit::Failure;
use crate::output::Output;
use crate::runtime::runtime;
use crate::serve::{self, How};

/// What `boutique up` is asked to do.
#[derive(Clone, Debug, Args)]
pub struct UpArgs {
    /// Run each server as a process of its own, talking HTTP, each with its own file.
    #[arg(long)]
    pub processes: bool,
    /// The data file, or with --processes the folder of the servers' files; made if missing.
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// Keep what is published as tables of columnar files in this folder too.
    #[arg(long, value_name = "FOLDER")]
    pub warehouse: Option<PathBuf>,
    /// The gateway's port; the admin port is 1000 above, other servers follow [default: 8080].
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..=i64::from(PORT_MAX)))]
    pub port: Option<u16>,
    /// Units of every product that new stock systems start with [default: 100, or
    /// what the configuration says].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=UNITS_ON_HAND_MAX))]
    pub stock: Option<u64>,
    /// Accept tokens of the development issuer of this machine: see `boutique token`.
    #[arg(long)]
    pub dev_issuer: bool,
    /// End when standard input does.
    #[arg(long, hide = true)]
    pub with_parent: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

/// The highest port of a gateway: admin ports and other servers follow.
const PORT_MAX: u16 = 64_000;

/// Units of every product on the shelves of a boutique that is tried out.
const STOCK: u64 = 100;

impl UpArgs {
    /// Runs all servers until told to end.
    ///
    /// # Errors
    ///
    /// [`Failure`]: of the configuration, the data, a port that is taken.
    pub fn run(self, out: &mut Output<'_>) -> Result<(), Failure> {
        match self.processes {
            true => runtime(1)?.block_on(self.many(out)),
            false => self.one(out),
        }
    }

    /// What the command line says, as the environment would.
    fn said(&self) -> Vec<(&'static str, String)> {
        let mut said = Vec::new();
        let setting = table::OPENING_STOCK.name;
        let elsewhere = std::env::var_os(setting).is_some() || self.config.config.is_some();
        if let Some(units) = self.stock.or_else(|| (!elsewhere).then_some(STOCK)) {
            said.push((setting, units.to_string()));
        }
        if let Some(folder) = &self.warehouse {
            said.push((table::WAREHOUSE.name, folder.display().to_string()));
        }
        if self.dev_issuer {
            said.push((table::DEV_ISSUER.name, true.to_string()));
        }
        if let Some(port) = self.port {
            said.push((table::PORT.name, port.to_string()));
            said.push((table::ADMIN_PORT.name, (port + ADMIN_ABOVE).to_string()));
        }
        said
    }

    fn one(self, out: &mut Output<'_>) -> Result<(), Failure> {
        let mut said = self.said();
        if let Some(data) = &self.data {
            let url = format!("sqlite:{}", data.display());
            said.push((table::STORE.name, url));
        }
        let source = self.config.source(said)?;
        let config: UpConfig = read(Server::Boutique, &source)?;
        let how = How {
            check: self.config.check,
            planned: false,
            with_parent: self.with_parent,
        };
        let serving = &config.common.serving;
        let (api, admin) = (serving.api(), serving.admin());
        let (api, admin) = (format!("http://{api}"), format!("http://{admin}"));
        let listening = || announce(out, &api, &admin);
        serve::run(&config, how, single::compose, listening)
    }

    async fn many(self, out: &mut Output<'_>) -> Result<(), Failure> {
        let data = self.data.clone().unwrap_or_else(|| "boutique-data".into());
        let said = self.said();
        let source = self.config.source(said.clone())?;
        let gateway: GatewayConfig = read(Server::Gateway, &source)?;
        let first = first_port(&gateway.common.serving)?;
        if source.says(&table::STORE) {
            let name = table::STORE.name;
            let text =
                "with --processes each server has a file of its own: name their folder with --data";
            return Err(Failure::Input(format!("{name}: {text}")));
        }
        if data.exists() && !data.is_dir() {
            let text = format!("--data: {} is no folder", data.display());
            return Err(Failure::Input(text));
        }
        let mut plan = plan(first, &data);
        for planned in &mut plan {
            // Where each listens is the plan's to say: what comes last counts.
            planned.env.splice(0..0, said.iter().cloned());
            if let Some(file) = &self.config.config {
                let file = std::path::absolute(file)?;
                planned
                    .env
                    .push(("BOUTIQUE_CONFIG", file.display().to_string()));
            }
        }
        let stop = serve::told_to_end(self.with_parent)?;
        let program = std::env::current_exe()?;
        if self.config.check {
            return check(&program, &plan).await;
        }
        std::fs::create_dir_all(&data)?;
        let processes = Processes::start(&program, &plan);
        let outcome = up(&plan, &processes, &stop, out).await;
        processes.end().await;
        outcome
    }
}

/// The gateway's port, where nothing is said that the others cannot follow.
fn first_port(serving: &Serving) -> Result<u16, Failure> {
    let here = IpAddr::from(Ipv4Addr::LOCALHOST);
    let wrong = |setting: &Setting, text: &str| {
        let name = setting.name;
        Err(Failure::Input(format!("{name}: with --processes {text}")))
    };
    if serving.host != here {
        return wrong(&table::HOST, "every server listens on 127.0.0.1: unset it");
    }
    if !(1..=PORT_MAX).contains(&serving.port) {
        let text = format!("it must be 1 to {PORT_MAX}: other servers follow");
        return wrong(&table::PORT, &text);
    }
    if serving.admin_port != serving.port + ADMIN_ABOVE {
        return wrong(&table::ADMIN_PORT, "it is 1000 above the port: unset it");
    }
    Ok(serving.port)
}

async fn up(
    plan: &[Planned],
    processes: &Processes,
    stop: &CancellationToken,
    out: &mut Output<'_>,
) -> Result<(), Failure> {
    tokio::select! {
        biased;
        () = stop.cancelled() => return Ok(()),
        () = processes.misconfigured() => {
            let text = "a server cannot run with these settings: see what it says above";
            return Err(Failure::Input(text.to_owned()));
        }
        ready = ready(plan) => ready?,
    }
    if let Some(gateway) = plan.first() {
        announce(out, &gateway.url(), &gateway.admin_url())?;
    }
    stop.cancelled().await;
    Ok(())
}

fn announce(out: &mut Output<'_>, api: &str, admin: &str) -> Result<(), Failure> {
    out.line(&format!(
        "boutique is up at {api}, its admin port at {admin}; Ctrl-C ends it"
    ))?;
    out.to.flush()?;
    Ok(())
}
