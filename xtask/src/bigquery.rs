//! A BigQuery emulator, for as long as the tests run: bqemulator of PyPI, mended by
//! `bigquery_emulator.py`.

use std::fs::File;
use std::io;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::emulator::{answers, free_port};
use crate::python::environment;
use crate::{root, target};

/// The variable by which everybody learns where it is: `http://host:port`.
pub(crate) const HOST: &str = "BIGQUERY_EMULATOR_HOST";

/// What is installed. Newer DuckDBs want to download at the start; numpy is needed and not
/// declared.
const PACKAGES: [&str; 3] = ["bqemulator==1.4.0", "duckdb==1.5.6", "numpy<3"];
/// Another one for other packages.
const FOLDER: &str = "bqemulator-1.4.0";

const PATIENCE: Duration = Duration::from_secs(60);

/// A running emulator; dropping it ends it.
pub(crate) struct Warehouse {
    process: Child,
    /// Where its REST API is.
    pub(crate) host: String,
}

impl Warehouse {
    /// Installs it if that is still to be done, starts it on free ports and waits until it
    /// answers.
    pub(crate) fn start() -> io::Result<Self> {
        let python = environment(FOLDER, &PACKAGES).map_err(|error| {
            io::Error::other(format!("{error}; or set {HOST} to an emulator that runs"))
        })?;
        // It insists on a port for gRPC as well, which nobody asks.
        let (rest, grpc) = (free_port()?, free_port()?);
        let log = target().join(FOLDER).join("log");
        let process = Command::new(python)
            .arg(root().join("xtask/bigquery_emulator.py"))
            .args([rest, grpc].map(|it| it.to_string()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()?;
        let mut emulator = Self {
            process,
            host: format!("http://127.0.0.1:{rest}"),
        };
        let begun = Instant::now();
        while !answers(rest, "/readyz") {
            let what = match emulator.process.try_wait()? {
                Some(status) => format!("ended at its start: {status}"),
                None if begun.elapsed() > PATIENCE => "does not answer".to_owned(),
                None => {
                    sleep(Duration::from_millis(50));
                    continue;
                }
            };
            let text = format!("the BigQuery emulator {what}; see {}", log.display());
            return Err(io::Error::other(text));
        }
        Ok(emulator)
    }
}

impl Drop for Warehouse {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
