//! The command `boutique up`.

use std::path::PathBuf;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::plan::{Planned, plan};
use super::processes::{Processes, check, ready};
use super::single;
use crate::config::{ADMIN_ABOVE, ConfigArgs, Server, UpConfig, read, table};
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
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..=64_000))]
    pub port: Option<u16>,
    /// Units of every product that new stock systems start with [default: 100, or
    /// what the configuration says].
    #[arg(long, value_name = "N")]
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
        said
    }

    fn one(self, out: &mut Output<'_>) -> Result<(), Failure> {
        let mut said = self.said();
        if let Some(data) = &self.data {
            let url = format!("sqlite:{}", data.display());
            said.push((table::STORE.name, url));
        }
        if let Some(port) = self.port {
            said.push((table::PORT.name, port.to_string()));
            said.push((table::ADMIN_PORT.name, (port + ADMIN_ABOVE).to_string()));
        }
        let source = self.config.source(said)?;
        let config: UpConfig = read(Server::Boutique, &source)?;
        let how = How {
            check: self.config.check,
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
        std::fs::create_dir_all(&data)?;
        let first = self.port.unwrap_or(Server::Gateway.default_port());
        let said = self.said();
        let mut plan = plan(first, &data);
        for planned in &mut plan {
            planned.env.extend(said.iter().cloned());
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
        let processes = Processes::start(&program, &plan);
        let outcome = up(&plan, &processes, &stop, out).await;
        processes.end().await;
        outcome
    }
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
