//! What can become of one call.

use std::fmt;

/// What becomes of one call that a process makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// It says no: the buyer is blocked, the goods are gone, the key is somebody else's.
    Refused,
    /// Recovery in another process ends the attempt just before it.
    Overtaken,
    /// It does not happen, and the caller is told so.
    Unavailable,
    /// It does not happen, and the caller cannot tell.
    LostUndone,
    /// It happens, and the caller cannot tell.
    LostDone,
    /// It is answered after the client's deadline.
    Late,
    /// The process stands still before it until every hold has lapsed.
    Paused,
    /// The process dies before it.
    CrashBefore,
    /// It happens, and the process dies before it hears so.
    CrashAfter,
}

impl Fate {
    /// Every fate, in the order of the columns.
    pub const ALL: [Self; 9] = [
        Self::Refused,
        Self::Overtaken,
        Self::Unavailable,
        Self::LostUndone,
        Self::LostDone,
        Self::Late,
        Self::Paused,
        Self::CrashBefore,
        Self::CrashAfter,
    ];

    /// The fate in a few words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Overtaken => "overtaken",
            Self::Unavailable => "unavailable",
            Self::LostUndone => "ambiguous, not done",
            Self::LostDone => "ambiguous, done",
            Self::Late => "late",
            Self::Paused => "paused",
            Self::CrashBefore => "crash before",
            Self::CrashAfter => "crash after",
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}
