//! The systemd unit, judged by systemd.

use std::fs;
use std::process::Command;

use boutique_servers::config::Server;

use super::environment::environments;
use super::files::text;
use super::support::{Ran, needs};

/// How exposed a unit may be, in tenths: systemd calls up to 2.0 well protected.
const EXPOSED: &str = "20";

fn value(unit: &str, key: &str) -> String {
    let lines = unit.lines().filter_map(|it| it.split_once('='));
    let mut values = lines.filter(|(it, _)| *it == key).map(|(_, it)| it);
    values.next().unwrap_or_default().to_owned()
}

#[test]
fn systemd_takes_the_unit_and_finds_it_well_protected() {
    if !needs("systemd-analyze") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let installed = "/usr/local/bin/boutique-%i";
    let unit = text("vm/boutique@.service");
    assert!(unit.contains(&format!("ExecStart={installed}\n")));
    for (server, program) in [
        ("crm", env!("CARGO_BIN_EXE_boutique-crm")),
        ("inventory", env!("CARGO_BIN_EXE_boutique-inventory")),
        ("furniture", env!("CARGO_BIN_EXE_boutique-furniture")),
        ("fraud", env!("CARGO_BIN_EXE_boutique-fraud")),
    ] {
        // What is verified includes that the program is there.
        let unit = unit.replace(installed, program);
        let file = folder.path().join(format!("boutique@{server}.service"));
        fs::write(&file, unit).expect("written");
        let verified = Command::new("systemd-analyze")
            .args(["verify", "--man=no"])
            .arg(&file)
            .output();
        let verified = Ran::from(verified.expect("it runs"));
        assert_eq!(verified.code, Some(0), "{server}: {}", verified.stderr);
        let ours: Vec<&str> = verified
            .stderr
            .lines()
            .filter(|it| it.contains("boutique"))
            .collect();
        assert!(ours.is_empty(), "{ours:?}");
        let scored = Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager"])
            .arg(format!("--threshold={EXPOSED}"))
            .arg(&file)
            .output();
        let scored = Ran::from(scored.expect("it runs"));
        assert_eq!(scored.code, Some(0), "{server}: {}", scored.stdout);
    }
}

/// `(90 s)` of `90`, `90s`, `1m30s` as far as our files write it.
fn seconds(text: &str) -> u64 {
    let text = text.trim_end_matches('s');
    text.parse()
        .unwrap_or_else(|_| panic!("{text:?} is no number of seconds"))
}

#[test]
fn a_server_has_time_to_drain_and_starts_again_only_where_that_helps() {
    let unit = text("vm/boutique@.service");
    let stop = seconds(&value(&unit, "TimeoutStopSec"));
    let machines = environments();
    let machines = machines
        .iter()
        .filter(|it| it.place.ends_with(".env") && it.place.contains("vm/"));
    let mut seen = 0;
    for machine in machines {
        let limit = seconds(&machine.variables["DRAIN_LIMIT"]);
        let wait = seconds(&machine.variables["DRAIN_WAIT"]);
        assert!(wait < limit && limit < stop, "{}", machine.place);
        seen += 1;
    }
    assert_eq!(seen, 4);
    assert_eq!(value(&unit, "Type"), "notify");
    // The longest look is a quarter of it, and has to hold the longest request.
    assert!(seconds(&value(&unit, "WatchdogSec")) >= 4 * 10);
    // A disk that is full for an hour keeps nothing down for longer.
    assert_eq!(value(&unit, "StartLimitIntervalSec"), "0");
    assert_eq!(value(&unit, "Restart"), "always");
    // Of the program's exit codes, those that say that the same again ends the same.
    assert_eq!(value(&unit, "RestartPreventExitStatus"), "2 3");
    assert!(boutique_servers::exit::EXIT_CODES.contains("2  wrong usage"));
    assert!(boutique_servers::exit::EXIT_CODES.contains("3  the data file"));
}

#[test]
fn the_machines_run_the_servers_that_live_on_machines() {
    let servers: Vec<Server> = environments()
        .into_iter()
        .filter(|it| it.place.contains("vm/"))
        .map(|it| it.server)
        .collect();
    let expected = [
        Server::Crm,
        Server::Inventory,
        Server::Furniture,
        Server::Fraud,
    ];
    assert_eq!(servers, expected);
    let script = text("vm/install.sh");
    for file in ["boutique@.service", "boutique.conf"] {
        assert!(script.contains(&format!("\"$here/{file}\"")), "{file}");
        assert!(!text(&format!("vm/{file}")).is_empty());
    }
}
