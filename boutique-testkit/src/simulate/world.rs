//! What all processes of a simulated world share: its dice, its faults, its trace.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use boutique_core::ids::OrderId;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::counts::Counts;
use super::coverage::Coverage;
use super::dice::{Dice, mix};
use super::fault::{FaultKind, Faults};
use super::run::Plan;
use super::site::{SITES, Site};

/// A fault that strikes while an order is in this state counts for it for so long after it is
/// decided: until then something is still done for it.
const WARM: u64 = 3_000;

/// The streams of a seed's dice.
pub(super) mod streams {
    pub(in super::super) const WORLD: u64 = 0;
    pub(in super::super) const ORDERS: u64 = 1 << 20;
}

/// Something that must hold and did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// What must hold, in a few words.
    pub rule: String,
    /// The order, hold, entry or product that breaks it.
    pub subject: String,
    /// How.
    pub detail: String,
    /// When, counted from the beginning of the seed.
    pub at: Duration,
}

impl std::fmt::Display for Breach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = self.at.as_millis();
        write!(
            f,
            "{} ms: {}: {}: {}",
            at, self.rule, self.subject, self.detail
        )
    }
}

/// The most breaches one seed keeps: after the first, the rest mostly follow from it.
const BREACHES_MAX: usize = 20;

thread_local! {
    /// The order for whose sake the task that is being polled works.
    static ABOUT: RefCell<Option<OrderId>> = const { RefCell::new(None) };
}

/// The order for whose sake the present task works, if it is one.
pub(super) fn about() -> Option<OrderId> {
    ABOUT.with_borrow(Clone::clone)
}

/// Runs `poll` as work for `order`.
pub(super) fn working_for<T>(order: Option<&OrderId>, poll: impl FnOnce() -> T) -> T {
    let before = ABOUT.replace(order.cloned());
    let out = poll();
    ABOUT.set(before);
    out
}

/// The shared part of a simulated world.
pub(super) struct World {
    faults: Faults,
    plan: Plan,
    begun: Instant,
    /// The last age that anybody asked for, in microseconds.
    seen: AtomicU64,
    state: Mutex<State>,
}

struct State {
    dice: Dice,
    counts: Counts,
    coverage: Coverage,
    hash: u64,
    lines: Option<Vec<String>>,
    breaches: Vec<Breach>,
    /// Where orders stand, and since when.
    sagas: BTreeMap<OrderId, (&'static str, u64)>,
    /// From whom to whom nothing goes, and until when.
    cuts: [[u64; SITES]; SITES],
    /// Nothing goes wrong any more.
    calm: bool,
    /// Faults that were drawn so far, carried out or not.
    drawn: u32,
}

/// What a world leaves behind.
pub(super) struct Remains {
    pub(super) counts: Counts,
    pub(super) coverage: Coverage,
    pub(super) hash: u64,
    pub(super) lines: Vec<String>,
    pub(super) breaches: Vec<Breach>,
    pub(super) faults: u32,
}

impl World {
    pub(super) fn new(seed: u64, faults: Faults, plan: Plan, record: bool) -> Self {
        Self {
            faults,
            plan,
            begun: Instant::now(),
            seen: AtomicU64::new(0),
            state: Mutex::new(State {
                dice: Dice::new(seed, streams::WORLD),
                counts: Counts::default(),
                coverage: Coverage::default(),
                hash: mix(seed),
                lines: record.then(Vec::new),
                breaches: Vec::new(),
                sagas: BTreeMap::new(),
                cuts: [[0; SITES]; SITES],
                calm: false,
                drawn: 0,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since the world began.
    pub(super) fn age(&self) -> Duration {
        // A store's own thread knows nothing of virtual time: what was last seen is the present,
        // because time stands still while the store is asked.
        if Handle::try_current().is_err() {
            return Duration::from_micros(self.seen.load(Ordering::Relaxed));
        }
        let age = Instant::now().duration_since(self.begun);
        let micros = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
        self.seen.store(micros, Ordering::Relaxed);
        age
    }

    fn millis(&self) -> u64 {
        self.age().as_millis() as u64
    }

    pub(super) fn dice<T>(&self, roll: impl FnOnce(&mut Dice) -> T) -> T {
        roll(&mut self.state().dice)
    }

    pub(super) fn count(&self, note: impl FnOnce(&mut Counts)) {
        note(&mut self.state().counts);
    }

    /// Notes that something happened: it becomes part of the trace and of its hash.
    pub(super) fn note(&self, site: Site, what: &'static str, about: &str, detail: &str) {
        let now = self.millis();
        let mut state = self.state();
        state.fold(now << 8 | site as u64);
        for text in [what, about, detail] {
            state.fold_text(text);
        }
        if let Some(lines) = &mut state.lines {
            let mut line = format!("{now:>7} ms  {site:<10} {what}");
            for text in [about, detail] {
                if !text.is_empty() {
                    let _ = write!(line, " {text}");
                }
            }
            lines.push(line);
        }
    }

    /// One of `kinds`, if it strikes now.
    pub(super) fn strike(
        &self,
        site: Site,
        kinds: &[FaultKind],
        order: Option<&OrderId>,
    ) -> Option<FaultKind> {
        let now = self.millis();
        let mut state = self.state();
        if state.calm {
            return None;
        }
        let mut roll = state.dice.below(1_000_000) as u32;
        let kind = *kinds.iter().find(|kind| {
            let often = self.faults.of(**kind);
            let hit = roll < often;
            roll = roll.wrapping_sub(often);
            hit
        })?;
        let number = state.drawn;
        state.drawn += 1;
        if !self.plan.allows(kind, number) {
            return None;
        }
        state.counts.strike(kind);
        state.meet(kind, order, now);
        drop(state);
        let number = format!("#{number}");
        self.note(
            site,
            kind.as_str(),
            order.map_or("", OrderId::as_str),
            &number,
        );
        Some(kind)
    }

    /// Notes where an order stands.
    pub(super) fn stands(&self, order: &OrderId, at: &'static str) {
        let now = self.millis();
        self.state().sagas.insert(order.clone(), (at, now));
    }

    /// Cuts what goes from `from` to `to`, for so long.
    pub(super) fn cut(&self, from: Site, to: Site, lasts: Duration) {
        let until = self.millis() + lasts.as_millis() as u64;
        let cut = &mut self.state().cuts[from as usize][to as usize];
        *cut = (*cut).max(until);
    }

    /// Whether nothing goes from `from` to `to` now.
    pub(super) fn is_cut(&self, from: Site, to: Site) -> bool {
        let now = self.millis();
        self.state().cuts[from as usize][to as usize] > now
    }

    /// From here on nothing goes wrong, and what was cut hears each other again.
    pub(super) fn calm_down(&self) {
        let mut state = self.state();
        state.calm = true;
        state.cuts = [[0; SITES]; SITES];
    }

    /// Notes that something does not hold.
    pub(super) fn breach(&self, rule: &str, subject: &str, detail: String) {
        self.note(
            Site::Clients,
            "BREACH",
            rule,
            &format!("{subject}: {detail}"),
        );
        let at = self.age();
        let breaches = &mut self.state().breaches;
        if breaches.len() < BREACHES_MAX {
            breaches.push(Breach {
                rule: rule.to_owned(),
                subject: subject.to_owned(),
                detail,
                at,
            });
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        !self.state().breaches.is_empty()
    }

    /// What it leaves behind, now that it is over.
    pub(super) fn remains(&self) -> Remains {
        let age = self.age();
        let mut state = self.state();
        state.counts.virtual_time = age;
        Remains {
            counts: state.counts.clone(),
            coverage: state.coverage.clone(),
            hash: state.hash,
            lines: state.lines.take().unwrap_or_default(),
            breaches: std::mem::take(&mut state.breaches),
            faults: state.drawn,
        }
    }
}

impl State {
    const fn fold(&mut self, word: u64) {
        self.hash = mix(self.hash ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
    }

    fn fold_text(&mut self, text: &str) {
        let mut word = text.len() as u64;
        for piece in text.as_bytes().chunks(8) {
            let mut bytes = [0; 8];
            bytes[..piece.len()].copy_from_slice(piece);
            word = word.rotate_left(7) ^ u64::from_le_bytes(bytes);
            word = word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        self.fold(word);
    }

    /// Marks the state of `order`, or of all that are on their way, as struck by `kind`.
    fn meet(&mut self, kind: FaultKind, order: Option<&OrderId>, now: u64) {
        match order {
            Some(order) => {
                if let Some((state, _)) = self.sagas.get(order) {
                    self.coverage.mark(kind, state);
                }
            }
            None => {
                let warm = self.sagas.values().filter(|it| it.1 + WARM > now);
                for (state, _) in warm {
                    self.coverage.mark(kind, state);
                }
            }
        }
    }
}
