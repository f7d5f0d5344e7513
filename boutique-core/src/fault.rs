//! Failures, as opposed to answers.
//!
//! A rejection is an answer and has its own type at each port. A [`Fault`] is a failure, and
//! its [`FaultKind`] is the only thing a retry decision may look at.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// What a caller may do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// Nothing happened; the same request may be sent again.
    Unavailable,
    /// It may have taken effect; send it again with the same id.
    Ambiguous,
    /// Sending it again will fail the same way.
    Permanent,
}

impl FaultKind {
    /// Whether sending the same request again, with the same id, can help.
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::Unavailable | Self::Ambiguous)
    }
}

/// A failure of something the rules depend on. Its text names no personal data.
pub struct Fault {
    kind: FaultKind,
    context: Cow<'static, str>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    /// A failure of `kind`; `context` says what failed and, where there is one, the remedy.
    pub fn new(kind: FaultKind, context: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            context: context.into(),
            source: None,
        }
    }

    /// Shorthand for [`FaultKind::Unavailable`].
    pub fn unavailable(context: impl Into<Cow<'static, str>>) -> Self {
        Self::new(FaultKind::Unavailable, context)
    }

    /// Shorthand for [`FaultKind::Ambiguous`].
    pub fn ambiguous(context: impl Into<Cow<'static, str>>) -> Self {
        Self::new(FaultKind::Ambiguous, context)
    }

    /// Shorthand for [`FaultKind::Permanent`].
    pub fn permanent(context: impl Into<Cow<'static, str>>) -> Self {
        Self::new(FaultKind::Permanent, context)
    }

    /// The same failure, with what caused it.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What may be done about it.
    pub const fn kind(&self) -> FaultKind {
        self.kind
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("kind", &self.kind)
            .field("context", &self.context)
            .field("source", &self.source)
            .finish()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|it| it as &(dyn Error + 'static))
    }
}

/// What a port answers instead of a result: no, and why; or that it could not tell.
#[derive(Debug, thiserror::Error)]
pub enum PortError<R: Error + 'static> {
    /// An answer: the request is refused and nothing has changed.
    #[error(transparent)]
    Rejected(R),
    /// A failure: see its kind for what may have changed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl<R: Error + Send + Sync> PortError<R> {
    /// The fault this is to a caller that never asks what can be refused: a rejection is
    /// permanent, and `context` says what was refused.
    pub fn into_fault(self, context: &'static str) -> Fault {
        match self {
            Self::Fault(fault) => fault,
            Self::Rejected(rejection) => Fault::permanent(context).because(rejection),
        }
    }
}

impl<R: Error> PortError<R> {
    /// The fault, if this is one.
    pub const fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Rejected(_) => None,
            Self::Fault(fault) => Some(fault),
        }
    }

    /// The rejection, if this is one.
    pub const fn rejection(&self) -> Option<&R> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            Self::Fault(_) => None,
        }
    }
}
