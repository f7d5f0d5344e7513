//! One server as a child process: started, listened to, started again when it dies.

use std::io::Write;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::plan::Planned;

/// The pause before a server that died is started again: the first, and the longest.
const RESTART: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// A server that ran for this long is well: the next pause is the first again.
const WELL_AFTER: Duration = Duration::from_secs(10);
/// The exit code of a program whose settings are wrong: see [`crate::exit::EXIT_CODES`].
pub(super) const BAD_INPUT: i32 = 2;
/// How long a server may take to end after it was asked to.
const DRAIN: Duration = Duration::from_secs(12);

/// Keeps one server running until `stop`, then asks it to end and waits.
///
/// Its lines are written to our standard error, each after its name. The server ends by itself
/// when we die, because its standard input ends. `id` is its process id while it runs, else 0.
///
/// `false` if its first start ended because of its settings: another would not help. Later it is
/// started again all the same, for what has changed, a port or a file, may change back.
pub(super) async fn supervise(
    program: &Path,
    planned: &Planned,
    id: &AtomicU32,
    stop: CancellationToken,
) -> bool {
    let mut pause = RESTART.0;
    let mut first = true;
    while !stop.is_cancelled() {
        let began = Instant::now();
        match start(program, planned) {
            Ok(child) => {
                if let Some(process) = child.id() {
                    id.store(process, Ordering::Relaxed);
                    say(planned, &format!("started as process {process}"));
                }
                let ended = attend(planned, child, &stop).await;
                id.store(0, Ordering::Relaxed);
                if let Some(status) = ended {
                    if first && status.code() == Some(BAD_INPUT) {
                        say(planned, "cannot run with these settings");
                        return false;
                    }
                    say(planned, &format!("ended: {status}; it is started again"));
                }
                first = false;
            }
            Err(error) => say(planned, &format!("cannot be started: {error}")),
        }
        if began.elapsed() > WELL_AFTER {
            pause = RESTART.0;
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return true,
            () = sleep(pause) => {}
        }
        pause = (pause * 2).min(RESTART.1);
    }
    true
}

fn start(program: &Path, planned: &Planned) -> std::io::Result<Child> {
    Command::new(program)
        .args(["serve", planned.server.name(), "--with-parent"])
        .envs(planned.env.iter().map(|(name, value)| (name, value)))
        // Whoever supervises us is told of us alone.
        .env_remove("NOTIFY_SOCKET")
        .env_remove("WATCHDOG_USEC")
        // Ctrl-C reaches us alone: we say when the servers end.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// Passes its lines on until it ends; asks it to when it is time. How it ended, if by itself.
async fn attend(
    planned: &Planned,
    mut child: Child,
    stop: &CancellationToken,
) -> Option<ExitStatus> {
    // Held as long as the child runs: it ends when this does.
    let input = child.stdin.take();
    let lines = [
        child
            .stdout
            .take()
            .map(|it| tokio::spawn(pass_on(planned.server.name(), it))),
        child
            .stderr
            .take()
            .map(|it| tokio::spawn(pass_on(planned.server.name(), it))),
    ];
    let ended = tokio::select! {
        biased;
        status = child.wait() => status.ok(),
        () = stop.cancelled() => {
            drop(input);
            if timeout(DRAIN, child.wait()).await.is_err() {
                say(planned, "does not end: it is killed");
                let _ = child.kill().await;
            }
            None
        }
    };
    for task in lines.into_iter().flatten() {
        let _ = task.await;
    }
    ended
}

async fn pass_on(name: &'static str, from: impl AsyncRead + Unpin) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        write(name, &line);
    }
}

fn say(planned: &Planned, text: &str) {
    write(planned.server.name(), text);
}

/// One write a line, so that lines of different servers do not mix; nobody may listen any more.
fn write(name: &str, text: &str) {
    let line = format!("{name:>10} | {text}\n");
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::Server;

    /// Supervises a program that ends in turn with each of `codes`, and then does not. Whether
    /// it came to that.
    async fn ends_with(codes: &str) -> bool {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("server");
        // Each start takes a word off the list; what reads its input ends with it.
        let text = "#!/bin/sh\n\
                    read -r code rest < \"$LEFT\" || { : > \"$LEFT.empty\"; exec cat; }\n\
                    if [ -n \"$rest\" ]; then echo \"$rest\" > \"$LEFT\"; else : > \"$LEFT\"; fi\n\
                    exit \"$code\"\n";
        fs::write(&program, text).expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("ours");
        let left = folder.path().join("left");
        fs::write(&left, format!("{codes}\n")).expect("written");
        let planned = Planned {
            server: Server::Crm,
            port: 1,
            admin: 2,
            env: vec![("LEFT", left.display().to_string())],
        };
        let (stop, id) = (CancellationToken::new(), AtomicU32::new(0));
        let empty = folder.path().join("left.empty");
        let stays = async {
            while !empty.exists() {
                sleep(Duration::from_millis(10)).await;
            }
            stop.cancel();
            std::future::pending::<bool>().await
        };
        let supervised = supervise(&program, &planned, &id, stop.clone());
        let supervised = async {
            tokio::select! {
                it = supervised => it,
                never = stays => never,
            }
        };
        let supervised = timeout(Duration::from_secs(60), supervised).await;
        supervised.expect("it is started again, or given up")
    }

    #[tokio::test]
    async fn a_server_whose_settings_are_wrong_from_the_first_is_given_up() {
        assert!(!ends_with("2 0").await);
    }

    #[tokio::test]
    async fn a_server_that_has_run_is_started_again_whatever_it_ends_with() {
        assert!(ends_with("1 2 3").await);
    }
}
