//! How a program of ours ends, and what its exit code means.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::iter::successors;
use std::process::ExitCode;

use boutique_core::fault::Fault;
use boutique_transport::parquet::WarehouseError;
use boutique_transport::sqlite::OpenError;

/// The meanings of the exit codes, as `--help` states them.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  refused, or something that must hold does not: see the output
  2  wrong usage or bad input: mend it, then run the same again
  3  the data file or the data warehouse cannot be used: the message says what to do
  4  a failure that may pass: run the same again, nothing is lost or done twice";

/// Why a command did not end well.
#[derive(Debug)]
pub enum Failure {
    /// A request was refused, or an invariant is broken. What is known has been printed.
    Refused(String),
    /// The input is wrong. Nothing was changed.
    Input(String),
    /// The data file cannot be opened. It is unchanged.
    Data(OpenError),
    /// The data warehouse cannot be used. It is unchanged.
    Warehouse(WarehouseError),
    /// Something the command depends on failed; its kind says whether to try again.
    Fault(Fault),
    /// The output could not be written.
    Output(io::Error),
}

impl Failure {
    /// The exit code: see [`EXIT_CODES`].
    pub fn code(&self) -> u8 {
        match self {
            // Whoever read the output has seen enough.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Refused(_) => 1,
            Self::Input(_) => 2,
            Self::Data(OpenError::Full { .. }) => 4,
            Self::Warehouse(WarehouseError::Full { .. }) => 4,
            Self::Data(_) | Self::Warehouse(_) => 3,
            Self::Fault(fault) if fault.kind().is_transient() => 4,
            Self::Fault(_) => 3,
            Self::Output(_) => 4,
        }
    }
}

/// Ends the program called `name`: says what went wrong and gives the code.
pub fn end(name: &str, done: Result<(), Failure>) -> ExitCode {
    let Err(failure) = done else {
        return ExitCode::SUCCESS;
    };
    let code = failure.code();
    if code != 0 {
        // Where nobody can be told, the code still says it.
        let _ = writeln!(io::stderr(), "{name}: {failure}");
    }
    ExitCode::from(code)
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause: &dyn Error = match self {
            Self::Refused(text) | Self::Input(text) => return f.write_str(text),
            Self::Data(error) => error,
            Self::Warehouse(error) => error,
            Self::Fault(fault) => fault,
            Self::Output(error) => error,
        };
        f.write_str(&chain(cause))
    }
}

/// `error` and what it comes of, on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let causes = successors(Some(error), |&it| it.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    causes.join(": ")
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::Data(error)
    }
}

impl From<WarehouseError> for Failure {
    fn from(error: WarehouseError) -> Self {
        Self::Warehouse(error)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_every_cause_once_and_says_whether_to_try_again() {
        let fault = Fault::unavailable("the journal is away").because(Fault::permanent("disk"));
        let failure = Failure::from(fault);
        assert_eq!(failure.to_string(), "the journal is away: disk");
        assert_eq!(failure.code(), 4);
        assert_eq!(Failure::from(Fault::permanent("x")).code(), 3);
        let closed = io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(Failure::from(closed).code(), 0);
    }
}
