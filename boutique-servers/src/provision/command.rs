//! The command.

use std::path::PathBuf;

use boutique_core::assembly::Topology;
use boutique_core::broker::TopicId;
use boutique_transport::bigquery::{self, BigQuery, Change, Design};
use boutique_transport::pubsub::{self, PubSub, PushTo};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::google::{apply, look};
use super::{Desired, Plan, TableWriter};
use crate::config::{ConfigArgs, OmsConfig, PubSubConfig, Push, Server, read, table};
use crate::exit::{Failure, chain};
use crate::output::Output;

/// What is provisioned.
#[derive(Debug, Subcommand)]
pub enum Provision {
    /// Topics and subscriptions of Pub/Sub, tables and views of BigQuery, in a project of Google
    /// Cloud. Prints the plan, then carries it out; deletes nothing, and neither makes accounts
    /// nor grants roles. Exits with 1 if something is (with --plan) or stays
    /// otherwise than it shall be.
    Gcp(GcpArgs),
}

/// What shall be there, and whether only to look.
#[derive(Debug, Args)]
pub struct GcpArgs {
    /// Only print the plan.
    #[arg(long)]
    pub plan: bool,
    /// The project: GCP_PROJECT_ID.
    #[arg(long, value_name = "ID")]
    pub project: Option<String>,
    /// The address of order management to push to, such as https://HOST/; without this or --pull
    /// it stays as it is, and subscriptions that are made are pulled.
    #[arg(long, value_name = "URL")]
    pub push_to: Option<String>,
    /// Order management pulls: no subscription of its pushes any longer.
    #[arg(long, conflicts_with = "push_to")]
    pub pull: bool,
    /// The service account, by e-mail, whose tokens the pushes carry [default: PUSH_ACCOUNT].
    #[arg(long, value_name = "EMAIL", requires = "push_to")]
    pub push_account: Option<String>,
    /// Whom the tokens are for [default: PUSH_AUDIENCE, else the address].
    #[arg(long, value_name = "TEXT", requires = "push_to")]
    pub push_audience: Option<String>,
    /// The dataset of the data warehouse, in the same project; without it none is made, and
    /// nothing is written there. Where PUBSUB_EMULATOR_HOST names an emulator,
    /// BIGQUERY_EMULATOR_HOST has to name one of BigQuery (http://HOST:PORT), and the other way
    /// round.
    #[arg(long, value_name = "NAME")]
    pub dataset: Option<String>,
    /// Where a dataset is made, such as EU; it stays there [default: BigQuery's].
    #[arg(long, value_name = "PLACE", requires = "dataset")]
    pub location: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Read the settings of order management from this TOML file, else from the one BOUTIQUE_CONFIG
    /// names; the environment wins. They say what topics and subscriptions are called.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl Provision {
    /// Whether JSON was asked for.
    pub(crate) const fn json(&self) -> bool {
        match self {
            Self::Gcp(args) => args.json,
        }
    }

    /// Carries it out.
    ///
    /// # Errors
    ///
    /// [`Failure::Input`]: no project, no credentials; [`Failure::Fault`] of Google's, what came
    /// before is done; [`Failure::Refused`] if something is or stays otherwise than it shall be.
    pub async fn run(self, out: &mut Output<'_>) -> Result<(), Failure> {
        match self {
            Self::Gcp(args) => args.run(out).await,
        }
    }
}

impl GcpArgs {
    async fn run(self, out: &mut Output<'_>) -> Result<(), Failure> {
        let OmsConfig { broker, push, .. } = self.settings()?;
        let Some(PubSubConfig {
            project,
            emulator,
            topology,
            ..
        }) = broker.pubsub().cloned()
        else {
            return Err(Failure::Input("BROKER is not pubsub".to_owned()));
        };
        let push = self.push(emulator.is_some(), push)?;
        let bigquery = self.bigquery(emulator.is_some())?;
        let pubsub = PubSub::connect(&project, emulator.as_deref()).await;
        let pubsub = pubsub.map_err(|error| unconnected(&error))?;
        let warehouse = self.warehouse(&project, bigquery.as_deref()).await?;
        let writer = self
            .dataset
            .as_ref()
            .map(|it| writer(&project, it, &topology));
        let mut desired = Desired::of(&project, &topology, push.as_ref(), writer.as_ref());
        let actual = look(&pubsub).await?;
        if push.is_none() && !self.pull {
            desired.keep_delivery(&topology, &actual);
        }
        let plan = Plan::between(&actual, &desired);
        let tables = match &warehouse {
            Some((bigquery, design)) => bigquery.plan(design).await?,
            None => bigquery::Plan::default(),
        };
        self.show(&project, &plan, &tables, out)?;
        let changes = plan.changes() || !tables.changes.is_empty();
        if !self.plan && changes {
            // A subscription wants its table.
            if let Some((bigquery, _)) = &warehouse {
                bigquery.apply(&tables).await?;
            }
            apply(&pubsub, &actual, &desired, &plan).await?;
            if !out.json {
                out.line("done")?;
            }
        }
        if self.plan && changes {
            return refused("the project is not as it shall be: run the same without --plan");
        }
        if plan.drifts() || !tables.drift.is_empty() {
            return refused(
                "what cannot be changed is left alone: see above; delete it by hand to have it made anew",
            );
        }
        Ok(())
    }

    /// The emulator of BigQuery, if there is one. To have one of the two would change something
    /// of Google's that was meant to be tried.
    fn bigquery(&self, emulated: bool) -> Result<Option<String>, Failure> {
        let emulator = std::env::var(bigquery::EMULATOR_HOST).ok();
        let emulator = emulator.filter(|it| !it.is_empty());
        if self.dataset.is_none() || emulator.is_some() == emulated {
            return Ok(emulator);
        }
        let (one, other) = match emulated {
            true => (pubsub::EMULATOR_HOST, bigquery::EMULATOR_HOST),
            false => (bigquery::EMULATOR_HOST, pubsub::EMULATOR_HOST),
        };
        let text =
            format!("{one} names an emulator, {other} none: with --dataset set both or none");
        Err(Failure::Input(text))
    }

    async fn warehouse(
        &self,
        project: &str,
        emulator: Option<&str>,
    ) -> Result<Option<(BigQuery, Design)>, Failure> {
        let Some(dataset) = &self.dataset else {
            return Ok(None);
        };
        let bigquery = BigQuery::connect(project, dataset, emulator).await;
        let bigquery = bigquery.map_err(|error| unconnected(&error))?;
        let design = Design {
            location: self.location.clone(),
            ..bigquery.design()
        };
        Ok(Some((bigquery, design)))
    }

    /// The settings, of which the command line is the strongest.
    fn settings(&self) -> Result<OmsConfig, Failure> {
        let mut said = vec![(table::BROKER.name, "pubsub".to_owned())];
        if let Some(project) = &self.project {
            said.push((table::GCP_PROJECT_ID.name, project.clone()));
        }
        let source = ConfigArgs::of(self.config.clone()).source(said)?;
        Ok(read(Server::Oms, &source)?)
    }

    /// Google's pushes carry a token, or anybody could push.
    fn push(&self, emulated: bool, told: Option<Push>) -> Result<Option<PushTo>, Failure> {
        let Some(endpoint) = &self.push_to else {
            return Ok(None);
        };
        let (account, audience) = told.map(|it| (it.account, it.audience)).unzip();
        let service_account = self.push_account.clone().or(account);
        if service_account.is_none() && !emulated {
            let text = "name the account that signs pushes with --push-account EMAIL";
            return Err(Failure::Input(text.to_owned()));
        }
        Ok(Some(PushTo {
            endpoint: endpoint.clone(),
            service_account,
            audience: self.push_audience.clone().or(audience),
        }))
    }

    fn show(
        &self,
        project: &str,
        plan: &Plan,
        tables: &bigquery::Plan,
        out: &mut Output<'_>,
    ) -> Result<(), Failure> {
        if out.json {
            let steps = tables.changes.iter().map(change);
            let drift = tables.drift.iter().map(
                |it| json!({"kind": it.kind, "name": it.name, "action": "drift", "what": [it.what]}),
            );
            let steps = steps.chain(drift);
            let steps: Vec<Value> = steps
                .chain(plan.steps.iter().map(super::Step::json))
                .collect();
            return out.json(&json!({
                "project": project,
                "only_plan": self.plan,
                "steps": steps,
            }));
        }
        if plan.steps.is_empty() && tables.is_done() {
            return out.line(&format!("{project}: nothing to do"));
        }
        let changes = tables.changes.iter();
        changes
            .clone()
            .try_for_each(|it| out.line(&it.to_string()))?;
        let mut drift = tables.drift.iter();
        drift.try_for_each(|it| out.line(&format!("cannot change {it}")))?;
        let mut steps = plan.steps.iter();
        steps.try_for_each(|it| out.line(&it.to_string()))
    }
}

/// For programs.
fn change(change: &Change) -> Value {
    match change {
        Change::CreateDataset { dataset, .. } => {
            json!({"kind": "dataset", "name": dataset, "action": "create"})
        }
        Change::Create { name, relation } => {
            json!({"kind": relation.what(), "name": name, "action": "create"})
        }
        Change::Update {
            kind, name, what, ..
        } => {
            json!({"kind": kind, "name": name, "action": "change", "what": what})
        }
    }
}

/// Every topic that is a table of `dataset`, and where goes what a table would not take.
pub fn writer(project: &str, dataset: &str, topology: &Topology) -> TableWriter {
    let table = |topic: &TopicId, name: &str| (topic.clone(), name.to_owned());
    TableWriter {
        dataset: format!("{project}.{dataset}"),
        tables: vec![
            table(&topology.orders, boutique_core::analytics::ORDERS.name),
            table(&topology.refusals, boutique_core::analytics::REFUSALS.name),
            table(
                &topology.shipments,
                boutique_core::analytics::SHIPMENTS.name,
            ),
        ],
        unwritten: TopicId::from("analytics-dead"),
    }
}

fn refused(text: &str) -> Result<(), Failure> {
    Err(Failure::Refused(text.to_owned()))
}

fn unconnected(error: &dyn std::error::Error) -> Failure {
    Failure::Input(chain(error))
}
