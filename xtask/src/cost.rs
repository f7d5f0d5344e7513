//! `cargo xtask cost`: what an order costs through nine processes, beside what HTTP itself costs.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{root, say};

const IN_FLIGHT: [u32; 3] = [16, 64, 256];
const ROUNDS: usize = 3;
const ECHOES: u32 = 20_000;
const STARTS: usize = 5;
const IDLE: Duration = Duration::from_secs(10);
/// A program that is not up by then is not going to be.
const PATIENCE: Duration = Duration::from_secs(30);

/// Builds for release, measures, and prints Markdown. `args`: the orders of a round, 3,000 unless
/// said.
pub(crate) fn cost(args: &[String]) -> io::Result<()> {
    let orders = match args {
        [] => 3_000,
        [orders] => orders.parse().map_err(io::Error::other)?,
        _ => {
            return Err(io::Error::other(
                "it takes the number of orders, or nothing",
            ));
        }
    };
    let bench = Bench::new()?;
    say(
        "| in flight | CPU an order, µs: median (all rounds) | orders/s | requests | echo, µs: server + client | echo × requests, µs |",
    );
    say("| --- | --- | --- | --- | --- | --- |");
    let mut last = Vec::new();
    for in_flight in IN_FLIGHT {
        last = bench.orders(orders, in_flight)?;
    }
    say(&format!(
        "\nBy server, {} in flight, µs of CPU an order:",
        IN_FLIGHT[2]
    ));
    for (server, micros) in last {
        say(&format!("* {server}: {micros:.0}"));
    }
    let (health, idle) = bench.idle()?;
    say(&format!(
        "\n`boutique up`: first `GET /health` after {:.0} ms (median of {STARTS}), {:.1} MiB resident when idle for {} s",
        health,
        idle as f64 / 1024.0,
        IDLE.as_secs()
    ));
    Ok(())
}

struct Bench {
    program: PathBuf,
    /// Below the build folder, which is on a disk: what is durable costs its syncs.
    folder: PathBuf,
}

impl Bench {
    fn new() -> io::Result<Self> {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args("build --release --locked -p boutique-servers --bin boutique".split(' '));
        if !cargo.current_dir(root()).status()?.success() {
            return Err(io::Error::other("the program does not build"));
        }
        let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| OsString::from("target"));
        let target = root().join(target);
        let folder = target.join("cost");
        fs::create_dir_all(&folder)?;
        let program = target.join("release").join("boutique");
        Ok(Self { program, folder })
    }

    /// What `boutique load` says of itself.
    fn load(&self, args: &str) -> io::Result<Value> {
        let mut load = Command::new(&self.program);
        load.arg("load").args(args.split(' ')).arg("--json");
        load.env("TMPDIR", &self.folder).stderr(Stdio::null());
        let done = load.output()?;
        if !done.status.success() {
            let text = format!("boutique load {args}: {}", done.status);
            return Err(io::Error::other(text));
        }
        serde_json::from_slice(&done.stdout).map_err(io::Error::other)
    }

    /// Measures orders and echoes in turns; prints a row, gives the servers of the last round.
    fn orders(&self, orders: u32, in_flight: u32) -> io::Result<Vec<(String, f64)>> {
        let (mut cpu, mut rate, mut requests) = (Vec::new(), Vec::new(), 0.0);
        let (mut server, mut client, mut servers) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let load = format!("--processes --orders {orders} --in-flight {in_flight}");
            let load = self.load(&load)?;
            cpu.push(number(&load["cpu_micros_per_order"])?);
            rate.push(number(&load["load"]["per_second"])?);
            let all = load["servers"].as_array().into_iter().flatten();
            servers.clear();
            requests = 0.0;
            for it in all {
                let name = it["server"].as_str().unwrap_or_default();
                servers.push((name.to_owned(), number(&it["cpu_micros"])?));
                requests += number(&it["requests"])?;
            }
            let echo = self.load(&format!("--echo --orders {ECHOES} --in-flight {in_flight}"))?;
            server.push(number(&echo["echo"]["server_micros"])?);
            client.push(number(&echo["echo"]["client_micros"])?);
        }
        let all: Vec<_> = cpu.iter().map(|it| format!("{it:.0}")).collect();
        let (server, client) = (median(&mut server), median(&mut client));
        // Who places the orders is no server: one client less than there are requests.
        let floor = requests * server + (requests - 1.0) * client;
        say(&format!(
            "| {in_flight} | {:.0} ({}) | {:.0} | {requests:.1} | {server:.1} + {client:.1} | {floor:.0} |",
            median(&mut cpu),
            all.join(", "),
            median(&mut rate),
        ));
        Ok(servers)
    }

    /// Milliseconds to the first answer, and KiB that are resident when nobody asks.
    fn idle(&self) -> io::Result<(f64, u64)> {
        let (mut millis, mut resident) = (Vec::new(), 0);
        for start in 1..=STARTS {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
                .local_addr()?
                .port();
            let data = self
                .folder
                .join(format!("idle-{start}-{}.db", std::process::id()));
            let began = Instant::now();
            let mut up = Up(self.up(port, &data)?);
            while !healthy(port) {
                if began.elapsed() > PATIENCE {
                    return Err(io::Error::other("boutique up does not answer"));
                }
                sleep(Duration::from_millis(1));
            }
            millis.push(began.elapsed().as_secs_f64() * 1e3);
            if start == STARTS {
                sleep(IDLE);
                resident = kib(up.0.id())?;
            }
            up.end();
        }
        Ok((median(&mut millis), resident))
    }

    fn up(&self, port: u16, data: &Path) -> io::Result<Child> {
        let mut up = Command::new(&self.program);
        up.args(["up", "--dev-issuer", "--with-parent", "--port"]);
        up.arg(port.to_string()).arg("--data").arg(data);
        up.env("BOUTIQUE_DEV_KEY", self.folder.join("dev.key"));
        let quiet = up.stdin(Stdio::piped()).stdout(Stdio::null());
        quiet.stderr(Stdio::null()).spawn()
    }
}

/// A boutique that ends with us.
struct Up(Child);

impl Up {
    fn end(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        self.end();
    }
}

fn healthy(port: u16) -> bool {
    let ask = || -> io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status == *b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}

fn kib(process: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let resident = status.lines().find_map(|it| it.strip_prefix("VmRSS:"));
    let resident = resident.and_then(|it| it.trim().strip_suffix(" kB")?.trim().parse().ok());
    resident.ok_or_else(|| io::Error::other("the system does not tell resident memory"))
}

fn number(value: &Value) -> io::Result<f64> {
    value
        .as_f64()
        .ok_or_else(|| io::Error::other("a figure is missing"))
}

fn median(all: &mut [f64]) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
