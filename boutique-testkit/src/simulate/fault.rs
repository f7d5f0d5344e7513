//! What can go wrong, and how often.

use std::fmt;
use std::str::FromStr;

/// A kind of fault. Each can be dialled by itself: see [`Faults::dial`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum FaultKind {
    /// A request never arrives.
    RequestLost,
    /// A request is carried out and its answer never arrives.
    AnswerLost,
    /// A request or its answer takes up to some seconds, perhaps longer than anybody waits.
    Delayed,
    /// A request arrives twice, the second time perhaps much later.
    Duplicated,
    /// A request is overtaken by later ones.
    Reordered,
    /// Somebody answers, but not what was asked: after the request was carried out.
    Garbage,
    /// A server, or what stands before it, answers that it cannot: 5xx.
    Refused,
    /// A server takes the request and never answers; nor does it carry it out.
    Hung,
    /// One cloud, or one process, no longer hears the other: in one direction or in both.
    Partition,
    /// A process dies, at an await of something it does, and is started again after a while.
    Crash,
    /// A process stands still and goes on as if nothing had happened.
    Pause,
    /// A process's wall clock jumps, forward or back.
    ClockSkew,
    /// A disk takes up to some seconds.
    DiskStall,
    /// A disk takes nothing at all for a moment: it is full.
    DiskError,
}

/// How many kinds there are.
pub(super) const KINDS: usize = FaultKind::ALL.len();

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::RequestLost,
        Self::AnswerLost,
        Self::Delayed,
        Self::Duplicated,
        Self::Reordered,
        Self::Garbage,
        Self::Refused,
        Self::Hung,
        Self::Partition,
        Self::Crash,
        Self::Pause,
        Self::ClockSkew,
        Self::DiskStall,
        Self::DiskError,
    ];

    /// What may happen to one request over the network.
    pub(super) const OF_A_CALL: [Self; 9] = [
        Self::RequestLost,
        Self::AnswerLost,
        Self::Delayed,
        Self::Duplicated,
        Self::Reordered,
        Self::Garbage,
        Self::Refused,
        Self::Hung,
        Self::Partition,
    ];

    /// What may happen whenever a process waits for something.
    pub(super) const OF_A_WAIT: [Self; 3] = [Self::Crash, Self::Pause, Self::ClockSkew];

    /// What may happen to one write.
    pub(super) const OF_A_WRITE: [Self; 2] = [Self::DiskStall, Self::DiskError];

    /// Its name, on the command line and in traces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RequestLost => "request-lost",
            Self::AnswerLost => "answer-lost",
            Self::Delayed => "delayed",
            Self::Duplicated => "duplicated",
            Self::Reordered => "reordered",
            Self::Garbage => "garbage",
            Self::Refused => "refused",
            Self::Hung => "hung",
            Self::Partition => "partition",
            Self::Crash => "crash",
            Self::Pause => "pause",
            Self::ClockSkew => "clock-skew",
            Self::DiskStall => "disk-stall",
            Self::DiskError => "disk-error",
        }
    }
}

impl FromStr for FaultKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|it| it.as_str() == name);
        known.ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            format!("there is no fault {name:?}; there are {names}")
        })
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How often each kind of fault strikes: so many times in a million occasions. An occasion is a
/// request, a write, or an await of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults([u32; KINDS]);

impl Faults {
    /// Nothing goes wrong.
    pub const fn calm() -> Self {
        Self([0; KINDS])
    }

    /// What a bad day looks like: of nine requests one goes wrong, and of nine processes one dies
    /// every three seconds.
    pub fn standard() -> Self {
        use FaultKind::*;
        let mut faults = Self::calm();
        for (kind, often) in [
            (RequestLost, 18_000),
            (AnswerLost, 18_000),
            (Delayed, 12_000),
            (Duplicated, 24_000),
            (Reordered, 18_000),
            (Garbage, 6_000),
            (Refused, 10_000),
            (Hung, 6_000),
            (Partition, 3_600),
            (Crash, 2_400),
            (Pause, 400),
            (ClockSkew, 250),
            (DiskStall, 3_000),
            (DiskError, 3_000),
        ] {
            faults = faults.dial(kind, often);
        }
        faults
    }

    /// Twice as much of everything.
    pub fn harsh() -> Self {
        Self(Self::standard().0.map(|it| it * 2))
    }

    /// The profile of that name: `calm`, `standard` or `harsh`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "calm" => Some(Self::calm()),
            "standard" => Some(Self::standard()),
            "harsh" => Some(Self::harsh()),
            _ => None,
        }
    }

    /// The same, as arguments of `boutique simulate`.
    pub(super) fn as_args(&self) -> String {
        let named = ["calm", "standard", "harsh"]
            .into_iter()
            .find(|it| Self::named(it).as_ref() == Some(self));
        if let Some(name) = named {
            return format!(" --faults {name}");
        }
        let dials = FaultKind::ALL.map(|it| format!(" --dial {it}={}", self.of(it)));
        format!(" --faults calm{}", dials.concat())
    }

    /// The same faults, but `kind` strikes `per_million` times in a million occasions.
    #[must_use]
    pub const fn dial(mut self, kind: FaultKind, per_million: u32) -> Self {
        self.0[kind as usize] = per_million;
        self
    }

    /// How often `kind` strikes in a million occasions.
    pub const fn of(&self, kind: FaultKind) -> u32 {
        self.0[kind as usize]
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self::standard()
    }
}
