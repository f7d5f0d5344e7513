//! Google's Pub/Sub emulator, for as long as the tests run.

use std::env;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The variable by which everybody learns where it is.
pub(crate) const HOST: &str = "PUBSUB_EMULATOR_HOST";

const PATIENCE: Duration = Duration::from_secs(60);

/// A running emulator; dropping it ends it.
pub(crate) struct Emulator {
    process: Child,
    /// `host:port`.
    pub(crate) host: String,
}

impl Emulator {
    /// Starts it on a free port and waits until it answers.
    pub(crate) fn start() -> io::Result<Self> {
        let program = find().ok_or_else(|| {
            io::Error::other(
                "Google's Pub/Sub emulator is not here: install the gcloud CLI, its component \
                 pubsub-emulator (`gcloud components install pubsub-emulator`, or the package \
                 google-cloud-cli-pubsub-emulator) and Java, or set PUBSUB_EMULATOR_HOST to one \
                 that runs",
            )
        })?;
        let port = free_port()?;
        let process = Command::new(program)
            .args(["--host=127.0.0.1", &format!("--port={port}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let host = format!("127.0.0.1:{port}");
        let mut emulator = Self { process, host };
        let begun = Instant::now();
        while !answers(port, "/") {
            if let Some(status) = emulator.process.try_wait()? {
                let text = format!("Google's Pub/Sub emulator ended at its start: {status}");
                return Err(io::Error::other(text));
            }
            if begun.elapsed() > PATIENCE {
                return Err(io::Error::other(
                    "Google's Pub/Sub emulator does not answer",
                ));
            }
            sleep(Duration::from_millis(50));
        }
        Ok(emulator)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Below the gcloud CLI that is on the path.
fn find() -> Option<PathBuf> {
    const PROGRAM: &str = "platform/pubsub-emulator/bin/cloud-pubsub-emulator";
    let below = |root: &Path| Some(root.join(PROGRAM)).filter(|it| it.is_file());
    let paths = env::var_os("PATH")?;
    env::split_paths(&paths).find_map(|folder| {
        let gcloud = fs::canonicalize(folder.join("gcloud")).ok()?;
        // ROOT/bin/gcloud
        below(gcloud.parent()?.parent()?)
    })
}

/// A port that nobody listens on at present.
pub(crate) fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// Whether a `GET` of `path` there is answered with 200.
pub(crate) fn answers(port: u16, path: &str) -> bool {
    let ask = || -> io::Result<bool> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok(&answer == b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}
