//! Data files that cannot be used, and what the program says of them.

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use support::{Books, boutique, real_orders, run};

/// A small data file of ours.
fn ours(folder: &Path) -> std::path::PathBuf {
    let data = folder.join("ours.db");
    let file = folder.join("one.csv");
    let line = "1,A,x,1,2010-12-01,1,7,UK";
    let header = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country";
    std::fs::write(&file, format!("{header}\n{line}\n")).expect("written");
    run([
        "replay".as_ref(),
        file.as_os_str(),
        "--data".as_ref(),
        data.as_os_str(),
    ])
    .succeeds();
    data
}

/// Overwrites a number in the header of an SQLite file (its format, section 1.3).
fn stamp(data: &Path, offset: usize, number: u32) {
    let mut bytes = std::fs::read(data).expect("read");
    bytes[offset..offset + 4].copy_from_slice(&number.to_be_bytes());
    std::fs::write(data, bytes).expect("written");
}

fn both_ways(data: &Path, code: i32, words: &[&str]) {
    let before = std::fs::read(data).expect("read");
    let replay = run([
        "replay".as_ref(),
        real_orders().as_os_str(),
        "--data".as_ref(),
        data.as_os_str(),
    ]);
    replay.fails(code, words);
    run(["stock".as_ref(), "--data".as_ref(), data.as_os_str()]).fails(code, words);
    assert_eq!(
        std::fs::read(data).expect("read"),
        before,
        "it is left as it was"
    );
}

#[test]
fn a_file_of_a_newer_program_is_left_to_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = ours(folder.path());
    stamp(&data, 60, 999);
    both_ways(&data, 3, &["version 999", "newer program"]);
}

#[test]
fn a_file_of_another_program_is_not_touched() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = ours(folder.path());
    stamp(&data, 68, 0x4d59_4442);
    both_ways(&data, 3, &["not a data file of this program"]);
    std::fs::write(&data, "Dear diary, this is a text of some length.").expect("written");
    both_ways(&data, 3, &["not a data file of this program"]);
}

#[test]
fn a_folder_is_no_data_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("folder");
    std::fs::create_dir(&data).expect("made");
    run(["stock".as_ref(), "--data".as_ref(), data.as_os_str()])
        .fails(3, &["not a data file of this program"]);
    let replay = run([
        "replay".as_ref(),
        real_orders().as_os_str(),
        "--data".as_ref(),
        data.as_os_str(),
    ]);
    replay.fails(3, &["not a data file of this program"]);
    assert!(!folder.path().join("folder.lock").exists());
}

#[test]
fn a_file_that_a_killed_process_left_empty_is_said_to_be_empty_and_can_be_sold_with() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("ours.db");
    std::fs::write(&data, "").expect("written");
    run(["audit".as_ref(), "--data".as_ref(), data.as_os_str()]).fails(3, &["is empty"]);
    assert_eq!(ours(folder.path()), data);
    run(["audit".as_ref(), "--data".as_ref(), data.as_os_str()]).succeeds();
}

#[test]
fn a_file_that_lost_its_version_is_damaged() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = ours(folder.path());
    for version in [0, u32::MAX] {
        stamp(&data, 60, version);
        both_ways(&data, 3, &["damaged"]);
    }
}

#[test]
fn what_is_not_there_is_said_and_not_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("missing.db");
    run(["orders".as_ref(), "--data".as_ref(), data.as_os_str()]).fails(3, &["does not exist"]);
    let letter = ["dead-letters", "replay", "x", "--data"].map(std::ffi::OsStr::new);
    run(letter.into_iter().chain([data.as_os_str()])).fails(3, &["does not exist"]);
    assert!(!data.exists());
    let nowhere = folder.path().join("no/such/folder.db");
    run([
        "replay".as_ref(),
        real_orders().as_os_str(),
        "--data".as_ref(),
        nowhere.as_os_str(),
    ])
    .fails(3, &["directory"]);
}

fn signal(process: u32, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &process.to_string()])
        .status();
    assert!(sent.expect("kill runs").success());
}

#[test]
fn a_second_process_is_kept_out_but_may_look() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("shop.db");
    let mut first = boutique()
        .arg("replay")
        .arg(real_orders())
        .args(["--progress-json", "--data"])
        .arg(&data)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut steps = BufReader::new(first.stderr.take().expect("piped")).lines();
    let is_order = |it: &String| it.contains("\"orders\"");
    while !is_order(&steps.next().expect("more steps").expect("text")) {}
    // While it stands still it has the file, and is in the middle of something.
    signal(first.id(), "STOP");
    run([
        "replay".as_ref(),
        real_orders().as_os_str(),
        "--data".as_ref(),
        data.as_os_str(),
    ])
    .fails(3, &["in use by process", &first.id().to_string()]);
    run(["audit".as_ref(), "--data".as_ref(), data.as_os_str()]).succeeds();
    signal(first.id(), "CONT");
    for step in steps {
        step.expect("text");
    }
    assert!(first.wait().expect("ends").success());
}

#[test]
fn a_full_disk_stops_the_replay_and_room_lets_it_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, whole) = (
        folder.path().join("shop.db"),
        folder.path().join("whole.db"),
    );
    let replay = |data: &Path, more: &[&str]| {
        let file = real_orders();
        let mut args = vec!["replay", file.to_str().expect("a path"), "--json"];
        args.extend(["--data", data.to_str().expect("a path")]);
        args.extend(more);
        run(args)
    };
    let full = replay(&data, &["--data-limit", "3000000"]);
    full.fails(4, &["shop.db is full", "free space"]);
    run(["audit".as_ref(), "--data".as_ref(), data.as_os_str()]).succeeds();
    let rest = replay(&data, &[]).succeeds().json();
    let at_once = replay(&whole, &[]).succeeds().json();
    for what in [
        "orders",
        "cancellations",
        "credit_notes",
        "skipped",
        "gross",
        "net",
    ] {
        assert_eq!(rest[what], at_once[what], "{what}");
    }
    assert_eq!(Books::of(&data), Books::of(&whole));
}

#[test]
fn wrong_usage_says_what_is_right() {
    run(["replay"]).fails(2, &["<FILE>"]);
    run(["orders"]).fails(2, &["--data"]);
    run(["dead-letters"]).fails(2, &["--data"]);
    run(["replay", "x.csv", "--stock", "-1"]).fails(2, &["--stock"]);
    run(["replay", "x.csv", "--stock", "9999999999999999999"]).fails(2, &["--stock"]);
    run(["replay", "no-such-file.csv"]).fails(2, &["no-such-file.csv"]);
    let help = run(["replay", "--help"]).succeeds();
    assert!(help.stdout.contains("Exit codes:"), "{}", help.stdout);
}
