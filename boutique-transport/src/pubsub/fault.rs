//! What an error of the client says about the request.

use std::error::Error as _;

use boutique_core::fault::{Fault, FaultKind};
use google_cloud_gax::error::Error;
use google_cloud_gax::error::rpc::Code;

/// Why it failed, if that is an answer of Pub/Sub.
pub(super) fn code(error: &Error) -> Option<Code> {
    error.status().map(|it| it.code)
}

/// What may be known of what has happened. The error's own text is its source only: it may
/// repeat names of the project.
pub(super) fn kind(error: &Error) -> FaultKind {
    // The retries are used up: what the last one met.
    if error.is_exhausted() {
        let last = error.source().and_then(|it| it.downcast_ref::<Error>());
        return last.map_or(FaultKind::Ambiguous, kind);
    }
    // Refused before it was sent: nothing has happened.
    if error.is_connect() || error.is_transient_and_before_rpc() {
        return FaultKind::Unavailable;
    }
    match code(error) {
        Some(Code::Unavailable | Code::ResourceExhausted) => FaultKind::Unavailable,
        Some(
            Code::NotFound
            | Code::AlreadyExists
            | Code::InvalidArgument
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented,
        ) => FaultKind::Permanent,
        // A time-out, a reset, an internal error: it may have been carried out.
        _ if error.is_authentication() || error.is_binding() || error.is_serialization() => {
            FaultKind::Permanent
        }
        _ => FaultKind::Ambiguous,
    }
}

/// `error` as a fault.
pub(super) fn fault(context: &'static str, error: Error) -> Fault {
    Fault::new(kind(&error), context).because(error)
}
