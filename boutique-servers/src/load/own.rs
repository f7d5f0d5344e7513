//! A boutique that is started for one load and ended after it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use boutique_core::fault::Fault;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::command::LoadArgs;
use crate::config::table;
use crate::exit::Failure;
use crate::up::{Planned, free_ports, plan};

/// How long a boutique may take to come up, and to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A boutique that is ours.
pub(super) struct Own {
    child: Child,
    folder: TempDir,
    /// Its servers; one if all are in one process.
    pub(super) servers: Vec<Planned>,
}

impl Own {
    /// Starts one in a temporary folder, with enough of everything on the shelves.
    pub(super) async fn start(args: &LoadArgs) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let first = free_ports()?;
        let units = args.orders.saturating_mul(args.lines).max(1_000);
        let data = folder.path().join("data");
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["up", "--dev-issuer", "--with-parent", "--data"])
            .arg(&data)
            .args(["--port", &first.to_string(), "--stock", &units.to_string()])
            .env(table::DEV_KEY.name, Self::key_in(folder.path()))
            // What is to be seen is what the servers can do, not what they allow.
            .env(table::PRINCIPAL_RATE.name, "1000000")
            .env(table::ADDRESS_RATE.name, "1000000")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if std::env::var_os(table::LOG_LEVEL.name).is_none() {
            command.env(table::LOG_LEVEL.name, "error");
        }
        let mut servers = plan(first, &data);
        match args.processes {
            true => {
                command.arg("--processes");
            }
            false => servers.truncate(1),
        }
        let mut child = command.spawn()?;
        let lines = child.stdout.take().map(BufReader::new);
        let up = async {
            match lines {
                Some(lines) => lines.lines().next_line().await,
                None => Ok(None),
            }
        };
        match timeout(PATIENCE, up).await {
            Ok(Ok(Some(_))) => Ok(Self {
                child,
                folder,
                servers,
            }),
            _ => Err(Fault::unavailable("the boutique did not come up: see what it says").into()),
        }
    }

    fn key_in(folder: &Path) -> std::path::PathBuf {
        folder.join("dev.key")
    }

    /// The key of its tokens.
    pub(super) fn key(&self) -> std::path::PathBuf {
        Self::key_in(self.folder.path())
    }

    /// Ends it and forgets what it kept.
    pub(super) async fn end(mut self) -> Result<(), Failure> {
        drop(self.child.stdin.take());
        if timeout(PATIENCE, self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }
}
