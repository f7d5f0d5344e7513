//! What goes wrong, drawn from a seed.

use std::ops::AddAssign;
use std::time::Duration;

use turmoil::Sim;

use super::shop::HOSTS;

/// How many of each kind there were.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// One way or both: what is sent is lost.
    pub(crate) cuts: usize,
    /// What is sent arrives later, all of it.
    pub(crate) holds: usize,
    /// A process died, and was started again later.
    pub(crate) crashes: usize,
}

impl AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        self.cuts += other.cuts;
        self.holds += other.holds;
        self.crashes += other.crashes;
    }
}

#[derive(Clone, Copy)]
enum Trouble {
    Cut(&'static str, &'static str),
    Held(&'static str, &'static str),
    Down(&'static str),
}

/// Starts and ends trouble as time goes on.
pub(crate) struct Weather {
    state: u64,
    next: Duration,
    now: Vec<(Duration, Trouble)>,
    seen: Seen,
}

impl Weather {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: seed,
            next: Duration::from_secs(1),
            now: Vec::new(),
            seen: Seen::default(),
        }
    }

    pub(crate) const fn seen(&self) -> Seen {
        self.seen
    }

    /// Below `bound`: SplitMix64 (Steele, Lea, Flood, 2014).
    fn draw(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn host(&mut self) -> &'static str {
        let at = self.draw(HOSTS.len() as u64);
        HOSTS[usize::try_from(at).expect("small")]
    }

    /// Somebody who asks others, and somebody who is asked.
    fn pair(&mut self) -> (&'static str, &'static str) {
        let from = ["buyers", "checkout", "oms", "warehouse", "accounting"];
        let at = self.draw(from.len() as u64);
        let from = from[usize::try_from(at).expect("small")];
        loop {
            let to = self.host();
            if to != from {
                return (from, to);
            }
        }
    }

    pub(crate) fn blow(&mut self, sim: &mut Sim<'_>) {
        let now = sim.elapsed();
        let (over, on): (Vec<_>, Vec<_>) = std::mem::take(&mut self.now)
            .into_iter()
            .partition(|it| it.0 <= now);
        self.now = on;
        for (_, trouble) in over {
            end(sim, trouble);
        }
        if now < self.next {
            return;
        }
        self.next = now + Duration::from_millis(100 + self.draw(700));
        let until = now + Duration::from_millis(50 + self.draw(4_000));
        let trouble = match self.draw(8) {
            0..=1 => {
                let (from, to) = self.pair();
                sim.partition_oneway(from, to);
                Trouble::Cut(from, to)
            }
            // The answers are lost.
            2..=3 => {
                let (from, to) = self.pair();
                sim.partition_oneway(to, from);
                Trouble::Cut(to, from)
            }
            4 => {
                let (from, to) = self.pair();
                sim.partition(from, to);
                Trouble::Cut(from, to)
            }
            5..=6 => {
                let (from, to) = self.pair();
                sim.hold(from, to);
                Trouble::Held(from, to)
            }
            _ => {
                let host = self.host();
                if !sim.is_host_running(host) {
                    return;
                }
                sim.crash(host);
                Trouble::Down(host)
            }
        };
        match trouble {
            Trouble::Cut(..) => self.seen.cuts += 1,
            Trouble::Held(..) => self.seen.holds += 1,
            Trouble::Down(_) => self.seen.crashes += 1,
        }
        self.now.push((until, trouble));
    }

    /// Ends all trouble.
    pub(crate) fn clear(&mut self, sim: &mut Sim<'_>) {
        for (_, trouble) in std::mem::take(&mut self.now) {
            end(sim, trouble);
        }
    }
}

fn end(sim: &mut Sim<'_>, trouble: Trouble) {
    match trouble {
        Trouble::Cut(from, to) => sim.repair(from, to),
        Trouble::Held(from, to) => sim.release(from, to),
        Trouble::Down(host) => sim.bounce(host),
    }
}
