//! `boutique replay`, killed again and again, ends in the books of a run that nobody disturbed.
//!
//! The seed of the moments is printed; `BOUTIQUE_TEST_SEED=n` chooses it.

mod support;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use support::{Books, boutique, real_orders, run};

/// Kills per way of replaying, and how many of them one data file sees.
const KILLS: usize = 20;
const KILLS_PER_FILE: usize = 5;
/// Lines of the real file that are replayed: orders, cancellations and guests are among them.
const LINES: usize = 2_500;

/// `SplitMix64` (Steele, Lea and Flood, 2014).
struct Moments(u64);

impl Moments {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((it ^ (it >> 31)) % end as u64).expect("below an end that fits")
    }
}

/// A replay that is running.
fn begin(file: &Path, data: &Path, more: &[&str]) -> Child {
    boutique()
        .arg("replay")
        .arg(file)
        .arg("--data")
        .arg(data)
        .args(["--date-order", "dmy", "--json", "--progress-json"])
        .args(more)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts")
}

/// The steps of a replay, as it makes them.
fn steps(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let steps = child.stderr.take().expect("piped");
    BufReader::new(steps).lines().map_while(Result::ok)
}

/// Lets a replay come to its end; says how many steps it made.
fn finish(mut child: Child) -> usize {
    let steps: Vec<String> = steps(&mut child).collect();
    let ended = child.wait().expect("ends");
    assert!(ended.success(), "{:?}", steps.last());
    steps.len()
}

fn slice(folder: &Path) -> PathBuf {
    let text = std::fs::read_to_string(real_orders()).expect("read");
    let lines: Vec<&str> = text.lines().take(1 + LINES).collect();
    let file = folder.join("slice.csv");
    std::fs::write(&file, lines.join("\n")).expect("written");
    file
}

fn killed_replays_end_in_the_same_books(name: &str, more: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = slice(folder.path());
    let undisturbed = folder.path().join("undisturbed.db");
    let all = finish(begin(&file, &undisturbed, more));
    let books = Books::of(&undisturbed);

    let seed = std::env::var("BOUTIQUE_TEST_SEED").map_or(20_101_201, |it| {
        it.parse().expect("BOUTIQUE_TEST_SEED is a number")
    });
    eprintln!("{name}: {all} steps, seed {seed}");
    let mut moments = Moments(seed);
    let mut killed = 0;
    while killed < KILLS {
        let data = folder.path().join(format!("killed-{killed}.db"));
        for _ in 0..KILLS_PER_FILE {
            let moment = 1 + moments.below(all);
            let mut child = begin(&file, &data, more);
            // It is listened to until it is dead.
            let mut steps = steps(&mut child);
            let seen = steps.by_ref().take(moment).count();
            child.kill().expect("SIGKILL");
            child.wait().expect("ends");
            eprintln!("{name}: killed at step {seen} of {}", data.display());
            killed += 1;
        }
        finish(begin(&file, &data, more));
        let audit = ["audit", "--at-rest", "--data"].map(std::ffi::OsStr::new);
        run(audit.into_iter().chain([data.as_os_str()])).succeeds();
        assert_eq!(Books::of(&data), books, "the books of {}", data.display());
    }
}

#[test]
fn many_orders_in_flight_survive_being_killed() {
    killed_replays_end_in_the_same_books("in flight", &[]);
}

#[test]
fn who_gets_the_last_units_survives_being_killed() {
    killed_replays_end_in_the_same_books("one by one", &["--stock", "30"]);
}
