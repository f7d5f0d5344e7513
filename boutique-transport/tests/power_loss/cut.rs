//! Cuts the power at every moment of a log, in every way, and counts what goes wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::thread;

use crate::check::{State, States, Wrong, judge, reopen};
use crate::dice::Dice;
use crate::disk::{Disk, Image, Unsynced};
use crate::facts::Fact;
use crate::log::{Log, Operation};
use crate::record::scratch;

/// A power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cut {
    /// After this operation of the log.
    pub(crate) after: usize,
    /// What becomes of what was not synced, as a place in [`Unsynced::ALL`].
    way: usize,
    /// Chance falls differently each time.
    round: usize,
}

/// What was found after how many power cuts.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) images: usize,
    pub(crate) does_not_open: usize,
    pub(crate) damaged: usize,
    pub(crate) half_there: usize,
    pub(crate) lost: usize,
    /// The first of them.
    pub(crate) first: Option<(Cut, Wrong)>,
}

impl Findings {
    pub(crate) const fn bad(&self) -> usize {
        self.does_not_open + self.damaged + self.half_there + self.lost
    }

    fn add(&mut self, cut: Cut, wrong: Wrong) {
        match wrong {
            Wrong::DoesNotOpen(_) => self.does_not_open += 1,
            Wrong::Damaged(_) => self.damaged += 1,
            Wrong::HalfThere => self.half_there += 1,
            Wrong::Lost(_) => self.lost += 1,
        }
        if self.first.as_ref().is_none_or(|(first, _)| cut < *first) {
            self.first = Some((cut, wrong));
        }
    }

    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.images += other.images;
        self.does_not_open += other.does_not_open;
        self.damaged += other.damaged;
        self.half_there += other.half_there;
        self.lost += other.lost;
        self.first = [self.first, other.first].into_iter().flatten().min();
        self
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} images: {} lost something acknowledged, {} half there, {} damaged, {} do not open",
            self.images, self.lost, self.half_there, self.damaged, self.does_not_open
        )
    }
}

/// What the load acknowledged, in order.
pub(crate) fn facts(log: &Log) -> Vec<Fact> {
    let acknowledged = log.operations.iter().filter_map(|it| match it {
        Operation::Acknowledge(line) => Some(log.data(line)),
        _ => None,
    });
    acknowledged
        .map(|line| serde_json::from_slice(line).expect("a fact"))
        .collect()
}

/// Every state that the load committed, judged.
pub(crate) fn survey(log: &Log, facts: &[Fact]) -> States {
    let commits = commits(log);
    let mut states = States::new();
    let empty = reopen(scratch().path(), &Image::new()).expect("a new file");
    states.insert(empty, State { facts: 0 });
    let judged = in_parallel(|worker, workers| {
        let scratch = scratch();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime");
        let mut found = BTreeMap::new();
        let mut disk = Disk::new(log);
        let mut at = 0;
        for (nth, commit) in commits.iter().enumerate() {
            (at..=*commit).for_each(|it| disk.advance(it));
            at = commit + 1;
            if nth % workers == worker {
                let image = disk.image(Unsynced::All, &mut Dice::new(0, 0));
                let digest = reopen(scratch.path(), &image).expect("a process that was killed");
                let facts = runtime.block_on(judge(scratch.path(), &image, facts));
                found.insert(digest, State { facts });
            }
        }
        found
    });
    judged.into_iter().for_each(|it| states.extend(it));
    states
}

/// The operations after which another transaction is whole: the page of a frame whose header
/// says that it ends one (SQLite's file format, "The Write-Ahead Log", 4.1).
fn commits(log: &Log) -> Vec<usize> {
    const FRAME_HEADER: usize = 24;
    let mut ends_one = false;
    let mut commits = Vec::new();
    for (nth, operation) in log.operations.iter().enumerate() {
        if let Operation::Write { name, data, .. } = operation
            && name.ends_with("-wal")
        {
            if ends_one {
                commits.push(nth);
            }
            let header = log.data(data);
            ends_one = header.len() == FRAME_HEADER && header[4..8] != [0; 4];
        }
    }
    commits
}

/// Cuts the power `images` times, spread over the whole log.
pub(crate) fn cut(log: &Log, states: &States, images: usize, seed: u64) -> Findings {
    let cuts = choose(log, images);
    let told = told(log);
    let found = in_parallel(|worker, workers| {
        let scratch = scratch();
        let mut findings = Findings::default();
        let mut disk = Disk::new(log);
        let mut done = 0;
        for cut in cuts.iter().skip(worker).step_by(workers) {
            (done..=cut.after).for_each(|it| disk.advance(it));
            done = cut.after + 1;
            let image = image(&disk, *cut, seed);
            findings.images += 1;
            if let Err(wrong) = verdict(reopen(scratch.path(), &image), states, told[cut.after]) {
                findings.add(*cut, wrong);
            }
        }
        findings
    });
    found.into_iter().fold(Findings::default(), Findings::merge)
}

fn image(disk: &Disk<'_>, cut: Cut, seed: u64) -> Image {
    let salt = (cut.after * Unsynced::ALL.len() + cut.way) as u64 ^ (cut.round as u64) << 40;
    disk.image(Unsynced::ALL[cut.way], &mut Dice::new(seed, salt))
}

fn verdict(found: Result<u64, Wrong>, states: &States, told: usize) -> Result<(), Wrong> {
    let state = states.get(&found?).ok_or(Wrong::HalfThere)?;
    if state.facts < told {
        return Err(Wrong::Lost(state.facts));
    }
    Ok(())
}

/// How much has been acknowledged after each operation.
fn told(log: &Log) -> Vec<usize> {
    let told = log.operations.iter().scan(0, |told, it| {
        *told += usize::from(matches!(it, Operation::Acknowledge(_)));
        Some(*told)
    });
    told.collect()
}

/// `images` power cuts in the order of the log: at every operation in every way that differs,
/// more than once where chance has a part in it; or as many of these, evenly spread.
fn choose(log: &Log, images: usize) -> Vec<Cut> {
    let mut disk = Disk::new(log);
    let mut once = Vec::new();
    for after in 0..log.operations.len() {
        disk.advance(after);
        let ways = if disk.has_unsynced() { 0..4 } else { 0..1 };
        once.extend(ways.map(|way| Cut {
            after,
            way,
            round: 0,
        }));
    }
    if images <= once.len() {
        return (0..images)
            .map(|it| once[it * once.len() / images])
            .collect();
    }
    let by_chance: Vec<Cut> = once.iter().copied().filter(|it| it.way >= 2).collect();
    let again = (1..).flat_map(|round| by_chance.iter().map(move |it| Cut { round, ..*it }));
    let missing = images - once.len();
    let mut cuts: Vec<Cut> = once.iter().copied().chain(again.take(missing)).collect();
    cuts.sort_unstable();
    cuts
}

/// Does a share of something on each processor.
fn in_parallel<T: Send>(share: impl Fn(usize, usize) -> T + Sync) -> Vec<T> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let share = &share;
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers)
            .map(|worker| scope.spawn(move || share(worker, workers)))
            .collect();
        let results = workers.into_iter().map(|it| it.join());
        results
            .map(|it| it.expect("a worker's own panic is printed"))
            .collect()
    })
}
