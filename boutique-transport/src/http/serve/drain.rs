//! How far a server is on its way to the end.

/// What the connections of a server are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// It listens, but nobody accepts.
    Bound,
    /// It serves.
    Serving,
    /// It serves, and says that it will not for long.
    Lingering,
    /// What is in flight is finished; nothing new begins.
    Draining,
    /// Time is up.
    Over,
}

/// How a server came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut off because they had not finished in time.
    pub cut: usize,
}
