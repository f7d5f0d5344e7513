//! Order management, accounting and the warehouse as one process on one file: this test program
//! again. It is killed and started anew.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use boutique_core::accounting::KeepBooks;
use boutique_core::assembly::{
    BookService, CrmService, FulfilService, OrderEdges, OrderSystem, PushService, WarehousePorts,
};
use boutique_core::broker::Push;
use boutique_core::clock::Clock;
use boutique_core::customer::LookUpInDirectory;
use boutique_core::fault::Fault;
use boutique_core::flow::{Ask, Step, StepService};
use boutique_servers::admin::Dependency;
use boutique_servers::config::{OmsConfig, Server, Source, read};
use boutique_servers::exit::Failure;
use boutique_servers::parts::{self, Making};
use boutique_servers::serve::{self, How};
use boutique_servers::servers::Composed;
use boutique_servers::{broker, store};
use boutique_transport::sources::SystemClock;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

/// Set in the process that is order management.
const MYSELF: &str = "BOUTIQUE_TEST_OMS";
/// How long it may take to come up, and to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// The process.
pub(crate) struct Oms {
    settings: Vec<(&'static str, String)>,
    ready: String,
    child: Child,
}

impl Oms {
    /// Starts it on the data file, listening on `port`, and waits until it is ready.
    pub(crate) async fn start(file: &Path, port: u16, broker: &[(&'static str, String)]) -> Self {
        let admin = port + 1_000;
        let mut settings = broker.to_vec();
        settings.extend([
            ("BOUTIQUE_STORE", format!("sqlite:{}", file.display())),
            ("PORT", port.to_string()),
            ("ADMIN_PORT", admin.to_string()),
            ("PUBSUB_PULL", "true".to_owned()),
            ("PUBSUB_CREATE", "true".to_owned()),
            ("CHECK_EVERY", "200ms".to_owned()),
            ("LOG_LEVEL", "error".to_owned()),
        ]);
        let ready = format!("http://127.0.0.1:{admin}/readyz");
        let child = Self::spawn(&settings);
        let oms = Self {
            settings,
            ready,
            child,
        };
        oms.ready().await;
        oms
    }

    fn spawn(settings: &[(&'static str, String)]) -> Child {
        let myself = std::env::current_exe().expect("a program");
        Command::new(myself)
            .args(["--exact", "oms::order_management", "--nocapture"])
            .env(MYSELF, "1")
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts")
    }

    async fn ready(&self) {
        let ready = async {
            while !reqwest::get(&self.ready)
                .await
                .is_ok_and(|it| it.status().is_success())
            {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, ready).await.expect("it becomes ready");
    }

    /// Kills it in the middle of whatever it does, and starts it again with `streams` to pull by.
    pub(crate) async fn kill(&mut self, streams: usize) {
        self.child.kill().await.expect("it can be killed");
        self.settings.push(("PUBSUB_STREAMS", streams.to_string()));
        self.child = Self::spawn(&self.settings);
        self.ready().await;
    }

    /// Tells it to end, which it does when it has finished what it has begun.
    pub(crate) async fn end(mut self) {
        drop(self.child.stdin.take());
        let ended = timeout(PATIENCE, self.child.wait()).await;
        let status = ended.expect("it ends").expect("it can be waited for");
        assert!(status.success(), "{status}");
    }
}

/// The process itself.
#[test]
fn order_management() {
    if std::env::var_os(MYSELF).is_none() {
        return;
    }
    let source = Source::open(None, std::env::vars_os()).expect("no file");
    let config: OmsConfig = read(Server::Oms, &source).expect("settings");
    let how = How {
        check: false,
        planned: false,
        with_parent: true,
    };
    let ended = serve::run(&config, how, compose, || Ok(()));
    ended.expect("it ends well");
}

async fn compose(config: &OmsConfig) -> Result<Composed, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let ports = store::open(&config.store, Arc::clone(&clock))?;
    let crm = LookUpInDirectory {
        directory: Arc::clone(&ports.customers),
    };
    let accounting = KeepBooks {
        journal: Arc::clone(&ports.journal),
        clock: Arc::clone(&clock),
        crm: CrmService::new(crm.into_service()),
    };
    let warehouse = WarehousePorts {
        shipments: Arc::clone(&ports.shipments),
        stock: ports.stock(),
        broker: Arc::clone(&ports.broker).into(),
        clock: Arc::clone(&clock),
    };
    let warehouse = warehouse.into_warehouse(&config.broker.topology());
    let edges = OrderEdges {
        accounting: BookService::new(accounting.into_service()),
        warehouse: FulfilService::new(StepService::shared(warehouse)),
    };
    let system = OrderSystem::new(
        Arc::clone(&ports.orders),
        Arc::clone(&clock),
        edges,
        config.background.batch,
    );
    let system = Arc::new(system);
    let moody = Moody {
        inner: system.taking_in(),
        asked: AtomicUsize::new(0),
    };
    let service = PushService::new(moody.into_service());
    let now = Arc::clone(&clock);
    let (pulls, more) = broker::taking_in(&config.broker, service, &config.background, now).await?;
    let making = Making {
        limits: config.common.serving.limits(),
        admission: config.common.serving.gate(),
        clock,
    };
    let mut part = parts::oms(&system, &config.background, &making);
    part.duties.extend(pulls);
    let mut dependencies = vec![Dependency::store(&ports)];
    dependencies.extend(more);
    Ok(Composed {
        part,
        more: Router::new(),
        dependencies,
        meters: Vec::new(),
        tasks: TaskTracker::new(),
    })
}

/// What is pulled is now and then refused, and now and then taken in without saying so.
struct Moody {
    inner: PushService,
    asked: AtomicUsize,
}

impl Step<Push> for Moody {
    type Response = ();
    type Error = Fault;

    async fn run(&self, push: Push) -> Result<(), Fault> {
        let at = self.asked.fetch_add(1, Ordering::Relaxed);
        if at % 97 == 13 {
            return Err(Fault::ambiguous("not now"));
        }
        self.inner.ask(push).await?;
        match at % 89 == 17 {
            true => Err(Fault::ambiguous("the answer is lost")),
            false => Ok(()),
        }
    }
}
